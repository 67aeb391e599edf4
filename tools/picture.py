"""Draws the README's picture: a digit's way through a briefly trained network.

Usage: python -m tools.picture
"""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure

from tutorial_lib import data, networks, simulation, surrogate, training
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt

OUTPUT = Path(__file__).resolve().parent.parent / "book" / "_static" / "readme.png"


def main() -> None:
    """Train for 150 iterations on MNIST; draw the first test image, whatever it is."""
    digits = data.load("mnist")
    loaders = data.loaders(digits, batch_size=128)
    training.seed_everything(0)
    net = networks.conv_net(spike_grad=surrogate.fast_sigmoid(slope=25))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    training.train(net, loaders.train, optimizer, SF.ce_rate_loss(), 50, num_iterations=150)
    image = digits.test[0][0]
    records = list(simulation.record_spikes(net, 50, image.unsqueeze(0)).values())

    figure = Figure(figsize=(11, 3), dpi=110, layout="constrained", facecolor="white")
    axes = figure.subplots(1, 5, width_ratios=[1, 1.5, 1.5, 1.5, 1.5])
    axes[0].imshow(image[0], cmap="gray")
    axes[0].set(title="image", xticks=[], yticks=[])
    names = ("layer 1: 300 of 1,728 neurons", "layer 2: 300 of 1,024 neurons", "output")
    for ax, record, name in zip(axes[1:4], records, names, strict=True):
        spikes = record[:, 0].flatten(1)
        choice = torch.linspace(0, spikes.shape[1] - 1, min(300, spikes.shape[1])).long()
        splt.raster(spikes[:, choice], ax)
        ax.set_title(name, fontsize=10)
    splt.spike_count(records[-1][:, 0], ax=axes[4], labels=[str(n) for n in range(10)])
    axes[4].set_title("spike counts", fontsize=10)
    axes[4].set_xlabel("Spikes")
    figure.savefig(OUTPUT, metadata={"Software": None})
    print(f"{OUTPUT.name} written, {OUTPUT.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
