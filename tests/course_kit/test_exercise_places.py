"""Every exercise stands in its notebook: task, cell to edit, check, hint, and the solution."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import pytest

from course_kit import exercises
from course_kit.exercises import Exercise
from course_kit.progress import _cells, _worker
from tests.course_kit.nb99 import delta, fast_sigmoid
from tests.helpers import ROOT
from tools import notebooks, solutions

ALL = exercises.collected()
SOURCES = notebooks.sources(ROOT)
of_each_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@dataclass
class Region:
    """From one task to the next: what stands in the notebook for one exercise."""

    text: str = ""
    code: dict[int, tuple[str, list[str]]] = field(default_factory=dict)  # source and tags


def cells_of(source: Path) -> list[tuple[int, jupytext.cell_reader.NotebookNode]]:
    parsed = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    return list(enumerate(parsed.cells, 1))


def code_of(source: Path) -> dict[int, str]:
    return {n: cell.source for n, cell in cells_of(source) if cell.cell_type == "code"}


def regions(source: Path) -> list[Region]:
    """The notebook, cut before each task, "> **Exercise ...**"."""
    found = [Region()]
    for number, cell in cells_of(source):
        if cell.cell_type == "code":
            found[-1].code[number] = cell.source, cell.metadata.get("tags", [])
            continue
        first, *others = re.split(r"(?=^> \*\*Exercise)", cell.source, flags=re.MULTILINE)
        found[-1].text += first
        found += [Region(text) for text in others]
    return found


def bound(code: str) -> set[str]:
    return {name for part in ast.parse(code).body for name in _cells._bound(part)}


def faults(exercise: Exercise, source: Path) -> list[str]:
    """What is missing where this exercise should stand."""
    calls = [c for c in _cells.checks_of(code_of(source)) if c.exercise == exercise.id]
    wanted = "predict" if exercise.kind == "choice" else "check"
    if [call.asks for call in calls] != [wanted]:
        return [f"expected one exercises.{wanted}, found {[call.asks for call in calls]}"]
    if exercise.kind == "choice":
        return []
    (call,) = calls
    (region,) = [region for region in regions(source) if call.cell in region.code]
    if not region.text.startswith("> **Exercise"):
        return ["no task before it, > **Exercise N: ...**"]
    said = [f"no {w}" for w in ("Hint", "Solution") if f"<summary>{w}</summary>" not in region.text]
    names = {node.id for node in ast.walk(call.answer) if isinstance(node, ast.Name)}
    stubs = [text for text, tags in region.code.values() if "exercise" in tags]
    if not names or not names <= set().union(*map(bound, stubs)):
        said.append(f'no stub cell, tagged "exercise", that binds {sorted(names)}')
    if names & bound(exercise.source):
        said.append(f"the solution would overwrite {sorted(names)}")
    return said


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
def test_an_exercise_stands_in_its_notebook(exercise: Exercise) -> None:
    (source,) = [source for source in SOURCES if source.stem[:2] == exercise.id[:2]]
    assert faults(exercise, source) == []


@of_each_notebook
def test_every_check_of_a_notebook_exists(source: Path) -> None:
    known = [exercise.id for exercise in exercises.collected(source.stem[:2])]
    for call in _cells.checks_of(code_of(source)):
        assert call.exercise in known
    for found in re.findall(r'exercises\.\w+\(\s*"([^"]+)"', source.read_text(encoding="utf-8")):
        assert found in known


@of_each_notebook
def test_the_solutions_are_the_references(source: Path) -> None:
    assert solutions.differences([source]) == []


@pytest.mark.parametrize("exercise", [e for e in ALL if e.source], ids=lambda e: e.id)
def test_a_solution_passes_where_it_stands(exercise: Exercise) -> None:
    """With the names of the notebook, and beside the learner's untouched attempt."""
    (source,) = [source for source in SOURCES if source.stem[:2] == exercise.id[:2]]
    cells = code_of(source)
    (call,) = [c for c in _cells.checks_of(cells) if c.exercise == exercise.id]
    (name,) = bound(exercise.source)
    cells = {number: text for number, text in cells.items() if number < call.cell}
    check = f'exercises.check("{exercise.id}", {name})'
    cells |= {call.cell: exercise.source, call.cell + 1: check}
    said = _worker.run(_cells.checks_of(cells)[-1], cells, source.stem)
    assert said["status"] == "passed", said


# The tests above can fail


