"""Explorer of the losses: what each says of one output record, and where its floor lies."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutorial_lib.plotting import style

from ._explorer import Control, Explorer
from ._loss_record import (
    CURRENTS,
    LOSSES,
    ON_MEMBRANES,
    OTHER,
    RIGHT,
    RIVAL,
    RIVALS,
    STEPS,
    WINDOWS,
    LossResult,
    compute,
)
from ._values import short

__all__ = ["compute", "describe", "draw", "losses"]

ZEROS = {
    "Right class membrane": 10.0,
    "Right class push": 8.0,
    "Rival membrane": 4.4,
    "Rival push": 2.4,
    "Others push": 0.3,
}
"""Where in the upper panel the zero of each lane lies; a membrane's unit is one threshold."""
PUSH_UNIT = 0.8  # height of a push as strong as the strongest in silence

_END = 1.42  # where the scale from floor (0) to silence (1) stops


def draw(fig: Figure, result: LossResult) -> None:
    """Draw the record and the push on it above, all losses from floor to silence below."""
    (lanes,) = style.panels(
        fig, 1, 1, gridspec_kw={"left": 0.25, "right": 0.93, "bottom": 0.425, "top": 0.915}
    ).ravel()
    (table,) = style.panels(
        fig, 1, 1, gridspec_kw={"left": 0.385, "right": 0.6, "bottom": 0.04, "top": 0.30}
    ).ravel()
    _draw_lanes(lanes, result)
    _draw_table(table, result)
    look = {"fontsize": style.NOTE_SIZE + 1, "color": style.INK, "va": "center"}
    title, push = _headline(result)
    fig.text(0.02, 0.978, title, gid="title", **look)
    fig.text(0.02, 0.945, push, gid="push", **look)


def _spikes(count: int) -> str:
    return f"{count} spike" + ("" if count == 1 else "s")


def value_text(value: float) -> str:
    """Return a loss as it stands in the picture and in its description."""
    return f"{value:.2f}" if value >= 10 else f"{value:.4f}"


def _headline(result: LossResult) -> tuple[str, str]:
    i = tuple(LOSSES).index(result.loss)
    per = "unit of U" if result.loss in ON_MEMBRANES else "spike"
    largest = float(np.abs(result.push).max())
    return (
        f"{result.loss}: {value_text(result.values[i])}",
        f"Push: at most {short(largest)} per {per} (in silence {short(result.full_push)}).",
    )


def _draw_lanes(ax: Axes, result: LossResult) -> None:
    right, rival, _ = result.counts
    for name, neuron, count, color in (
        ("Right class", RIGHT, right, style.BLUE),
        ("Rival", RIVAL, rival, style.VERMILION),
    ):
        zero = ZEROS[f"{name} membrane"]
        ax.plot(
            np.arange(STEPS), zero + result.membranes[:, neuron], color=color, linewidth=1.3,
            gid=f"{name} membrane",
        )  # fmt: skip
        ax.plot(
            [-1, STEPS], [zero + 1, zero + 1], color=style.MUTED, linewidth=0.9, zorder=1.5,
            linestyle=(0, (4, 3)),
        )  # fmt: skip
        times = np.flatnonzero(result.spikes[:, neuron])
        ax.plot(
            times, np.full(len(times), zero + 2.2), linestyle="none", marker="|", markersize=6,
            markeredgewidth=1.5, color=style.INK, gid=f"{name} spikes",
        )  # fmt: skip
        _lane_name(ax, zero + 0.9, f"{name}\n{_spikes(count)}", f"{name} count")
    for name, neuron, text in (
        ("Right class", RIGHT, "push"),
        ("Rival", RIVAL, "push"),
        ("Others", OTHER, "push on each of\nthe other eight"),
    ):
        zero = ZEROS[f"{name} push"]
        ends = zero + PUSH_UNIT * result.push[:, neuron] / result.full_push
        ax.plot(
            np.repeat(np.arange(STEPS), 3).astype(float),
            np.column_stack([np.full(STEPS, zero), ends, np.full(STEPS, np.nan)]).ravel(),
            color=style.GREEN, linewidth=3, solid_capstyle="butt", gid=f"{name} push",
        )  # fmt: skip
        ax.plot([-1, STEPS], [zero, zero], color=style.INK, linewidth=0.8)
        _lane_name(ax, zero, text, None)
    levels = [ZEROS[f"{name} membrane"] + u for name in ("Right class", "Rival") for u in (0, 1)]
    ax.set(xlim=(-1, STEPS), ylim=(-0.8, 12.6), yticks=levels, yticklabels=["0", "1"] * 2)
    style.dress(ax, style.TIME, "U (threshold units)")
    ax.tick_params(axis="y", labelsize=style.NOTE_SIZE, length=0, pad=3)
    ax.yaxis.tick_right()
    ax.yaxis.set_label_position("right")
    ax.yaxis.label.set(fontsize=style.NOTE_SIZE, y=0.7)
    ax.spines[["left", "right"]].set_visible(False)


