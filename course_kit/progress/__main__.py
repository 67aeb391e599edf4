"""Prints which exercises of a learner's notebooks pass, are untouched, or fail and why.

Usage: python -m course_kit.progress [folder or notebook ...]

Of a folder that holds the hand-ins of a class, it prints one table.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections import Counter
from pathlib import Path

from .. import workspace
from ._class import WORDS, Hand, class_table, learners, printable, write_csv
from ._jobs import Row, examine_notebook


def notebooks_in(paths: list[Path]) -> list[Path]:
    """Returns these files, and the notebooks in these folders.

    Left out are hidden folders, and corrected lessons beside a learner's own that nobody touched.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [p.relative_to(path) for p in sorted(path.rglob("*.ipynb"))]
            shown = [p for p in inside if not any(part.startswith(".") for part in p.parts)]
            found += [path / p for p in shown if not workspace.is_beside(path / p)]
        else:
            found.append(path)
    return list(dict.fromkeys(found))


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
    return printable("\n".join(line.rstrip() for line in lines))


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
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        help="notebooks, or folders that hold some (default: the folder that make lab opens)",
    )
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="processor time of each check (default: 30)"
    )
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="of a class: also write its table to this new file, for a spreadsheet",
    )
    options = parser.parse_args(arguments)
    paths = options.paths or [workspace.default_folder()]
    for path in paths:
        if not os.path.lexists(path):
            own = "" if options.paths else ". Say in which folder your notebooks are"
            parser.error(f"{path} does not exist{own}")
    if not 0 < options.seconds <= 86_400:
        parser.error(f"--seconds is {options.seconds:g}; expected a number above 0, at most 86400")
    found = notebooks_in(paths)
    if not found:
        parser.error("there is no notebook (*.ipynb) in " + ", ".join(map(str, paths)))
    if hasattr(sys.stdout, "reconfigure"):  # a terminal without these signs shows a question mark
        sys.stdout.reconfigure(errors="replace")
    owners = learners(paths[0], found) if len(paths) == 1 and paths[0].is_dir() else {}
    if options.csv and not owners:
        parser.error("--csv needs a folder with the hand-ins of a class: a folder for each learner")
    if options.csv and os.path.lexists(options.csv):
        parser.error(f"--csv: {options.csv} is there already; name a new file")
    if options.csv and not options.csv.parent.is_dir():
        parser.error(f"--csv: there is no folder {options.csv.parent}; make it first")
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    hands: list[Hand] = []
    interrupted = False
    try:
        for number, path in enumerate(found, start=1):
            if owners:
                print(f"{number} of {len(found)}: {printable(str(path))}", file=sys.stderr)
            rows = examine_notebook(path, options.seconds)
            if not owners:
                print(f"{printable(str(path))}\n{table(rows, width)}\n", flush=True)
            hands += [(owners.get(path, ""), path, row) for row in rows]
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        interrupted = True
    if owners and hands:
        print(class_table(hands))
        if options.csv:
            write_csv(options.csv, hands)
    elif not interrupted:
        print(summary([row for _, _, row in hands]))
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
