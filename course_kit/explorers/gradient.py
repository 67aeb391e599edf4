r"""Explorer of the surrogate gradient: a loss that is a staircase, and slopes drawn on it.

The network is a chain of ``depth`` neurons, one per layer. A constant current :math:`w` drives the
first; each spike of a neuron sends the current ``LINK`` into the next. The last one should fire in
``RATE`` of the steps. All weights but :math:`w` are fixed, so the loss is a function of one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from tutorial_lib import surrogate
from tutorial_lib.functional import mse_count_loss
from tutorial_lib.neurons import Leaky
from tutorial_lib.plotting import style
from tutorial_lib.simulation import forward_pass

from ._explorer import Control, Explorer
from ._values import SLOPE_RANGE, number, one_of, short

__all__ = ["GradientResult", "chain", "compute", "describe", "draw", "gradient"]

STEPS, BETA, LINK, RATE = 20, 0.8, 1.05, 0.4
SLOPES, DEPTHS = (1, 5, 10, 25, 50, 100), (1, 2, 3, 4)
PLACES = tuple(round(0.05 + 0.09 * i, 2) for i in range(12))
WEIGHTS = np.linspace(0, 1.1, 1101)
WANTED = int(STEPS * RATE)
NUDGE = 1e-6  # half the distance of the two losses that give the true slope

_LOSS_TOP, _LENGTH = 3.55, 0.038  # top of the loss axis; half a tangent, as a share of the width
_PANEL = 1.49  # width of the upper panel over its height
_SIZE_LIMITS = (1e-6, 1e3)


@dataclass(frozen=True)
class GradientResult:
    """What the gradient explorer shows at one position of its controls.

    Attributes:
        slope: k of the fast sigmoid.
        depth: number of neurons in the chain.
        weight: the chosen w, in threshold units.
        spikes: of the last neuron at the chosen w.
        loss: at the chosen w.
        true_slope: of the loss at the chosen w, a central difference.
        gradient: dL/dw at the chosen w, by backpropagation with the surrogate.
        losses: the loss at each of ``WEIGHTS``, shape [1101].
        place_losses: the loss at each of ``PLACES``, shape [12].
        place_gradients: the surrogate gradient at each of ``PLACES``, shape [12].
        place_downhill: for each of ``PLACES``, 1 if the first change of the loss in the direction
            of descent is a fall, -1 if it is a rise, 0 if the gradient is 0 or the loss changes no
            more within ``WEIGHTS``. Shape [12].
        sizes: median of the size of the gradient over ``WEIGHTS``, for each of ``SLOPES`` and
            ``DEPTHS``, shape [6, 4].
        own_sizes: the same for ``slope``, shape [4].
    """

    slope: float
    depth: int
    weight: float
    spikes: int
    loss: float
    true_slope: float
    gradient: float
    losses: np.ndarray
    place_losses: np.ndarray
    place_gradients: np.ndarray
    place_downhill: np.ndarray
    sizes: np.ndarray
    own_sizes: np.ndarray


def chain(depth: int, slope: float) -> nn.Sequential:
    """Return the network behind the first weight: ``depth`` neurons, one after the other.

    Args:
        depth: number of neurons, from 1 to 4.
        slope: k of the fast sigmoid, from 0.001 to a million.

    Raises:
        ValueError: for another depth or slope. TypeError: for a slope that is no number.
    """
    one_of("depth", depth, DEPTHS)
    spike_grad = surrogate.fast_sigmoid(number("slope", slope, *SLOPE_RANGE))
    beta = torch.tensor(BETA, dtype=torch.float64)
    layers: list[nn.Module] = []
    for layer in range(depth):
        if layer:
            link = nn.Linear(1, 1, bias=False, dtype=torch.float64)
            nn.init.constant_(link.weight, LINK)
            layers.append(link.requires_grad_(False))
        last = layer == depth - 1
        layers.append(Leaky(beta, spike_grad=spike_grad, init_hidden=True, output=last))
    return nn.Sequential(*layers)


def compute(slope: float = 5, depth: int = 2, weight: float = 0.32) -> GradientResult:
    """Compute the loss over the range of the weight, and surrogate gradients on it.

    Args:
        slope: k of the fast sigmoid, from 0.001 to a million.
        depth: number of neurons in the chain, from 1 to 4.
        weight: w, from 0 to 1.1 threshold units.

    Raises:
        ValueError: for a slope, depth or weight outside its range.
        TypeError: for one that is no number.
    """
    weight = number("weight", weight, WEIGHTS[0], WEIGHTS[-1])
    chain(depth, slope)
    _, losses, gradients = _over_range(depth, slope)
    places = [int(np.abs(WEIGHTS - place).argmin()) for place in PLACES]
    near = np.array([weight - NUDGE, weight, weight + NUDGE])
    here_spikes, here_losses, here_gradients = _sweep(near, depth, slope)
    return GradientResult(
        slope=slope,
        depth=depth,
        weight=weight,
        spikes=int(here_spikes[1]),
        loss=float(here_losses[1]),
        true_slope=float((here_losses[2] - here_losses[0]) / (2 * NUDGE)),
        gradient=float(here_gradients[1]),
        losses=losses,
        place_losses=losses[places],
        place_gradients=gradients[places],
        place_downhill=np.array([_downhill(losses, gradients[i], i) for i in places]),
        sizes=np.array([[_size(d, k) for d in DEPTHS] for k in SLOPES]),
        own_sizes=np.array([_size(d, slope) for d in DEPTHS]),
    )


def _sweep(weights: np.ndarray, depth: int, slope: float) -> tuple[np.ndarray, ...]:
    """Spike counts, losses and surrogate gradients at these weights, as one batch."""
    w = torch.tensor(weights, requires_grad=True)
    spk_rec, _ = forward_pass(chain(depth, slope), STEPS, w[:, None])
    targets = torch.zeros(len(w), dtype=torch.long)
    losses = mse_count_loss(correct_rate=RATE, reduction="none")(spk_rec, targets).mean(-1)
    (gradients,) = torch.autograd.grad(losses.sum(), w)
    return tuple(x.detach().numpy() for x in (spk_rec.sum(0)[:, 0], losses, gradients))


@lru_cache(maxsize=64)
def _over_range(depth: int, slope: float) -> tuple[np.ndarray, ...]:
    """``_sweep`` over ``WEIGHTS``, computed once; read-only."""
    arrays = _sweep(WEIGHTS, depth, slope)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _size(depth: int, slope: float) -> float:
    """Median size of the surrogate gradient over the whole range of the weight."""
    return float(np.median(np.abs(_over_range(depth, slope)[2])))


def _downhill(losses: np.ndarray, gradient: float, index: int) -> int:
    """1 if descent meets a fall of the loss first, -1 if a rise, 0 if nothing."""
    if gradient == 0:
        return 0
    ahead = losses[index:] if gradient < 0 else losses[index::-1]
    changes = np.flatnonzero(ahead != ahead[0])
    return int(np.sign(ahead[0] - ahead[changes[0]])) if len(changes) else 0


def draw(fig: Figure, result: GradientResult) -> None:
    """Draw the staircase with its tangents above, the size of the gradient against depth below."""
    hill, sizes = style.panels(
        fig, 2, 1,
        gridspec_kw={
            "left": 0.17, "right": 0.97, "bottom": 0.085, "top": 0.865, "hspace": 0.32,
            "height_ratios": (1.45, 1),
        },
    ).ravel()  # fmt: skip
    _draw_hill(hill, result, _TANGENTS)
    _draw_sizes(sizes, result)
    _write_numbers(fig, result, (0.975, 0.94))


def draw_one(fig: Figure, result: GradientResult) -> None:
    """Draw the staircase of a single neuron, on which no tangent points uphill."""
    (hill,) = style.panels(
        fig, 1, 1, gridspec_kw={"left": 0.17, "right": 0.97, "bottom": 0.135, "top": 0.78}
    ).ravel()
    _draw_hill(hill, result, tuple(t for t in _TANGENTS if t[0] != -1))
    _write_numbers(fig, result, (0.96, 0.9))


def _write_numbers(fig: Figure, result: GradientResult, heights: tuple[float, float]) -> None:
    look = {"fontsize": style.NOTE_SIZE + 1, "color": style.INK, "va": "center"}
    for gid, text, y in zip(("numbers", "slopes"), _numbers(result), heights, strict=True):
        fig.text(0.03, y, text, gid=gid, **look)


def _numbers(result: GradientResult) -> tuple[str, str]:
    spikes = f"{result.spikes} spike{'s' if result.spikes != 1 else ''} of {WANTED} wanted"
    return (
        f"At w = {result.weight:.2f}: {spikes}, loss {result.loss:.2f}.",
        f"True slope {short(result.true_slope)}, surrogate gradient {short(result.gradient)}.",
    )


_TANGENTS: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (1, "points downhill", {"color": style.BLUE, "linestyle": "-", "marker": "o"}),
    (-1, "points uphill", {"color": style.VERMILION, "linestyle": (0, (2, 0.8)), "marker": "X"}),
    (0, "no direction", {"color": style.MUTED, "linestyle": (0, (1, 1)), "marker": "s"}),
)  # fmt: skip


def _draw_hill(
    ax: Axes, result: GradientResult, tangents: tuple[tuple[int, str, dict[str, Any]], ...]
) -> None:
    low, high = WEIGHTS[0], WEIGHTS[-1]
    changes = np.flatnonzero(np.diff(result.losses))
    corners = np.unique([0, *changes, *(changes + 1), len(WEIGHTS) - 1])
    ax.plot(
        WEIGHTS[corners], result.losses[corners], color=style.INK, linewidth=1.1, label="true loss",
        gid="staircase",
    )  # fmt: skip
    width, bottom = high - low, -0.25
    steepness = result.place_gradients * width / (_LOSS_TOP - bottom) / _PANEL
    run = _LENGTH * width / np.sqrt(1 + steepness**2)
    for kind, label, look in tangents:
        x, y = [], []
        for i in np.flatnonzero(result.place_downhill == kind):
            rise = result.place_gradients[i] * run[i]
            x += [PLACES[i] - run[i], PLACES[i], PLACES[i] + run[i], np.nan]
            y += [result.place_losses[i] - rise, result.place_losses[i]]
            y += [result.place_losses[i] + rise, np.nan]
        ax.plot(
            x, y, linewidth=2.2, markersize=8 if kind == -1 else 5.5, label=label,
            markevery=slice(1, None, 4), markeredgecolor="white", markeredgewidth=0.6,
            gid=f"tangents {label}", solid_capstyle="butt", **look,
        )  # fmt: skip
    ax.plot(
        [result.weight] * 2, [bottom, result.loss], color=style.MUTED, linewidth=1, zorder=1.5,
        linestyle=(0, (1, 1.5)), gid="place",
    )  # fmt: skip
    ax.plot(
        [result.weight], [result.loss], marker="o", markersize=11, markerfacecolor="none",
        markeredgecolor=style.INK, markeredgewidth=1.4, linestyle="none", gid="chosen",
    )  # fmt: skip
    ax.set(xlim=(low, high), ylim=(bottom, _LOSS_TOP))
    ax.legend(
        loc="lower center", bbox_to_anchor=(0.425, 0.985), ncols=4, frameon=False, borderpad=0,
        fontsize=style.NOTE_SIZE - 0.5, labelcolor=style.INK, handlelength=1.5, columnspacing=0.7,
        handletextpad=0.3,
    )  # fmt: skip
    style.dress(ax, "Weight w (threshold units)", "Loss")


def _draw_sizes(ax: Axes, result: GradientResult) -> None:
    for slope, values in zip(SLOPES, result.sizes, strict=True):
        ax.plot(DEPTHS, values, color=style.MUTED, linewidth=0.7, marker=".", markersize=4)
        style.note(ax, DEPTHS[-1] + 0.14, values[-1], f"k = {slope}", va="center")
    ax.plot(
        DEPTHS, result.own_sizes, color=style.BLUE, linewidth=2, marker="o", markersize=4,
        gid="own sizes",
    )  # fmt: skip
    ax.plot(
        [result.depth], [result.own_sizes[result.depth - 1]], marker="o", markersize=11,
        markerfacecolor="none", markeredgecolor=style.INK, markeredgewidth=1.4, linestyle="none",
        gid="own size",
    )  # fmt: skip
    ax.set(yscale="log", ylim=_SIZE_LIMITS, xlim=(0.85, 4.75), xticks=DEPTHS)
    ax.set_yticks([1e-6, 1e-3, 1, 1e3], ["10⁻⁶", "10⁻³", "1", "10³"])
    ax.minorticks_off()
    style.dress(ax, "Depth (neurons in the chain)", "Median |dL/dw|")


def describe(result: GradientResult) -> str:
    """Say the chosen state in words and numbers."""
    size = result.own_sizes[result.depth - 1]
    return (
        f"{describe_hill(result)} Below, the median size of the surrogate gradient at this "
        f"depth: {short(size)}; from depth 1 to depth 4 it goes from {short(result.own_sizes[0])} "
        f"to {short(result.own_sizes[-1])}."
    )


def describe_hill(result: GradientResult) -> str:
    """Say what the staircase and its tangents show."""
    numbers, slopes = _numbers(result)
    counts = [int((result.place_downhill == kind).sum()) for kind, _, _ in _TANGENTS]
    of = f"a chain of {result.depth} neurons" if result.depth > 1 else "one neuron"
    return (
        f"Staircase of the loss against the weight w, for {of} and slope k = {result.slope:g}: "
        f"{int((np.diff(result.losses) != 0).sum())} jumps between w = {WEIGHTS[0]:g} and "
        f"{WEIGHTS[-1]:g}, lowest loss {result.losses.min():.2f}. {numbers} {slopes} "
        f"Of {len(PLACES)} tangents, {counts[0]} point downhill, {counts[1]} uphill, "
        f"{counts[2]} in no direction."
    )


def gradient(*, chain: bool = True) -> Explorer:
    """Explorer 3: the loss is a staircase, surrogate gradients are slopes on it.

    Args:
        chain: offer chains of up to four neurons, and show how the gradient depends on their
            number. False shows a single neuron alone.

    Returns:
        The explorer, with controls for the slope k, the depth if there is a chain, and the weight.

    Raises:
        TypeError: if ``chain`` is neither True nor False.
    """
    if not isinstance(chain, bool):
        raise TypeError(f"chain must be True or False, got {type(chain).__name__} {chain!r}.")
    slope = Control("slope", "Slope k", SLOPES, 5, page=(1, 5, 25, 100))
    weight = Control("weight", "Weight w (threshold units)", PLACES, PLACES[3])
    if not chain:
        return Explorer(
            name="gradient of one neuron",
            title="Gradient explorer",
            controls=(slope, weight),
            compute=partial(compute, depth=1),
            draw=draw_one,
            describe=describe_hill,
            size=(4.5, 3.4),
            play="weight",
        )
    return Explorer(
        name="gradient",
        title="Gradient explorer",
        controls=(slope, Control("depth", "Depth (neurons)", DEPTHS, 2), weight),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.5, 5.1),
        play="weight",
    )
