"""Whose line raised: words for what goes wrong in a learner's code."""

from __future__ import annotations

import dis
import functools
import inspect
import linecache
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch

import tutorial_lib

__all__ = ["does_nothing", "functions", "is_gap", "place", "raised_by_stub", "sentence", "stack_of"]

_LIBRARIES = tuple(
    str(Path(folder).resolve())
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(torch.__file__).parent.parent,
        Path(__file__).parent.parent,
        Path(tutorial_lib.__file__).parent,
    )
)
_IDLE = {"RESUME", "NOP", "CACHE", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "POP_TOP"}


Stack = list[tuple[FrameType, int]]
"""Frames and line numbers, innermost first."""


def sentence(error: BaseException) -> str:
    """Type and message of an exception, the latter cut to a readable length."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # a learner's exception may have a __str__ that fails
        text = ""
    text = text if len(text) <= 240 else text[:237] + "..."
    return f"{type(error).__name__}: {text.rstrip('.!')}" if text else type(error).__name__


def stack_of(error: BaseException) -> Stack:
    """The frames that an exception came through."""
    return list(traceback.walk_tb(error.__traceback__))[::-1]


def place(stack: Stack, answer: Any, judges: str = "") -> str:
    """Names the learner's innermost line in a stack; "" if none of it is theirs.

    Args:
        stack: what :func:`stack_of` returns, or ``traceback.walk_stack``.
        answer: its code is the learner's, wherever it stands.
        judges: a file that is not the learner's, besides those of the libraries.
    """
    codes = set(_codes(answer))
    for frame, number in stack:
        if _is_own(frame.f_code, codes, judges):
            line = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
            shown = f": `{line}`" if line else ""
            return f" at line {number} of your code{shown}"
    return ""


def raised_by_stub(error: BaseException, answer: Any, judges: str = "") -> bool:
    """Is this the learner's own ``raise NotImplementedError``? (Torch raises it, too.)"""
    return (
        isinstance(error, NotImplementedError)
        and bool(stack := stack_of(error))
        and _is_own(stack[0][0].f_code, set(_codes(answer)), judges)
    )


def is_gap(error: BaseException) -> bool:
    """Did a ``...`` that was to be filled in take part in a computation?"""
    return isinstance(error, TypeError | AttributeError) and "ellipsis" in str(error).lower()


def does_nothing(function: Callable[..., Any]) -> bool:
    """Is the body only a docstring, ``pass``, ``...`` or the return of nothing?"""
    for step in dis.get_instructions(function):
        if step.opname not in _IDLE:
            return False
        if step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval not in (None, ...):
            return False
    return True


def functions(answer: Any) -> list[FunctionType]:
    """A function, or all of a class; none of anything else."""
    if isinstance(answer, functools.partial):
        answer = answer.func
    parts = vars(answer).values() if inspect.isclass(answer) else [answer]
    return [f for f in (getattr(p, "__func__", p) for p in parts) if inspect.isfunction(f)]


def _codes(answer: Any) -> Iterator[CodeType]:
    """The code objects that an answer consists of, those inside others included."""
    for function in functions(answer):
        yield from _nested(function.__code__)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _is_own(code: CodeType, codes: set[CodeType], judges: str) -> bool:
    """Is this part of the answer, or does it stand in a file that belongs to no library?"""
    if code in codes:
        return True
    if code.co_filename == judges or code.co_filename.startswith("<frozen"):
        return False
    if code.co_filename.startswith("<"):
        return True
    return not str(Path(code.co_filename).resolve()).startswith(_LIBRARIES)
