"""Reads back from the artists of a figure what it plots. No words here.

Only what lies inside the limits of the axes is read: what a reader who sees the figure sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import Collection, LineCollection, PathCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FuncFormatter

from .facts import Band, Bars, Cloud, Curve, Fact, Level, Panel, Picture, Position, Raster, Strokes

FEW_BARS = 6  # this many bars above 0, or fewer, are read out one by one


def panels(figure: Any) -> list[Panel]:
    """Return the visible panels of a figure; a color bar's label goes to the panels with images."""
    bars = [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]
    color = next((bar.get_ylabel() or bar.get_xlabel() for bar in bars), "")
    shown = [ax for ax in figure.axes if ax.get_visible() and ax not in bars]
    names = _grid_names(shown)
    return [_panel(ax, names.get(ax, ""), color) for ax in shown if ax.axison or ax.has_data()]


def _title(ax: Axes) -> str:
    return ax.get_title() or ax.get_title(loc="left") or ax.get_title(loc="right")


def _grid_names(axes: list[Axes]) -> dict[Axes, str]:
    """Return names for a grid whose columns have titles and whose rows have labels."""
    places = {ax: ax.get_subplotspec() for ax in axes}
    if None in places.values():
        return {}
    rows = {ax: spec.rowspan.start for ax, spec in places.items()}
    columns = {ax: spec.colspan.start for ax, spec in places.items()}
    titles = {columns[ax]: _title(ax) for ax in axes if rows[ax] == 0}
    labels = {rows[ax]: ax.get_ylabel() for ax in axes if columns[ax] == 0}
    below = [_title(ax) for ax in axes if rows[ax] > 0]
    named = all(titles.values()) and all(labels.values()) and not any(below)
    if not named or min(len(titles), len(set(labels.values()))) < 2 or len(axes) < 4:
        return {}
    return {ax: f"{titles[columns[ax]]}, {labels[rows[ax]]}" for ax in axes}


def _panel(ax: Axes, name: str, color: str) -> Panel:
    pictures = list(_pictures(ax))
    facts = [*_bars(ax), *_collections(ax), *pictures, *_lines(ax), *_bands(ax)]
    return Panel(
        name or _title(ax), _label(ax, "x"), _label(ax, "y"), color if pictures else "", facts
    )


def _label(ax: Axes, which: str) -> str:
    """Return an axis' label; else that of the figure, or of the axes that it shares it with."""
    axis: Axis = getattr(ax, f"{which}axis")
    figure = ax.get_figure(root=False)
    shared = ax.get_shared_x_axes() if which == "x" else ax.get_shared_y_axes()
    family = [getattr(other, f"{which}axis") for other in shared.get_siblings(ax)]
    words = [axis.get_label_text(), getattr(figure, f"get_sup{which}label")()]
    words += [other.get_label_text() for other in family]
    word = next((word for word in words if word), "") if ax.axison else ""
    scale = getattr(ax, f"get_{which}scale")()
    return f"{word}, logarithmic" if word and scale in ("log", "symlog") else word


def _named(axis: Axis) -> dict[float, str]:
    """Return the ticks whose labels are words: position and word."""
    formatter = axis.get_major_formatter()
    if not isinstance(formatter, (FixedFormatter, FuncFormatter, StrCategoryFormatter)):
        return {}
    places = axis.get_majorticklocs()
    words = formatter.format_ticks(list(places))
    return {float(p): w for p, w in zip(places, words, strict=False) if w}


def _place(value: float, names: dict[float, str]) -> Position:
    return names.get(float(value), float(value))


def _name(artist: Any) -> str:
    label, gid = str(artist.get_label()), str(getattr(artist, "get_gid", str)() or "")
    if label and not label.startswith("_"):
        return label
    return "" if gid in ("trace", "spikes", "raster") else gid


