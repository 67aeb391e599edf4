"""Progress is read from notebooks of any state."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_kit import exercises, workspace
from course_kit.progress import Row, __main__, _cells, _jobs, _worker, examine_notebook
from tests.helpers import ROOT, save_notebook
from tools import notebooks

ALL = exercises.collected()
NUMBER = next(exercise for exercise in ALL if exercise.kind == "number")
FUNCTION = next(exercise for exercise in ALL if exercise.kind == "function")
CHOICE = next(exercise for exercise in ALL if exercise.kind == "choice")
RIGHT = float(NUMBER.solution)
IMPORT = "from course_kit import exercises"
REFERENCE = (
    "from course_kit.exercises import collected\n"
    f"mine = [e for e in collected() if e.id == {FUNCTION.id!r}][0].solution"
)


def check(exercise: exercises.Exercise, answer: str = "mine") -> str:
    return f'exercises.check("{exercise.id}", {answer})'


def tried(rows: list[Row]) -> dict[str, Row]:
    """Without those whose checks are not in the notebook."""
    return {row.exercise: row for row in rows if row.status != "missing"}


def only(rows: list[Row]) -> Row:
    (row,) = tried(rows).values()
    return row


# What is found


@pytest.mark.parametrize(
    ("cells", "status", "words"),
    [
        ([f"mine = {RIGHT!r}", check(NUMBER)], "passed", ""),
        (["mine = 12345.5", check(NUMBER)], "failed", ""),
        (["mine = ...", check(NUMBER)], "untouched", "Fill in"),
        ([REFERENCE, check(FUNCTION)], "passed", ""),
        (["def mine(*a, **k):\n    return 1 / 0", check(FUNCTION)], "failed", "ZeroDivisionError"),
        (["def mine(*a, **k):\n    return 1 / 0", check(FUNCTION)], "failed", "`return 1 / 0`"),
        (["def mine(*a, **k): ...", check(FUNCTION)], "untouched", "Fill in"),
        ([check(NUMBER)], "failed", "NameError: name 'mine' is not defined"),
        (["mine = (", check(NUMBER)], "failed", "Cell 3 is no valid Python (SyntaxError"),
        (["return 3", "mine = 1" + " + 1" * 9999, check(NUMBER)], "failed", "Cell 4 is no valid"),
        ([f"%%timeit\nmine = {RIGHT!r}", check(NUMBER)], "failed", "NameError"),
        ([f"%matplotlib inline\n!ls\nmine = {RIGHT!r}", check(NUMBER)], "passed", ""),
        ([f"mine = {RIGHT!r} * (3\n% 2)", check(NUMBER)], "passed", ""),
        ([f"mine = {RIGHT!r}", check(NUMBER, "answer=mine")], "passed", ""),
        ([f"mine = 0\nmine = {RIGHT!r}", check(NUMBER), "mine = 0"], "passed", ""),
        ([f"half = {RIGHT / 2!r}", "mine = 2 * half", check(NUMBER)], "passed", ""),
        (["raise ValueError('slow')", f"mine = {RIGHT!r}", check(NUMBER)], "passed", ""),
        (["print('x' * 10**6)", f"mine = {RIGHT!r}", check(NUMBER)], "passed", ""),
        ([["mine = 0\n", f"mine = {RIGHT!r}"], check(NUMBER)], "passed", ""),
        ([f'exercises.check("{NUMBER.id}")'], "failed", "no answer"),
        ([f'exercises.predict("{CHOICE.id}")'], "open", "Not kept by a notebook"),
        ([f'exercises.predict("{CHOICE.id}", "{CHOICE.solution}")'], "passed", ""),
        ([f'exercises.predict("{CHOICE.id}", answer="zz")'], "failed", "Choose one of"),
        (['exercises.check("00-no-such", 1)'], "failed", "no exercise '00-no-such'"),
    ],
)
def test_a_row_for_each_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[str], status: str, words: str
) -> None:
    """In this process, which is quicker; further down the checks run in one of their own."""

    def run_here(path: Path, code: dict, numbers: list[int], _: float) -> dict:
        said = {n: _worker.run(_cells.checks_of(code)[n], code, path.name) for n in numbers}
        return {n: (result["status"], result["message"]) for n, result in said.items()}

    monkeypatch.setattr(_jobs, "_run", run_here)
    row = only(examine_notebook(save_notebook(tmp_path / "mine.ipynb", IMPORT, *cells)))
    assert row.status == status, row
    assert words in row.message


SLICED = """
import math
x = 1
def f(x): return g(x) + late
def g(y): return [x for x in y]
unused = math.pi
for i in range(3): total = i
total += 1
late = 2
a = x
if a: a = 3
x = 5
for x in (): late.append(x)
b = f(a) + total
kept = [a for a in ()], {late for late in ()}, {x: total for x, total in ()}
"""


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ("unused", [2, 6]),
        ("x", [12, 13, 9]),  # the loop may bind x, and uses late
        ("a", [3, 10, 11]),
        ("g", [5]),
        ("f", [4, 5, 9]),
        ("total", [7, 8]),
        ("b", [3, 4, 5, 7, 8, 9, 10, 11, 14]),
        ("kept", [15]),
        ("(lambda q: q + x)(1)", [9, 12, 13]),
        ("[x for x in (1, 2)]", []),
        ("nothing", []),
    ],
)
def test_only_the_code_that_the_answer_needs_is_run(answer: str, lines: list[int]) -> None:
    cells = {1: SLICED, 2: f'exercises.check("00-a", {answer})'}
    (found,) = _cells.checks_of(cells)
    assert sorted(piece.code.lineno for piece in found.needs) == sorted(lines)


def test_a_check_that_was_deleted_is_missing(tmp_path: Path) -> None:
    path = save_notebook(tmp_path / "mine.ipynb", f"mine = {RIGHT!r}", check(NUMBER))
    rows = examine_notebook(path)
    known = [exercise.id for exercise in exercises.collected(NUMBER.id[:2])]
    assert sorted(row.exercise for row in rows) == sorted(known)
    assert {row.status for row in rows} == {"passed", "missing"}


# Files of any state


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no valid JSON"),
        (b'{"cells": [', "no valid JSON"),
        (b"\xff\xfe\x00", "no valid JSON"),
        (b"[" * 200_000, "no valid JSON"),
        (b"[]", "no list of cells"),
        (b"null", "no list of cells"),
        (b'{"worksheets": [{"cells": []}]}', "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
        (b'{"cells": []}', "no exercises"),
        (b'{\n<<<<<<< HEAD\n "a"\n=======\n "b"\n>>>>>>> origin\n}', "git show :2:./mine.ipynb"),
        (b'{"cells": [1, null, {"cell_type": "code"}, {"cell_type": "code", "source": [3]}]}',
         "no exercises"),
    ],
)  # fmt: skip
def test_a_broken_notebook_is_reported(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "mine.ipynb"
    path.write_bytes(content)
    (row,) = examine_notebook(path)
    assert row.status == "note" and words in row.message


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_or_a_device_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "device.ipynb").symlink_to("/dev/zero")
    (tmp_path / "nowhere.ipynb").symlink_to(tmp_path / "gone")
    for name, words in [("pipe", "no regular"), ("device", "no regular"), ("nowhere", "opened")]:
        (row,) = examine_notebook(tmp_path / f"{name}.ipynb")
        assert row.status == "note" and words in row.message


def test_a_huge_notebook_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "huge.ipynb"
    with open(path, "wb") as file:
        file.truncate(_cells.LARGEST + 2**20)  # takes no space on the disk
    (row,) = examine_notebook(path)
    assert row.status == "note" and "at most 64 MB are read" in row.message


def test_a_notebook_with_large_outputs_is_read(tmp_path: Path) -> None:
    right = f"mine = {RIGHT!r}", check(NUMBER)
    path = save_notebook(tmp_path / "large.ipynb", *right, padding="x" * 10**7)
    assert only(examine_notebook(path)).status == "passed"


def test_colabs_way_of_saving(tmp_path: Path) -> None:
    """Lists of lines, metadata of its own, no language version; "Copy of" in the name."""
    cells = [
        {"cell_type": "code", "source": ["mine", f" = {RIGHT!r}"], "metadata": {"id": "aB3"}},
        {"cell_type": "code", "source": [check(NUMBER)], "metadata": {"colab": {"height": 40}}},
    ]
    colab = {"nbformat": 4, "nbformat_minor": 0, "metadata": {"colab": {}}, "cells": cells}
    path = tmp_path / "Copy of 00_spiking_neuron.ipynb"
    path.write_text(json.dumps(colab))
    assert only(examine_notebook(path)).status == "passed"


# The command


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "course_kit.progress", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    """In a terminal that knows ASCII only; all that is wrong with files is no failure."""
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / "part").mkdir()
    right = f"mine = {RIGHT!r}", check(NUMBER)
    save_notebook(tmp_path / "a.ipynb", *right, "mine = 1e9", check(NUMBER))
    save_notebook(tmp_path / ".ipynb_checkpoints" / "a.ipynb", check(NUMBER))
    save_notebook(tmp_path / "part" / "b.ipynb", f"mine = {RIGHT!r}", check(NUMBER))
    (tmp_path / "c.ipynb").write_text("{")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.ipynb")} == before
    first, third, second, summary = done.stdout.strip().split("\n\n")
    assert first.startswith(str(tmp_path / "a.ipynb")) and "? not yet" in first
    assert second.startswith(str(tmp_path / "part" / "b.ipynb")) and "? passes" in second
    assert "c.ipynb" in third and "no valid JSON" in third
    missing = 2 * (len(exercises.collected(NUMBER.id[:2])) - 1)
    total = missing + 2
    assert summary == f"1 of {total} exercises pass, 1 not yet, {missing} missing."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say in which folder your notebooks are"),
        (["nowhere"], "nowhere does not exist"),
        (["."], "no notebook"),
        ([".", "--seconds", "0"], "above 0"),
        ([".", "--seconds", "inf"], "above 0"),
    ],
)
def test_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "LESSONS", tmp_path / "notebooks")  # as from a package
    with pytest.raises(SystemExit) as stop:
        __main__.main(arguments)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


def test_without_a_folder_the_learners_own_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a corrected lesson beside it only once it was touched."""
    lessons = tmp_path / "notebooks"
    lessons.mkdir()
    monkeypatch.setattr(workspace, "LESSONS", lessons)
    (tmp_path / "my_course").mkdir()
    untouched = notebooks.render(notebooks.sources(ROOT)[0])
    for name in ("00_a", "00_a.new"):
        (tmp_path / "my_course" / f"{name}.ipynb").write_text(untouched, encoding="utf-8")
    save_notebook(tmp_path / "my_course" / "01_b.new-2.ipynb", "mine = 1")
    monkeypatch.setattr(__main__, "examine_notebook", lambda path, _: [Row(path.name, "note", "")])
    assert __main__.main([]) == 0
    said = capsys.readouterr().out
    assert "00_a.ipynb" in said and "01_b.new-2.ipynb" in said and "00_a.new.ipynb" not in said


def test_long_messages_are_wrapped() -> None:
    rows = [Row("00-a", "failed", "word " * 60), Row("00-long-name", "passed", "Not shown.")]
    lines = __main__.table(rows, width=80).splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) > 5
    assert lines[-1] == "  00-long-name  ✓ passes"


# The course's own notebooks


@pytest.mark.parametrize("source", notebooks.sources(ROOT), ids=lambda path: path.stem)
def test_an_untouched_notebook_is_untouched(source: Path, tmp_path: Path) -> None:
    own = exercises.collected(source.stem[:2])
    path = tmp_path / f"{source.stem}.ipynb"
    path.write_text(notebooks.render(source), encoding="utf-8")
    rows = {row.exercise: row.status for row in examine_notebook(path)}
    assert {e.id: rows.get(e.id) for e in own} == {
        e.id: "open" if e.kind == "choice" else "untouched" for e in own
    }
