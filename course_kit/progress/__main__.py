"""Prints which exercises of a learner's notebooks pass, are untouched, or fail and why.

Usage: python -m course_kit.progress notebooks/
"""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections import Counter
from pathlib import Path

from ._jobs import Row, examine_notebook

WORDS = {
    "passed": "✓ passes",
    "failed": "✗ not yet",
    "untouched": "○ untouched",
    "open": "· prediction",
    "missing": "? missing",
    "note": "! note",
}
_HIDDEN = ".ipynb_checkpoints"


def notebooks_in(paths: list[Path]) -> list[Path]:
    """Returns the notebooks among these files and in these folders, without hidden copies."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        found += [p for p in inside if path.is_file() or not _is_hidden(p.relative_to(path))]
    return list(dict.fromkeys(found))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def table(rows: list[Row], width: int) -> str:
    """Returns the rows as lines of text, with messages wrapped to the width."""
    first = max(len(row.exercise) for row in rows) + 2
    second = max(map(len, WORDS.values())) + 2
    lines = []
    for row in rows:
        shown = "" if row.status in ("passed", "untouched") else row.message
        wrapped = textwrap.wrap(shown, max(width - first - second - 2, 30)) or [""]
        lines.append(f"  {row.exercise:<{first}}{WORDS[row.status]:<{second}}{wrapped[0]}")
        lines += [" " * (first + second + 2) + line for line in wrapped[1:]]
    return "\n".join(line.rstrip() for line in lines)


def summary(rows: list[Row]) -> str:
    """Returns the count of each status in a line."""
    count = Counter(row.status for row in rows if row.exercise)
    total = sum(count.values())
    parts = [f"{count['passed']} of {total} exercises pass"]
    parts += [f"{count['failed']} not yet"] * (count["failed"] > 0)
    parts += [f"{count['untouched']} untouched"] * (count["untouched"] > 0)
    noun = "prediction" if count["open"] == 1 else "predictions"
    parts += [f"{count['open']} {noun} not counted"] * (count["open"] > 0)
    parts += [f"{count['missing']} missing"] * (count["missing"] > 0)
    return ", ".join(parts) + "."


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_kit.progress",
        description="Runs the checks of the exercises in a learner's notebooks and prints a table.",
    )
    parser.add_argument("paths", nargs="+", type=Path, help="notebooks, or folders that hold some")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="time limit of each check (default: 30)"
    )
    options = parser.parse_args(arguments)
    for path in options.paths:
        if not path.exists():
            parser.error(f"{path} does not exist")
    if not options.seconds > 0:
        parser.error(f"--seconds is {options.seconds:g}; expected a number above 0")
    found = notebooks_in(options.paths)
    if not found:
        parser.error("there is no notebook (*.ipynb) in " + ", ".join(map(str, options.paths)))
    if hasattr(sys.stdout, "reconfigure"):  # a terminal without these signs shows a question mark
        sys.stdout.reconfigure(errors="replace")
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    every: list[Row] = []
    for path in found:
        rows = examine_notebook(path, options.seconds)
        print(f"{path}\n{table(rows, width)}\n", flush=True)
        every += rows
    print(summary(every))
    return 0


if __name__ == "__main__":
    sys.exit(main())
