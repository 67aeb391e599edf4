"""Every check tells right from wrong, in the words meant for it.

The framework itself is tested in test_exercise_framework.py, the place of each exercise in its
notebook in test_exercise_places.py.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from course_kit import exercises
from course_kit.exercises import Exercise, Wrong, examine
from course_kit.exercises.examine import Result
from tests.course_kit.nb99 import delta, fast_sigmoid, half
from tests.helpers import ROOT
from tools import tables

SAMPLES = [module.exercise for module in (delta, fast_sigmoid, half)]
ALL = exercises.collected()
FUNCTIONS = [e for e in ALL if e.kind in ("function", "open") and callable(e.solution)]
of_each = pytest.mark.parametrize("exercise", [*ALL, *SAMPLES], ids=lambda exercise: exercise.id)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough time for a busy machine; the limits are tested with the framework."""
    monkeypatch.setattr(examine, "COMPUTING", 200.0)
    monkeypatch.setattr(examine, "WAITING", 200.0)


def judged(exercise: Exercise, answer: Any) -> Result:
    """The result, after a look at its words."""
    result = examine.examine(exercise, answer)
    assert not unreadable(result.message), result
    return result


def unreadable(text: str) -> bool:
    """Is this no plain, finished sentence? Formulas are not typeset in the output of a cell."""
    own = re.search(r"[$!]|\s{2}|Traceback|course_kit|nb\d\d", text)
    return bool(own) or not 10 < len(text) < 900 or text[-1] not in ".?`:)"


def shortcomings(exercise: Exercise) -> list[str]:
    """What an exercise lacks, apart from what its judge does."""
    said = []
    if not re.fullmatch(r"\d\d(-[a-z0-9]+)+", exercise.id):
        said.append(f"id {exercise.id!r}")
    if not exercise.title.strip() or not exercise.shows.strip():
        said.append("no title, or nothing that it shows")
    if len(exercise.wrong_answers) < 3:
        said.append("fewer than three wrong answers")
    if any(len(wrong.told) < 2 or len(wrong.about) < 8 for wrong in exercise.wrong_answers):
        said.append("a wrong answer without its words or its belief")
    if exercise.kind in ("function", "class") and len(exercise.right_answers) < 2:
        said.append("fewer than two other right answers")
    if exercise.kind == "choice":
        given = [exercise.solution, *(wrong.make() for wrong in exercise.wrong_answers)]
        if list(exercise.options) != sorted(given) or len(given) < 4:
            said.append("a choice needs four options or more, and a belief for each wrong one")
    return said


@of_each
def test_an_exercise_is_complete(exercise: Exercise) -> None:
    assert shortcomings(exercise) == []


@of_each
def test_right_answers_pass(exercise: Exercise) -> None:
    answers = {"reference": exercise.solution}
    answers |= {right.about: right.make() for right in exercise.right_answers}
    results = {name: judged(exercise, answer) for name, answer in answers.items()}
    assert {n: r.message for n, r in results.items() if r.status != "passed"} == {}


@of_each
def test_misconceptions_are_met_with_their_words(exercise: Exercise) -> None:
    said = {wrong.about: judged(exercise, wrong.make()) for wrong in exercise.wrong_answers}
    told = {wrong.about: wrong.told for wrong in exercise.wrong_answers}
    assert {name: result for name, result in said.items() if result.status != "failed"} == {}
    assert {n: (told[n], r.message) for n, r in said.items() if told[n] not in r.message} == {}
    asks = {wrong.about: wrong.asks for wrong in exercise.wrong_answers if wrong.asks}
    faults = {name: said[name].message.removesuffix(words) for name, words in asks.items()}
    assert {name: fault for name, fault in faults.items() if "?" in fault} == {}  # one question
    praise = judged(exercise, exercise.solution).message
    assert [words for words in told.values() if words in praise] == []


ODD = [
    "a text", object(), [], {}, (1, 2), float("nan"), torch.zeros(0), np.zeros((2, 3)), print, dict,
    torch.nn.Linear, lambda: None, lambda *args, **kwargs: None,
    lambda *args, **kwargs: args[0] if args else 0,
    lambda *args, **kwargs: torch.zeros(2, 3, 5),
    lambda *args, **kwargs: (torch.zeros(2), "text"), lambda *args, **kwargs: 1 / 0,
    lambda *args, **kwargs: exit(),
]  # fmt: skip


@of_each
def test_an_answer_of_another_kind_gets_a_sentence(exercise: Exercise) -> None:
    for answer in ODD:
        assert judged(exercise, answer).status in ("failed", "untouched")


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda exercise: exercise.id)
def test_code_without_end_is_stopped(exercise: Exercise, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*args: Any, **kwargs: Any) -> None:
        while True:
            pass

    exercise.check(exercise.solution)  # what a judge prepares once takes no time of the answer's
    monkeypatch.setattr(examine, "COMPUTING", 0.1)
    said = judged(exercise, endless)
    assert said.status == "failed" and "Does a loop never end?" in said.message, said
    assert re.search(r"at line \d+ of your code", said.message), said


