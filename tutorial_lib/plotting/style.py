"""One look for all figures: colors, line styles and text sizes, set artist by artist.

The colors are those of Okabe and Ito (2008), "Color Universal Design", without their yellow, which
is too pale for lines on white. Color is never the only cue: each curve has its own line style and
marker as well. Figures made here are white, so that they stay legible on a dark page.
"""

from __future__ import annotations

from typing import Any

import matplotlib.patheffects as effects
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

INK = "#222222"
MUTED = "#5f5f5f"
PALE = "#d9d9d9"
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY = "#E69F00", "#56B4E9"
CURVES = (BLUE, VERMILION, GREEN, PURPLE, "#000000", ORANGE, SKY, "#777777")
CMAP = "cividis"
RIM = effects.withStroke(linewidth=3, foreground="white")

LABEL_SIZE, TICK_SIZE, NOTE_SIZE = 11, 10, 9

TIME = "Time step"
MEMBRANE = "Membrane potential\n(threshold units)"
MEMBRANE_PLAIN = "Membrane potential\n(arbitrary units)"

_LINES: tuple[Any, ...] = (
    "-", (0, (6, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (9, 2)), (0, (3, 1.5)),
    (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (2, 2, 8, 2)),
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def curve(index: int) -> dict[str, Any]:
    """Return color, line style and marker of the curve with this index.

    Color and line style repeat after 8 curves, the marker after 7: 56 curves differ.
    """
    return {
        "color": CURVES[index % len(CURVES)],
        "linestyle": _LINES[index % len(_LINES)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markersize": 4,
        "linewidth": 1.6,
    }


def own_axes(
    width: float, height: float, rows: int = 1, columns: int = 1, **kwargs: Any
) -> np.ndarray:
    """Make a white pyplot figure of this size in inches; return its axes, ``[rows, columns]``."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), layout="constrained", facecolor="white")
    return panels(figure, rows, columns, **kwargs)


def unshown_axes(width: float, height: float) -> Axes:
    """Make axes on a figure unknown to pyplot: a notebook does not show it beside its animation."""
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained", facecolor="white")
    return panels(figure, 1, 1)[0, 0]


def panels(figure: Figure | SubFigure, rows: int, columns: int, **kwargs: Any) -> np.ndarray:
    """Add a grid of axes with dark text to ``figure``, whatever style the session has set."""
    grid = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for ax in grid.flat:
        darken(ax)
    return grid


def darken(ax: Axes) -> None:
    """Give ``ax`` dark text and a dark frame on white ground."""
    ax.set_facecolor("white")
    ax.tick_params(colors=INK)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(INK)
    ax.spines[:].set_color(INK)


def dress(ax: Axes, xlabel: str = "", ylabel: str = "") -> None:
    """Set sizes, white ground and open frame; label an axis only if it has no label yet."""
    ax.set_facecolor("white")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=TICK_SIZE)
    if xlabel and not ax.get_xlabel():
        ax.set_xlabel(xlabel, fontsize=LABEL_SIZE)
    if ylabel and not ax.get_ylabel():
        ax.set_ylabel(ylabel, fontsize=LABEL_SIZE)


def whole_numbers(*axes: Axis, ticks: int | None = None) -> None:
    """Put the ticks of these axes on round whole numbers, at most ``ticks`` intervals."""
    for axis in axes:
        axis.set_major_locator(
            MaxNLocator(ticks or "auto", integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)
        )


def note(ax: Axes, x: float, y: float, text: str, **kwargs: Any) -> Text:
    """Write small text that stays legible over lines: it has a white rim."""
    options: dict[str, Any] = {"color": INK, "fontsize": NOTE_SIZE, **kwargs}
    return ax.text(x, y, text, path_effects=[RIM], **options)


def level(ax: Axes, value: float, gid: str) -> None:
    """Draw a dashed line across ``ax`` at height ``value``."""
    ax.axhline(value, color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2, zorder=1.5, gid=gid)


def root_figure(ax: Axes) -> Figure:
    """Return the figure that holds ``ax``, also when subfigures stand between."""
    figure = ax.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise ValueError("The axes belong to no figure any more: they were removed from it.")
    return figure
