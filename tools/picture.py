"""Draws the README's picture: a digit's way through the network that ships with the library.

Usage: python -m tools.picture
"""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure

from tutorial_lib import data, networks, simulation
from tutorial_lib import plotting as splt

OUTPUT = Path(__file__).resolve().parent.parent / "book" / "_static" / "readme.png"


def main() -> None:
    """Draw the first test image of MNIST, whatever it is, for the 50 steps of tutorial 6."""
    image = data.load("mnist").test[0][0]
    records = list(simulation.record_spikes(networks.pretrained(), 50, image[None]).values())

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
