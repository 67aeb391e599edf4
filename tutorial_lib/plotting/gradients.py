"""Surrogate gradients side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .. import _checks
from . import _inputs, style


def surrogate_curves(
    surrogates: Mapping[str, Any],
    x: Any = None,
    *,
    primitive: bool = True,
    axes: Any = None,
) -> np.ndarray:
    """Draw surrogates as smoothed spikes (left) and as the slopes used backward (right).

    The true spike, a Heaviside step, stands in gray behind the smoothed ones.

    Args:
        surrogates: name and surrogate, as from ``tutorial_lib.surrogate``: anything with
            ``derivative(x)`` and, if that is to be drawn, ``primitive(x)``.
        x: overdrive, membrane potential minus threshold, rising, shape ``[N]``; 401 points from -1
            to 1 if None.
        primitive: draw the left panel; a surrogate made ``from_derivative`` has none.
        axes: two axes, or one if ``primitive`` is False; a new figure if None.

    Returns:
        The axes, a flat array: primitive (if drawn), derivative.

    Raises:
        ValueError: if there is no surrogate, ``x`` is not rising, a curve is not finite or changes
            the shape, or a primitive is missing.
        TypeError: for a wrong type.
    """
    if not isinstance(surrogates, Mapping):
        raise TypeError(
            f"surrogates must map names to surrogates, got {type(surrogates).__name__}. "
            'Write {"fast sigmoid": surrogate.fast_sigmoid()}.'
        )
    if not surrogates:
        raise ValueError("surrogates is empty: give at least one name and surrogate.")
    points = _inputs.array("x", np.linspace(-1, 1, 401) if x is None else x)
    if points.ndim != 1 or len(points) < 2 or (np.diff(points) <= 0).any():
        raise ValueError(
            "x must be at least 2 rising numbers of shape [N], got the shape "
            f"{list(points.shape)}: torch.linspace(-1, 1, 401) is one."
        )
    _checks.flag("primitive", primitive)
    kinds = ["primitive", "derivative"] if primitive else ["derivative"]
    curves = {
        kind: {name: _values(kind, name, s, points) for name, s in surrogates.items()}
        for kind in kinds
    }
    if axes is None:
        flat = style.own_axes(4.5 * len(kinds), 3.9, 1, len(kinds)).ravel()
    else:
        flat = _inputs.axes_list(axes, len(kinds))[: len(kinds)]

    ylabels = {
        "primitive": "Smoothed spike",
        "derivative": "Surrogate derivative dS/dU\n(per threshold unit)",
    }
    for ax, kind in zip(flat, kinds, strict=True):
        if kind == "primitive":
            low, high = min(points[0], 0.0), max(points[-1], 0.0)
            ax.plot(
                [low, 0, 0, high], [0, 0, 1, 1], color=style.PALE, linewidth=4,
                label="true spike", zorder=1.5, gid="true spike",
            )  # fmt: skip
        for i, (name, values) in enumerate(curves[kind].items()):
            stride = max(len(points) // 8, 1)
            every = (i * stride // max(len(surrogates), 1), stride)
            ax.plot(points, values, label=str(name), markevery=every, gid=kind, **style.curve(i))
        style.dress(ax, "Overdrive, U − threshold\n(threshold units)", ylabels[kind])
    look: dict[str, Any] = {
        "fontsize": style.NOTE_SIZE, "labelcolor": style.INK, "facecolor": "white",
        "edgecolor": style.PALE, "handlelength": 3.2,
    }  # fmt: skip
    if axes is None:
        handles, names = flat[0].get_legend_handles_labels()
        columns = 4 if primitive else 2
        flat[0].figure.legend(handles, names, loc="outside lower center", ncols=columns, **look)
    else:
        flat[-1].legend(**look)
    return flat


def _values(kind: str, name: str, surrogate: Any, points: np.ndarray) -> np.ndarray:
    try:
        result = getattr(surrogate, kind)(torch.as_tensor(points))
    except (AttributeError, TypeError) as error:
        remedy = " Pass primitive=False." if kind == "primitive" else ""
        raise TypeError(f"surrogates[{name!r}] has no {kind} to draw: {error}{remedy}") from error
    values = _inputs.array(f"the {kind} of {name!r}", result)
    if values.shape != points.shape:
        raise ValueError(
            f"the {kind} of {name!r} must keep the shape {list(points.shape)}, got "
            f"{list(values.shape)}: it must work elementwise."
        )
    return values
