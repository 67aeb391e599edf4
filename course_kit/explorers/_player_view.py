"""How the spike player is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutorial_lib import plotting as splt
from tutorial_lib.plotting import style

from ._recording import Moment, Recording, tiled

WIDTH = 4.55  # inches; at one pixel per point a phone shows all of it
LEFT, RIGHT = 0.88, 0.74  # inches beside the panels of the time axis
PICTURE, PICTURE_ROW = 1.32, 1.88  # side of a picture, and the height of a row of them
HEAD, FOOT = 0.62, 0.48
PANELS = (1.45, 1.35, 1.35)  # raster, membranes, counts
SPACE = 0.16
MARK = 0.2  # above the raster, for the decision
NAMED = 5  # curves of the counts that are named
NOW = {"marker": "o", "markersize": 3, "markevery": [-1]}  # a dot at the step that is looked at
GREY = "#8c8c8c"  # the curves of the other neurons


def size(recording: Recording) -> tuple[float, float]:
    """Width and height of the figure in inches."""
    rows = _picture_rows(recording)
    time = sum(PANELS) + SPACE * (len(PANELS) - 1) + MARK
    return WIDTH, round(HEAD + rows * PICTURE_ROW + time + FOOT, 2)


def draw(fig: Figure, now: Moment) -> None:
    """Draw a moment of a run on an empty figure of :func:`size`."""
    recording = now.recording
    width, height = size(recording)

    def place(left: float, top: float, wide: float, high: float) -> Axes:
        """Axes at a place in inches, counted from the upper left corner."""
        box = (left / width, 1 - (top + high) / height, wide / width, high / height)
        return fig.add_axes(box, facecolor="white")

    fig.set_facecolor("white")
    lines = ((verdict(recording), "verdict"), (standing(now), "standing"))
    for row, (text, gid) in enumerate(lines):
        fig.text(
            0.12 / width, 1 - (0.1 + 0.24 * row) / height, text, va="top", ha="left", gid=gid,
            color=style.INK, fontsize=style.TICK_SIZE, fontweight="bold" if row == 0 else "normal",
        )  # fmt: skip
    _pictures(place, now)
    top = HEAD + _picture_rows(recording) * PICTURE_ROW + MARK
    axes = []
    for high in PANELS:
        axes.append(place(LEFT, top, width - LEFT - RIGHT, high))
        top += high + SPACE
    _raster(axes[0], now)
    _membranes(axes[1], now)
    _counts(axes[2], now)
    for i, ax in enumerate(axes):
        _time_axis(ax, now, last=ax is axes[-1], gid=f"cursor-{i}")
    if recording.decision >= 0:
        axes[0].annotate(
            "decision", (recording.decision, 1), xycoords=axes[0].get_xaxis_transform(),
            xytext=(0, 3), textcoords="offset points", fontsize=style.NOTE_SIZE, color=style.INK,
            ha="left" if recording.decision < 0.8 * recording.num_steps else "right", va="bottom",
            gid="decision",
        )  # fmt: skip


def standing(now: Moment) -> str:
    """Who leads at this moment, by how many spikes to how many."""
    counts, names = now.counts[-1], now.recording.labels
    said = f"Step {now.step}: "
    if now.leader >= 0:
        rest = np.delete(counts, now.leader)
        rival = int(rest.max()) if rest.size else 0
        return f"{said}{names[now.leader]} leads by {counts[now.leader]} to {rival} spikes"
    if not counts.any():
        return f"{said}no output neuron has fired yet"
    tied = [names[c] for c in np.flatnonzero(counts == counts.max())]
    return f"{said}{' and '.join(tied)} are level at {counts.max()}"


def verdict(recording: Recording) -> str:
    """What the whole run comes to, and when that was settled."""
    names = recording.labels
    truth = "" if recording.target is None else f"A {names[recording.target]}. "
    if recording.prediction < 0:
        why = "level counts" if recording.spikes.any() else "silence"
        return f"{truth}No decision: {why}"
    mark = "" if recording.target is None else ", wrong"
    if recording.prediction == recording.target:
        mark = ", right"
    name = names[recording.prediction]
    return f"{truth}Answer {name}{mark}, decided at step {recording.decision}"


def look(recording: Recording, neuron: int) -> dict[str, Any]:
    """Color, line and weight of an output neuron: the first two of the ranking stand out."""
    rank = recording.ranking.index(neuron)
    if rank < 2:
        return style.curve(rank) | {"marker": "none", "linewidth": 2.0, "zorder": 3 + 0.1 * rank}
    return {"color": GREY, "linestyle": "-", "linewidth": 0.9, "zorder": 2}


def _picture_rows(recording: Recording) -> int:
    return -(-(1 + len(recording.layers)) // 3)


def _pictures(place: Any, now: Moment) -> None:
    pictures = [("Input", now.recording.image, "same at each step", "input")]
    for i, (layer, maps) in enumerate(zip(now.recording.layers, now.maps, strict=True)):
        below = f"{int(maps.sum()):,} of {layer.neurons:,} fire"
        pictures.append((layer.title, maps, below, f"layer-{i}"))
    for i, (title, values, below, gid) in enumerate(pictures):
        left, top = 0.12 + (PICTURE + 0.18) * (i % 3), HEAD + 0.22 + PICTURE_ROW * (i // 3)
        ax = place(left, top, PICTURE, PICTURE)
        picture = np.ma.masked_invalid(tiled(values))
        high = 1.0 if gid != "input" else max(float(picture.max()), 1.0)
        ax.imshow(
            picture, cmap="gray" if gid == "input" else style.CMAP, gid=gid, vmax=high,
            vmin=min(float(picture.min()), 0.0) if gid == "input" else 0, interpolation="none",
        )  # fmt: skip
        ax.set_anchor("N")
        ax.set_axis_off()
        ax.set_title(title, fontsize=style.NOTE_SIZE, color=style.INK, pad=4, loc="left")
        ax.text(
            0, -0.03, below, transform=ax.transAxes, va="top", color=style.INK,
            fontsize=style.NOTE_SIZE, gid=f"{gid}-count",
        )  # fmt: skip


def _raster(ax: Axes, now: Moment) -> None:
    names = now.recording.labels
    colors = [look(now.recording, neuron)["color"] for neuron in range(len(names))]
    colors = [style.INK if color == GREY else color for color in colors]
    rows = np.nonzero(now.spikes)[1]
    so_far = np.zeros_like(now.recording.spikes)
    so_far[: now.step + 1] = now.spikes
    marks = splt.raster(so_far, ax, color=[colors[row] for row in rows] or style.INK)
    marks.set_gid("raster")
    for text in list(ax.texts):  # "no spikes": the line above says so
        text.remove()
    if len(names) <= 12:
        ax.set_yticks(range(len(names)), names)
    ax.set_ylabel("Output\nneuron", fontsize=style.LABEL_SIZE, color=style.INK)


def _membranes(ax: Axes, now: Moment) -> None:
    recording = now.recording
    for neuron in range(len(recording.labels)):
        ax.plot(
            now.membranes[:, neuron], gid=f"membrane-{neuron}", label=f"_{neuron}",
            **look(recording, neuron) | NOW,
        )  # fmt: skip
    first_two = recording.membranes[:, list(recording.ranking[:2])]
    low, high = float(first_two.min()), float(recording.membranes.max())
    if recording.threshold is not None:
        style.level(ax, recording.threshold, "threshold")
        low, high = min(low, recording.threshold), max(high, recording.threshold)
        style.note(
            ax, 1.01, recording.threshold, "threshold", transform=ax.get_yaxis_transform(),
            ha="left", va="center", color=style.MUTED,
        )  # fmt: skip
    pad = 0.06 * (high - low) or 0.5
    low -= 3 * pad  # room for the note
    if recording.membranes.min() < low:
        style.note(
            ax, 0.99, 0.03, "some lie lower", transform=ax.transAxes, ha="right", va="bottom"
        )
    ax.set_ylim(low, high + pad)
    unit = "thresholds" if recording.threshold == 1 else "arbitrary units"
    ax.set_ylabel(f"Membrane\n({unit})", fontsize=style.LABEL_SIZE, color=style.INK)


def _counts(ax: Axes, now: Moment) -> None:
    recording = now.recording
    steps, classes = recording.spikes.shape
    for neuron in range(classes):
        ax.plot(
            now.counts[:, neuron], gid=f"count-{neuron}", label=f"_{neuron}",
            **look(recording, neuron) | NOW,
        )  # fmt: skip
    ax.plot([0, steps - 1], [1, steps], color=style.INK, linestyle=":", linewidth=1.2, zorder=5)
    style.note(ax, 0.02, 0.97, "dotted: a spike at each step", transform=ax.transAxes, va="top")
    ax.set_ylim(-0.03 * steps, 1.03 * steps + 0.5)
    ax.set_ylabel("Spikes\nso far", fontsize=style.LABEL_SIZE, color=style.INK)
    _ends(ax, recording)


def _ends(ax: Axes, recording: Recording) -> None:
    """Name the curves of the counts at their right ends, none upon another."""
    totals = recording.spikes.sum(0, dtype=np.int64)
    named = [neuron for neuron in recording.ranking if totals[neuron]][:NAMED]
    others = [int(totals[neuron]) for neuron in recording.ranking if neuron not in named]
    low, high = ax.get_ylim()
    least = (high - low) * style.NOTE_SIZE * 1.3 / 72 / PANELS[2]
    heights = [*([min(others)] if others else []), *(int(totals[n]) for n in reversed(named))]
    for i in range(1, len(heights)):  # upwards from the lowest, then down from the top if too high
        heights[i] = max(heights[i], heights[i - 1] + least)
    heights[-1] = min(heights[-1], recording.num_steps)
    for i in reversed(range(len(heights) - 1)):
        heights[i] = min(heights[i], heights[i + 1] - least)
    across = ax.get_yaxis_transform()
    if others:
        y, span = heights.pop(0), f"{min(others)} to {max(others)}"
        span = span if min(others) < max(others) else f"{min(others)}"
        text = f"{len(others)} other{'s' if len(others) > 1 else ''}: {span}"
        style.note(ax, 1.02, y, text, transform=across, va="center", color=style.MUTED)
    for neuron, y in zip(reversed(named), heights, strict=True):
        line = look(recording, neuron)
        ax.plot([1.02, 1.09], [y, y], transform=across, clip_on=False, gid="key", **line)
        style.note(
            ax, 1.11, y, f"{recording.labels[neuron]}: {totals[neuron]}", transform=across,
            va="center", fontweight="bold" if neuron == recording.prediction else "normal",
        )  # fmt: skip


def _time_axis(ax: Axes, now: Moment, *, last: bool, gid: str) -> None:
    recording = now.recording
    ax.axvspan(
        now.step - 0.5, now.step + 0.5, facecolor=style.PALE, edgecolor=style.INK, linewidth=0.7,
        zorder=0.5, gid=gid,
    )  # fmt: skip
    if recording.decision >= 0:
        ax.axvline(
            recording.decision, color=style.GREEN, linewidth=1.6, zorder=1.2,
        )  # fmt: skip
    ax.set_xlim(-0.5, recording.num_steps - 0.5)
    style.whole_numbers(ax.xaxis)
    style.dress(ax)
    ax.tick_params(colors=style.INK, labelbottom=last)
    for spine in ax.spines.values():
        spine.set_color(style.INK)
    ax.xaxis.label.set_color(style.INK)
    ax.set_xlabel(style.TIME if last else "", fontsize=style.LABEL_SIZE, color=style.INK)
    ax.yaxis.set_label_coords(-0.46 / (WIDTH - LEFT - RIGHT), 0.5)
    ax.yaxis.label.set(multialignment="center")
