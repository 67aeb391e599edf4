"""Runs the checks of one notebook, each with a time limit, in a process that may be lost."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import _cells

__all__ = ["Row", "examine_notebook"]

STARTING = 120.0
"""Seconds that a new process may take to import torch, on a slow and busy machine."""


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


def examine_notebook(path: Path, seconds: float = 30.0) -> list[Row]:
    """Returns a row for each exercise of a notebook, or one that says why there is none.

    Args:
        path: the notebook. It is read only.
        seconds: time limit of each check, including the learner's code that it needs.
    """
    from .. import exercises

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
) -> dict[int, tuple[str, str]]:
    """Runs these checks in as few processes as they leave alive."""
    results: dict[int, tuple[str, str]] = {}
    left = list(numbers)
    while left:
        current, started = None, False
        fault = "Your code ended the process that ran it."
        for said in _worker(path, cells, left, seconds):
            started = True
            if "begins" in said:
                current = said["begins"]
            elif "ends" in said:
                results[said["ends"]] = said["status"], said["message"]
                left.remove(said["ends"])
                current = None
            elif current is not None:
                fault = (
                    f"Stopped after {seconds:g} seconds. Does a loop never end? For code that only "
                    "takes long, give --seconds."
                )
        if not started:
            fault = "Could not be run: the process for the checks did not start."
            results |= dict.fromkeys(left, ("failed", fault))
            break
        if left:  # the check that the process was lost at is not tried again
            lost = left[0] if current is None else current
            results[lost] = "failed", fault
            left.remove(lost)
    return results


def _worker(path: Path, cells: dict[int, str], numbers: list[int], seconds: float):  # noqa: ANN202
    """Yields what one process says; {"late": True} once before it is stopped for its slowness."""
    package = Path(__file__).resolve().parent.parent
    paths = [str(package.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    process = subprocess.Popen(
        [sys.executable, "-m", f"{package.name}.progress._worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=path.resolve().parent,
        env=environment,
        start_new_session=True,
    )
    try:
        job = {"title": path.name, "cells": cells, "checks": numbers}
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
        lines: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True).start()
        limit = STARTING
        while True:
            try:
                line = lines.get(timeout=limit)
            except queue.Empty:
                if limit == seconds:
                    yield {"late": True}
                return
            if line is None:
                return
            yield json.loads(line)
            limit = seconds
    finally:
        _stop(process)


def _collect(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _stop(process: subprocess.Popen) -> None:
    """Ends the process and whatever it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    process.stdout.close()
