"""The process in which a learner's code runs: checks in, a line of JSON per event out.

Nothing else reaches its standard output: what the learner's code prints is dropped.
"""

from __future__ import annotations

import ast
import contextlib
import json
import linecache
import math
import os
import sys
import time
from typing import Any

from .. import exercises
from ..exercises import diagnose
from . import _cells


def run(
    check: _cells.Check, cells: dict[int, str], title: str, not_copied: bool = False
) -> dict[str, str]:
    """Returns status and message of one check, after running the code that it needs."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for number, text in cells.items():
        lines = text.splitlines(keepends=True)
        linecache.cache[_file(title, number)] = (len(text), None, lines, _file(title, number))
    try:
        for piece in check.needs:
            module = ast.Module([piece.code], type_ignores=[])
            exec(compile(module, _file(title, piece.cell), "exec"), space)
        expression = ast.Expression(check.answer)
        answer = eval(compile(expression, _file(title, check.cell), "eval"), space)
    except BaseException as error:
        where = diagnose.place(diagnose.stack_of(error), None)
        said = f"The code before the check raised {diagnose.sentence(error)}{where}."
        if not_copied and isinstance(error, FileNotFoundError):
            said += " The checks run beside copies of your small files; large ones are not copied."
        if check.broken:
            number, fault = next(iter(check.broken.items()))
            said += f" Cell {number} is no valid Python ({fault})."
        return {"status": "failed", "message": said}
    result = exercises.check(check.exercise, answer)
    return {"status": result.status, "message": result.message}


def _file(title: str, cell: int) -> str:
    return f"<{title}, cell {cell}>"


def _limit_processor_time(seconds: float) -> None:
    """From now on; then SIGXCPU ends the process."""
    with contextlib.suppress(ImportError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        most = math.ceil(time.process_time() + min(seconds, 1e9))
        resource.setrlimit(
            resource.RLIMIT_CPU,
            (most if hard == resource.RLIM_INFINITY else min(most, hard), hard),
        )


def work(job: dict[str, Any]) -> None:
    """Does a job, writes one line before and one after each check, and ends the process."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)

    cells = {int(number): text for number, text in job["cells"].items()}
    checks = _cells.checks_of(cells)
    exercises.collected()  # loaded before the first check, whose time is limited
    sys.path.insert(0, os.getcwd())  # as in a kernel
    process = os.getpid()
    for number in job["checks"]:
        print(json.dumps({"begins": number}), file=out, flush=True)
        _limit_processor_time(job["seconds"])
        said = run(checks[number], cells, job["title"], job["not_copied"])
        if os.getpid() != process:  # the learner's code has forked
            os._exit(0)
        print("\n" + json.dumps({"ends": number, **said}), file=out, flush=True)
    os._exit(0)  # threads of a learner may still run
