"""Runs the checks of one notebook, each with a time limit, in a process that may be lost."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _cells

__all__ = ["Row", "examine_notebook"]

STARTING = 120.0
"""Seconds that a new process may take to import torch, on a slow and busy machine."""

PATIENCE = 4
"""A check may take so much longer than its processor time: machines are busy, and code waits."""

LONGEST = 2**20
"""Bytes of a line that are read at once. A check's result is shorter."""

Result = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """What is known of one exercise in one notebook.

    Attributes:
        exercise: the exercise's id; "" for a line about the notebook as a whole.
        status: "passed", "failed", "untouched", "missing" (its check is not in the notebook),
            "open" (a prediction, whose answer notebooks do not keep) or "note".
        message: a sentence or two.
    """

    exercise: str
    status: str
    message: str


def examine_notebook(path: Path | str, seconds: float = 30.0) -> list[Row]:
    """Returns a row for each exercise of a notebook, or one that says why there is none.

    The code runs in a process apart, on one core, in a temporary folder with copies of the small
    files beside the notebook.

    Args:
        path: the notebook. It is read only.
        seconds: processor time that each check may take, including the learner's code that it
            needs. It may last four times as long, for code that waits and for a busy machine.

    Raises:
        ValueError: ``seconds`` is not above 0, or more than a day.
    """
    from .. import exercises

    if not 0 < seconds <= 86_400:
        raise ValueError(f"seconds is {seconds}; expected a number above 0, at most 86400 (a day).")
    path = Path(path)
    try:
        cells = _cells.code_cells(path)
    except _cells.Unreadable as fault:
        return [Row("", "note", f"Not read: {fault}")]
    checks = _cells.checks_of(cells)
    last = {check.exercise: number for number, check in enumerate(checks)}
    if not last:
        return [Row("", "note", "There are no exercises in this notebook.")]
    rows = {}
    to_run = []
    for exercise, number in last.items():
        if checks[number].answer is not None:
            to_run.append(number)
        elif checks[number].asks == "predict":
            said = (
                "Not kept by a notebook. To have it counted, write your option: "
                f'exercises.predict("{exercise}", "a").'
            )
            rows[exercise] = Row(exercise, "open", said)
        else:
            rows[exercise] = Row(exercise, "failed", "The check has no answer to look at.")
    for number, (status, message) in _run(path, cells, to_run, seconds).items():
        exercise = checks[number].exercise
        rows[exercise] = Row(exercise, status, message)
    found = [rows[exercise] for exercise in last]
    for number in sorted({exercise[:2] for exercise in last}):
        for known in exercises.collected(number):
            if known.id not in last:
                found.append(Row(known.id, "missing", "Its check is not in this notebook."))
    return found


def _run(
    path: Path, cells: dict[int, str], numbers: list[int], seconds: float
) -> dict[int, Result]:
    """Runs these checks in as few processes as they leave alive."""
    results: dict[int, Result] = {}
    left = list(numbers)
    while left:
        with tempfile.TemporaryDirectory(prefix="progress-", ignore_cleanup_errors=True) as copy:
            job = {
                "title": path.name,
                "folder": str(path.resolve().parent),
                "copy": copy,
                "cells": cells,
                "checks": left,
                "seconds": seconds,
            }
            with _process(job) as messages:
                lost, fault = _listen(messages, left, results, seconds)
        if lost is None:  # it did not start, or all is done
            return results | dict.fromkeys(left, ("failed", fault))
        results[lost] = "failed", fault  # the check that the process was lost at: no second try
        left.remove(lost)
    return results


def _listen(
    messages: queue.Queue[dict[str, Any] | None],
    left: list[int],
    results: dict[int, Result],
    seconds: float,
) -> tuple[int | None, str]:
    """Takes results from a process as long as there are any, and their numbers from ``left``.

    Learner code may write to the same pipe. So only a result that is due counts.

    Returns:
        The check at which the process was lost, if any, and what to say of it.
    """
    longer = "For code that only takes long, give --seconds."
    computed = f"Stopped after {seconds:g} seconds. Does a loop never end? {longer}"
    waited = (
        f"Stopped after {PATIENCE * seconds:g} seconds, in which it waited or the machine was "
        f"busy. Does it wait for something that never comes? {longer}"
    )
    fault = "Could not be run: the process for the checks did not start."
    current, started = None, False
    deadline = time.monotonic() + STARTING
    while left:
        try:
            message = messages.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            fault = waited if started else fault
            break
        if message is None:
            break
        if current is None and message.get("begins") in left:
            current, started = message["begins"], True
            fault = "Your code ended the process that ran it."
            deadline = time.monotonic() + PATIENCE * seconds
        elif current is not None and message.get("ends") == current:
            results[current] = _result(message)
            left.remove(current)
            current = None
            deadline = time.monotonic() + STARTING
        elif message.get("killed_by") == getattr(signal, "SIGXCPU", None):
            fault = computed
    if started and left and current is None:  # lost between two checks
        current = left[0]
    return current, fault


def _result(message: dict[str, Any]) -> Result:
    status, said = message.get("status"), message.get("message")
    if status in ("passed", "failed", "untouched") and isinstance(said, str):
        return status, said
    return "failed", "The check gave no result that can be read."


@contextlib.contextmanager
def _process(job: dict[str, Any]) -> Iterator[queue.Queue[dict[str, Any] | None]]:
    """Starts a process for a job; gives what it says, then None when it has ended.

    It ends, with all that it started, when its standard input is closed: by us, or because this
    process is killed.
    """
    package = Path(__file__).resolve().parent.parent
    paths = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", f"{package.name}.progress._guard"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **own},
        start_new_session=True,
    )
    messages: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def listen() -> None:
        for line in iter(lambda: process.stdout.readline(LONGEST), b""):
            with contextlib.suppress(ValueError, RecursionError):
                message = json.loads(line)
                if isinstance(message, dict):
                    messages.put(message)

    def wait() -> None:
        process.wait()
        listener.join(2)  # longer only where something that got away holds the pipe
        messages.put(None)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    try:
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        yield messages
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        if os.name == "nt":  # there is no guard between
            process.kill()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
        waiter.join()
        if not listener.is_alive():
            process.stdout.close()
