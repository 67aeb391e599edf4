"""Figures that only the notebooks draw. What others can use is in tutorial_lib.plotting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tutorial_lib import plotting as splt
from tutorial_lib.plotting import style

__all__ = ["lines", "loss_curve", "rasters", "seeds", "shares"]


def lines(
    curves: Mapping[str, Any],
    xlabel: str,
    ylabel: str,
    *,
    x: Any = None,
    level: tuple[str, float] | None = None,
    log: bool = False,
) -> Axes:
    """Draws curves with a legend above them.

    Args:
        curves: from names to values ``[N]``, at most one per style of line.
        xlabel, ylabel: what the axes show, with units.
        x: places ``[N]`` of the values; 0, 1, ... if None.
        level: name and height of a dashed line across.
        log: make the vertical axis logarithmic.

    Returns:
        The axes of a new figure.

    Raises:
        ValueError: there is no curve, or more than can be told apart.
    """
    if not 0 < len(curves) <= len(style.CURVES):
        raise ValueError(f"{len(curves)} curves; expected 1 to {len(style.CURVES)} in one figure.")
    ax = style.own_axes(6.5, 3.2)[0, 0]
    for index, (name, values) in enumerate(curves.items()):
        heights = np.asarray(values, dtype=float)
        places = np.arange(len(heights)) if x is None else np.asarray(x, dtype=float)
        every = max(1, len(heights) // 10)
        ax.plot(places, heights, label=name, markevery=every, **style.curve(index))
    if level:
        style.level(ax, level[1], level[0])
        across = ax.get_yaxis_transform()
        style.note(ax, 0.01, level[1], level[0], va="bottom", transform=across)
    if log:
        ax.set_yscale("log")
    style.dress(ax, xlabel, ylabel)
    ax.figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return ax


def loss_curve(weights: Any, losses: Any, slopes: Any = None, hillside: Any = None) -> Axes:
    """Draws a loss against one weight and, if given, slopes as short lines on it.

    Args:
        weights, losses: shape ``[N]``.
        slopes: a gradient at each weight, ``[N]``: every 47th is drawn.
        hillside: a curve with these slopes, ``[N]``.

    Returns:
        The axes of a new figure.
    """
    w, heights = np.asarray(weights, dtype=float), np.asarray(losses, dtype=float)
    ax = style.own_axes(6.5, 3.4)[0, 0]
    look = {"color": style.INK} if slopes is None else {"color": style.MUTED, "linewidth": 1.2}
    ax.plot(w, heights, label="true loss", **look)
    top = heights.max() if hillside is None else np.asarray(hillside, dtype=float).max()
    if slopes is not None:
        leans, scale = np.asarray(slopes, dtype=float), 1.4 * top / (w[-1] - w[0])
        for i in range(20, len(w), 47):
            run = 0.03 * (w[-1] - w[0]) / np.hypot(1, leans[i] / scale)
            ends = np.array([-run, run])
            ax.plot(
                w[i] + ends, heights[i] + leans[i] * ends, color=style.VERMILION, linewidth=2.5,
                label="surrogate gradient" if i == 20 else "_",
            )  # fmt: skip
    if hillside is not None:
        ax.plot(w, np.asarray(hillside, dtype=float), ":", color=style.BLUE, label="hillside")
    style.dress(ax, "Weight w (threshold units)", "Loss (N − 5)²")
    if slopes is not None:
        ax.figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return ax


def seeds(scores: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str) -> np.ndarray:
    """Draws one panel per group, in it one row per method, and a dot per seed.

    Args:
        scores: from the groups to the methods to the results; the same methods in each group.
        xlabel: what the results are, with unit.

    Returns:
        The axes of a new figure, one per group.

    Raises:
        ValueError: the groups differ in their methods.
    """
    methods = list(next(iter(scores.values())))
    if any(list(group) != methods for group in scores.values()):
        raise ValueError(f"Each group needs the same methods, in the same order: {methods}.")
    axes = style.own_axes(9, 0.36 * len(methods) + 1.4, 1, len(scores), sharex=True, sharey=True)[0]
    for ax, (group, rows) in zip(axes, scores.items(), strict=True):
        for row, (name, values) in enumerate(rows.items()):
            results = np.asarray(values, dtype=float)
            ax.plot(
                results, [row] * len(results), "o", color=style.BLUE, alpha=0.6, markersize=6,
                label=name,
            )  # fmt: skip
            ax.plot(
                results.mean(), row, "|", color=style.INK, markersize=18, markeredgewidth=2.5,
                label=f"{name}, mean",
            )  # fmt: skip
        ax.set_yticks(range(len(methods)), methods)
        ax.set_title(group, fontsize=style.LABEL_SIZE)
        ax.grid(axis="y", color=style.PALE)
        style.dress(ax, xlabel)
    axes[0].invert_yaxis()
    return axes


def shares(groups: Mapping[str, Any], edges: Sequence[float], xlabel: str) -> np.ndarray:
    """Draws a histogram for each group, one above the other, on the same scales.

    Args:
        groups: from names to values ``[N]``, which may differ in number.
        edges: the limits of the bins, ascending.
        xlabel: what the values are, with unit.

    Returns:
        The axes of a new figure, one per group; the bars are shares of the group in percent.

    Raises:
        ValueError: a group is empty, or has values outside the bins.
    """
    for name, values in groups.items():
        numbers = np.asarray(values, dtype=float)
        if not numbers.size or numbers.min() < edges[0] or numbers.max() > edges[-1]:
            got = f"{numbers.min():g} to {numbers.max():g}" if numbers.size else "none"
            raise ValueError(f"{name}: expected values from {edges[0]} to {edges[-1]}, got {got}.")
    axes = style.own_axes(8, 1.7 * len(groups) + 0.8, len(groups), 1, sharex=True, sharey=True)
    for index, (ax, (name, values)) in enumerate(zip(axes[:, 0], groups.items(), strict=True)):
        heights, _ = np.histogram(np.asarray(values, dtype=float), edges)
        ax.bar(
            edges[:-1], 100 * heights / heights.sum(), np.diff(edges), align="edge",
            color=style.CURVES[index], edgecolor="white",
        )  # fmt: skip
        ax.set_title(f"{heights.sum()} {name}", loc="left", fontsize=style.LABEL_SIZE)
        ax.set_xlim(edges[0], edges[-1])
        style.dress(ax, xlabel if index == len(groups) - 1 else "", "Share (%)")
    return axes[:, 0]


def rasters(moments: Mapping[str, Mapping[str, Any]], most: int = 50) -> np.ndarray:
    """Draws spikes as a grid of rasters: one column per moment, one row per layer.

    Args:
        moments: from moments to layers to spikes ``[T, ...]``; the same layers at each moment.
        most: rows of a raster. Of a larger layer, only neurons that fire at some moment are
            drawn: this many, evenly spread, in their order.

    Returns:
        The axes of a new figure, ``[layers, moments]``.

    Raises:
        ValueError: the moments differ in their layers, or ``most`` is below 1.
    """
    layers = list(next(iter(moments.values())))
    if any(list(spikes) != layers for spikes in moments.values()):
        raise ValueError(f"Each moment needs the same layers, in the same order: {layers}.")
    if most < 1:
        raise ValueError(f"most is {most}; expected 1 or more rows per raster.")
    shape = len(layers), len(moments)
    axes = style.own_axes(9, 1.6 * len(layers) + 0.8, *shape, sharex=True, sharey="row")
    for row, layer in zip(axes, layers, strict=True):
        records = [np.asarray(spikes[layer]) for spikes in moments.values()]
        records = [spikes.reshape(len(spikes), -1) for spikes in records]
        size = records[0].shape[1]
        drawn = np.arange(size)
        if size > most:
            firing = np.flatnonzero(sum(spikes.any(axis=0) for spikes in records))
            firing = firing if len(firing) else drawn
            count = min(most, len(firing))
            drawn = firing[np.linspace(0, len(firing) - 1, count).round().astype(int)]
        for ax, spikes in zip(row, records, strict=True):
            splt.raster(spikes[:, drawn], ax=ax, s=10)
            ax.set(xlabel="", ylabel="")
        text = f"{layer}\n{len(drawn)} of {size:,}"
        row[0].set_ylabel(text, fontsize=style.LABEL_SIZE)
    for column, moment in zip(axes.T, moments, strict=True):
        column[0].set_title(moment, fontsize=style.LABEL_SIZE)
        style.dress(column[-1], style.TIME)
    return axes
