"""The process that holds the one in which a learner's code runs, and ends all that it started.

A job comes in by standard input, as a line of JSON, and results go out by standard output. When
standard input ends, because nobody waits any more or the waiting process was killed, so does the
work. The learner's code runs in a temporary folder with copies of the small files beside the
notebook, in a separate session, with limits on memory and on the size of files.

This keeps accidents away from the learner's files and from the machine. It is no sandbox: code
that wants to do harm can.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

LARGEST_FILE, LARGEST_COPY, MOST_FILES = 16 * 2**20, 64 * 2**20, 500
"""What is copied at most: bytes of a file and of all files, and their number."""

MEMORY, FILE_SIZE = 4 * 2**30, 2**30
"""Bytes that the learner's process may hold, on Linux, and that a file it writes may have."""


def main() -> None:
    """Runs the job that comes in by standard input."""
    job = json.loads(sys.stdin.buffer.readline())
    job["not_copied"] = copy_small_files(Path(job["folder"]), Path(job["copy"]))
    os.chdir(job["copy"])
    if not hasattr(os, "fork"):
        _work(job)
    killed_by = guard(job)
    shutil.rmtree(job["copy"], ignore_errors=True)  # whoever made it may have been killed
    if killed_by:
        print(json.dumps({"killed_by": killed_by}), flush=True)


def guard(job: dict[str, Any]) -> int:
    """Runs a job in a separate process; returns the signal that killed it, or 0."""
    _prctl(36)  # PR_SET_CHILD_SUBREAPER: processes that lose their parent become children here
    child = os.fork()
    if child == 0:
        os.setsid()
        _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: should this process be killed
        _work(job)
    ended = status = 0
    while not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended and select.select([0], [], [], 0.05)[0] and not os.read(0, 4096):
            break
    end_all(child)
    return os.WTERMSIG(status) if ended and os.WIFSIGNALED(status) else 0


def end_all(child: int) -> None:
    """Kills a child with its process group and, on Linux, whatever came from it."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    deadline = time.monotonic() + 10
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for process in map(int, children.read_text().split()):
                os.kill(process, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.01)
        except ChildProcessError:  # none is left
            return


def copy_small_files(source: Path, target: Path) -> bool:
    """Copies the files of a folder, those nearest to its top first, without notebooks.

    Returns:
        Whether something was left out.
    """
    number = size = 0
    left_out = False
    folders = deque([Path()])
    while folders:
        below = folders.popleft()
        try:
            entries = sorted(os.scandir(source / below), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith((".", "__pycache__")) or entry.name.endswith(".ipynb"):
                continue
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(below / entry.name)
                elif entry.is_file():
                    number, size = number + 1, size + entry.stat().st_size
                    if number > MOST_FILES:
                        return True
                    if entry.stat().st_size > LARGEST_FILE or size > LARGEST_COPY:
                        size -= entry.stat().st_size
                        left_out = True
                    else:
                        (target / below).mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(entry.path, target / below / entry.name)
    return left_out


def _prctl(option: int, value: int = 1) -> None:
    """Asks Linux for a property of this process; elsewhere, and where it is refused, nothing."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _work(job: dict[str, Any]) -> None:
    """Turns this process into the one that runs the learner's code. Does not return."""
    with contextlib.suppress(ImportError):
        import resource

        limits = {resource.RLIMIT_FSIZE: FILE_SIZE, resource.RLIMIT_CORE: 0}
        if sys.platform == "linux":
            limits[resource.RLIMIT_DATA] = MEMORY
        for kind, most in limits.items():
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, hard))
    try:
        from . import _worker

        _worker.work(job)
    finally:
        os._exit(1)  # whatever happens, no code of the guard runs in this process


if __name__ == "__main__":
    main()
