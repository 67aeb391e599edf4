"""Activity of the feature maps of a convolutional layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from .. import _checks
from . import inputs, style


def feature_maps(
    spk: Any,
    axes: Any = None,
    *,
    rate: bool = False,
    columns: int | None = None,
    cmap: str = style.CMAP,
) -> np.ndarray:
    """Draw where and how often the neurons of a convolutional layer fired: one image per map.

    All maps share one color scale, from 0 to the largest count of any neuron.

    Args:
        spk: spikes of one sample, 0 or 1, shape ``[T, C, H, W]``.
        axes: C axes (a list or array) to draw on; a new figure if None. Spare ones are blanked.
        rate: show spikes per time step instead of counts.
        columns: maps side by side in a new figure.
        cmap: name of a matplotlib color map.

    Returns:
        The C axes, a flat array; ``ax.images[0].get_array()`` holds the counts ``[H, W]``.

    Raises:
        ValueError: for another shape, too few axes, NaN, or values other than 0 and 1.
        TypeError: for anything that holds no numbers.
    """
    values = inputs.record("spk", spk, "[T, C, H, W]", "pick one sample, spk[:, 0]")
    inputs.binary("spk", values)
    steps, channels, height, width = values.shape
    columns = _columns(channels) if columns is None else _checks.at_least_one("columns", columns)
    columns = min(columns, channels)
    _checks.flag("rate", rate)
    cmap = inputs.color_map("cmap", cmap)
    if axes is None:
        rows = math.ceil(channels / columns)
        panel = min(1.15, 7.6 / columns)  # a page of the book is 9 inches wide
        flat = style.own_axes(
            panel * columns + 1.3, (panel * height / width + 0.25) * rows + 0.2, rows, columns
        ).ravel()
    else:
        flat = inputs.axes_list(axes, channels)

    shown = values.mean(axis=0) if rate else values.sum(axis=0)
    for i, (ax, counts) in enumerate(zip(flat, shown, strict=False)):
        image = ax.imshow(counts, cmap=cmap, vmin=0, vmax=shown.max() or 1, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"map {i}", fontsize=style.NOTE_SIZE, pad=3)
    for ax in flat[channels:]:
        ax.set_axis_off()
    bar = flat[0].figure.colorbar(image, ax=list(flat), shrink=0.9, aspect=25)
    what = "per time step" if rate else f"in {steps} time steps"
    bar.set_label(f"Spikes {what}", fontsize=style.LABEL_SIZE)
    bar.ax.tick_params(labelsize=style.TICK_SIZE)
    if not rate:
        bar.locator = MaxNLocator(integer=True, min_n_ticks=1)
        bar.update_ticks()
    if axes is None:
        style.darken(bar.ax)
    return flat[:channels]


def _columns(count: int) -> int:
    """Return the width of a grid somewhat wider than high that leaves the fewest panels empty."""
    wide = range(math.ceil(math.sqrt(count)), math.ceil(2 * math.sqrt(count)) + 1)
    return min(wide, key=lambda n: (-count % n, abs(n - math.sqrt(1.5 * count))))