def _lane_name(ax: Axes, height: float, text: str, gid: str | None) -> None:
    ax.text(
        -0.02, height, text, transform=ax.get_yaxis_transform(), ha="right", va="center",
        color=style.INK, fontsize=style.NOTE_SIZE, gid=gid, multialignment="right",
    )  # fmt: skip


def _draw_table(ax: Axes, result: LossResult) -> None:
    rows = np.arange(len(LOSSES))
    shares = (result.values - result.floors) / (result.silences - result.floors)
    inside = shares <= _END - 0.06
    chosen = tuple(LOSSES).index(result.loss)
    ax.plot(
        [-2.8, 4.37], [chosen, chosen], color=style.PALE, linewidth=11, solid_capstyle="butt",
        clip_on=False, zorder=0.5, gid="chosen",
    )  # fmt: skip
    for x in (0, 1):
        ax.axvline(x, color=style.MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    edge = np.full((~inside).sum(), _END)
    look = {"linestyle": "none", "color": style.BLUE, "clip_on": False, "markersize": 7}
    ax.plot(shares[inside], rows[inside], marker="o", gid="inside", **look)
    ax.plot(edge, rows[~inside], marker=">", gid="beyond", **look)
    numbers = {"floor": result.floors, "here": result.values, "silence": result.silences}
    for x, (head, values) in zip((1.66, 2.23, 2.84), numbers.items(), strict=True):
        write = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center"}
        write |= {"fontsize": style.NOTE_SIZE, "color": style.INK}
        ax.text(x, -1, head, fontweight="bold", **write)
        for row, value in enumerate(values):
            gid = f"value {row}" if head == "here" else None
            ax.text(x, row, value_text(value), gid=gid, **write)
    ax.set(xlim=(-0.08, _END + 0.06), ylim=(len(LOSSES) - 0.5, -0.6))
    ax.set(xticks=[0, 1], xticklabels=["floor", "silence"], yticks=rows, yticklabels=list(LOSSES))
    style.dress(ax)
    ax.tick_params(axis="both", labelsize=style.NOTE_SIZE, length=0)
    ax.spines["left"].set_visible(False)


def describe(result: LossResult) -> str:
    """Say the chosen state in words and numbers."""
    right, rival, together = result.counts
    i = tuple(LOSSES).index(result.loss)
    parts = [
        f"Output record of ten neurons over {STEPS} steps: the right class fires "
        f"{right} times, a rival {rival} times, both in the same step {together} times; the other "
        f"eight are silent. Highest membrane of the right class "
        f"{result.membranes[:, RIGHT].max():.2f} thresholds.",
        f"{result.loss} is {value_text(result.values[i])}; its floor is "
        f"{value_text(result.floors[i])}, silence gives {value_text(result.silences[i])}.",
    ]
    what = "membrane" if result.loss in ON_MEMBRANES else "spikes"
    for name, neuron in (("right class", RIGHT), ("rival", RIVAL), ("others", OTHER)):
        parts.append(f"Push on the {what} of the {name}: {_push_text(result.push[:, neuron])}.")
    rest = [
        f"{name} {value_text(value)}"
        for name, value in zip(LOSSES, result.values, strict=True)
        if name != result.loss
    ]
    return " ".join([*parts, f"The other losses: {', '.join(rest)}."])


def _push_text(push: np.ndarray) -> str:
    told = []
    for word, part in (("up", push.clip(0)), ("down", (-push).clip(0))):
        steps = np.flatnonzero(part)
        if len(steps):
            where = f"at step {steps[0]}" if len(steps) == 1 else f"in {len(steps)} steps"
            told.append(f"{word} {where}, at most {short(float(part.max()))}")
    return " and ".join(told) or "none"


def losses() -> Explorer:
    """Explorer 5: one output record, every loss of it, their floors, and the push of each.

    Returns:
        The explorer, with controls for the loss, the current into the right class, when that
        flows, and the current into a rival.
    """
    return Explorer(
        name="losses",
        title="Loss explorer",
        controls=(
            Control("loss", "Loss", tuple(LOSSES), "ce_rate_loss", kind="choice"),
            Control(
                "current", "Current into the right class (threshold units)", CURRENTS, 0.8,
            ),
            Control("when", "It flows in", tuple(WINDOWS), "all 50 steps", kind="choice"),
            Control(
                "rival", "Current into a rival, first half (threshold units)", RIVALS, 0.0,
                page=(0.0, 0.8),
            ),
        ),
        compute=compute,
        draw=draw,
        describe=describe,
        size=(4.5, 6.0),
    )  # fmt: skip
