"""A time limit for code that may never end, in the thread that runs it."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["TookTooLong", "limited"]

T = TypeVar("T")


class TookTooLong(Exception):
    """The work was stopped. Its traceback leads to the line where that happened."""


def limited(work: Callable[[], T], seconds: float) -> T:
    """Returns what ``work`` returns, or stops it.

    A timer interrupts the main thread as Ctrl-C does. Elsewhere than in the main thread there is no
    limit. A single long call into compiled code ends before it is stopped.

    Raises:
        TookTooLong: after this many seconds.
        KeyboardInterrupt: somebody else interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    lock = threading.Lock()
    done = fired = False

    def stop() -> None:
        nonlocal fired
        with lock:
            if not done:
                fired = True
                _thread.interrupt_main()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    # Jupyter ignores interrupts between cells, and an application may have a handler of its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer.start()
        try:
            return work()
        finally:
            with lock:
                done = True
            timer.cancel()
            if fired:  # the interrupt may still be on its way
                time.sleep(0.05)
    except KeyboardInterrupt as interrupt:
        if fired:
            raise TookTooLong().with_traceback(interrupt.__traceback__) from None
        raise
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
