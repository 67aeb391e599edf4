"""No false alarms: right answers pass in any clothes, drawn at random. No code runs for ever."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_kit import exercises
from course_kit.exercises import Exercise, _run
from course_kit.exercises._run import examine
from course_kit.progress import _cells
from tools import notebooks

ROOT = Path(__file__).resolve().parents[2]
ALL = exercises.collected()
FUNCTIONS = [e for e in ALL if e.kind in ("function", "open") and callable(e.reference())]
NUMBERS = [e for e in ALL if e.kind == "number"]
CHOICES = [e for e in ALL if e.kind == "choice"]
CLASSES = [e for e in ALL if e.kind == "class"]


def by_id(exercise: Exercise) -> str:
    return exercise.id


# A function in other clothes


class Called:
    """An object that is called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def method(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def talkative(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def answer(*args: Any, **kwargs: Any) -> Any:
        print("called with", len(args), "arguments")
        torch.manual_seed(3)
        torch.rand(5)
        return function(*args, **kwargs)

    return answer


WRAPPINGS = {
    "as it is": lambda f: f,
    "partial": functools.partial,
    "object": Called,
    "method": lambda f: Called(f).method,
    "lambda": lambda f: lambda *args, **kwargs: f(*args, **kwargs),
    "talkative": talkative,
    "without gradient": torch.no_grad(),
}
# A right answer may ask autograd, or must let gradients through.
NEED_GRADIENTS = ("05-fold-time", "05-way-back", "05-micro-batch")


def each(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Changes each tensor in a result."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(each(part, change) for part in value)
    return value


def strided(value: torch.Tensor) -> torch.Tensor:
    return torch.stack([value, torch.zeros_like(value)], dim=-1)[..., 0]


def double(value: torch.Tensor) -> torch.Tensor:
    return value.double() if value.is_floating_point() else value.int()


def with_history(value: torch.Tensor) -> torch.Tensor:
    if not value.is_floating_point() or value.requires_grad:
        return value
    return value.clone().requires_grad_() * 1


RESULTS = {
    "as it is": lambda value: value,
    "copy": torch.clone,
    "strided": strided,
    "other dtype": double,
    "with a history": with_history,
}


def dressed(answer: Callable[..., Any], wrapping: str, result: str) -> Callable[..., Any]:
    @functools.wraps(answer)
    def same(*args: Any, **kwargs: Any) -> Any:
        return each(answer(*args, **kwargs), RESULTS[result])

    return WRAPPINGS[wrapping](same)


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
@settings(max_examples=12)
@given(st.data())
def test_a_right_function_passes_in_any_clothes(exercise: Exercise, data: st.DataObject) -> None:
    make = data.draw(st.sampled_from([exercise.reference, *exercise.variants]))
    wrapping, result = (
        data.draw(st.sampled_from([*WRAPPINGS])),
        data.draw(st.sampled_from([*RESULTS])),
    )
    assume(wrapping != "without gradient" or exercise.id not in NEED_GRADIENTS)
    answer = dressed(make(), wrapping, result)
    said = examine(exercise, answer)
    assert said.status == "passed", (wrapping, result, said)


@pytest.mark.parametrize("exercise", NUMBERS, ids=by_id)
@given(
    st.sampled_from([float, Fraction, np.float64, np.array, torch.tensor, lambda x: np.array([x])])
)
def test_a_right_number_passes_in_any_type(exercise: Exercise, kind: Callable[[Any], Any]) -> None:
    said = examine(exercise, kind(exercise.reference()))
    assert said.status == "passed", said


@pytest.mark.parametrize("exercise", CHOICES, ids=by_id)
@given(st.text(" \t", max_size=2), st.booleans(), st.text(" \n", max_size=2))
def test_a_right_choice_passes_as_it_is_typed(
    exercise: Exercise, before: str, large: bool, after: str
) -> None:
    key = exercise.reference()
    assert examine(exercise, before + (key.upper() if large else key) + after).status == "passed"


@pytest.mark.parametrize("exercise", CLASSES, ids=by_id)
def test_a_right_class_passes_when_it_is_inherited(exercise: Exercise) -> None:
    for make in (exercise.reference, *exercise.variants):
        heir = type("Heir", (make(),), {"note": "mine", "helper": lambda self: 1})
        said = examine(exercise, heir)
        assert said.status == "passed", said


# Code without end, in any exercise


def endless(*args: Any, **kwargs: Any) -> None:
    """Learner code that never ends."""
    count = 0
    while True:
        count += 1


def breaking(*args: Any, **kwargs: Any) -> None:
    """Learner code that leaves by the back door."""
    raise SystemExit


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_code_without_end_is_stopped_in_any_exercise(
    exercise: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_run, "USUAL", 0.1)
    monkeypatch.setattr(_run, "SECONDS", {})
    said = examine(exercise, endless)
    assert said.status == "failed" and "Does a loop never end?" in said.message, said
    assert re.search(r"at line \d+ of your code", said.message), said


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_id)
def test_an_exit_is_no_exit_of_ours(exercise: Exercise) -> None:
    said = examine(exercise, breaking)
    assert said.status == "failed" and "SystemExit" in said.message, said


# What a learner has written stays


def bindings(source: Path) -> tuple[set[str], list[set[str]]]:
    """The names bound by the cells to edit, and those of each other cell."""
    learner, others = set(), []
    for cell in jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells:
        if cell.cell_type == "code":
            names = {n for part in ast.parse(cell.source).body for n in _cells._bound(part)}
            if "exercise" in cell.metadata.get("tags", []):
                learner |= names
            else:
                others.append(names)
    return learner, others


@pytest.mark.parametrize("source", notebooks.sources(ROOT), ids=lambda path: path.stem)
def test_nothing_overwrites_an_attempt(source: Path) -> None:
    learner, others = bindings(source)
    assert learner
    assert [names & learner for names in others if names & learner] == []


def test_an_attempt_that_is_overwritten_is_found(tmp_path: Path) -> None:
    source = tmp_path / "99_sample.py"
    source.write_text('# %% tags=["exercise"]\nmine = ...\n\n# %%\nfor mine in (1,): pass\n')
    learner, others = bindings(source)
    assert learner == {"mine"} and others == [{"mine"}]
