"""Rate explorer: how often each layer of the untrained network fires."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tutorial_lib import data, networks, simulation
from tutorial_lib import functional as SF
from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._values import number

__all__ = ["LAYERS", "NUM_STEPS", "RatesView", "compute", "describe", "draw", "rates"]

NUM_STEPS = 50
DIGITS = 10
LAYERS = ("Layer 1", "Layer 2", "Output")
SHOWN = 20  # of the time steps
LEAST = 1e-5  # rates below are drawn as silence


@dataclass(frozen=True)
class RatesView:
    """What the rate explorer shows.

    Attributes:
        gain: factor on all weights and biases.
        threshold: firing threshold of all neurons.
        beta: share of the membrane potential that is left after one step.
        spikes: of each layer, in all images and steps.
        rates: spikes per neuron and step of each layer, from 0 to 1.
        course: the same at each step, ``[3, T]``.
        decided: share of the images for which one class has more spikes than any other.
    """

    gain: float
    threshold: float
    beta: float
    spikes: tuple[int, int, int]
    rates: tuple[float, float, float]
    course: np.ndarray
    decided: float


@cache
def images() -> Tensor:
    """Ten of the handwritten digits that need no download, ``[10, 1, 28, 28]``."""
    return data.load("digits", verbose=False).test.tensors[0][:DIGITS]


def compute(gain: float, threshold: float, beta: float) -> RatesView:
    """Run the course's network of seed 0, untrained, on ten handwritten digits for 50 steps.

    Args:
        gain: factor on all weights and biases, from 0 to 1,000.
        threshold: from 0.01 to 100.
        beta: decay per step, in [0, 1].

    Raises:
        ValueError: for a value out of its range.
        TypeError: for a value that is no number.
    """
    gain = number("gain", gain, 0, 1000)
    threshold = number("threshold", threshold, 0.01, 100)
    beta = number("beta", beta, 0, 1)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        net = networks.conv_net(beta=beta, threshold=threshold)
        for parameter in net.parameters():
            parameter.mul_(gain)
    record = list(simulation.record_spikes(net, NUM_STEPS, images()).values())
    return RatesView(
        gain=gain,
        threshold=threshold,
        beta=beta,
        spikes=tuple(int(spk.sum()) for spk in record),
        rates=tuple(spk.mean().item() for spk in record),
        course=np.array([spk.flatten(1).mean(1).numpy() for spk in record]),
        decided=float(SF.decision_rate(record[-1])),
    )


def rate_text(view: RatesView, layer: int) -> str:
    """Return a layer's rate as it stands in the picture and in its description."""
    if view.spikes[layer] == 0:
        return "silent"
    rate = 100 * view.rates[layer]
    return "below 0.01 %" if rate < 0.01 else f"{rate:.{1 if rate >= 1 else 2}f} %"


def decision_text(view: RatesView) -> str:
    """Say for how many digits one class is ahead."""
    return f"One class is ahead for {round(DIGITS * view.decided)} of {DIGITS} digits"


def describe(view: RatesView) -> str:
    """Say the settings, the rate of each layer, and how many digits are decided."""
    rates = ", ".join(f"{LAYERS[n]} {rate_text(view, n)}" for n in range(3))
    last = ", ".join(f"{LAYERS[n]} {view.course[n, SHOWN - 1]:.1%}" for n in range(3))
    return (
        f"The untrained network with all weights times {view.gain:g}, threshold "
        f"{view.threshold:g} and beta {view.beta:g}. Spikes per neuron and step: {rates}. At step "
        f"{SHOWN - 1}: {last}. {decision_text(view)}."
    )


def draw(fig: Figure, view: RatesView) -> None:
    """Draw the rate of each layer above, and below it step by step."""
    rate, course = (
        fig.add_axes((0.2, bottom, 0.75, height)) for bottom, height in ((0.62, 0.28), (0.11, 0.36))
    )
    fig.text(
        0.02, 0.965, decision_text(view), color=style.INK, va="center", fontsize=style.TICK_SIZE,
        gid="decided",
    )  # fmt: skip
    _rate_panel(rate, view)
    for layer, name in enumerate(LAYERS):
        course.plot(
            view.course[layer, :SHOWN], **style.curve(layer), label=name, gid=f"course {layer}"
        )
    course.set(ylim=(-0.03, 1.03), xlim=(-0.5, SHOWN - 0.5), xticks=range(0, SHOWN, 5))
    course.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    style.dress(course, style.TIME, "Neurons that fire")


def _rate_panel(ax: Axes, view: RatesView) -> None:
    for layer, rate in enumerate(view.rates):
        place = max(rate, LEAST)
        look = style.curve(layer) | {"linestyle": "none", "markersize": 9}
        ax.plot([place], [layer], **look, gid=f"rate {layer}")
        text, inside = rate_text(view, layer), place < 0.02
        ax.text(
            place * (1.8 if inside else 1 / 1.8), layer, text, va="center", color=style.INK,
            ha="left" if inside else "right", fontsize=style.NOTE_SIZE, gid=f"text {layer}",
        )  # fmt: skip
    ax.set(xscale="log", xlim=(LEAST / 2, 1.5), ylim=(2.5, -0.5))
    ax.set_yticks(range(3), LAYERS)
    words = ["silent", ".01 %", ".1 %", "1 %", "10 %", "100 %"]
    ax.set_xticks([LEAST, 1e-4, 1e-3, 1e-2, 1e-1, 1], words)
    ax.minorticks_off()
    style.dress(ax, "Spikes per neuron and step")


def rates() -> Explorer:
    """The rates of the three layers of the course's network, untrained, on ten handwritten digits.

    What can be moved: a factor on all weights and biases, the threshold and beta. It is always the
    network of seed 0 and the same digits, so what differs comes from the three controls.

    Returns:
        The explorer; shown by itself as a cell's last expression.
    """
    return Explorer(
        name="rates",
        title="Rate explorer",
        controls=(
            Control("gain", "Gain of the weights", (0.5, 1.0, 2.0, 4.0, 8.0, 32.0), 1.0,
                    page=(1.0, 2.0, 4.0, 8.0, 32.0)),
            Control("threshold", "Threshold", (0.1, 0.25, 0.5, 1.0, 2.0), 1.0,
                    page=(0.25, 0.5, 1.0)),
            Control("beta", "Beta", (0.0, 0.5, 0.8, 0.9, 0.95), 0.5, page=(0.0, 0.5, 0.9)),
        ),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.4, 4.4),
    )  # fmt: skip
