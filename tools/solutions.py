"""Carries the reference of each exercise into the Solution block of its notebook.

The block follows the check of the exercise. Of its code, the first fence is written here; prose and
further fences are the author's. `python -m tools.notebooks` calls this before it writes notebooks.
"""

from __future__ import annotations

import re
from pathlib import Path

from course_kit import exercises

__all__ = ["carry", "differences"]

_CALL = re.compile(r"^exercises\.(?:check|predict)\(", re.MULTILINE)
_BLOCK = re.compile(
    r"^# <details><summary>Solution</summary>\n(?:#.*\n)*?"
    r"# ```python\n(?P<code>(?:#.*\n)*?)# ```\n",
    re.MULTILINE,
)


def differences(sources: list[Path]) -> list[str]:
    """Returns one line for each block that differs from the reference, or is missing."""
    said = []
    for source in sources:
        _, changed, missing = _filled(source)
        remedy = "Remedy: change the reference in the exercise's module, then make notebooks"
        said += [f"notebooks/{source.name}: the solution of {i} differs. {remedy}" for i in changed]
        said += missing
    return said


def carry(sources: list[Path]) -> list[str]:
    """Writes the blocks that differ; returns one line for each file written."""
    said = []
    for source in sources:
        text, changed, _ = _filled(source)
        if changed:
            source.write_text(text, encoding="utf-8")
            said.append(f"notebooks/{source.name}: solution of {', '.join(changed)} written")
    return said


def _filled(source: Path) -> tuple[str, list[str], list[str]]:
    """The text with all blocks filled, the exercises whose block differs, and what is missing."""
    text = source.read_text(encoding="utf-8")
    changed, missing = [], []
    for exercise in exercises.collected(source.stem[:2]):
        if not exercise.source:
            continue
        call = text.find(f'exercises.check("{exercise.id}"')
        following = _CALL.search(text, call + 1)
        end = following.start() if following else len(text)
        block = _BLOCK.search(text, call, end) if call >= 0 else None
        if block is None:
            missing.append(f"notebooks/{source.name}: no Solution with ```python for {exercise.id}")
            continue
        lines = [f"# {line}".rstrip() + "\n" for line in exercise.source.splitlines()]
        new = "".join(lines)
        if block["code"] != new:
            changed.append(exercise.id)
            text = text[: block.start("code")] + new + text[block.end("code") :]
    return text, changed, missing
