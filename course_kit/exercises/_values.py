"""What the judges share: plain values out of answers, and the words for what is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from torch import Tensor

from ._core import Verdict, right, wrong

__all__ = ["Mistake", "as_number", "attempted", "is_near", "judge", "question_for", "show"]


class Mistake(Exception):
    """Holds what a learner is told about a wrong answer; :func:`judge` turns it into a verdict."""


def judge(check: Callable[[Any], str]) -> Callable[[Any], Verdict]:
    """Make a judge of a check that returns words of praise or raises :class:`Mistake`."""

    @wraps(check)
    def judged(answer: Any) -> Verdict:
        try:
            return right(check(answer))
        except Mistake as mistake:
            return wrong(str(mistake))

    return judged


def attempted(value: Any) -> Any:
    """Pass a value on, unless it is what an untouched stub holds or returns.

    Raises:
        NotImplementedError: for ``None`` and ``...``, which the framework reads as "not tried yet".
    """
    if value is None or value is Ellipsis:
        raise Mistake("Nothing was returned.")
    return value


def as_number(value: Any, what: str) -> float:
    """Read one finite number, from Python, NumPy or torch.

    Args:
        value: what the learner gave.
        what: what it stands for, as the subject of a sentence: "Your time constant".

    Raises:
        NotImplementedError: for what an untouched stub holds.
        Mistake: for anything that is not one finite number.
    """
    attempted(value)
    if isinstance(value, str):
        raise Mistake(f"{what} is the text {value!r}. Give a number, without quotation marks.")
    if isinstance(value, Tensor):
        value = value.detach()
    try:
        if isinstance(value, (list, tuple, dict, set)) or callable(value):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        shape = getattr(value, "shape", None)
        kind = type(value).__name__ + (f" of shape {list(shape)}" if shape else "")
        raise Mistake(f"{what} is a {kind}. One number is asked for.") from None
    if not math.isfinite(number):
        raise Mistake(f"{what} is {number}. It must be a finite number: is a divisor 0 somewhere?")
    return number


def is_near(value: float, goal: float, tolerance: float = 1e-6) -> bool:
    """Tell whether a value is the goal but for rounding, which may have been in float32."""
    return math.isclose(value, goal, rel_tol=tolerance, abs_tol=tolerance)


def question_for(
    value: float, slips: Mapping[float, str], otherwise: str, tolerance: float = 1e-3
) -> str:
    """Find the question that points to a misconception, by the value it leads to.

    Args:
        value: what the learner got.
        slips: from the value that a misconception gives to its question.
        otherwise: the question when no misconception is recognized.
        tolerance: how near the value must be, relative.
    """
    for slip, question in slips.items():
        if math.isclose(value, slip, rel_tol=tolerance, abs_tol=1e-9):
            return question
    return otherwise


def show(value: float) -> str:
    """Write a number as a person would: 0.3, 1.03, 2,000, 4e-07; never "-0"."""
    return f"{value:.2e}" if 0 < abs(value) < 1e-3 else f"{round(value, 4) + 0.0:,.6g}"
