"""The page for teachers names exercises and misconceptions that there are."""

from __future__ import annotations

import re

from course_kit import exercises
from tests.helpers import ROOT

PAGE = (ROOT / "book" / "teachers.md").read_text(encoding="utf-8")


def test_each_misconception_is_one_that_its_exercise_knows() -> None:
    known = {e.id: {answer.about for answer in e.wrong_answers} for e in exercises.collected()}
    rows = re.findall(r"^\| (.+?) \| `(\d\d-[\w-]+)` \| .+\? \|$", PAGE, re.MULTILINE)
    assert {name[:2] for _, name in rows} == {name[:2] for name in known}  # every notebook
    assert [row for row in rows if row[0] not in known[row[1]]] == []
    assert PAGE.count("| `") == len(rows)


def test_each_notebook_and_each_plan_of_sessions_is_whole() -> None:
    four, eight = PAGE.split("## Eight sessions")
    sessions = [re.findall(r"^\| (\d) \|", part, re.MULTILINE) for part in (four, eight)]
    assert sessions == [list("1234"), list("12345678")]
    for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"):
        assert all(f"../notebooks/{path.name}" in part for part in (four, eight)), path.name
