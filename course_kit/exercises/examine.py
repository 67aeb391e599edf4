"""From an answer to a result: whatever the answer does, the learner reads a sentence."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
import torch

from . import diagnose, settings
from .exercise import Exercise, Wrong
from .limit import OutOfTime, limited
from .values import as_number, describe

__all__ = ["Result", "as_html", "examine"]

COMPUTING = 10.0
"""Seconds of processor time that a check may take."""
WAITING = 20.0
"""Seconds that a check may not compute, because the answer sleeps or the machine is busy."""
OVERRUN = 1.0
"""Seconds of computing beyond the limit, from which on it must have been a single call."""

Status = Literal["passed", "failed", "untouched"]

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
    status: Status
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
    """Judges an answer. Raises nothing, whatever the answer is or does.

    What counts is the processor time, so that a busy machine changes no verdict. The check ends
    when it has computed or waited for too long; only a call into compiled code that takes longer
    runs to its end first. Afterwards, the process has the settings that it had before.
    """
    calls = _Calls()
    try:
        with settings.kept():
            status, message = limited(lambda: _judged(exercise, answer, calls), COMPUTING, WAITING)
    except OutOfTime as stop:
        status, message = "failed", _stopped(stop, exercise, answer, calls)
    except KeyboardInterrupt:
        status, message = "failed", "You interrupted the check, so there is no verdict."
    except BaseException as error:  # no words could be found for what the answer does
        name = type(error).__name__
        status, message = "failed", f"Your answer could not be judged. What came up was {name}."
    return Result(exercise.id, status, message)


def _judged(exercise: Exercise, answer: Any, calls: _Calls) -> tuple[Status, str]:
    if _is_gap(answer):
        return "untouched", _UNTOUCHED
    try:
        given = _given(exercise, answer, calls)
    except Wrong as wrong:
        return "failed", str(wrong)
    try:
        praise = exercise.check(given)
    except Wrong as wrong:
        said = str(wrong)
    except (OutOfTime, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit included: a learner may call exit()
        if diagnose.is_gap(error):
            return "untouched", _GAP
        if diagnose.raised_by_stub(error, answer, exercise.file):
            return "untouched", _UNTOUCHED
        said = _explain(error, exercise, answer, calls)
    else:
        return ("failed", _IN_PLACE.format(calls.changed)) if calls.changed else ("passed", praise)
    if _has_stub(answer):
        return "untouched", _UNTOUCHED
    if calls.last and any(part is ... for part in _parts(calls.last[2])):
        return "untouched", _GAP
    if calls.last and calls.last[2] is None:
        said = _unlike_reference(exercise, calls) or said
    return "failed", said


# What an answer is


def _is_gap(answer: Any) -> bool:
    """Is this the untouched stub, or does it hold a ``...`` that was to be filled in?"""
    parts = _parts(answer)
    empty = bool(parts) and all(part is None or part is NotImplemented for part in parts)
    return empty or any(part is ... for part in parts)


def _parts(value: Any) -> list[Any]:
    """What a tuple, list or dictionary holds; anything else holds itself."""
    value = list(value.values()) if type(value) is dict else value
    return list(value) if type(value) in (tuple, list) else [value]


def _has_stub(answer: Any) -> bool:
    """Is this a function that does nothing, or a class with one such method or without any?"""
    functions = diagnose.functions(answer)
    return inspect.isclass(answer) and not functions or any(map(diagnose.does_nothing, functions))


def _given(exercise: Exercise, answer: Any, calls: _Calls) -> Any:
    """The answer as the judge gets it. Raises Wrong if it is of another kind than asked for."""
    got, kind, is_class = describe(answer), exercise.kind, inspect.isclass(answer)
    if kind == "number":
        number = _number(answer)
        if number is None:
            raise Wrong(f"This exercise asks for one number; you gave {got}.")
        as_number(number, "Your answer")  # or it is not finite
        return number
    if kind == "choice":
        key = answer.strip().lower() if isinstance(answer, str) else ""
        if key not in exercise.options:
            raise Wrong(f"Choose one of {', '.join(exercise.options)}; you gave {got}.")
        return key
    is_function = callable(answer) and not is_class
    if kind == "class" and not is_class or kind == "function" and not is_function:
        hint = "" if is_class else f" Give the {kind} itself, by its name and without parentheses."
        raise Wrong(f"This exercise asks for a {kind}; you gave {got}.{hint}")
    return calls.watch(answer) if is_function and kind != "class" else answer


def _number(answer: Any) -> int | float | None:
    """Python's own number for anything that holds exactly one, or None."""
    if isinstance(answer, torch.Tensor | np.ndarray | np.generic):
        answer = answer.item() if math.prod(answer.shape) == 1 else None
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return None
    return answer if isinstance(answer, int | float) else float(answer)