def test_the_published_errors_are_a_table_of_the_book() -> None:
    """Inverted reset, k to infinity, class without memory, loss of the count, test protocol."""
    spotted = [exercise.title for exercise in ALL if exercise.title.startswith(tables.SPOT)]
    page = (ROOT / "book" / "exercises.md").read_text(encoding="utf-8")
    section = page.partition("## Spot the fault")[2].partition("\n## ")[0]
    assert spotted and all(f"* - {title}\n" in section for title in spotted)


def test_the_tests_above_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unreadable("Well done!") and unreadable("It is $x$.") and not unreadable("It is so now.")
    exercise = fast_sigmoid.exercise
    for name, lack in (("wrong_answers", "fewer than three"), ("right_answers", "than two other")):
        with monkeypatch.context() as context:
            context.setattr(exercise, name, getattr(exercise, name)[:1])
            assert lack in shortcomings(exercise)[0]
    with monkeypatch.context() as context:
        context.setattr(delta.exercise, "wrong_answers", delta.exercise.wrong_answers[1:])
        assert "for each wrong one" in shortcomings(delta.exercise)[-1]

    def severe(answer: Any) -> str:
        raise Wrong("This is never right.")

    for judge, test in (
        (lambda answer: "This is always fine.", test_misconceptions_are_met_with_their_words),
        (severe, test_misconceptions_are_met_with_their_words),
        (severe, test_right_answers_pass),
    ):
        with monkeypatch.context() as context:
            context.setattr(exercise, "_judge", judge)
            with pytest.raises(AssertionError):
                test(exercise)


# Right answers pass in any clothes, drawn at random


class Called:
    """An object that is called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
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
    "method": lambda f: Called(f).__call__,
    "lambda": lambda f: lambda *args, **kwargs: f(*args, **kwargs),
    "talkative": talkative,
    "without gradient": torch.no_grad(),
}
# A right answer may ask autograd, or must let gradients through.
NEED_GRADIENTS = ("01-gradient-by-hand", "05-fold-time", "05-backward-pass", "05-micro-batch")


def each(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Changes each tensor in a result."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(each(part, change) for part in value)
    return value


def with_history(value: torch.Tensor) -> torch.Tensor:
    if not value.is_floating_point() or value.requires_grad:
        return value
    return value.clone().requires_grad_() * 1


RESULTS = {
    "as it is": lambda value: value,
    "copy": torch.clone,
    "strided": lambda value: torch.stack([value, torch.zeros_like(value)], dim=-1)[..., 0],
    "other dtype": lambda value: value.double() if value.is_floating_point() else value.int(),
    "with a history": with_history,
}


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=lambda exercise: exercise.id)
@settings(max_examples=12)
@given(st.data())
def test_a_right_function_passes_in_any_clothes(exercise: Exercise, data: st.DataObject) -> None:
    rights = [exercise.solution, *(right.make() for right in exercise.right_answers)]
    answer = rights[data.draw(st.integers(0, len(rights) - 1))]
    wrapping = data.draw(st.sampled_from([*WRAPPINGS]))
    change = RESULTS[data.draw(st.sampled_from([*RESULTS]))]
    assume(wrapping != "without gradient" or exercise.id not in NEED_GRADIENTS)

    @functools.wraps(answer)
    def dressed(*args: Any, **kwargs: Any) -> Any:
        return each(answer(*args, **kwargs), change)

    said = judged(exercise, WRAPPINGS[wrapping](dressed))
    assert said.status == "passed", (wrapping, said)


@of_each
@settings(max_examples=6)
@given(data=st.data())
def test_right_values_pass_in_any_type(exercise: Exercise, data: st.DataObject) -> None:
    """A number of any kind, a key however it is typed, a class that is inherited."""
    right = exercise.solution
    if exercise.kind == "number":
        kinds = [float, Fraction, np.float64, np.array, torch.tensor, lambda x: np.array([x])]
        answer = data.draw(st.sampled_from(kinds))(right)
    elif exercise.kind == "choice":
        spaces = st.text(" \t\n", max_size=2)
        key = data.draw(st.sampled_from([right, right.upper()]))
        answer = data.draw(spaces) + key + data.draw(spaces)
    elif exercise.kind == "class":
        bases = [right, *(answer.make() for answer in exercise.right_answers)]
        base = bases[data.draw(st.integers(0, len(bases) - 1))]
        answer = type("Heir", (base,), {"note": "mine", "helper": lambda self: 1})
    else:
        return
    assert judged(exercise, answer).status == "passed"
