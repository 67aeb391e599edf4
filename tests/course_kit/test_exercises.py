"""Every check tells right from wrong, in the words meant for it; and every exercise is in place.

The framework itself is tested in test_exercise_framework.py.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
import torch

from course_kit import exercises
from course_kit.exercises import Exercise, Mutant, _run, right, wrong
from course_kit.exercises._run import examine
from course_kit.progress import _cells, _worker
from tests.course_kit.sample_exercises import CHOICE, SAMPLE
from tools import notebooks, tables

ROOT = Path(__file__).resolve().parents[2]
ALL = exercises.collected()
NUMBERS = ["00", "01", "02", "03", "04", "05"]
SECONDS = 1.0  # processor time that a check may take; the slowest takes half of it


def by_id(exercise: Exercise) -> str:
    return exercise.id


# What is asked of every exercise


def shortcomings(exercise: Exercise) -> list[str]:
    """What an exercise lacks, apart from what its judge does."""
    said = []
    if not re.fullmatch(r"\d\d(-[a-z0-9]+)+", exercise.id):
        said.append(f"id {exercise.id!r}")
    if not exercise.title.strip() or not exercise.objective.strip():
        said.append("no title or no objective")
    if len({m.name for m in exercise.mutants}) < max(3, len(exercise.mutants)):
        said.append("fewer than three mutants with names of their own")
    if any(len(m.expects) < 4 or len(m.misconception) < 8 for m in exercise.mutants):
        said.append("a mutant without its words or its misconception")
    if exercise.kind in ("function", "class") and len(exercise.variants) < 2:
        said.append("fewer than two variants")
    if (exercise.kind == "choice") != (exercise.options is not None):
        said.append("options belong to choices, and only to them")
    if exercise.options is not None:
        options = exercise.options()
        given = {exercise.reference(), *(m.answer() for m in exercise.mutants)}
        if len(options) < 4 or given != set(options):
            said.append("a choice needs four options, and a mutant for each wrong one")
    return said


def unreadable(text: str) -> bool:
    """Is this no plain, finished sentence? Formulas are not typeset in the output of a cell."""
    return bool(re.search(r"[$!]|\s{2}", text)) or text.strip()[-1:] not in list(".?`:)")


def judged(exercise: Exercise, answer: Any) -> _run.Result:
    """The result; a test fails if the check takes too long."""
    start = time.process_time()
    result = examine(exercise, answer)
    spent = time.process_time() - start
    assert spent < SECONDS, f"{exercise.id}: a check took {spent:.1f} s; at most {SECONDS:.0f} s"
    return result


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_an_exercise_is_complete(exercise: Exercise) -> None:
    assert shortcomings(exercise) == []


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_the_stub_is_untouched(exercise: Exercise) -> None:
    result = judged(exercise, exercise.stub())
    assert result.status == "untouched", result


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_the_reference_passes(exercise: Exercise) -> None:
    result = judged(exercise, exercise.reference())
    assert result.status == "passed", result
    assert not unreadable(result.message), result.message


@pytest.mark.parametrize(
    ("exercise", "make"),
    [
        pytest.param(exercise, make, id=f"{exercise.id}-{number}")
        for exercise in ALL
        for number, make in enumerate(exercise.variants)
    ],
)
def test_another_right_answer_passes(exercise: Exercise, make: Callable[[], Any]) -> None:
    result = judged(exercise, make())
    assert result.status == "passed", result


@pytest.mark.parametrize(
    ("exercise", "mutant"),
    [
        pytest.param(exercise, mutant, id=f"{exercise.id}-{mutant.name}")
        for exercise in ALL
        for mutant in exercise.mutants
    ],
)
def test_a_misconception_is_met_with_its_words(exercise: Exercise, mutant: Mutant) -> None:
    result = judged(exercise, mutant.answer())
    assert result.status == "failed", result
    assert mutant.expects in result.message, result.message
    assert not unreadable(result.message), result.message
    assert mutant.expects not in examine(exercise, exercise.reference()).message


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
@pytest.mark.parametrize(
    "answer",
    [
        "a text",
        object(),
        [],
        {},
        (1, 2),
        float("nan"),
        torch.zeros(0),
        np.zeros((2, 3)),
        print,
        dict,
        torch.nn.Linear,
        lambda: None,
        lambda *args, **kwargs: None,
        lambda *args, **kwargs: args[0] if args else 0,
        lambda *args, **kwargs: torch.zeros(2, 3, 5),
        lambda *args, **kwargs: (torch.zeros(2), "text"),
        lambda *args, **kwargs: 1 / 0,
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_of_another_kind_gets_a_sentence(exercise: Exercise, answer: Any) -> None:
    result = judged(exercise, answer)
    assert result.status in ("failed", "untouched"), result
    assert 10 < len(result.message) < 700
    assert "Traceback" not in result.message and "_nb" not in result.message, result.message


def test_the_published_errors_are_exercises() -> None:
    """Inverted reset, k to infinity, class without memory, loss of the count, test protocol."""
    spotted = [exercise.id for exercise in ALL if exercise.title.startswith(tables.SPOT)]
    known = ["00-spot-reset", "01-delta-factor", "02-spot-memory", "03-spot-loss"]
    assert spotted == [*known, "03-spot-protocol"]
    page = (ROOT / "book" / "exercises.md").read_text(encoding="utf-8")
    section = page.partition("## Spot the fault")[2].partition("\n## ")[0]
    assert section.count("* - ") == 1 + len(spotted)


def test_the_ids_are_unique() -> None:
    assert len({exercise.id for exercise in ALL}) == len(ALL)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_notebook_has_three_to_six_exercises(number: str) -> None:
    own = exercises.collected(number)
    assert 3 <= len(own) <= 6
    assert {exercise.id[:2] for exercise in own} == {number}


def test_the_tests_above_can_fail() -> None:
    assert shortcomings(SAMPLE) == []
    assert "fewer than three" in shortcomings(replace(SAMPLE, mutants=SAMPLE.mutants[:2]))[0]
    twice = (SAMPLE.mutants[0], *SAMPLE.mutants[:2])
    assert "fewer than three" in shortcomings(replace(SAMPLE, mutants=twice))[0]
    assert "two variants" in shortcomings(replace(SAMPLE, variants=SAMPLE.variants[:1]))[0]
    assert "options" in shortcomings(replace(SAMPLE, options=dict))[0]
    assert shortcomings(CHOICE) == []
    assert "for each wrong one" in shortcomings(replace(CHOICE, mutants=CHOICE.mutants[:2]))[-1]
    assert unreadable("Well done!") and unreadable("$x$.") and not unreadable("It is so.")
    stubborn = replace(SAMPLE, judge=lambda answer: right("Fine."))
    with pytest.raises(AssertionError):
        test_a_misconception_is_met_with_its_words(stubborn, SAMPLE.mutants[0])
    other_words = replace(SAMPLE.mutants[0], expects="something else")
    with pytest.raises(AssertionError):
        test_a_misconception_is_met_with_its_words(SAMPLE, other_words)
    severe = replace(SAMPLE, judge=lambda answer: wrong("No."))
    with pytest.raises(AssertionError):
        test_the_reference_passes(severe)
    with pytest.raises(AssertionError):
        test_the_stub_is_untouched(replace(SAMPLE, stub=SAMPLE.reference))


# Where the exercises stand


@dataclass
class Region:
    """From one task to the next: what stands in the notebook for one exercise."""

    text: str = ""
    code: dict[int, tuple[str, list[str]]] = field(default_factory=dict)  # source and tags


def code_of(source: Path) -> dict[int, str]:
    parsed = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    return {n: c.source for n, c in enumerate(parsed.cells, 1) if c.cell_type == "code"}


def regions(source: Path) -> list[Region]:
    """The notebook, cut before each task, "> **Exercise ...**"."""
    found = [Region()]
    parsed = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    for number, cell in enumerate(parsed.cells, 1):
        if cell.cell_type == "code":
            found[-1].code[number] = cell.source, cell.metadata.get("tags", [])
            continue
        first, *others = re.split(r"(?=^> \*\*Exercise)", cell.source, flags=re.MULTILINE)
        found[-1].text += first
        found += [Region(text) for text in others]
    return found


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
    parts = [part for text in stubs for part in ast.parse(text).body]
    bound = {name for part in parts for name in _cells._bound(part)}
    if not names or not names <= bound:
        said.append(f'no stub cell, tagged "exercise", that binds {sorted(names)}')
    if "```python" not in region.text.partition("<summary>Solution</summary>")[2]:
        said.append("no code in the solution")
    return said


def source_of(number: str) -> Path:
    (source,) = (ROOT / "notebooks").glob(f"{number}_*.py")
    return source


@pytest.mark.parametrize("exercise", ALL, ids=by_id)
def test_an_exercise_stands_in_its_notebook(exercise: Exercise) -> None:
    assert faults(exercise, source_of(exercise.id[:2])) == []


@pytest.mark.parametrize("source", notebooks.sources(ROOT), ids=lambda path: path.stem)
def test_every_check_of_a_notebook_exists(source: Path) -> None:
    known = [exercise.id for exercise in exercises.collected(source.stem[:2])]
    for call in _cells.checks_of(code_of(source)):
        assert call.exercise in known
    for found in re.findall(r'exercises\.\w+\(\s*"([^"]+)"', source.read_text(encoding="utf-8")):
        assert found in known


def solutions(exercise: Exercise, source: Path) -> list[tuple[str, str]]:
    """The code of the solution in the notebook, with each name that may be the answer."""
    cells = code_of(source)
    (call,) = [c for c in _cells.checks_of(cells) if c.exercise == exercise.id]
    (region,) = [region for region in regions(source) if call.cell in region.code]
    folded = region.text.partition("<summary>Solution</summary>")[2].partition("</details>")[0]
    code = "\n".join(re.findall(r"```python\n(.*?)```", folded, flags=re.DOTALL))
    taken = {node.id for node in ast.walk(call.answer) if isinstance(node, ast.Name)}
    bound = [name for part in ast.parse(code).body for name in sorted(_cells._bound(part))]
    return [(code, name) for name in dict.fromkeys(reversed(bound)) if name not in taken]


@pytest.mark.parametrize("exercise", [e for e in ALL if e.kind != "choice"], ids=by_id)
def test_the_solution_in_the_notebook_passes(exercise: Exercise) -> None:
    """It has another name than the learner's answer, and is what the page shows."""
    source = source_of(exercise.id[:2])
    shown = solutions(exercise, source)
    assert shown, "the solution binds no name other than the answer's"
    said = []
    for code, name in shown:
        cells = code_of(source)
        cells |= {max(cells) + 1: code, max(cells) + 2: f'exercises.check("{exercise.id}", {name})'}
        said.append(_worker.run(_cells.checks_of(cells)[-1], cells, source.stem))
        if said[-1]["status"] == "passed":
            return
    pytest.fail(f"none of the names of the solution passes: {said}")


PLACED = '''# %% [markdown]
# > **Exercise 1: the slope.** Write it.

# %% tags=["exercise"]
def slope(x, slope=25.0): ...


# %%
from course_kit import exercises

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
# ```python
# def my_slope(x, slope=25.0):
#     return 1 / (1 + slope * x.abs()) ** 2
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
        ("```python", "```", "no code"),
        ("> **Exercise 1", "> **Task 1", "no task"),
        ("> **Exercise 2", "> **Task 2", None),
    ],
)
def test_what_is_missing_in_a_notebook_is_found(
    tmp_path: Path, old: str, new: str, words: str | None
) -> None:
    source = tmp_path / "99_sample.py"
    assert old in PLACED
    source.write_text(PLACED.replace(old, new), encoding="utf-8")
    said = faults(SAMPLE, source)
    assert (said == []) if words is None else (words in " ".join(said))
    if words is None:
        assert faults(CHOICE, source) == []
        assert [name for _, name in solutions(SAMPLE, source)] == ["my_slope"]
