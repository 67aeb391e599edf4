"""Checks of what is to be drawn: each message says what came, what was expected, what to do."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from .. import _checks
from . import style


def array(name: str, data: Any) -> np.ndarray:
    """Return ``data`` as a float64 array; tensors may need a gradient or live on any device."""
    if isinstance(data, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in data):
        if any(isinstance(v, torch.Tensor) and v.ndim for v in data):
            raise TypeError(
                f"{name} must be one tensor, got a {type(data).__name__} of {len(data)} tensors. "
                "Join the time steps with torch.stack(steps)."
            )
        data = [v.item() if isinstance(v, torch.Tensor) else v for v in data]
    if isinstance(data, torch.Tensor):
        if data.is_complex():
            raise TypeError(f"{name} must hold real numbers, got {data.dtype}.")
        values = _checks.dense(name, data).detach().to("cpu", torch.float64).numpy()
    else:
        try:
            values = np.asarray(data)
        except ValueError as error:
            raise ValueError(
                f"{name} must be rectangular, got rows of unequal length: {_checks.shown(data)}."
            ) from error
        if values.dtype.kind not in "biuf":
            raise TypeError(
                f"{name} must be a tensor or array of real numbers, got {type(data).__name__} "
                f"({values.dtype})."
            )
        values = values.astype(np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        where = np.argwhere(bad)[0].tolist()
        raise ValueError(
            f"{name} must be finite, got {values[tuple(where)]} at index {where} of shape "
            f"{list(values.shape)}. Look for a learning rate that is too large or a bad input."
        )
    return values


def number(name: str, value: Any) -> float:
    """Return a finite number, which may be a tensor of one entry."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    values = array(name, value)
    if values.size != 1:
        raise ValueError(f"{name} must be one number, got the shape {list(values.shape)}.")
    return float(values.item())


def record(name: str, data: Any, layout: str, remedy: str) -> np.ndarray:
    """Return ``data`` if it has the rank of ``layout``, such as ``"[T, C]"``, and no empty axis.

    ``remedy`` says what to do if the rank is too high.
    """
    if not isinstance(data, (torch.Tensor, np.ndarray)):
        data = array(name, data)
    shape, rank = list(data.shape), layout.count(",") + 1
    if len(shape) != rank:
        if len(shape) < rank:
            remedy = "time comes first; join the time steps with torch.stack(steps)"
        raise ValueError(f"{name} must have the shape {layout}, got {shape_of(data)}: {remedy}.")
    if 0 in shape:
        raise ValueError(f"{name} must have the shape {layout} with no empty axis, got {shape}.")
    return array(name, data)


def shape_of(values: torch.Tensor | np.ndarray) -> str:
    """A shape for a message."""
    return str(list(values.shape)) if values.ndim else "one number"


def binary(name: str, values: np.ndarray) -> np.ndarray:
    """Return ``values`` if all are 0 or 1."""
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"{name} of shape {list(values.shape)} must hold spikes, 0 or 1, got values from "
            f"{values.min():g} to {values.max():g}. Is it mem_rec where spk_rec was meant?"
        )
    return values


def steps(num_steps: int | bool | None, shape: Sequence[int]) -> int:
    """Return how many time steps to draw: all of ``shape[0]`` when ``num_steps`` is not given."""
    if num_steps is None or num_steps is False:
        return shape[0]
    count = _checks.at_least_one("num_steps", num_steps)
    if count > shape[0]:
        raise ValueError(
            f"num_steps must be at most {shape[0]}, the time steps of data of shape {list(shape)}, "
            f"got {count}."
        )
    return count


def names(name: str, labels: Sequence[Any] | None, shape: Sequence[int], default: str) -> list[str]:
    """Return one label per column of a record of this shape, ``[T, C]``.

    When none are given, they are ``default`` and the column's number.
    """
    count = shape[-1]
    if labels is None:
        return [f"{default}{i}" for i in range(count)]
    is_list = isinstance(labels, (str, Sequence)) or np.ndim(labels) == 1
    if not is_list or isinstance(labels, (bytes, torch.Tensor)):
        raise TypeError(
            f"{name} must be a list of {count} names, got {labels!r} ({type(labels).__name__})."
        )
    if isinstance(labels, str) or len(labels) != count:
        hint = " Time comes first: pass data.T." if len(labels) == shape[0] else ""
        raise ValueError(
            f"{name} must be a list of {count} names for data of shape {list(shape)}, "
            f"got {len(labels)}: {labels!r}.{hint}"
        )
    return [str(label) for label in labels]


def color_map(name: str, cmap: Any) -> Any:
    """Return ``cmap`` if it is the name of a color map of matplotlib's, or a Colormap."""
    if isinstance(cmap, mpl.colors.Colormap):
        return cmap
    if not isinstance(cmap, str):
        raise TypeError(
            f"{name} must be the name of a color map, got {cmap!r}. 'cividis' and 'plasma' are two."
        )
    if cmap not in mpl.colormaps:
        raise ValueError(
            f"{name} must be the name of a color map of matplotlib's, got {cmap!r}. 'cividis' and "
            "'plasma' are two; list(matplotlib.colormaps) has all."
        )
    return cmap


def hint_time_first(name: str, shape: Sequence[int]) -> None:
    """Warn of a record of a single time step: most often its axes are swapped."""
    if shape[0] == 1 and len(shape) > 1 and max(shape[1:]) > 1:
        warnings.warn(
            f"{name} of shape {list(shape)} is drawn as 1 time step of {np.prod(shape[1:])} "
            f"neurons, as time comes first. For one neuron over time pass {name}[0]; to swap the "
            f"axes, {name}.T.",
            stacklevel=3,
        )


def axes_list(axes: Any, count: int) -> np.ndarray:
    """Return ``axes`` (one, a list or an array of Axes) as a flat array of at least ``count``."""
    many = (list, tuple, np.ndarray)
    rows = axes if isinstance(axes, many) and getattr(axes, "ndim", 1) else [axes]
    flat = [ax for row in rows for ax in (row if isinstance(row, many) else [row])]
    for ax in flat:
        axes_or_none("each of axes" if isinstance(axes, many) else "axes", ax)
    if len(flat) < count:
        raise ValueError(f"axes must hold at least {count} Axes, one per panel, got {len(flat)}.")
    return np.array(flat, dtype=object)


def axes_or_none(name: str, ax: Any) -> None:
    """Raise ``TypeError`` unless ``ax`` is a matplotlib Axes or None."""
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(
            f"{name} must be a matplotlib Axes or None, got {type(ax).__name__}. "
            "plt.subplots() returns (fig, ax): pass the second; of a grid, pass axs[row, column]."
        )


def canvas(fig: Any, ax: Any, width: float, height: float, *, shown: bool) -> Axes:
    """Return the axes to draw on: ``ax``, else those of ``fig``, else new ones."""
    axes_or_none("ax", ax)
    if fig is not None and not isinstance(fig, (Figure, SubFigure)):
        raise TypeError(f"fig must be a matplotlib Figure or None, got {type(fig).__name__}.")
    if ax is not None:
        if fig is not None and fig not in (ax.figure, style.root_figure(ax)):
            raise ValueError("ax lies in another figure than fig: pass the two of one figure.")
        return ax
    if fig is None:
        if shown:
            return style.own_axes(width, height)[0, 0]
        return style.unshown_axes(width, height)
    if len(fig.axes) > 1:
        raise ValueError(f"fig holds {len(fig.axes)} axes: pass the one to draw on as ax.")
    return fig.axes[0] if fig.axes else style.panels(fig, 1, 1)[0, 0]
