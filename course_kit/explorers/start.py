r"""Start explorer: how far a membrane is from its threshold, and how often its neuron fires.

One neuron has ``INPUTS`` inputs, each of which fires at each step with probability ``RATE``,
independently of the others. The formulas for mean, spread and :math:`\xi` are those of
:mod:`tutorial_lib.initialization`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from tutorial_lib.initialization import membrane_statistics
from tutorial_lib.neurons import lif_step
from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._values import number, short

__all__ = ["StartView", "compute", "describe", "draw", "start"]

INPUTS, RATE = 100, 0.1
STEPS, SHOWN = 2000, 60  # run and drawn
LEAST = 1e-4  # rates below are drawn as silence
GAINS = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
_XI = np.linspace(-3, 9, 121)


@dataclass(frozen=True)
class StartView:
    """What the start explorer shows.

    Attributes:
        gain: factor on all weights.
        beta: decay per step.
        mean, std: of the membrane without a reset, in threshold units.
        xi: how many of these standard deviations the threshold is above the mean.
        predicted: share of the steps in which a normal membrane is above threshold.
        measured: spikes per step of the neuron with its reset.
        membrane: without a reset, ``[SHOWN]``, after the start has faded.
        others: xi and spikes per step for each of the gains offered, ``[2, K]``.
    """

    gain: float
    beta: float
    mean: float
    std: float
    xi: float
    predicted: float
    measured: float
    membrane: np.ndarray
    others: np.ndarray


@cache
def _drawn() -> tuple[Tensor, Tensor]:
    """The weights, ``[INPUTS]``, and the currents that random inputs send, ``[STEPS]``."""
    generator = torch.Generator().manual_seed(0)
    weights = 0.02 + 0.12 * torch.randn(INPUTS, generator=generator, dtype=torch.float64)
    spikes = torch.rand(STEPS, INPUTS, generator=generator) < RATE
    return weights, spikes.double() @ weights


@cache
def _run(gains: tuple[float, ...], beta: float) -> tuple[np.ndarray, ...]:
    """For each gain: mean, spread, spikes per step ``[K]``; membranes without reset ``[T, K]``."""
    weights, currents = _drawn()
    factors = torch.tensor(gains, dtype=torch.float64)
    layer = nn.Linear(INPUTS, len(gains), bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(factors[:, None] * weights)
    rates = torch.full((1, INPUTS), RATE, dtype=torch.float64)
    mean, std = (x[0].numpy() for x in membrane_statistics(layer, rates, beta))
    free = mem = fired = torch.zeros_like(factors)
    record = []
    for current in currents[:, None] * factors:
        _, free = lif_step(current, free, beta, reset_mechanism="none")
        spk, mem = lif_step(current, mem, beta)
        fired = fired + spk
        record.append(free)
    return mean, std, (fired / STEPS).numpy(), torch.stack(record).numpy()


def compute(gain: float, beta: float) -> StartView:
    """Run the neuron for 2,000 steps, with and without a reset, and compare with the formulas.

    Args:
        gain: factor on all weights, from 0.01 to 100.
        beta: decay per step, from 0 to 0.99.

    Raises:
        ValueError: for a value out of its range.
        TypeError: for a value that is no number.
    """
    gain, beta = number("gain", gain, 0.01, 100), number("beta", beta, 0, 0.99)
    gains = GAINS if gain in GAINS else (*GAINS, gain)
    mean, std, measured, membranes = _run(gains, beta)
    here, xi = gains.index(gain), (1 - mean) / std
    return StartView(
        gain=gain,
        beta=beta,
        mean=float(mean[here]),
        std=float(std[here]),
        xi=float(xi[here]),
        predicted=float(_above(xi[here])),
        measured=float(measured[here]),
        membrane=membranes[-SHOWN:, here],
        others=np.array([xi, measured])[:, : len(GAINS)],
    )


def _above(xi: float | np.ndarray) -> np.ndarray:
    return torch.special.ndtr(-torch.as_tensor(xi, dtype=torch.float64)).numpy()


def _numbers(view: StartView) -> tuple[str, str]:
    fired = f"{view.measured:.2%}" if view.measured else "silent"
    return (
        f"Mean {short(view.mean)}, spread {short(view.std)}, xi {short(view.xi)}",
        f"Above threshold {view.predicted:.2%}; with its reset, {fired}",
    )


def describe(view: StartView) -> str:
    """Say where the membrane is, how far the threshold, and how often the neuron fires."""
    first, second = _numbers(view)
    return (
        f"A neuron with {INPUTS} inputs that fire at random at {RATE:.0%} of the steps, all "
        f"weights times {view.gain:g}, beta {view.beta:g}. {first}. {second}. The last {SHOWN} "
        f"steps of the membrane without a reset go from {short(view.membrane.min())} to "
        f"{short(view.membrane.max())}; the threshold is 1."
    )


def draw(fig: Figure, view: StartView) -> None:
    """Draw the membrane with its mean and spread above, the rate against xi below."""
    trace, rate = (
        fig.add_axes((0.2, bottom, 0.75, height)) for bottom, height in ((0.55, 0.32), (0.11, 0.32))
    )
    look = {"color": style.INK, "va": "center", "fontsize": style.TICK_SIZE}
    for height, text, gid in zip((0.97, 0.925), _numbers(view), ("xi", "rates"), strict=True):
        fig.text(0.02, height, text, gid=gid, **look)
    _trace_panel(trace, view)
    _rate_panel(rate, view)


def _trace_panel(ax: Axes, view: StartView) -> None:
    steps = np.arange(SHOWN)
    low, high = view.mean - view.std, view.mean + view.std
    ax.fill_between([0, SHOWN - 1], low, high, color=style.PALE, gid="spread")
    ax.plot([0, SHOWN - 1], [view.mean] * 2, color=style.MUTED, linewidth=1.2, gid="mean")
    ax.plot(steps, view.membrane, color=style.BLUE, linewidth=1.3, gid="membrane")
    style.level(ax, 1.0, "threshold")
    style.note(ax, 0.5, 1.08, "threshold")
    ax.set(xlim=(0, SHOWN - 1), ylim=(-3, 5))
    style.dress(ax, style.TIME, "Membrane\nwithout reset")


def _rate_panel(ax: Axes, view: StartView) -> None:
    ax.plot(_XI, _above(_XI), color=style.INK, linewidth=1.3, gid="predicted")
    ax.plot(
        view.others[0], np.maximum(view.others[1], LEAST), "o", color=style.BLUE, markersize=4,
        gid="gains",
    )  # fmt: skip
    ax.plot(
        [view.xi], [max(view.measured, LEAST)], "o", markersize=11, markerfacecolor="none",
        markeredgecolor=style.VERMILION, markeredgewidth=1.6, gid="measured",
    )  # fmt: skip
    ax.set(yscale="log", xlim=(_XI[0], _XI[-1]), ylim=(LEAST / 2, 1.5))
    ax.set_yticks([LEAST, 1e-3, 1e-2, 1e-1, 1], ["silent", ".1 %", "1 %", "10 %", "100 %"])
    ax.minorticks_off()
    style.note(ax, 3.6, 0.12, "line: above threshold\ndots: spikes, with reset")
    style.dress(ax, "Distance to threshold, xi", "Share of steps")


def start() -> Explorer:
    """Explorer of the start: gain and beta against mean, spread, xi and rate of one neuron.

    Above, the membrane without a reset, with its mean and a band of one standard deviation to each
    side. Below, the line is the share of steps above threshold that xi predicts; the dots are
    spikes per step, counted with the reset on, one for each gain.

    Returns:
        The explorer; shown by itself as a cell's last expression.
    """
    return Explorer(
        name="start",
        title="Start explorer",
        controls=(
            Control("gain", "Gain of the weights", GAINS, 1.0),
            Control("beta", "Beta", (0.0, 0.5, 0.8, 0.9, 0.95), 0.5),
        ),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.4, 4.6),
    )