PLACED = '''# %% [markdown]
# > **Exercise 1: the slope.** Write it.

# %% tags=["exercise"]
def slope(x, slope=25.0): ...


# %%
exercises.check("99-fast-sigmoid", slope)

# %% [markdown]
# <details><summary>Hint</summary>
#
# It is even.
#
# </details>
#
# <details><summary>Solution</summary>
#
# Its peak is 1.
#
# ```python
# def solved_sigmoid(x: torch.Tensor, slope: float = 25.0) -> torch.Tensor:
#     # A comment that is part of the solution.
#     return 1 / (1 + slope * x.abs()) ** 2  # even
# ```
#
# ```python
# print("Another fence is the author's.")
# ```
#
# </details>
#
# > **Exercise 2: what comes next.** Another task.

# %%
exercises.predict("99-delta")
'''


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "", None),
        ("99-fast-sigmoid", "99-other", "found []"),
        ("99-delta", "99-fast-sigmoid", "['check', 'predict']"),
        (' tags=["exercise"]', "", "no stub cell"),
        ("def slope", "def sloop", "no stub cell"),
        ("Hint", "Tip", "no Hint"),
        ("Solution", "Answer", "no Solution"),
        ("> **Exercise 1", "> **Task 1", "no task"),
        ("> **Exercise 2", "> **Task 2", None),
        ('slope(x, slope=25.0): ...\n\n\n# %%\nexercises.check("99-fast-sigmoid", slope)',
         'solved_sigmoid(x): ...\n\n\n# %%\nexercises.check("99-fast-sigmoid", solved_sigmoid)',
         "would overwrite"),
    ],
)  # fmt: skip
def test_what_is_missing_in_a_notebook_is_found(
    tmp_path: Path, old: str, new: str, words: str | None
) -> None:
    source = tmp_path / "99_sample.py"
    assert old in PLACED
    source.write_text(PLACED.replace(old, new), encoding="utf-8")
    said = faults(fast_sigmoid.exercise, source)
    assert (said == []) if words is None else (words in " ".join(said))
    if words is None:
        assert faults(delta.exercise, source) == []


@pytest.fixture
def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    both = (delta.exercise, fast_sigmoid.exercise)
    monkeypatch.setattr(exercises, "collected", lambda number=None: both)
    source = tmp_path / "99_sample.py"
    source.write_text(PLACED, encoding="utf-8")
    return source


@pytest.mark.parametrize(("old", "new"), [("# even", "# odd"), ("#     # A comment th", "#\n# Th")])
def test_a_solution_that_differs_is_named_and_written(placed: Path, old: str, new: str) -> None:
    assert solutions.differences([placed]) == [] == solutions.carry([placed])
    placed.write_text(PLACED.replace(old, new), encoding="utf-8")
    (said,) = solutions.differences([placed])
    assert "99_sample.py: the solution of 99-fast-sigmoid differs. Remedy:" in said
    (said,) = solutions.carry([placed])
    assert said == "notebooks/99_sample.py: solution of 99-fast-sigmoid written"
    assert placed.read_text(encoding="utf-8") == PLACED


@pytest.mark.parametrize("old", ["Solution", "```python", 'check("99-fast-sigmoid"'])
def test_a_missing_solution_is_named_and_nothing_written(placed: Path, old: str) -> None:
    text = PLACED.replace(old, "nothing")
    placed.write_text(text, encoding="utf-8")
    assert "no Solution with ```python for 99-fast-sigmoid" in solutions.differences([placed])[0]
    assert solutions.carry([placed]) == []
    assert placed.read_text(encoding="utf-8") == text


# What a learner has written stays


def bindings(source: Path) -> tuple[set[str], list[set[str]]]:
    """The names bound by the cells to edit, and those of each other cell."""
    learner, others = set(), []
    for _, cell in cells_of(source):
        if cell.cell_type == "code":
            if "exercise" in cell.metadata.get("tags", []):
                learner |= bound(cell.source)
            else:
                others.append(bound(cell.source))
    return learner, others


@of_each_notebook
def test_nothing_overwrites_an_attempt(source: Path) -> None:
    learner, others = bindings(source)
    assert learner
    assert [names & learner for names in others if names & learner] == []


def test_an_attempt_that_is_overwritten_is_found(tmp_path: Path) -> None:
    source = tmp_path / "99_sample.py"
    source.write_text('# %% tags=["exercise"]\nmine = ...\n\n# %%\nfor mine in (1,): pass\n')
    learner, others = bindings(source)
    assert learner == {"mine"} and others == [{"mine"}]
