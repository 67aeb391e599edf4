"""The table of a class: who, which exercises, and which misconceptions are common."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from .. import exercises
from ._jobs import Row

__all__ = ["WORDS", "Hand", "belief", "class_table", "learners", "printable", "write_csv"]

Hand = tuple[str, Path, Row]
"""A learner, a notebook that was handed in, and what is known of one exercise in it."""

WORDS = {
    "passed": "✓ passes",
    "failed": "✗ not yet",
    "untouched": "○ untouched",
    "open": "· prediction",
    "missing": "? missing",
    "note": "! note",
}
"""What a status is called, after its sign."""

_BEST = list(WORDS)  # of two hand-ins of an exercise, the one that comes first here counts


def learners(folder: Path, found: list[Path]) -> dict[Path, str]:
    """Returns whose each notebook is, if these are the hand-ins of a class; otherwise nothing.

    Each learner has a folder in ``folder``, named after them, or their name stands before that of
    the lesson: ``anna_00_spiking_neuron.ipynb``. It is a class if that tells at least two apart.
    """
    owners = {}
    for path in found:
        first, *others = path.relative_to(folder).parts
        named = re.match(r"(.+?)[ _.-]+\d\d_", first)
        name = first if others else named[1] if named else ""
        owners[path] = "" if name == "Copy of" else name
    names = set(owners.values())
    return owners if len(names) > 1 and "" not in names else {}


def belief(row: Row) -> str:
    """Returns the misconception that the check has recognized, as its exercise words it; or ""."""
    if row.status != "failed":
        return ""
    known = [e for e in exercises.collected(row.exercise[:2]) if e.id == row.exercise]
    answers = [answer for exercise in known for answer in exercise.wrong_answers]
    asked = [a.about for a in answers if a.asks and row.message.endswith(a.asks)]
    told = [a.about for a in answers if not a.asks and a.told and a.told in row.message]
    return asked[0] if asked else told[0] if len(told) == 1 else ""


def class_table(hands: list[Hand]) -> str:
    """Returns a line for each learner, counts for each exercise, and what is misunderstood."""
    best: dict[tuple[str, str], Row] = {}
    for who, _, row in sorted(hands, key=lambda hand: _BEST.index(hand[2].status)):
        if row.exercise:
            best.setdefault((who, row.exercise), row)
    names = sorted({who for who, _, _ in hands}, key=str.casefold)
    ids = sorted({exercise for _, exercise in best})
    parts = [_signs(names, ids, best), _counts(ids, best), _misconceptions(best)]
    notes = [f"  {path}: {row.message}" for _, path, row in hands if not row.exercise]
    parts += ["\n".join(["Not counted:", *notes])] if notes else []
    return printable("\n\n".join(filter(None, parts)))


def _signs(names: list[str], ids: list[str], best: dict[tuple[str, str], Row]) -> str:
    numbers = sorted({exercise[:2] for exercise in ids})
    own = {number: [e for e in ids if e.startswith(number)] for number in numbers}
    first = max(map(len, names)) + 2
    lines = [" " * first + "".join(f"{n:<{len(own[n]) + 2}}" for n in numbers) + "passed"]
    for who in names:
        signs = {e: WORDS[best[who, e].status][0] if (who, e) in best else " " for e in ids}
        shown = "".join("".join(signs[e] for e in own[n]) + "  " for n in numbers)
        passed = list(signs.values()).count("✓")
        lines.append(f"{who:<{first}}{shown}{passed} of {len(ids)}")
    legend = "   ".join(words for status, words in WORDS.items() if status != "note")
    return "\n".join([*lines, "", legend])


def _counts(ids: list[str], best: dict[tuple[str, str], Row]) -> str:
    if not ids:
        return ""
    shown = ("passed", "failed", "untouched", "open", "missing")
    first = max(map(len, ids)) + 2
    lines = [f"{'':<{first}}" + "".join(f"{WORDS[status][0]:>4}" for status in shown)]
    for exercise in ids:
        count = Counter(row.status for (_, of), row in best.items() if of == exercise)
        lines.append(f"{exercise:<{first}}" + "".join(f"{count[status]:>4}" for status in shown))
    return "\n".join(lines)


def _misconceptions(best: dict[tuple[str, str], Row]) -> str:
    found = Counter((exercise, belief(row)) for (_, exercise), row in best.items())
    common = sorted(
        ((times, *which) for which, times in found.items() if which[1]),
        key=lambda entry: (-entry[0], entry[1:]),
    )
    lines = [f"{times:>4}  {exercise:<24}{about}" for times, exercise, about in common]
    return "\n".join(["Misconceptions, the most common first:", *lines]) if lines else ""


def write_csv(path: Path, hands: list[Hand]) -> None:
    """Writes a row for each exercise of each hand-in, for a spreadsheet.

    Raises:
        FileExistsError: there is such a file, which stays as it is.
    """
    with open(path, "x", encoding="utf-8-sig", newline="") as file:  # the mark is for Excel
        writer = csv.writer(file)
        writer.writerow(["learner", "exercise", "status", "misconception", "message", "notebook"])
        for who, notebook, row in hands:
            cells = [who, row.exercise, row.status, belief(row), row.message, str(notebook)]
            writer.writerow([_no_formula(printable(cell)) for cell in cells])


def printable(text: str) -> str:
    """Replaces what would steer a terminal; learners choose their files' names and messages."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
