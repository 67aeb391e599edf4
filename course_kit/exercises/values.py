"""What judges share: plain values out of answers, and the words for what is wrong with them."""

from __future__ import annotations

import inspect
import math
import numbers
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from .exercise import Wrong

__all__ = ["as_limits", "as_number", "describe", "entries", "is_near", "show"]


def describe(value: Any) -> str:
    """What a value is, in a few words: its type, and its shape or size where it has one."""
    if value is None or value is ...:
        return "None" if value is None else "`...`"
    if isinstance(value, Tensor):
        return f"a tensor of shape {list(value.shape)} and {str(value.dtype).split('.')[-1]}"
    if isinstance(value, bool | numbers.Number):
        return f"`{value!r}` ({type(value).__name__})"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if nested := nested_shape(value):
        return f"a nested list of shape {nested}"
    if isinstance(value, tuple | list) and type(value).__name__ in ("tuple", "list"):
        parts = "; ".join(describe(part) for part in value[:3])
        more = "; ..." if len(value) > 3 else ""
        noun = type(value).__name__
        return f"a {noun} of {len(value)} ({parts}{more})" if len(value) else f"an empty {noun}"
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    name = type(value).__name__
    shape = getattr(value, "shape", None)
    article = "an" if re.match("[aeiouAEIOU]", name) else "a"
    return f"{article} {name}" + (f" of shape {list(shape)}" if isinstance(shape, tuple) else "")


def nested_shape(value: Any) -> list[int]:
    """The shape of lists of lists of numbers, as of a tensor; [] of anything else."""
    if not isinstance(value, list) or not all(isinstance(part, list) for part in value):
        return []
    try:
        return [*np.asarray(value, dtype=float).shape] if value else []
    except (TypeError, ValueError, RuntimeError):
        return []


def as_number(value: Any, what: str) -> float:
    """Reads one finite number, from Python, NumPy or torch. Raises Wrong if it is anything else.

    What it stands for begins the sentence: "Your membrane".
    """
    if isinstance(value, Tensor):
        value = value.detach()
    try:
        if value is None or callable(value) or isinstance(value, str | list | tuple | dict | set):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} is {describe(value)}; expected one number.") from None
    if not math.isfinite(number):
        raise Wrong(f"{what} is {number}; expected a finite number. Is a divisor 0 somewhere?")
    return number


def as_limits(value: Any) -> tuple[float, float]:
    """Reads the lower and the upper limit of an interval. Raises Wrong if it is anything else."""
    if not isinstance(value, tuple | list | np.ndarray | Tensor) or len(value) != 2:
        raise Wrong(f"Your function returns {describe(value)}; expected two numbers, low and high.",
            "Does it return both?")
    return as_number(value[0], "Your lower limit"), as_number(value[1], "Your upper limit")


def entries(value: Any, *keys: str) -> Mapping[str, Any]:
    """Takes a dictionary with these keys. Raises Wrong if it is anything else."""
    got = describe(value)
    if isinstance(value, Mapping):
        if value.keys() >= set(keys):
            return value
        got += f" with the keys {', '.join(map(repr, value))}"
    wanted = " and ".join([", ".join(map(repr, keys[:-1])), repr(keys[-1])])
    raise Wrong(f"A dictionary with the keys {wanted} is asked for; you gave {got}.")


def is_near(value: float, goal: float, tolerance: float = 1e-6) -> bool:
    """Tells whether a value is the goal but for rounding, which may have been in float32."""
    return math.isclose(value, goal, rel_tol=tolerance, abs_tol=tolerance)


def show(value: float) -> str:
    """Writes a number as a person would: 0.3, 1.03, 2,000, 4e-07; never "-0"."""
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{round(value, 4) + 0.0:,.6g}"
