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

    A timer interrupts the main thread as Ctrl-C does. Where this process got less than half of the
    time to compute, the machine is busy or the work waits: then it has up to four times as long.
    Elsewhere than in the main thread there is no limit. A single long call into compiled code ends
    before it is stopped.

    Raises:
        TookTooLong: after this many seconds.
        KeyboardInterrupt: somebody else interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    lock = threading.Lock()
    done = fired = False
    begun, computed = time.monotonic(), time.process_time()

    def stop() -> None:
        nonlocal fired
        with lock:
            if done:
                return
            patient = time.monotonic() - begun < 3.5 * seconds
            if patient and time.process_time() - computed < seconds / 2:
                start()
            else:
                fired = True
                _thread.interrupt_main()

    def start() -> None:
        nonlocal timer
        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()

    timer: threading.Timer
    # Jupyter ignores interrupts between cells, and an application may have a handler of its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        start()
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
