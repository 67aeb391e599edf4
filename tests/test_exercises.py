"""Every check tells right from wrong, in the words meant for it; and every exercise is in place.

The tests of the content run over all exercises that the library collects. Those of the framework use
an exercise of their own.
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
import nbclient
import nbformat
import numpy as np
import pytest
import torch

from tools import notebooks
from tutorial_lib import exercises
from tutorial_lib.exercises import Exercise, Mutant, Verdict, _limit, _predict, _run, right, wrong
from tutorial_lib.exercises._run import examine
from tutorial_lib.progress import _cells, _worker

ROOT = Path(__file__).resolve().parent.parent
ALL = exercises.collected()
NUMBERS = ["00", "01", "02", "03", "04"]
SECONDS = {"open": 6.0}  # processor time that a check may take; 1 second for all others


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
    spent, limit = time.process_time() - start, SECONDS.get(exercise.kind, 1.0)
    assert spent < limit, f"{exercise.id}: a check took {spent:.1f} s; at most {limit:.0f} s"
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
    assert "for each wrong one" in shortcomings(replace(CHOICE, mutants=CHOICE.mutants[:3] * 2))[-1]
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
    bound = {name for text in stubs for part in ast.parse(text).body for name in _cells._bound(part)}
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


# An exercise of the tests' own


def same_as_fast_sigmoid(function: Callable) -> Verdict:
    x = torch.tensor([-0.2, 0.0, 0.2])
    wanted, got = 1 / (1 + 25 * x.abs()) ** 2, function(x, 25.0)
    if got.shape != x.shape:
        return wrong(f"Your slope has shape {list(got.shape)}; expected {list(x.shape)}.")
    for point, one, other in zip(x.tolist(), wanted.tolist(), got.tolist(), strict=True):
        if abs(one - other) > 1e-6:
            return wrong(f"At x = {point:.1f} expected {one:.4f}, got {other:.4f}. {asked(got)}")
    return right("This slope can train a network.")


def asked(got: torch.Tensor) -> str:
    if (got > 1).any():
        return "Is the peak 1?"
    return "Is it even, as |x| is?" if not torch.allclose(got, got.flip(0)) else "Is it squared?"


def make_fast_sigmoid() -> Callable:
    def fast_sigmoid(x: torch.Tensor, slope: float = 25.0) -> torch.Tensor:
        return 1 / (1 + slope * x.abs()) ** 2

    return fast_sigmoid


SAMPLE = Exercise(
    id="99-fast-sigmoid",
    title="Write the slope of the fast sigmoid.",
    objective="Turn a formula into code.",
    kind="function",
    judge=same_as_fast_sigmoid,
    reference=make_fast_sigmoid,
    stub=lambda: lambda x, slope=25.0: ...,
    mutants=(
        Mutant("not squared", "A power is missing.", lambda: lambda x, k: 1 / (1 + k * x.abs()),
               "Is it squared"),
        Mutant("no abs", "x is never below 0.", lambda: lambda x, k: 1 / (1 + k * x) ** 2,
               "as |x| is"),
        Mutant("area 1", "The slope has area 1.",
               lambda: lambda x, k: k / 2 / (1 + k * x.abs()) ** 2, "Is the peak 1"),
    ),
    variants=(
        lambda: lambda x, slope: (1 + slope * x.abs()).pow(-2),
        lambda: lambda x, slope: (slope * x.double().abs()).add_(1).square_().reciprocal_(),
    ),
)
CHOICE = Exercise(
    id="99-delta",
    title="What happens to the slope for a large `k`?",
    objective="Tell peak from area.",
    kind="choice",
    judge=lambda key: right("Its area is 2 / k.") if key == "a" else wrong(f"{key}: see <the> peak."),
    reference=lambda: "a",
    stub=lambda: None,
    mutants=tuple(Mutant(k, "Something else.", lambda k=k: k, "see <the>") for k in "bcd"),
    options=lambda: {k: f"Option `{k}` & more." for k in "abcd"},
)
NUMBER = replace(SAMPLE, id="99-half", kind="number", stub=lambda: None,
                 judge=lambda x: right(f"{type(x).__name__}.") if x == 0.5 else wrong(f"{x!r}."))


@pytest.mark.parametrize("mutant", SAMPLE.mutants, ids=lambda mutant: mutant.name)
def test_the_sample_meets_misconceptions(mutant: Mutant) -> None:
    test_a_misconception_is_met_with_its_words(SAMPLE, mutant)


def test_the_sample_passes() -> None:
    for make in (SAMPLE.reference, *SAMPLE.variants):
        assert examine(SAMPLE, make()).status == "passed"


# Untouched


def documented(x: torch.Tensor, slope: float) -> torch.Tensor:
    """Fill this in."""


def not_implemented(x: torch.Tensor, slope: float) -> torch.Tensor:
    """Fill this in."""
    raise NotImplementedError("your turn")


def half_filled(x: torch.Tensor, slope: float) -> torch.Tensor:
    denominator = ...
    return 1 / denominator


def half_filled_for_torch(x: torch.Tensor, slope: float) -> torch.Tensor:
    return torch.add(x, ...)


def pair_with_a_gap(x: torch.Tensor, slope: float) -> tuple:
    return x, ...


@pytest.mark.parametrize(
    "stub",
    [None, ..., NotImplemented, (..., 1), {"A": None}, documented, not_implemented, half_filled,
     half_filled_for_torch, pair_with_a_gap, lambda x, slope: None, lambda x, slope: ...],
    ids=str,
)  # fmt: skip
def test_stubs_are_recognized(stub: Any) -> None:
    result = examine(SAMPLE, stub)
    assert result.status == "untouched"
    assert "Fill in" in result.message or "`...`" in result.message


def test_a_class_with_an_empty_method_is_untouched() -> None:
    class Half(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor: ...

    def judge(function: type) -> Verdict:
        x = torch.ones(2, requires_grad=True)
        function.apply(x).sum().backward()
        return right("It has a gradient.") if x.grad is not None else wrong("No gradient.")

    class Whole(Half):
        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return grad

        def unused(self) -> None: ...

    exercise = replace(SAMPLE, kind="class", judge=judge, reference=lambda: Whole)
    assert examine(exercise, Half).status == "untouched"
    assert examine(exercise, Whole).status == "passed"  # an empty method does no harm
    assert "the class itself" in examine(exercise, Whole()).message
    assert "asks for a class" in examine(exercise, 3).message


# What goes wrong in a learner's code


def raises_in_the_middle(x: torch.Tensor, slope: float) -> torch.Tensor:
    return helper(x)


def helper(x: torch.Tensor) -> torch.Tensor:
    return x / undefined  # noqa: F821


def fails_inside_torch(x: torch.Tensor, slope: float) -> torch.Tensor:
    return x @ torch.ones(4)


def returns_nothing(x: torch.Tensor, slope: float) -> None:
    result = 1 / (1 + slope * x.abs()) ** 2  # noqa: F841


def leaves(x: torch.Tensor, slope: float) -> None:
    raise SystemExit


def of_one(x: torch.Tensor) -> torch.Tensor:
    return x


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (raises_in_the_middle, "raised NameError: name 'undefined' is not defined at line "),
        (raises_in_the_middle, "`return x / undefined"),
        (fails_inside_torch, "of your code: `return x @ torch.ones(4)`"),
        (leaves, "raised SystemExit at line"),
        (returns_nothing, "returned None; expected a tensor of shape [3] and float32. Is its return"),
        (lambda x, slope: [1.0], "returned a list of 1 (`1.0` (float)); expected a tensor of shape"),
        (lambda x, slope: "0.5", "returned the text '0.5'; expected a tensor"),
        (lambda x, slope: torch.ones(2), "has shape [2]; expected [3]"),
        (of_one, "Its parameters are (x: 'torch.Tensor') -> 'torch.Tensor'; expected (x: "),
        (3.0, "asks for a function; you gave `3.0` (float). Give the function itself"),
        (torch.ones(2), "you gave a tensor of shape [2] and float32"),
        (torch.nn.Linear, "you gave the class Linear"),
    ],
)
def test_a_sentence_for_every_mishap(answer: Any, words: str) -> None:
    result = examine(SAMPLE, answer)
    assert result.status == "failed"
    assert words in result.message
    assert "_run.py" not in result.message


@pytest.mark.parametrize("answer", [0.5, torch.tensor([0.5]), np.float32(0.5), np.array([[0.5]])])
def test_a_number_in_any_wrapping(answer: Any) -> None:
    assert examine(NUMBER, answer) == _run.Result("99-half", "passed", "float.")


@pytest.mark.parametrize("answer", ["0.5", [0.5], True, 1j, torch.zeros(2), lambda: 0.5])
def test_what_is_no_number(answer: Any) -> None:
    assert "asks for one number; you gave" in examine(NUMBER, answer).message


def test_a_loop_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(x: torch.Tensor, slope: float) -> torch.Tensor:
        while True:
            x = x + 1

    monkeypatch.setattr(_run, "USUAL", 0.3)
    start = time.monotonic()
    result = examine(SAMPLE, endless)
    assert time.monotonic() - start < 3
    assert result.status == "failed"
    assert "stopped after 0 seconds at line" in result.message
    assert "loop" in result.message
    assert examine(SAMPLE, SAMPLE.reference()).status == "passed"


def test_the_limit_leaves_no_interrupt_behind() -> None:
    """Work that ends just when the timer does, over and over."""
    stopped = 0
    for number in range(60):
        try:
            until = time.monotonic() + 0.004 + 0.0001 * (number % 20)
            while_busy(until, seconds=0.005)
        except _limit.TookTooLong:
            stopped += 1
    for _ in range(100_000):
        pass
    assert 0 < stopped < 60


def while_busy(until: float, seconds: float) -> None:
    def work() -> None:
        while time.monotonic() < until:
            pass

    _limit.limited(work, seconds)


def test_somebody_elses_interrupt_is_a_verdict_too() -> None:
    def interrupted(x: torch.Tensor, slope: float) -> torch.Tensor:
        raise KeyboardInterrupt

    assert "You interrupted" in examine(SAMPLE, interrupted).message


def test_a_check_changes_no_state_and_always_says_the_same() -> None:
    import random

    def greedy(x: torch.Tensor, slope: float) -> torch.Tensor:
        torch.manual_seed(5)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        random.random(), np.random.rand()
        return x + torch.rand(3)

    def states() -> str:
        return repr(
            [torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist(),
             torch.get_default_dtype(), torch.is_grad_enabled()]
        )  # fmt: skip

    before = states()
    first = examine(SAMPLE, greedy)
    assert states() == before
    torch.manual_seed(99)
    assert examine(SAMPLE, greedy) == first
    with torch.no_grad():
        graded = replace(SAMPLE, judge=lambda f: right(f"{torch.is_grad_enabled()}."))
        assert examine(graded, SAMPLE.reference()).message == "True."


# How it is shown


def test_a_result_is_a_word_and_a_symbol() -> None:
    result = _run.Result("99-x", "failed", "At `x < 1` it is <wrong>.")
    assert repr(result) == "✗ Not yet (99-x). At `x < 1` it is <wrong>."
    html = result._repr_html_()
    assert "✗ Not yet" in html and "<code>x &lt; 1</code> it is &lt;wrong&gt;." in html
    words = {repr(_run.Result("i", s, "m")).split(" (")[0] for s in ("passed", "failed", "untouched")}
    assert words == {"✓ Passed", "✗ Not yet", "○ Not tried yet"}


def test_an_unknown_exercise() -> None:
    near = ALL[0].id[:-1]
    result = exercises.check(near, 1)
    assert result.status == "failed"
    assert f"no exercise {near!r}. Did you mean {ALL[0].id!r}?" in result.message
    with pytest.raises(KeyError, match="no exercise"):
        exercises.accepted("98-nothing", 1)
    assert exercises.check(None, 1).status == "failed"


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "collected", lambda number=None: (SAMPLE, CHOICE, NUMBER))


@pytest.mark.usefixtures("samples")
def test_accepted_says_which_one_it_gives(capsys: pytest.CaptureFixture[str]) -> None:
    mine, bad = SAMPLE.variants[0](), SAMPLE.mutants[0].answer()
    assert exercises.accepted("99-fast-sigmoid", mine) is mine
    assert "your answer passes and is used" in capsys.readouterr().out
    for answer, reason in ((bad, "does not pass yet"), (None, "is not tried yet")):
        given = exercises.accepted("99-fast-sigmoid", answer)
        assert given is not answer and examine(SAMPLE, given).status == "passed"
        said = capsys.readouterr().out
        assert reason in said and "the reference is used" in said and said.count("\n") == 1


@pytest.mark.usefixtures("samples")
def test_a_question_in_a_terminal() -> None:
    asked = exercises.predict("99-delta")
    assert "a) Option `a` & more." in repr(asked) and asked.result is None
    assert 'exercises.predict(\'99-delta\', \'a\')' in repr(asked)
    assert exercises.predict("99-delta", " B ").result.message == "b: see <the> peak."
    assert exercises.predict("99-delta", "a").result.status == "passed"
    assert "Choose one of a, b, c, d" in exercises.predict("99-delta", "e").result.message
    with pytest.raises(ValueError, match="no options"):
        exercises.predict("99-half")


def test_the_folded_answer_is_computed_and_escaped() -> None:
    page = _predict.Question(CHOICE)._repr_html_()
    options, answers = page.split("<details")
    assert "Option <code>a</code> &amp; more." in options and "<code>k</code>?" in options
    assert "<summary>Answer</summary>" in answers
    assert answers.index("a) Right") < answers.index("b) No.")
    assert "see &lt;the&gt; peak" in answers and "see &lt;the&gt;" not in options


def test_the_buttons_answer() -> None:
    box = _predict.Question(CHOICE)._buttons()
    choice, button, said = box.children
    assert choice.value is None and list(choice.options) == ["a", "b", "c", "d"]
    button.click()
    assert "Choose an option" in said.value
    for key, word in (("b", "✗ Not yet"), ("a", "✓ Passed")):
        choice.value = key
        button.click()
        assert word in said.value


@pytest.mark.parametrize("static", [True, False])
def test_a_question_in_a_notebook(static: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a kernel: text, buttons, folded answer. In the book: all but the buttons."""
    ident = next(exercise.id for exercise in ALL if exercise.kind == "choice")
    code = f"from tutorial_lib import exercises\nexercises.predict({ident!r})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(_predict.STATIC, raising=False)
    if static:
        monkeypatch.setenv(_predict.STATIC, "1")
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    outputs = [output.data for output in notebook.cells[0].outputs]
    buttons = [data for data in outputs if "application/vnd.jupyter.widget-view+json" in data]
    assert len(buttons) == (0 if static else 1)
    html = "".join(data.get("text/html", "") for data in outputs)
    assert html.count("<summary>Answer</summary>") == 1 and html.count(") Right.") == 1
