"""Membrane potentials over time, with their spikes as a row of strokes at the top."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

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
    spikes = _spikes(None if spk is None else _single("spk", spk), "mem", membrane)
    limit = None if threshold is None else inputs.number("threshold", threshold)
    _height(spk_height)
    if label is not None and not isinstance(label, str):
        raise TypeError(f"label must be a name for the legend or None, got {label!r}.")
    ax = inputs.canvas(None, ax, 7, 3, shown=True)
    _draw(ax, membrane, spikes, limit, label, spk_height, kwargs, notes=_row(spikes))
    style.dress(ax, style.TIME, _unit(limit))
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
    if spk is not None:
        spk = inputs.record("spk", spk, "[T, N]", "pick one sample, spk_rec[:, 0]")
    spikes = _spikes(spk, "data", values)
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
    for ax in axes[-columns:]:
        ax.tick_params(labelbottom=True)
    for ax in grid.ravel()[count:]:
        ax.remove()
    look = {"fontsize": style.LABEL_SIZE, "color": style.INK}
    axes[0].figure.supxlabel(style.TIME, **look)
    axes[0].figure.supylabel(_unit(limit), multialignment="center", **look)
    return axes


def _unit(threshold: float | None) -> str:
    return style.MEMBRANE if threshold in (None, 1) else style.MEMBRANE_PLAIN


def _single(name: str, data: Any) -> np.ndarray:
    values = inputs.array(name, data)
    if values.ndim == 0 or values.size == 0 or values.size != len(values):
        picks = ", ".join([":", *["0"] * (values.ndim - 1)])
        remedy = f"pick one neuron, {name}_rec[{picks}]" if values.size else "it holds no time step"
        if values.ndim == 0:
            remedy = "record every time step and join them with torch.stack(steps)"
        shape = inputs.shape_of(values)
        raise ValueError(f"{name} must have the shape [T], got {shape}: {remedy}.")
    return values.ravel()


def _spikes(spk: np.ndarray | None, name: str, mem: np.ndarray) -> np.ndarray | None:
    if spk is not None and inputs.binary("spk", spk).shape != mem.shape:
        raise ValueError(
            f"spk must have the shape of {name}, {list(mem.shape)}, got {list(spk.shape)}: record "
            "both at every time step."
        )
    return spk


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
    options = {**style.curve(len(_with_gid(ax.lines, "trace"))), **kwargs}
    if len(mem) > 40 and "marker" not in kwargs:
        options["marker"] = "none"
    (line,) = ax.plot(np.arange(len(mem)), mem, label=label, gid="trace", **options)
    x, side = (1.01, "left") if _free_at_the_right(ax) else (0.99, "right")
    known = [line.get_ydata()[0] for line in _with_gid(ax.lines, "threshold")]
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
    if labeled := _labeled(ax):  # inside, up to four in a row
        ax.legend(
            handles=labeled, loc="upper left", ncols=min(len(labeled), 4), frameon=False,
            borderaxespad=0, fontsize=style.NOTE_SIZE, labelcolor=style.INK,
        )  # fmt: skip
    top = 0.98 - _legend_share(ax)
    for i, strokes in enumerate(_with_gid(ax.collections, "spikes")):
        times = [segment[0, 0] for segment in strokes.get_segments()]
        high = top - i * row
        strokes.set_segments([[(t, high - spk_height), (t, high)] for t in times])
    for i, text in enumerate(_with_gid(ax.texts, "spikes")):
        text.set_y(top - i * row - spk_height / 2)

    family = ax.get_shared_y_axes().get_siblings(ax)
    drawn = [_with_gid(member.lines, gid) for member in family for gid in ("trace", "threshold")]
    values = [line.get_ydata() for lines in drawn for line in lines]
    low, high = min(map(min, values)), max(map(max, values))
    pad = 0.06 * (high - low) or 0.5
    rows = {member: len(_with_gid(member.collections, "spikes")) for member in family}
    free = min(1 - _legend_share(member) - rows[member] * row for member in family)
    share = 1.0 if free == 1 else max(free - 0.02, 0.2)
    ax.set_ylim(low - pad, low - pad + (high - low + 2 * pad) / share)
    beside = ax.get_shared_x_axes().get_siblings(ax)
    curves = [line for member in beside for line in _with_gid(member.lines, "trace")]
    steps = max(len(line.get_xdata()) for line in curves)
    ax.set_xlim(-0.5, steps - 0.5)


def _free_at_the_right(ax: Axes) -> bool:
    """Say whether text may stand right of ``ax``: no neighbor there, or a layout makes room."""
    place = ax.get_subplotspec()
    managed = style.root_figure(ax).get_layout_engine() is not None
    return managed or place is None or place.is_last_col()


def _with_gid(artists: Iterable[Artist], gid: str) -> list[Artist]:
    return [artist for artist in artists if artist.get_gid() == gid]


def _legend_share(ax: Axes) -> float:
    """Return the share of the height that the legend takes."""
    rows = math.ceil(len(_labeled(ax)) / 4)
    points = ax.bbox.height * 72 / style.root_figure(ax).dpi
    return min(1.9 * style.NOTE_SIZE * rows / points, 0.4)


def _labeled(ax: Axes) -> list[Artist]:
    curves = _with_gid(ax.lines, "trace")
    return [curve for curve in curves if not str(curve.get_label()).startswith("_")]