# What an answer does


class _Misfit(TypeError):
    """The learner's function does not take the arguments it must take."""


class _Calls:
    """Remembers the last call of the learner's function, to explain what a judge chokes on.

    Attributes:
        last: the last call that came to its end: arguments, keyword arguments, result.
        changed: the name of a parameter whose tensor or array was written into, or "".
        running: whether a call has begun that did not end.
    """

    def __init__(self) -> None:
        self.last: tuple[tuple, dict, Any] | None = None
        self.changed = ""
        self.running = False

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        signature = _signature(function)
        names = [*(signature.parameters if signature else ())]

        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            before = [_copied(value) for value in (*args, *kwargs.values())]
            self.running = True
            try:
                result = function(*args, **kwargs)
            except TypeError:
                try:
                    if signature:
                        signature.bind(*args, **kwargs)
                except TypeError as error:
                    raise _Misfit(str(error)) from None
                raise
            self.running = False
            self.last = (args, kwargs, result)
            given = [*names, *["its input"] * len(args)][: len(args)]
            values = (*args, *kwargs.values())
            for name, value, old in zip([*given, *kwargs], values, before, strict=True):
                if _differs(value, old):
                    self.changed = name
            return result

        return watched


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some functions of compiled code have none
        return None


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


# What is said to it


def _explain(error: BaseException, exercise: Exercise, answer: Any, calls: _Calls) -> str:
    """The sentence for an exception that came up while the answer was judged."""
    said = diagnose.sentence(error)
    if isinstance(error, _Misfit):
        return (
            f"Your function cannot be called as the exercise calls it: {error}. Its parameters "
            f"are {_signature(answer)}; expected {_signature(exercise.solution)}."
        )
    where = diagnose.place(diagnose.stack_of(error), answer, exercise.file)
    if where:
        notes = list(getattr(error, "__notes__", []))
        if "leaf Variable" in said:
            notes.append("Parameters are changed in place under `with torch.no_grad():`.")
        return " ".join([f"Your code raised {said}{where}.", *notes])
    unlike = _unlike_reference(exercise, calls)
    return unlike or f"Your answer could not be judged. What came up was {said}."


def _unlike_reference(exercise: Exercise, calls: _Calls) -> str:
    """How the last result differs from the reference's in kind; "" if it does not."""
    if calls.last is None:
        return ""
    args, kwargs, result = calls.last
    try:
        wanted = describe(exercise.solution(*args, **kwargs))
    except Exception:  # the arguments may be used up: then nothing can be compared
        wanted = "something else"
    got = describe(result)
    hint = " Is its return missing?" if result is None else ""
    return "" if got == wanted else f"Your function returned {got}; expected {wanted}.{hint}"


def _stopped(stop: OutOfTime, exercise: Exercise, answer: Any, calls: _Calls) -> str:
    """The sentence for a check that took too long; it says what was observed."""
    where = diagnose.place(stop.stack, answer, exercise.file)
    if stop.computed < COMPUTING:
        return (
            f"The check was stopped{where}: in {stop.computed + stop.waited:.0f} seconds it "
            f"computed for {stop.computed:.1f} and waited for the rest. Does your code wait for "
            "something? If it does not, the machine is busy: run this cell once more."
        )
    said = f"The check was stopped after {stop.computed:.0f} seconds of computing{where}. "
    if stop.computed > COMPUTING + OVERRUN:
        return said + "It is in one call that cannot be interrupted. Can you give it less to do?"
    if where or calls.running or inspect.isclass(answer):
        return said + "Does a loop never end?"
    return said + "Run this cell once more."
