"""Neuron explorer: one leaky integrate-and-fire neuron under a current, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from tutorial_lib.neurons import Leaky, ResetMechanism
from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._values import number, one_of

__all__ = ["CURRENTS", "NUM_STEPS", "NeuronView", "compute", "describe", "draw", "neuron"]

NUM_STEPS = 60
NOISES = {"noise of 0.05": 0.05, "noise of 0.15": 0.15}  # standard deviations
PULSES = {"pulses of 2 steps": 2, "pulses of 10 steps": 10}  # on, and off for as long
CURRENTS = ("constant", *NOISES, *PULSES)
SEED = 7
LOW, HIGH = -0.9, 3.0  # of the membrane potentials in view


@dataclass(frozen=True)
class NeuronView:
    """What the neuron explorer shows.

    Attributes:
        kind: of the current, one of :data:`CURRENTS`.
        level: its mean, in units of the membrane potential per step.
        beta: share of the membrane potential that is left after one step.
        threshold: firing threshold.
        reset_mechanism: "subtract", "zero" or "none".
        current: I[t], shape ``[T]``.
        mem: U[t], before the reset, ``[T]``.
        spk: S[t], 0 or 1, ``[T]``.
        reset: R[t], 1 where the reset acts, one step after a spike, ``[T]``.
    """

    kind: str
    level: float
    beta: float
    threshold: float
    reset_mechanism: ResetMechanism
    current: np.ndarray
    mem: np.ndarray
    spk: np.ndarray
    reset: np.ndarray

    @property
    def spikes(self) -> np.ndarray:
        """The steps with a spike."""
        return np.flatnonzero(self.spk)

    @property
    def rheobase(self) -> float:
        """The constant current above which the neuron fires at all: (1 - beta) threshold."""
        return (1 - self.beta) * self.threshold

    @property
    def above(self) -> bool:
        """Is the mean current above the rheobase? Exactly at it does not count."""
        return self.level > self.rheobase * (1 + 1e-9)


def current_of(kind: str, level: float) -> Tensor:
    """A current of this kind and mean, shape ``[T]``, in double precision.

    "constant" is the level at every step. "noise of 0.15" adds normal numbers from a fixed
    generator, of mean 0 and standard deviation 0.15 over these steps. "pulses of 10 steps" is on
    for 10 steps at twice the level, then off for 10.

    Raises:
        ValueError: for another kind.
    """
    one_of("current", kind, CURRENTS)
    constant = torch.full((NUM_STEPS,), level, dtype=torch.float64)
    if kind in NOISES:
        generator = torch.Generator().manual_seed(SEED)
        noise = torch.randn(NUM_STEPS, generator=generator, dtype=torch.float64)
        return constant + NOISES[kind] * (noise - noise.mean()) / noise.std(unbiased=False)
    if kind in PULSES:
        on = torch.arange(NUM_STEPS) // PULSES[kind] % 2 == 0
        return 2 * constant * on
    return constant


def compute(
    current: str, level: float, beta: float, threshold: float, reset: ResetMechanism
) -> NeuronView:
    """Run one :class:`~tutorial_lib.Leaky` neuron for 60 steps from rest, in double precision.

    Args:
        current: its kind, one of :data:`CURRENTS`; see :func:`current_of`.
        level: its mean, from 0 to 100, in units of the membrane potential per step.
        beta: decay per step, in [0, 1].
        threshold: from 0.01 to 100.
        reset: "subtract", "zero" or "none".

    Raises:
        ValueError: for a value that is not offered, as above.
        TypeError: for a level, beta or threshold that is no number.
    """
    level = number("level", level, 0, 100)
    beta = number("beta", beta, 0, 1)
    threshold = number("threshold", threshold, 0.01, 100)
    one_of("reset", reset, get_args(ResetMechanism))
    record = current_of(current, level)
    lif = Leaky(
        torch.tensor(beta, dtype=torch.float64),
        torch.tensor(threshold, dtype=torch.float64),
        reset_mechanism=reset,
    )
    mem, steps = lif.init_leaky(), []
    for cur in record:
        spk, mem = lif(cur, mem)
        steps.append((spk, mem))
    spk_rec, mem_rec = (torch.stack(values).numpy() for values in zip(*steps, strict=True))
    before = np.concatenate([[0.0], spk_rec[:-1]])
    return NeuronView(
        kind=current,
        level=level,
        beta=beta,
        threshold=threshold,
        reset_mechanism=reset,
        current=record.numpy(),
        mem=mem_rec,
        spk=spk_rec,
        reset=before if reset != "none" else np.zeros_like(before),
    )


def when(view: NeuronView) -> str:
    """Say how many spikes there are, when the first comes, and how regular they are."""
    count = len(view.spikes)
    if count == 0:
        return f"No spike in {NUM_STEPS} steps"
    if count == 1:
        return f"1 spike, at step {view.spikes[0]}"
    gaps = np.diff(view.spikes)
    if gaps.max() == 1:
        often = "at every step"
    elif gaps.min() == gaps.max():
        often = f"every {gaps[0]} steps"
    else:
        often = f"{gaps.min()} to {gaps.max()} steps apart"
    return f"{count} spikes, first at step {view.spikes[0]}, then {often}"


def describe(view: NeuronView) -> str:
    """Say the current, the spikes, and the extremes of the membrane."""
    steady = view.kind == "constant"
    current = "a constant current" if steady else f"a current with {view.kind}"
    rise = "makes it fire again and again" if view.above else "never makes it fire"
    return (
        f"A neuron with beta {view.beta:g}, threshold {view.threshold:g} and reset "
        f"{view.reset_mechanism!r} under {current}, mean {view.level:g}, from "
        f"{view.current.min():.2f} to {view.current.max():.2f}. {when(view)}. The membrane "
        f"potential lies between {view.mem.min():.2f} and {view.mem.max():.2f}; at the end it is "
        f"{view.mem[-1]:.2f}. The rheobase is {view.rheobase:.3g}: with this mean, a constant "
        f"current {rise}."
    )


def draw(fig: Figure, view: NeuronView) -> None:
    """Draw current, membrane, and spikes with resets, on one time axis."""
    places = ((0.71, 0.16), (0.29, 0.37), (0.115, 0.125))
    current, membrane, events = (
        fig.add_axes((0.2, bottom, 0.63, height)) for bottom, height in places
    )
    write = partial(fig.text, 0.02, color=style.INK, va="center", fontsize=style.TICK_SIZE)
    write(0.972, when(view), gid="when")
    above = "above" if view.above else "not above"
    write(
        0.925, f"Mean current {view.level:g}, {above} the rheobase {view.rheobase:.3g}",
        gid="rheobase",
    )  # fmt: skip
    _current_panel(current, view)
    _membrane_panel(membrane, view)
    _events_panel(events, view)
    for ax in (current, membrane):
        ax.tick_params(labelbottom=False)
    for ax in (current, membrane, events):
        ax.set(xlim=(-0.5, NUM_STEPS - 0.5), xticks=range(0, NUM_STEPS, 10))


def _current_panel(ax: Axes, view: NeuronView) -> None:
    ax.step(
        np.arange(NUM_STEPS), view.current, where="mid", color=style.INK, linewidth=1.3,
        gid="current",
    )  # fmt: skip
    style.level(ax, view.rheobase, "rheobase")
    ax.set(ylim=(-0.45, 1.1), yticks=[0, 0.5, 1])
    across = ax.get_yaxis_transform()
    style.note(ax, 1.01, view.rheobase, "rheobase", transform=across, va="center", gid="rheobase")
    style.dress(ax, "", "Current\nper step")


def _membrane_panel(ax: Axes, view: NeuronView) -> None:
    ax.plot(view.mem, color=style.BLUE, linewidth=1.6, marker="o", markersize=2.5, gid="membrane")
    style.level(ax, view.threshold, "threshold")
    ax.set(ylim=(LOW, HIGH), yticks=[0, 1, 2, 3])
    across = ax.get_yaxis_transform()
    style.note(ax, 1.01, view.threshold, "threshold", transform=across, va="center",
               gid="threshold")  # fmt: skip
    out = view.mem.max()
    text = f"↑ up to {out:.1f}, out of view" if out > HIGH else " "
    style.note(
        ax, 0.99, 0.93, text, transform=ax.transAxes, va="center", ha="right", gid="out of view"
    )
    style.dress(ax, "", "Membrane\npotential U[t]")


def _events_panel(ax: Axes, view: NeuronView) -> None:
    ax.vlines(view.spikes, 0.62, 1.38, color=style.VERMILION, linewidth=1.8, gid="spikes")
    resets = np.flatnonzero(view.reset)
    ax.plot(resets, np.zeros(len(resets)), "x", color=style.GREEN, markersize=4, gid="resets")
    ax.set(ylim=(-0.5, 1.6), yticks=[0, 1])
    ax.set_yticklabels(["reset R[t]", "spike S[t]"])
    style.dress(ax, style.TIME)


def neuron() -> Explorer:
    """A leaky integrate-and-fire neuron to play with, for 60 steps from rest.

    What can be moved: the kind of current and its mean, beta, the threshold, the reset mechanism.
    All kinds of current have the same mean, so what differs is their course in time. The
    recorded membrane is the one before the reset, which acts a step after the spike.

    Returns:
        The explorer; shown by itself as a cell's last expression.
    """
    return Explorer(
        name="neuron",
        title="Neuron explorer",
        controls=(
            Control("current", "Current", CURRENTS, "constant", kind="choice"),
            Control("level", "Mean current", (0.05, 0.08, 0.12, 0.3, 0.5), 0.12,
                    page=(0.08, 0.12, 0.3)),
            Control("beta", "Beta", (0.0, 0.5, 0.8, 0.9, 0.95, 1.0), 0.9,
                    page=(0.5, 0.9, 1.0)),
            Control("threshold", "Threshold", (0.5, 1.0, 1.5), 1.0, page=(0.5, 1.0)),
            Control("reset", "Reset", get_args(ResetMechanism), "subtract", kind="choice"),
        ),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.4, 4.9),
    )  # fmt: skip
