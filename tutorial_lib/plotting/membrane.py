"""Membrane potentials over time, with their spikes as a row of strokes at the top."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from .. import _checks
from . import inputs, style

MAX_PANELS = 64


def trace(
    mem: Any,
    spk: Any = None,
    threshold: Any = None,
    ax: Axes | None = None,
    label: str | None = None,
    *,
    spk_height: float = 0.07,
    **kwargs: Any,
) -> Axes:
    """Draw the membrane potential of one neuron over time.

    Called again on the same axes, it adds a curve in the next style, and its spikes in a row of
    their own. Curves with a ``label`` get a legend.

    Args:
        mem: membrane potential of shape ``[T]``; trailing axes of size 1 are dropped.
        spk: its spikes, 0 or 1, of the same shape: drawn as strokes in a row at the top.
        threshold: firing threshold in units of ``mem``: a dashed, labeled line.
        ax: axes to draw on; a new figure if None.
        label: name of the curve in the legend.
        spk_height: length of the strokes, as a share of the panel's height.
        **kwargs: passed to ``ax.plot``.

    Returns:
        The axes. Artists carry the gid ``trace``, ``spikes`` or ``threshold``.

    Raises:
        ValueError: for another shape, unequal lengths, NaN, spikes other than 0 and 1, or a
            ``spk_height`` outside (0, 0.3].
        TypeError: for anything that holds no numbers.
    """
    membrane = _single("mem", mem)
    spikes = None if spk is None else inputs.binary("spk", _single("spk", spk))
    if spikes is not None and spikes.shape != membrane.shape:
        raise ValueError(
            f"spk must have the shape of mem, {list(membrane.shape)}, got {list(spikes.shape)}: "
            "record both at every time step."
        )
    limit = None if threshold is None else inputs.number("threshold", threshold)
    _height(spk_height)
    inputs.axes_or_none("ax", ax)
    if label is not None and not isinstance(label, str):
        raise TypeError(f"label must be a name for the legend or None, got {label!r}.")
    if ax is None:
        ax = style.own_axes(7, 3)[0, 0]
    _draw(ax, membrane, spikes, limit, label, spk_height, kwargs, notes=_row(spikes))
    style.dress(ax, style.TIME, style.MEMBRANE if limit in (None, 1) else style.MEMBRANE_PLAIN)
    style.whole_numbers(ax.xaxis)
    return ax


def traces(
    data: Any,
    spk: Any = None,
    dim: tuple[int, int] | None = None,
    spk_height: float = 0.07,
    titles: Sequence[str] | None = None,
    threshold: Any = None,
    fig: Figure | SubFigure | None = None,
) -> np.ndarray:
    """Draw the membrane potentials of several neurons, one small panel each, on shared axes.

    Args:
        data: membrane potentials of shape ``[T, N]``, N at most 64.
        spk: their spikes, 0 or 1, of the same shape: strokes in a row at the top of each panel.
        dim: rows and columns of the grid; nearly square if None. Spare panels are left out.
        spk_height: length of the strokes, as a share of the panel's height (snnTorch: in units of
            ``data``).
        titles: one title per neuron; "neuron 0" and so on if None.
        threshold: firing threshold in units of ``data``: a dashed line in each panel.
        fig: empty figure to draw in; a new one if None.

    Returns:
        The N axes, a flat array.

    Raises:
        ValueError: for another shape, too small a grid, a wrong number of titles, NaN, or spikes
            other than 0 and 1.
        TypeError: for anything that holds no numbers.
    """
    values = inputs.record("data", data, "[T, N]", "pick one sample, mem_rec[:, 0]")
    count = values.shape[1]
    spikes = None
    if spk is not None:
        spikes = inputs.binary(
            "spk", inputs.record("spk", spk, "[T, N]", "pick one sample, spk_rec[:, 0]")
        )
        if spikes.shape != values.shape:
            raise ValueError(
                f"spk must have the shape of data, {list(values.shape)}, got {list(spikes.shape)}."
            )
    rows, columns = _grid(dim, values.shape)
    titles = inputs.names("titles", titles, values.shape, "neuron ")
    limit = None if threshold is None else inputs.number("threshold", threshold)
    _height(spk_height)
    inputs.hint_time_first("data", values.shape)
    if fig is not None and not isinstance(fig, (Figure, SubFigure)):
        raise TypeError(f"fig must be a matplotlib Figure or None, got {type(fig).__name__}.")
    if fig is not None and fig.axes:
        raise ValueError(f"fig must be empty, got one with {len(fig.axes)} axes: pass a new one.")

    shared = {"sharex": True, "sharey": True}
    if fig is None:
        grid = style.own_axes(max(2.4 * columns, 4), max(1.5 * rows, 2.2), rows, columns, **shared)
    else:
        grid = style.panels(fig, rows, columns, **shared)
    axes = grid.ravel()[:count]
    for i, ax in enumerate(axes):
        _draw(
            ax, values[:, i], None if spikes is None else spikes[:, i], limit, None, spk_height, {},
            notes=_row(spikes) if i == min(columns, count) - 1 else None,
        )  # fmt: skip
        style.dress(ax)
        style.whole_numbers(ax.xaxis, ticks=5)
        ax.set_title(titles[i], fontsize=style.NOTE_SIZE, loc="left", pad=3)
    for i, ax in enumerate(grid.ravel()):
        if i >= count:
            ax.remove()
        elif i + columns >= count:
            ax.tick_params(labelbottom=True)
    figure = axes[0].figure
    figure.supxlabel(style.TIME, fontsize=style.LABEL_SIZE, color=style.INK)
    figure.supylabel(
        style.MEMBRANE if limit in (None, 1) else style.MEMBRANE_PLAIN,
        fontsize=style.LABEL_SIZE,
        color=style.INK,
        multialignment="center",
    )
    return axes


def _single(name: str, data: Any) -> np.ndarray:
    values = inputs.array(name, data)
    if values.ndim == 0 or values.size == 0 or values.size != len(values):
        picks = ", ".join([":", *["0"] * max(values.ndim - 1, 0)])
        remedy = f"pick one neuron, {name}_rec[{picks}]" if values.size else "it holds no time step"
        if values.ndim == 0:
            remedy = "record every time step and join them with torch.stack(steps)"
        shape = inputs.shape_of(values)
        raise ValueError(f"{name} must have the shape [T], got {shape}: {remedy}.")
    return values.ravel()


def _height(spk_height: float) -> None:
    if not 0 < _checks.finite("spk_height", spk_height) <= 0.3:
        raise ValueError(
            "spk_height is a share of the panel's height, above 0 and up to 0.3, got "
            f"{spk_height!r}. snnTorch's is in units of the data: leave it out."
        )


def _grid(dim: tuple[int, int] | None, shape: tuple[int, ...]) -> tuple[int, int]:
    count = shape[1]
    if count > MAX_PANELS:
        raise ValueError(
            f"data must hold at most {MAX_PANELS} neurons, one panel each, got {count} in the "
            f"shape {list(shape)}: pick some, mem_rec[:, 0, :9]."
        )
    if dim is None:
        columns = math.ceil(math.sqrt(count))
        return math.ceil(count / columns), columns
    try:
        rows, columns = dim
        rows, columns = operator.index(rows), operator.index(columns)
    except (TypeError, ValueError):
        raise TypeError(
            f"dim must be two integers, the rows and columns of the grid, got {dim!r}. "
            "dim=(2, 3) has room for 6 neurons; leave it out for a grid that fits."
        ) from None
    if rows * columns > 2 * MAX_PANELS:
        raise ValueError(f"dim must make at most {2 * MAX_PANELS} panels, got {dim}.")
    if min(rows, columns) < 1 or rows * columns < count:
        raise ValueError(
            f"dim must have room for the {count} neurons of data of shape {list(shape)}, got "
            f"{dim}: make the grid larger or pass data[:, :{max(rows * columns, 1)}]."
        )
    return rows, columns


def _row(spk: np.ndarray | None) -> str:
    """Name the row of spikes, of one panel or of all."""
    return "spikes" if spk is None or spk.any() else "no spikes"


def _draw(
    ax: Axes,
    mem: np.ndarray,
    spk: np.ndarray | None,
    threshold: float | None,
    label: str | None,
    spk_height: float,
    kwargs: dict[str, Any],
    *,
    notes: str | None,
) -> None:
    """Add a curve, its threshold and its row of spikes; ``notes`` names this row, at the right."""
    options = {**style.curve(len(_lines(ax, "trace"))), **kwargs}
    if len(mem) > 40 and "marker" not in kwargs:
        options["marker"] = "none"
    (line,) = ax.plot(np.arange(len(mem)), mem, label=label, gid="trace", **options)
    x, side = (1.01, "left") if _free_at_the_right(ax) else (0.99, "right")
    known = [t.get_ydata()[0] for t in _lines(ax, "threshold")]
    if threshold is not None and threshold not in known:
        style.level(ax, threshold, "threshold")
        if notes:
            across = ax.get_yaxis_transform()
            style.note(ax, x, threshold, "threshold", transform=across, ha=side, va="center")
    if spk is not None:
        ax.vlines(
            np.flatnonzero(spk), 0, spk_height, colors=line.get_color(), linewidth=1.8,
            transform=ax.get_xaxis_transform(), gid="spikes",
        )  # fmt: skip
        if notes:
            style.note(ax, x, 0, notes, transform=ax.transAxes, ha=side, va="center", gid="spikes")
    _arrange(ax, spk_height)


def _arrange(ax: Axes, spk_height: float) -> None:
    """Share out the height, from the top: legend, rows of spikes, curves. Nothing overlaps."""
    row = spk_height + 0.02
    _legend(ax)
    top = 0.98 - _legend_share(ax)
    for i, strokes in enumerate(_rows(ax)):
        times = [segment[0, 0] for segment in strokes.get_segments()]
        high = top - i * row
        strokes.set_segments([[(t, high - spk_height), (t, high)] for t in times])
    for i, text in enumerate(t for t in ax.texts if t.get_gid() == "spikes"):
        text.set_y(top - i * row - spk_height / 2)

    family = ax.get_shared_y_axes().get_siblings(ax)
    curves = [line for member in family for line in _lines(member, "trace")]
    levels = [line for member in family for line in _lines(member, "threshold")]
    low = min(min(line.get_ydata()) for line in curves + levels)
    high = max(max(line.get_ydata()) for line in curves + levels)
    pad = 0.06 * (high - low) or 0.5
    free = min(1 - _legend_share(member) - len(_rows(member)) * row for member in family)
    share = 1.0 if free == 1 else max(free - 0.02, 0.2)
    ax.set_ylim(low - pad, low - pad + (high - low + 2 * pad) / share)
    beside = ax.get_shared_x_axes().get_siblings(ax)
    steps = max(len(line.get_xdata()) for member in beside for line in _lines(member, "trace"))
    ax.set_xlim(-0.5, steps - 0.5)


def _free_at_the_right(ax: Axes) -> bool:
    """Say whether text may stand right of ``ax``: no neighbor there, or a layout makes room."""
    place = ax.get_subplotspec()
    managed = style.root_figure(ax).get_layout_engine() is not None
    return managed or place is None or place.is_last_col()


def _lines(ax: Axes, gid: str) -> list[Line2D]:
    return [line for line in ax.lines if line.get_gid() == gid]


def _rows(ax: Axes) -> list[LineCollection]:
    return [item for item in ax.collections if item.get_gid() == "spikes"]


def _legend(ax: Axes) -> None:
    """Draw the legend of the labeled curves inside, at the top, up to four in a row."""
    labeled = _labeled(ax)
    if labeled:
        ax.legend(
            handles=labeled, loc="upper left", ncols=min(len(labeled), 4), frameon=False,
            borderaxespad=0, fontsize=style.NOTE_SIZE, labelcolor=style.INK,
        )  # fmt: skip


def _legend_share(ax: Axes) -> float:
    """Return the share of the height that the legend takes."""
    rows = math.ceil(len(_labeled(ax)) / 4)
    points = ax.bbox.height * 72 / style.root_figure(ax).dpi
    return min(1.9 * style.NOTE_SIZE * rows / points, 0.4)


def _labeled(ax: Axes) -> list[Line2D]:
    return [line for line in _lines(ax, "trace") if not str(line.get_label()).startswith("_")]