def _inside(ax: Axes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Say which points lie within the limits of the axes, with room for rounding."""
    kept = np.isfinite(x) & np.isfinite(y)
    for values, limits in ((x, ax.get_xlim()), (y, ax.get_ylim())):
        low, high = min(limits), max(limits)
        room = 1e-6 * (high - low)
        kept &= (values >= low - room) & (values <= high + room)
    return kept


def _lines(ax: Axes) -> Iterator[Fact]:
    for line in ax.lines:
        if not line.get_visible() or line.get_gid() == "decoration":
            continue
        across = _level(ax, line)
        if across is not None:
            yield across
            continue
        if line.get_transform() != ax.transData:
            continue
        x, y = (np.ma.filled(np.ma.asarray(v, float), np.nan) for v in line.get_data(orig=False))
        kept = _inside(ax, x, y)
        if kept.any():
            x, y = x[kept], y[kept]  # copies
            if ax.get_xscale() == "linear":  # torch.linspace(-1, 1, 401) passes zero by a hair
                x[np.abs(x) < 1e-6 * np.abs(x).max()] = 0
            yield _curve(ax, line, x, y)


def _level(ax: Axes, line: Line2D) -> Level | None:
    if line.get_transform() == ax.get_yaxis_transform(which="grid"):
        return Level(_name(line), float(line.get_ydata()[0]), upright=False)
    if line.get_transform() == ax.get_xaxis_transform(which="grid"):
        return Level(_name(line), float(line.get_xdata()[0]), upright=True)
    return None


def _bands(ax: Axes) -> Iterator[Band]:
    for patch in ax.patches:
        if not isinstance(patch, Rectangle) or not patch.get_visible():
            continue
        if patch.get_gid() == "decoration":
            continue
        if patch.get_data_transform() == ax.get_xaxis_transform(which="grid"):
            yield Band(_name(patch), patch.get_x(), patch.get_x() + patch.get_width())
        elif patch.get_data_transform() == ax.get_yaxis_transform(which="grid"):
            yield Band(_name(patch), patch.get_y(), patch.get_y() + patch.get_height())


def _curve(ax: Axes, line: Line2D, x: np.ndarray, y: np.ndarray) -> Curve:
    names = _named(ax.xaxis)
    if _named(ax.yaxis) and not names:  # the rows have names, so the values stand on the x axis
        x, y, names = y, x, _named(ax.yaxis)
    top, bottom = int(y.argmax()), int(y.argmin())
    ends, peak, low = (y[0], y[-1]), float(y[top]), float(y[bottom])
    return Curve(
        name=_name(line), points=len(y),
        joined=line.get_linestyle().lower() not in ("none", " ", "") and len(y) > 1,
        first=float(y[0]), last=float(y[-1]),
        high=(peak, _place(x[top], names)), low=(low, _place(x[bottom], names)),
        inside=(peak > max(ends), low < min(ends)),
        span=None if names else (float(x.min()), float(x.max())),
    )  # fmt: skip


def _collections(ax: Axes) -> Iterator[Fact]:
    for item in ax.collections:
        if not item.get_visible():
            continue
        if isinstance(item, LineCollection):
            if item.get_gid() == "spikes":
                yield _strokes(item)
        elif isinstance(item, PathCollection):
            points = np.ma.filled(np.ma.asarray(item.get_offsets(), float), np.nan)
            points = points[_inside(ax, *points.T)]
            if item.get_gid() == "raster":
                yield _raster(ax, _name(item), points)
            elif len(points):
                (x0, y0), (x1, y1) = points.min(0), points.max(0)
                spans = (float(x0), float(x1)), (float(y0), float(y1))
                yield Cloud(_name(item), len(points), *spans)


def _strokes(item: LineCollection) -> Strokes:
    times = sorted(float(segment[0, 0]) for segment in item.get_segments())
    ends = (times[0], times[-1]) if times else (None, None)
    return Strokes(_name(item), len(times), *ends)


def _raster(ax: Axes, name: str, points: np.ndarray) -> Raster:
    size = [round(abs(high - low)) for low, high in (ax.get_ylim(), ax.get_xlim())]
    if not len(points):
        return Raster(name, 0, *size)
    row = _short(_label(ax, "y"), "neuron")
    names = _named(ax.yaxis)
    rows, counts = np.unique(points[:, 1], return_counts=True)
    time, first = min(points.tolist())
    busiest = int(counts.argmax())
    return Raster(
        name, len(points), *size, row, len(rows), first=(time, _place(first, names)),
        most=(int(counts[busiest]), _place(rows[busiest], names)),
    )  # fmt: skip


def _bars(ax: Axes) -> Iterator[Bars]:
    for group in ax.containers:
        if not isinstance(group, BarContainer) or not group.patches:
            continue
        level = group.orientation == "horizontal"
        axis = ax.yaxis if level else ax.xaxis
        names = _named(axis)
        if level:
            values = np.array([bar.get_width() for bar in group.patches])
            middles = [bar.get_y() + bar.get_height() / 2 for bar in group.patches]
        else:
            values = np.array([bar.get_height() for bar in group.patches])
            middles = [bar.get_x() + bar.get_width() / 2 for bar in group.patches]
        order = sorted(range(len(values)), key=lambda i: (-values[i], i))
        row = _short(_label(ax, "y" if level else "x"), "")
        bars = [(float(values[i]), _bar(round(middles[i], 9), names, row)) for i in order]
        rest = tuple(bar for bar in bars[1:] if bar[0] > 0)
        few = rest if len(rest) < FEW_BARS else ()
        yield Bars(_name(group), len(values), bars[0], few, int((values == 0).sum()))


def _bar(middle: float, names: dict[float, str], row: str) -> Position:
    """Return what stands below a bar: class 3 where the axis is named so, else its label."""
    place = _place(middle, names)
    return f"{row} {place}".strip() if re.fullmatch(r"\d+", str(place)) else place


def _pictures(ax: Axes) -> Iterator[Picture]:
    meshes: list[Collection] = [item for item in ax.collections if isinstance(item, QuadMesh)]
    for image in [*ax.images, *meshes]:
        data = image.get_array()
        if not isinstance(image, (AxesImage, QuadMesh)) or data is None or data.ndim != 2:
            continue
        values = np.ma.masked_invalid(np.ma.asarray(data, float))
        if not values.count():
            continue
        row, column = np.unravel_index(int(np.ma.filled(values, -np.inf).argmax()), values.shape)
        counts = values.count() < values.size and bool((values == values.round()).all())
        yield Picture(
            _name(image), *values.shape, float(values.min()), float(values.max()),
            (_short(_label(ax, "y"), "row"), _place(row, _named(ax.yaxis)),
             _short(_label(ax, "x"), "column"), _place(column, _named(ax.xaxis))),
            int((values > 0).sum()), float(values.sum()) if counts else None,
        )  # fmt: skip


def _short(label: str, otherwise: str) -> str:
    """Return the label of an axis if it can stand before a number: class 3, not Rate (1/s) 3."""
    return label.lower() if re.fullmatch(r"[A-Za-z]+( [A-Za-z]+)?", label) else otherwise
