"""Descriptions of figures, computed from the artists drawn, for readers who cannot see them."""

from __future__ import annotations

from matplotlib.figure import Figure


def describe(fig: Figure) -> str:
    """Return what ``fig`` plots, in words: labels of its axes, panel by panel.

    Raises:
        TypeError: if ``fig`` is no Figure. ValueError: if it has no axes.
    """
    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure, got {type(fig).__name__}.")
    if not fig.axes:
        raise ValueError("The figure has no axes: draw something first.")
    return " ".join(
        f"{ax.get_title(loc='center') or ax.get_title(loc='left')} {ax.get_ylabel()} against "
        f"{ax.get_xlabel()}.".replace("\n", " ").strip()
        for ax in fig.axes
    )
