"""The process in which a learner's code runs: checks in, one line of JSON per result out.

Nothing else reaches its standard output: what the learner's code prints is dropped.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import sys
from typing import Any

from .. import exercises
from ..exercises import diagnose
from . import _cells


def run(check: _cells.Check, cells: dict[int, str], title: str) -> dict[str, str]:
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
        if check.broken:
            number, fault = next(iter(check.broken.items()))
            said += f" Cell {number} is no valid Python ({fault})."
        return {"status": "failed", "message": said}
    result = exercises.check(check.exercise, answer)
    return {"status": result.status, "message": result.message}


def _file(title: str, cell: int) -> str:
    return f"<{title}, cell {cell}>"


def main() -> None:
    """Reads a job from standard input and writes one line before and one after each check."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(os.devnull, os.O_RDWR)
    job = json.loads(sys.stdin.buffer.read())
    for stream in (0, 1, 2):
        os.dup2(silence, stream)

    cells = {int(number): text for number, text in job["cells"].items()}
    checks = _cells.checks_of(cells)
    exercises.collected()  # loaded before the first check, whose time is limited
    for number in job["checks"]:
        print(json.dumps({"begins": number}), file=out, flush=True)
        said = run(checks[number], cells, job["title"])
        print(json.dumps({"ends": number, **said}), file=out, flush=True)
    out.close()
    os._exit(0)  # threads of a learner may still run


if __name__ == "__main__":
    main()
