"""From an answer to a result: whatever the answer does, the learner reads a sentence."""

from __future__ import annotations

import functools
import inspect
import numbers
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
import torch

from . import _blame
from ._core import Exercise, Verdict
from ._limit import TookTooLong, limited

__all__ = ["Result", "as_html", "examine"]

SECONDS = {"open": 20.0}
"""Time limit of a check, by the kind of exercise; `USUAL` for all others."""
USUAL = 5.0

_UNTOUCHED = "Fill in the cell above and run it, then run this one again."
_GAP = "There is still a `...` in your code to fill in."
_IN_PLACE = (
    "What comes out is right, but after the call `{}`, which your function was given, has other "
    "values than before: whoever calls it goes on with them. Can you do without writing into it, "
    "by `-=`, by an index, or by a method with an underscore at its end?"
)
_SIGNS = {
    "passed": ("✓", "Passed", "#1b7f5c"),
    "failed": ("✗", "Not yet", "#c44e00"),
    "untouched": ("○", "Not tried yet", "#767676"),
}


@dataclass(frozen=True, repr=False)
class Result:
    """What a check says. Shows itself in a notebook and in a terminal.

    Attributes:
        id: the exercise's id.
        status: "passed", "failed", or "untouched" where nothing was filled in yet.
        message: a sentence or two to the learner.
    """

    id: str
    status: Literal["passed", "failed", "untouched"]
    message: str

    def __repr__(self) -> str:
        sign, word, _ = _SIGNS[self.status]
        return f"{sign} {word} ({self.id}). {self.message}"

    def _repr_html_(self) -> str:
        sign, word, color = _SIGNS[self.status]
        return (
            '<div class="exercise-text" role="status" style="max-width:46em;margin:.3em 0;'
            f'padding:.3em .8em;border-left:4px solid {color}"><strong>{sign} {word}</strong> '
            f"<small>{escape(self.id)}</small><br>{as_html(self.message)}</div>"
        )


