"""Surrogate explorer: one surrogate, its primitive and derivative, and what its slope does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutorial_lib.plotting import style
from tutorial_lib.surrogate import SURROGATES, Surrogate

from ._explorer import Control, Explorer
from ._values import SLOPE_RANGE, number, one_of

__all__ = ["SLOPES", "SurrogateView", "compute", "describe", "draw", "surrogates"]

SLOPES = (1, 2, 5, 10, 25, 50, 100, 250, 500)
VIEW = (-1.0, 3.0)  # of membrane potentials
HUGE = 1e6  # a factor on k that shows where peak and area go


@dataclass(frozen=True)
class SurrogateView:
    """What the surrogate explorer shows.

    Attributes:
        surrogate: the surrogate itself.
        slope: k.
        threshold: of the neuron, where the true spike has its step.
        mem: membrane potentials, rising, shape ``[N]``.
        primitive: smoothed spike at each of them, ``[N]``.
        derivative: slope used on the backward pass at each of them, ``[N]``.
        at_rest: the derivative for a membrane potential of 0.
        peaks: peak for each of :data:`SLOPES`, ``[K]``.
        areas: area for each of them, ``[K]``; infinite for the straight-through estimator.
        peak_limit: where the peak goes for k to infinity: "0", "stays" or "infinity".
        area_limit: the same for the area.
    """

    surrogate: Surrogate
    slope: float
    threshold: float
    mem: np.ndarray
    primitive: np.ndarray
    derivative: np.ndarray
    at_rest: float
    peaks: np.ndarray
    areas: np.ndarray
    peak_limit: str
    area_limit: str

    @property
    def dirac(self) -> bool:
        """Does it tend to a Dirac delta: higher and narrower, with an area that stays?"""
        return self.peak_limit == "infinity" and self.area_limit == "stays"

    @property
    def limit(self) -> str:
        """What becomes of the surrogate for k to infinity, in a sentence."""
        if self.peak_limit == self.area_limit == "stays":
            return "There is no slope to choose: peak and area stay as they are."
        ends = {"0": "goes to 0", "stays": "stays as it is", "infinity": "goes to infinity"}
        verdict = "does not tend to a Dirac delta"
        if self.dirac:
            verdict = "tends to a Dirac delta"
        elif self.area_limit == "0":
            verdict = "tends to 0, not to a Dirac delta"
        return (
            f"As k grows, the peak {ends[self.peak_limit]} and the area {ends[self.area_limit]}: "
            f"the derivative {verdict}."
        )


def compute(shape: str, slope: float, threshold: float) -> SurrogateView:
    """Evaluate a surrogate over a range of membrane potentials.

    Args:
        shape: a key of :data:`tutorial_lib.surrogate.SURROGATES`.
        slope: k, from 0.001 to a million, in inverse threshold units; a width is 1/k.
        threshold: of the neuron, within the range shown, -1 to 3.

    Raises:
        ValueError: for another shape, or a slope or threshold out of the range.
        TypeError: for a slope or threshold that is no number.
    """
    family = SURROGATES[one_of("shape", shape, SURROGATES)]
    threshold = number("threshold", threshold, *VIEW)
    chosen = family.with_slope(number("slope", slope, *SLOPE_RANGE))
    mem = _potentials(threshold, slope)
    overdrive = torch.from_numpy(mem - threshold)
    members = [family.with_slope(k) for k in SLOPES]
    far = family.with_slope(slope * HUGE)
    return SurrogateView(
        surrogate=chosen,
        slope=slope,
        threshold=threshold,
        mem=mem,
        primitive=chosen.primitive(overdrive).numpy(),
        derivative=chosen.derivative(overdrive).numpy(),
        at_rest=chosen.derivative(torch.tensor(-threshold, dtype=torch.float64)).item(),
        peaks=np.array([member.peak for member in members]),
        areas=np.array([member.area for member in members]),
        peak_limit=_limit(chosen.peak, far.peak),
        area_limit=_limit(chosen.area, far.area),
    )


def _potentials(threshold: float, slope: float) -> np.ndarray:
    """Evenly spaced, and dense around the threshold, where a narrow surrogate has all it has."""
    even = np.linspace(*VIEW, 81)
    near = np.geomspace(0.02, 6, 28) / slope
    edges = np.array([0.5 - 1e-9, 0.5 + 1e-9, 1.0]) / slope  # of the box, of the triangle
    side = np.concatenate([near, edges])
    points = np.concatenate([even, threshold - side, [threshold], threshold + side])
    return np.unique(points[(points >= VIEW[0]) & (points <= VIEW[1])])


def _limit(now: float, far: float) -> str:
    if now == far:
        return "stays"
    return "infinity" if far > now else "0"


def digits(value: float) -> str:
    """Three digits, and a word where digits say nothing."""
    return "infinite" if np.isinf(value) else f"{value:.3g}"


def describe(view: SurrogateView) -> str:
    """Say peak, area, the slope at rest, and what a larger k does."""
    return (
        f"Surrogate {view.surrogate!r} of a neuron with threshold {view.threshold:g}. "
        f"Its derivative is {digits(view.surrogate.peak)} at the threshold, its peak, and "
        f"{digits(view.at_rest)} for a membrane at rest; its area is "
        f"{digits(view.surrogate.area)}. "
        f"In this view its primitive rises from {digits(view.primitive[0])} to "
        f"{digits(view.primitive[-1])}. {view.limit}"
    )


def draw(fig: Figure, view: SurrogateView) -> None:
    """Draw primitive, derivative, and peak and area against k, one below the other."""
    places = ((0.69, 0.195), (0.41, 0.245), (0.1, 0.2))
    smooth, slope, family = (fig.add_axes((0.2, bottom, 0.66, height)) for bottom, height in places)
    values = f"peak {digits(view.surrogate.peak)} · area {digits(view.surrogate.area)}"
    write = partial(fig.text, 0.02, color=style.INK, va="center")
    write(0.98, repr(view.surrogate), fontsize=style.TICK_SIZE, gid="name")
    write(0.947, f"{values} · at rest {digits(view.at_rest)}", fontsize=10, gid="numbers")
    write(0.914, _short(view), fontsize=10, gid="limit")
    _membrane_panels(smooth, slope, view)
    _family_panel(family, view)


def _short(view: SurrogateView) -> str:
    def end(name: str, where: str, now: float) -> str:
        return f"{name} stays {digits(now)}" if where == "stays" else f"{name} → {where}"

    chosen = view.surrogate
    if view.peak_limit == view.area_limit == "stays":
        return "no slope to choose"
    peak = end("peak", view.peak_limit.replace("infinity", "∞"), chosen.peak)
    area = end("area", view.area_limit.replace("infinity", "∞"), chosen.area)
    return f"k → ∞: {peak}, {area}. {'A' if view.dirac else 'No'} Dirac delta."


def _membrane_panels(smooth: Axes, slope: Axes, view: SurrogateView) -> None:
    step = np.array([VIEW[0], view.threshold, view.threshold, VIEW[1]])
    smooth.plot(step, [0, 0, 1, 1], color=style.PALE, linewidth=4, gid="true spike")
    smooth.plot(view.mem, view.primitive, color=style.BLUE, linewidth=1.8, gid="primitive")
    smooth.set(xlim=VIEW, ylim=(-0.8, 1.3), yticks=[0, 1])
    smooth.tick_params(labelbottom=False)
    style.note(smooth, VIEW[1], 1.1, "true spike", ha="right", va="bottom", color=style.MUTED)
    style.dress(smooth, "", "Primitive")
    slope.set_yscale("log")
    slope.plot(view.mem, view.derivative, color=style.VERMILION, linewidth=1.8, gid="derivative")
    slope.plot([0], [view.at_rest], "D", color=style.INK, markersize=5, gid="at rest")
    seen = view.at_rest > 1e-5
    style.note(
        slope, -0.08, 3 * view.at_rest if seen else 2e-5,
        "at rest" if seen else "at rest: below view", ha="right" if seen else "center",
        gid="at rest",
    )  # fmt: skip
    slope.set(xlim=VIEW, ylim=(1e-5, 1e3), yticks=[1e-4, 1e-2, 1, 1e2])
    slope.set_yticklabels(["0.0001", "0.01", "1", "100"])
    style.dress(slope, "Membrane potential U", "Derivative")
    style.note(slope, view.threshold + 0.08, 1.2e2, "threshold", gid="threshold")
    for ax in (smooth, slope):
        ax.minorticks_off()
        ax.axvline(
            view.threshold, color=style.MUTED, linestyle=(0, (4, 3)), linewidth=1.2, gid="threshold"
        )


def _family_panel(ax: Axes, view: SurrogateView) -> None:
    ax.set(xscale="log", yscale="log", xlim=(0.8, 650), ylim=(1e-3, 1e3))
    now = SLOPES.index(view.slope) if view.slope in SLOPES else None
    rows = (("peak", view.peaks, style.VERMILION, "o", "-"),
            ("area", view.areas, style.GREEN, "s", (0, (4, 2))))  # fmt: skip
    for name, values, color, marker, line in rows:
        shown = np.where(np.isfinite(values), values, np.nan)
        ax.plot(SLOPES, shown, color=color, marker=marker, linestyle=line, markersize=4, gid=name)
        if now is not None:
            ax.plot(
                SLOPES[now], shown[now], marker, color=color, markersize=9, markeredgecolor="black",
                gid=f"{name} now",
            )  # fmt: skip
        known = np.isfinite(shown[-1])
        text = name if known else f"{name}: infinite"
        style.note(
            ax, 600, shown[-1] if known else 0.02, text, ha="left" if known else "right",
            va="center", color=color, gid=f"{name} name",
        )  # fmt: skip
    ax.set(yticks=[1e-2, 1, 1e2], xticks=[1, 5, 25, 100, 500])
    ax.set_yticklabels(["0.01", "1", "100"])
    ax.set_xticklabels(["1", "5", "25", "100", "500"])
    ax.minorticks_off()
    style.dress(ax, "Slope k", "Peak, area")


def surrogates() -> Explorer:
    """Surrogates to play with: shape, slope k and threshold.

    Above, the primitive over the true spike. In the middle the derivative, on a logarithmic scale,
    so that both a peak of 250 and a tail of 0.001 are seen; the diamond marks a membrane at rest.
    Below, peak and area for every k: what k to infinity does to each.

    Returns:
        The explorer; shown by itself as a cell's last expression.
    """
    return Explorer(
        name="surrogates",
        title="Surrogate explorer",
        controls=(
            Control(
                "shape", "Shape", tuple(SURROGATES), "fast_sigmoid", kind="choice",
                words=lambda name: name.replace("_", " "),
            ),
            Control("slope", "Slope k", SLOPES, 25),
            Control("threshold", "Threshold", (0.5, 1.0, 1.5), 1.0, page=(0.5, 1.0)),
        ),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.4, 5.8),
        play="slope",
    )  # fmt: skip
