"""How training went, which classes get confused, and what the gradient goes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes

from tutorial_lib.plotting import inputs, style

__all__ = ["confusion_matrix", "surrogate_curves", "training_curves"]

MAX_CLASSES = 200  # more cells could not be told apart


def training_curves(
    loss_iterations: Any,
    loss: Any,
    accuracy_iterations: Any = None,
    accuracy: Any = None,
    *,
    floors: Mapping[str, float] | None = None,
    chosen: float | None = None,
) -> np.ndarray:
    """Draw loss and, beside it, accuracy against the iteration.

    Args:
        loss_iterations: iteration of each loss value, shape ``[N]``.
        loss: loss values, shape ``[N]``.
        accuracy_iterations: iteration of each accuracy value, shape ``[M]``.
        accuracy: accuracies as fractions from 0 to 1, shape ``[M]``; drawn in percent.
        floors: name and height of reference losses, drawn as dashed, labeled lines.
        chosen: one of ``accuracy_iterations``, whose accuracy gets a ring and the label; without
            it, the last one gets the label.

    Returns:
        The axes of a new figure, a flat array of one or two.

    Raises:
        ValueError: for unequal lengths, another rank, NaN, accuracies outside [0, 1], or an
            iteration chosen that has no accuracy.
        TypeError: for anything that holds no numbers.
    """
    x_loss, y_loss = _pair("loss_iterations", loss_iterations, "loss", loss)
    if floors is not None and not isinstance(floors, Mapping):
        raise TypeError(
            f"floors must map names to heights, got {floors!r}. "
            'Write floors={"ln 10": math.log(10)}.'
        )
    levels = {
        str(name): inputs.number(f"floors[{name!r}]", value)
        for name, value in (floors or {}).items()
    }
    if (accuracy is None) != (accuracy_iterations is None):
        raise ValueError("accuracy and accuracy_iterations go together: pass both or neither.")
    count = 1 if accuracy is None else 2
    if count == 2:
        x_acc, y_acc = _pair("accuracy_iterations", accuracy_iterations, "accuracy", accuracy)
        if y_acc.min() < 0 or y_acc.max() > 1:
            raise ValueError(
                "accuracy must hold fractions between 0 and 1, got values from "
                f"{y_acc.min():g} to {y_acc.max():g}. Divide percentages by 100."
            )
    if chosen is not None:
        chosen = inputs.number("chosen", chosen)
        if accuracy is None or chosen not in x_acc:
            given = "none" if accuracy is None else ", ".join(f"{x:g}" for x in x_acc)
            raise ValueError(
                f"chosen must be an iteration whose accuracy is given, got {chosen:g}; given are "
                f"those of: {given}."
            )
    flat = style.own_axes(4.4 * count + 0.2, 3.3, 1, count).ravel()
    flat[0].plot(
        x_loss, y_loss, color=style.BLUE, linewidth=1.3, gid="loss",
        marker="o" if len(x_loss) <= 30 else "none", markersize=4,
    )  # fmt: skip
    across = flat[0].get_yaxis_transform()
    for name, value in levels.items():  # written on the side of the line where the curve is not
        side, gap = ("top", -3) if value < np.median(y_loss) else ("bottom", 2)
        style.level(flat[0], value, name)
        flat[0].annotate(
            name, (0.995, value), xycoords=across, xytext=(0, gap), textcoords="offset points",
            ha="right", va=side, fontsize=style.NOTE_SIZE, color=style.INK, gid=name,
            path_effects=[style.RIM],
        )  # fmt: skip
    flat[0].margins(y=0.12)
    style.dress(flat[0], "Iteration", "Loss")
    if count == 2:
        flat[1].plot(
            x_acc, 100 * y_acc, color=style.VERMILION, linewidth=1.6, gid="accuracy",
            marker="s" if len(x_acc) <= 60 else "none", markersize=4,
        )  # fmt: skip
        here = -1 if chosen is None else int(np.flatnonzero(x_acc == chosen)[0])
        point, which = (x_acc[here], 100 * y_acc[here]), "last" if chosen is None else "chosen"
        if chosen is not None:
            flat[1].plot(
                *point, linestyle="none", marker="o", markersize=12, markerfacecolor="none",
                markeredgecolor=style.INK, markeredgewidth=1.4, label=which, gid=which,
            )  # fmt: skip
        flat[1].annotate(
            f"{point[1]:.1f} %" if chosen is None else f"chosen: {point[1]:.1f} %",
            point if chosen is None else (1, 0),  # a curve that rises leaves that corner free
            xycoords="data" if chosen is None else "axes fraction",
            xytext=(6, 0) if chosen is None else (-6, 6), textcoords="offset points",
            ha="left" if chosen is None else "right", va="center" if chosen is None else "bottom",
            fontsize=style.NOTE_SIZE, color=style.INK, gid=f"{which} accuracy",
            path_effects=[style.RIM],
        )  # fmt: skip
        style.dress(flat[1], "Iteration", "Accuracy (%)")
    for ax in flat:
        style.whole_numbers(ax.xaxis)
        ax.grid(axis="y", color=style.PALE, linewidth=0.6)
        ax.set_axisbelow(True)
    return flat


def confusion_matrix(
    targets: Any,
    predictions: Any,
    num_classes: int = 10,
    labels: Sequence[Any] | None = None,
) -> tuple[Axes, np.ndarray]:
    """Count how often each true class (row) was given each prediction (column), and draw it.

    Right answers are blue, wrong ones orange; full orange is a tenth of the mean class or the
    largest error. Empty cells stay blank. The last column, "none", counts undecided predictions:
    a silent output or a tie.

    Args:
        targets: true classes, shape ``[N]``, from 0 to ``num_classes - 1``.
        predictions: predicted classes, shape ``[N]``, with -1 for undecided.
        num_classes: number of classes C, at most 200.
        labels: C class names; the class numbers if None.

    Returns:
        The axes of a new figure and the counts, an integer array ``[C, C + 1]``.

    Raises:
        ValueError: for another rank, unequal lengths, classes out of range or no integers, or a
            wrong number of labels.
        TypeError: for anything that holds no numbers.
    """
    if isinstance(num_classes, bool) or not isinstance(num_classes, Integral):
        raise TypeError(f"num_classes must be an integer, got {num_classes!r}.")
    if not 1 <= num_classes <= MAX_CLASSES:
        raise ValueError(
            f"num_classes must be at least 1 and at most {MAX_CLASSES}, got {num_classes}."
        )
    truth = _classes("targets", targets, 0, num_classes)
    guess = _classes("predictions", predictions, -1, num_classes)
    if truth.shape != guess.shape:
        raise ValueError(
            f"targets and predictions must have equal shapes [N], got {list(truth.shape)} and "
            f"{list(guess.shape)}."
        )
    names = inputs.names("labels", labels, (len(truth), num_classes), "")

    column = np.where(guess < 0, num_classes, guess)
    shape = (num_classes, num_classes + 1)
    matrix = np.zeros(shape, dtype=np.int64)
    np.add.at(matrix, (truth, column), 1)
    size = float(np.clip(1.2 + 0.44 * num_classes, 3, 10))
    ax = style.own_axes(size + 0.5, size)[0, 0]
    right = np.eye(*shape, dtype=bool)
    for part, cmap in ((right, "Blues"), (~right, "Oranges")):
        hidden = np.ma.masked_where(~part | (matrix == 0), matrix)
        top = max(matrix[part].max(), len(truth) / num_classes * (1 if part is right else 0.1))
        image = ax.imshow(hidden, cmap=cmap, vmin=0, vmax=top, interpolation="nearest")
        image.set_gid("right answers" if part is right else "wrong answers")
        for row, col in zip(*np.nonzero(part & (matrix > 0)), strict=True):
            color = _readable(image.cmap(image.norm(matrix[row, col])))
            ax.text(
                col, row, str(matrix[row, col]), ha="center", va="center", color=color,
                fontsize=float(np.clip(90 / num_classes, 5, style.TICK_SIZE)), gid="cell",
            )  # fmt: skip
    ax.set_xticks(range(num_classes + 1), [*names, "none"])
    ax.set_yticks(range(num_classes), names)
    ax.set_xticks(np.arange(num_classes) + 0.5, minor=True)
    ax.set_yticks(np.arange(num_classes - 1) + 0.5, minor=True)
    ax.grid(which="minor", color=style.PALE, linewidth=0.5)
    ax.tick_params(which="minor", length=0)
    ax.axvline(num_classes - 0.5, color=style.INK, linewidth=1, gid="decoration")
    style.dress(ax, "Predicted class", "True class")
    ax.spines[["top", "right"]].set_visible(True)
    return ax, matrix


def surrogate_curves(surrogates: Mapping[str, Any], x: Any = None) -> np.ndarray:
    """Draw surrogates as smoothed spikes (left) and as the slopes used backward (right).

    The true spike, a Heaviside step, stands in gray behind the smoothed ones.

    Args:
        surrogates: name and surrogate, as from ``tutorial_lib.surrogate``: anything with
            ``derivative(x)`` and ``primitive(x)``.
        x: overdrive, membrane potential minus threshold, rising, shape ``[N]``; 401 points from -1
            to 1 if None.

    Returns:
        The axes of a new figure, a flat array: primitive, derivative.

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
    points = inputs.array("x", np.linspace(-1, 1, 401) if x is None else x)
    if points.ndim != 1 or len(points) < 2 or (np.diff(points) <= 0).any():
        raise ValueError(
            f"x must be at least 2 rising numbers of shape [N], got {inputs.shape_of(points)}: "
            "torch.linspace(-1, 1, 401) is one."
        )
    ylabels = {
        "primitive": "Smoothed spike",
        "derivative": "Surrogate derivative dS/dU\n(per threshold unit)",
    }
    curves = {
        kind: {name: _values(kind, name, s, points) for name, s in surrogates.items()}
        for kind in ylabels
    }
    flat = style.own_axes(9, 3.9, 1, 2).ravel()
    for ax, kind in zip(flat, curves, strict=True):
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
    handles, names = flat[0].get_legend_handles_labels()
    flat[0].figure.legend(handles, names, loc="outside lower center", ncols=4, **look)
    return flat