def as_html(text: str) -> str:
    """Escapes a text; what stands in backticks becomes code."""
    parts = re.split(r"`([^`]+)`", text)
    return "".join(
        f"<code>{escape(part)}</code>" if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def examine(exercise: Exercise, answer: Any) -> Result:
    """Judges an answer. Raises nothing, whatever the answer is or does."""

    def result(status: Literal["passed", "failed", "untouched"], message: str) -> Result:
        return Result(exercise.id, status, message)

    if _is_gap(answer):
        return result("untouched", _UNTOUCHED)
    problem = _wrong_kind(exercise, answer)
    if problem:
        return result("failed", problem)
    calls = _Calls()
    given = _normal(exercise, answer)
    if inspect.isfunction(given) and exercise.kind in ("function", "open"):
        given = calls.watch(given)
    seconds = SECONDS.get(exercise.kind, USUAL)
    begun = time.monotonic()
    try:
        with _left_as_found():
            verdict = limited(lambda: exercise.judge(given), seconds)
    except TookTooLong as stop:
        where = _blame.place(stop, answer, exercise.judge)
        said = f"The check was stopped after {time.monotonic() - begun:.0f} seconds{where}. "
        if where or calls.running or inspect.isclass(answer):
            return result("failed", said + "Does a loop never end?")
        return result("failed", said + "The machine may be busy: run this cell once more.")
    except KeyboardInterrupt:
        return result("failed", "You interrupted the check, so there is no verdict.")
    except BaseException as error:  # SystemExit included: a learner may call exit()
        if _blame.is_gap(error):
            return result("untouched", _GAP)
        if _blame.means_untouched(error, answer, exercise.judge):
            if _has_stub(answer) or not calls.returned_nothing():
                return result("untouched", _UNTOUCHED)
            return result("failed", "Your function returned None. Is its return missing?")
        verdict = Verdict(False, _explain(error, exercise, answer, calls))
    if verdict.passed and calls.changed:
        return result("failed", _IN_PLACE.format(calls.changed))
    if not verdict.passed and (_has_stub(answer) or calls.returned_a_gap()):
        return result("untouched", _UNTOUCHED if _has_stub(answer) else _GAP)
    return result("passed" if verdict.passed else "failed", verdict.message)


# What an answer is


def _is_gap(answer: Any) -> bool:
    """Is this the untouched stub, or does it hold a ``...`` that was to be filled in?"""
    if isinstance(answer, tuple | list | dict):
        parts = list(answer.values() if isinstance(answer, dict) else answer)
        return any(p is ... for p in parts) or bool(parts) and all(p is None for p in parts)
    return answer is None or answer is ... or answer is NotImplemented


def _has_stub(answer: Any) -> bool:
    """Is this a function that does nothing, or a class with one such method or without any?"""
    if inspect.isclass(answer):
        members = [getattr(m, "__func__", m) for m in vars(answer).values()]
        functions = [m for m in members if inspect.isfunction(m)]
        return not functions or any(map(_blame.does_nothing, functions))
    return inspect.isfunction(answer) and _blame.does_nothing(answer)


def _wrong_kind(exercise: Exercise, answer: Any) -> str | None:
    got = _blame.describe(answer)
    if exercise.kind == "number" and _number(answer) is None:
        return f"This exercise asks for one number; you gave {got}."
    if exercise.kind == "choice":
        keys = list(exercise.options()) if exercise.options else []
        if str(answer).strip().lower() not in keys:
            return f"Choose one of {', '.join(keys)}; you gave {got}."
    if exercise.kind == "function":
        if inspect.isclass(answer) and not inspect.isclass(exercise.reference()):
            return f"This exercise asks for a function; you gave {got}."
        if not callable(answer):
            return (
                f"This exercise asks for a function; you gave {got}. Give the function itself, by "
                "its name and without parentheses."
            )
    if exercise.kind == "class" and not inspect.isclass(answer):
        return (
            f"This exercise asks for a class; you gave {got}. Give the class itself, by its name "
            "and without parentheses."
        )
    return None


def _normal(exercise: Exercise, answer: Any) -> Any:
    if exercise.kind == "number":
        return _number(answer)
    return str(answer).strip().lower() if exercise.kind == "choice" else answer


def _number(answer: Any) -> int | float | None:
    """Python's own number for anything that holds exactly one, or None."""
    if isinstance(answer, torch.Tensor):
        answer = answer.item() if answer.numel() == 1 else None
    elif isinstance(answer, np.ndarray | np.generic):
        answer = answer.item() if answer.size == 1 else None
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return None
    return answer if isinstance(answer, int | float) else float(answer)


# What an answer does


class _Calls:
    """Remembers the last call of the learner's function, to explain what a judge chokes on.

    Attributes:
        last: the last call that came to its end: arguments, keyword arguments, result.
        changed: the name of a parameter whose tensor or array was written into; "" if there is
            none.
        running: whether a call has begun that did not end.
    """

    def __init__(self) -> None:
        self.last: tuple[tuple, dict, Any] | None = None
        self.changed = ""
        self.running = False

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            before = [_copied(value) for value in (*args, *kwargs.values())]
            self.running = True
            try:
                result = function(*args, **kwargs)
            except TypeError:
                try:
                    inspect.signature(function).bind(*args, **kwargs)
                except TypeError as error:
                    raise _blame.Misfit(str(error)) from None
                raise
            self.running = False
            self.last = (args, kwargs, result)
            names = [*inspect.signature(function).parameters, *["its input"] * len(args)]
            for name, value, old in zip(
                [*names[: len(args)], *kwargs], (*args, *kwargs.values()), before, strict=True
            ):
                if _differs(value, old):
                    self.changed = name
            return result

        return watched

    def returned_nothing(self) -> bool:
        return self.last is not None and self.last[2] is None

    def returned_a_gap(self) -> bool:
        if self.last is None:
            return False
        result = self.last[2]
        return result is ... or (isinstance(result, tuple | list) and any(r is ... for r in result))


def _copied(value: Any) -> np.ndarray | torch.Tensor | None:
    """A copy of a tensor or an array; None of anything else."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    return value.copy() if isinstance(value, np.ndarray) else None


def _differs(value: Any, before: np.ndarray | torch.Tensor | None) -> bool:
    """Has something been written into it? NaN counts as equal to itself."""
    if before is None:
        return False
    if value.shape != before.shape:
        return True
    return bool(((value != before) & ((value == value) | (before == before))).any())  # noqa: PLR0124


def _explain(error: BaseException, exercise: Exercise, answer: Any, calls: _Calls) -> str:
    """The sentence for an exception that came up while the answer was judged."""
    said = _blame.sentence(error)
    if isinstance(error, _blame.Misfit):
        wanted = inspect.signature(exercise.reference())
        return (
            f"Your function cannot be called as the exercise calls it: {error}. Its parameters "
            f"are {inspect.signature(answer)}; expected {wanted}."
        )
    where = _blame.place(error, answer, exercise.judge)
    if where:
        return f"Your code raised {said}{where}."
    if calls.last is not None:
        args, kwargs, result = calls.last
        got, wanted = _blame.describe(result), _described_reference(exercise, args, kwargs)
        if got != wanted:
            hint = " Is its return missing?" if result is None else ""
            return f"Your function returned {got}; expected {wanted}.{hint}"
    return f"Your answer could not be judged. What came up was {said}."


def _described_reference(exercise: Exercise, args: tuple, kwargs: dict) -> str:
    try:
        with _left_as_found():
            return _blame.describe(exercise.reference()(*args, **kwargs))
    except Exception:  # the arguments may be used up: then nothing can be compared
        return "something else"


@contextmanager
def _left_as_found() -> Iterator[None]:
    """The same random numbers for each check; torch's, numpy's and Python's are put back."""
    state, legacy = random.getstate(), np.random.get_state()
    dtype = torch.get_default_dtype()
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            np.random.seed(0)
            random.seed(0)
            yield
    finally:
        random.setstate(state)
        np.random.set_state(legacy)
        torch.set_default_dtype(dtype)
