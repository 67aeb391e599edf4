"""Of a folder with the hand-ins of a class there is one table."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from course_kit import exercises
from course_kit.progress import Row, __main__, _class
from tests.helpers import save_notebook

ALL = exercises.collected()
NUMBER = next(e for e in ALL if e.kind == "number" and any(a.asks for a in e.wrong_answers))
MISTAKE = next(answer for answer in NUMBER.wrong_answers if answer.asks)
Run = Callable[..., tuple[int, str]]


@pytest.mark.parametrize(
    ("files", "owners"),
    [
        (["Anna/00_x.ipynb", "Bo/part/01_y.ipynb"], ["Anna", "Bo"]),
        (["anna_00_x.ipynb", "bo-b.00_x.ipynb", "anna_01_y.ipynb"], ["anna", "bo-b", "anna"]),
        (["Anna/00_x.ipynb", "bo 00_x (1).ipynb"], ["Anna", "bo"]),
        (["Anna/00_x.ipynb", "Anna/01_y.ipynb"], []),  # a folder of one person
        (["00_x.ipynb", "01_y.ipynb"], []),
        (["00_x.ipynb", "old/00_x.ipynb", "older/00_x.ipynb"], []),
        (["Copy of 00_x.ipynb", "anna_00_x.ipynb"], []),
    ],
)
def test_who_handed_in(files: list[str], owners: list[str]) -> None:
    found = [Path("class", name) for name in files]
    assert list(_class.learners(Path("class"), found).values()) == owners


@pytest.mark.parametrize("exercise", [e for e in ALL if e.kind in ("number", "choice")],
                         ids=lambda exercise: exercise.id)  # fmt: skip
def test_a_misconception_is_named_as_its_exercise_words_it(exercise: exercises.Exercise) -> None:
    for answer in exercise.wrong_answers:
        result = exercises.check(exercise.id, answer.make())
        found = _class.belief(Row(exercise.id, result.status, result.message))
        same = [a.about for a in exercise.wrong_answers if a.asks and a.asks == answer.asks]
        assert found in (same or [answer.about, ""])
    assert _class.belief(Row(exercise.id, "passed", MISTAKE.asks)) == ""
    assert _class.belief(Row(exercise.id, "failed", "Something else.")) == ""


def hand_in(path: Path, answer: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_notebook(
        path,
        "from course_kit import exercises",
        f"mine = {answer!r}",
        f'exercises.check("{NUMBER.id}", mine)',
    )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str]:
        status = __main__.main([str(argument) for argument in arguments])
        return status, capsys.readouterr().out

    return run


def test_the_table_of_a_class(tmp_path: Path, run: Run) -> None:
    hand_in(tmp_path / "class" / "Bo" / "mine.ipynb", MISTAKE.make())
    hand_in(tmp_path / "class" / "Anna" / "first.ipynb", MISTAKE.make())
    hand_in(tmp_path / "class" / "Anna" / "second.ipynb", NUMBER.solution)
    hand_in(tmp_path / "class" / "=Cy\x1b[2J" / "mine.ipynb", MISTAKE.make())
    (tmp_path / "class" / "Di").mkdir()
    (tmp_path / "class" / "Di" / "torn.ipynb").write_text("{")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    status, out = run(tmp_path / "class", "--csv", tmp_path / "table.csv")
    assert status == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")} == before
    own = [exercise.id for exercise in exercises.collected(NUMBER.id[:2])]
    people, legend, counts, beliefs, notes = out.rstrip().split("\n\n")
    assert legend.startswith("✓ passes   ✗ not yet")
    first = people.index(NUMBER.id[:2])
    signs = {line[:first].strip(): line[first:] for line in people.splitlines()[1:]}
    assert list(signs) == ["=Cy�[2J", "Anna", "Bo", "Di"]
    assert signs["Anna"].startswith("".join("✓" if e == NUMBER.id else "?" for e in own))
    assert signs["Bo"].startswith("".join("✗" if e == NUMBER.id else "?" for e in own))
    assert signs["Anna"].endswith(f"1 of {len(own)}") and signs["Di"].endswith(f"0 of {len(own)}")
    (line,) = [line for line in counts.splitlines() if line.startswith(NUMBER.id)]
    assert line.split()[1:] == ["1", "2", "0", "0", "0"]  # the better one of Anna's counts
    assert beliefs.splitlines()[1].split(maxsplit=2) == ["2", NUMBER.id, MISTAKE.about]
    assert "torn.ipynb: Not read" in notes and "\x1b" not in out

    with open(tmp_path / "table.csv", encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["exercise"] in (NUMBER.id, "")]
    assert sorted((row["learner"], row["status"], row["misconception"]) for row in rows) == [
        ("'=Cy�[2J", "failed", MISTAKE.about),
        ("Anna", "failed", MISTAKE.about),
        ("Anna", "passed", ""),
        ("Bo", "failed", MISTAKE.about),
        ("Di", "note", ""),
    ]


@pytest.mark.parametrize(
    ("target", "words"),
    [("there.csv", "is there already"), ("no/table.csv", "there is no folder")],
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    target: str, words: str,
) -> None:  # fmt: skip
    for name in ("Anna", "Bo"):
        hand_in(tmp_path / name / "mine.ipynb", 1)
    (tmp_path / "there.csv").write_text("mine")
    monkeypatch.setattr(__main__, "examine_notebook", lambda *_: pytest.fail("too late"))
    with pytest.raises(SystemExit):
        __main__.main([str(tmp_path), "--csv", str(tmp_path / target)])
    assert words in capsys.readouterr().err
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_one_persons_notebooks_give_no_csv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(tmp_path / "mine.ipynb", 1)
    with pytest.raises(SystemExit):
        __main__.main([str(tmp_path), "--csv", str(tmp_path / "table.csv")])
    assert "a folder for each learner" in capsys.readouterr().err


def test_what_was_read_before_an_interrupt_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    for name in ("Anna", "Bo"):
        hand_in(tmp_path / name / "mine.ipynb", 1)

    def interrupted(path: Path, _: float) -> list[Row]:
        if "Bo" in str(path):
            raise KeyboardInterrupt
        return [Row("00-x", "passed", "")]

    monkeypatch.setattr(__main__, "examine_notebook", interrupted)
    status, out = run(tmp_path)
    assert status == 130 and "1 of 1" in out