def _pair(x_name: str, x: Any, y_name: str, y: Any) -> tuple[np.ndarray, np.ndarray]:
    xs, ys = inputs.array(x_name, x), inputs.array(y_name, y)
    if xs.ndim != 1 or xs.shape != ys.shape or not len(xs):
        raise ValueError(
            f"{x_name} and {y_name} must be sequences of one equal length of 1 or more, got "
            f"{inputs.shape_of(xs)} and {inputs.shape_of(ys)}: note the iteration with every "
            "value."
        )
    return xs, ys


def _classes(name: str, data: Any, low: int, num_classes: int) -> np.ndarray:
    values = inputs.array(name, data)
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"{name} must have the shape [N] with N of 1 or more, got "
            f"{inputs.shape_of(values)}: from a record [T, B, C], take record.sum(0).argmax(-1)."
        )
    if (values != values.round()).any() or values.min() < low or values.max() >= num_classes:
        raise ValueError(
            f"{name} must be whole numbers from {low} to {num_classes - 1} for {num_classes} "
            f"classes, got values from {values.min():g} to {values.max():g}."
        )
    return values.astype(np.int64)


def _readable(background: Any) -> str:
    """Return black or white, whichever has the larger WCAG contrast to ``background``."""
    rgb = np.array(mpl.colors.to_rgb(background))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "black" if luminance > 0.179 else "white"


def _values(kind: str, name: str, surrogate: Any, points: np.ndarray) -> np.ndarray:
    try:
        result = getattr(surrogate, kind)(torch.as_tensor(points))
    except (AttributeError, TypeError) as error:
        raise TypeError(f"surrogates[{name!r}] has no {kind} to draw: {error}") from error
    values = inputs.array(f"the {kind} of {name!r}", result)
    if values.shape != points.shape:
        raise ValueError(
            f"the {kind} of {name!r} must keep the shape {list(points.shape)}, got "
            f"{list(values.shape)}: it must work elementwise."
        )
    return values
