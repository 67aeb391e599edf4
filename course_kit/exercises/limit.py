"""Stops code that computes or waits for too long, in the thread that runs it."""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

__all__ = ["OutOfTime", "limited"]

T = TypeVar("T")
_LOOKS = 0.05
"""Seconds between two looks at the clocks."""
_AGAIN = 2e-6
"""The next attempt to stop comes one to a hundred times as many seconds later, by no fixed step:
code that catches the first one is met at other places, in the end at one that catches nothing."""

_PRINTING = 1.0
"""Seconds for which what finalizers raise may be printed, before the prints are stopped too."""


class OutOfTime(BaseException):
    """The work was stopped.

    Attributes:
        computed: processor time of this thread until the first attempt, in seconds.
        waited: the rest of the time that went by, in seconds.
        stack: frames and line numbers of the work at the first attempt, innermost first.
    """

    def __init__(self, computed: float, waited: float, stack: list[tuple[FrameType, int]]) -> None:
        super().__init__()
        self.computed, self.waited, self.stack = computed, waited, stack


def limited(work: Callable[[], T], computing: float, waiting: float) -> T:
    """Returns what ``work`` returns, or stops it and raises :class:`OutOfTime`.

    A timer looks at the thread's processor time, so that a busy machine takes nothing away. What
    catches the exception by which it is stopped meets it again, until it gives up. A finalizer that
    is met catches it, too (Python prints what one raises, and goes on): that print is left out.

    There is no limit outside the main thread, and none on systems without ``setitimer`` (Windows).
    A call into compiled code cannot be interrupted; the work is stopped as soon as it returns.

    Args:
        work: a function without arguments.
        computing: seconds of processor time that it may take.
        waiting: seconds that it may not compute: asleep, or because the machine is busy.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not hasattr(signal, "setitimer"):
        return work()
    begun, computed_before = time.monotonic(), time.thread_time()
    first: list[OutOfTime] = []
    printing: list[float] = []  # moments at which the time was up during a print

    def look(_: int, frame: FrameType | None) -> None:
        if not first:
            computed = time.thread_time() - computed_before
            waited = time.monotonic() - begun - computed
            if computed < computing and waited < waiting:
                return
        stack = []
        for inner in traceback.walk_stack(frame):
            if inner[0].f_code is _running.__code__:
                break
            if inner[0].f_code is unraisable.__code__:
                printing.append(time.monotonic())
                if printing[-1] - printing[0] < _PRINTING:
                    _again()
                    return
            stack.append(inner)
        else:
            return  # the work has just ended
        if not first:
            first.append(OutOfTime(computed, waited, stack))
        _again()
        raise first[0].with_traceback(None)

    def unraisable(event: sys.UnraisableHookArgs) -> None:
        met = event.exc_value, getattr(event.exc_value, "__context__", None)
        if not any(isinstance(error, OutOfTime) for error in met):
            hook(event)

    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    handler = signal.signal(signal.SIGALRM, look)
    left, interval = signal.setitimer(signal.ITIMER_REAL, _LOOKS, _LOOKS)
    try:
        return _running(work)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        sys.unraisablehook = hook
        if left:  # somebody else's alarm
            elapsed = time.monotonic() - begun
            signal.setitimer(signal.ITIMER_REAL, max(left - elapsed, _AGAIN), interval)


def _again() -> None:
    """Lets the next look come soon."""
    soon = _AGAIN * (1 + time.perf_counter_ns() % 100)
    signal.setitimer(signal.ITIMER_REAL, soon, 100 * _AGAIN)


def _running(work: Callable[[], T]) -> T:
    """Marks in the stack that the work is running: only below this is an exception safe."""
    return work()
