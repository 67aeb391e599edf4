"""Spike rasters."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from . import inputs, style


def raster(data: Any, ax: Axes | None = None, **kwargs: Any) -> PathCollection:
    """Draw one mark per spike: time step across, neuron number up.

    Args:
        data: spikes, 0 or 1, of shape ``[T, N]``; ``[T]`` is one neuron, ``[T, C, H, W]`` and the
            like are flattened to ``[T, N]`` in memory order.
        ax: axes to draw on; a new figure if None.
        **kwargs: passed to ``ax.scatter``, such as ``s`` (size in points squared), ``c``,
            ``marker``. The default marker is a vertical tick as high as the rows allow.

    Returns:
        The collection of marks, of the gid ``raster``; its offsets are pairs (time step, neuron).

    Warns:
        UserWarning: for a single time step of several neurons, ``[1, N]``: the axes may be swapped.

    Raises:
        ValueError: for a scalar, an empty axis, or values other than 0 and 1.
        TypeError: for anything that is no tensor or array of numbers.
    """
    values = inputs.array("data", data)
    if values.ndim == 0 or 0 in values.shape:
        raise ValueError(
            f"data must have the shape [T, N] with no empty axis, got {inputs.shape_of(values)}: "
            "time comes first; join the time steps with torch.stack(steps)."
        )
    inputs.binary("data", values)
    inputs.hint_time_first("data", values.shape)
    flattened = values.ndim > 2
    values = values.reshape(len(values), -1)
    num_steps, neurons = values.shape
    ax = inputs.canvas(None, ax, 7, min(1.5 + 0.12 * neurons, 4), shown=True)

    height = ax.bbox.height * 72 / style.root_figure(ax).dpi
    size = float(np.clip(0.8 * height / neurons, 1.5, 14)) ** 2
    options: dict[str, Any] = {"marker": "|", "gid": "raster", "s": size, **kwargs}
    if not {"c", "color", "facecolor", "facecolors"} & set(options):
        options["color"] = style.INK
    if options["marker"] == "|" and not {"lw", "linewidth", "linewidths"} & set(options):
        options["linewidths"] = 1.2
    times, rows = np.nonzero(values)
    marks = ax.scatter(times, rows, **options)

    ax.set_xlim(-0.5, num_steps - 0.5)
    ax.set_ylim(-0.5, neurons - 0.5)
    style.whole_numbers(ax.xaxis, ax.yaxis)
    style.dress(ax, style.TIME, "Neuron (flattened index)" if flattened else "Neuron")
    if not len(times):
        style.note(
            ax, 0.5, 0.5, "no spikes", ha="center", va="center", color=style.MUTED,
            fontsize=style.LABEL_SIZE, transform=ax.transAxes,
        )  # fmt: skip
    return marks
