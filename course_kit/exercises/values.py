"""What judges share: plain values out of answers, and the words for what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .diagnose import describe
from .exercise import Wrong

__all__ = ["as_number", "is_near", "question_for", "show"]


def as_number(value: Any, what: str) -> float:
    """Reads one finite number, from Python, NumPy or torch.

    Args:
        value: what the learner's code returned.
        what: what it stands for, as the subject of a sentence: "Your membrane".

    Raises:
        Wrong: it is anything else.
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


def is_near(value: float, goal: float, tolerance: float = 1e-6) -> bool:
    """Tells whether a value is the goal but for rounding, which may have been in float32."""
    return math.isclose(value, goal, rel_tol=tolerance, abs_tol=tolerance)


def question_for(
    value: float,
    slips: Mapping[float, str],
    otherwise: str,
    *,
    relative: float = 1e-3,
    absolute: float = 1e-9,
) -> str:
    """Finds the question that points to a misconception, by the value it leads to.

    Args:
        value: what the learner got.
        slips: from the value that a misconception gives to its question; the first that is near
            enough counts.
        otherwise: the question when no misconception is recognized.
        relative, absolute: how near the value must be: within the larger of the two.
    """
    for slip, question in slips.items():
        if math.isclose(value, slip, rel_tol=relative, abs_tol=absolute):
            return question
    return otherwise


def show(value: float) -> str:
    """Writes a number as a person would: 0.3, 1.03, 2,000, 4e-07; never "-0"."""
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{round(value, 4) + 0.0:,.6g}"
