"""Whatever an answer is or does, a check ends, raises nothing, and says something readable."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np
import pytest
import torch

from course_kit import exercises
from course_kit.exercises import Mutant, Verdict, _limit, _predict, _run, right, wrong
from course_kit.exercises._run import examine
from tests.course_kit.sample_exercises import CHOICE, NUMBER, SAMPLE

ROOT = Path(__file__).resolve().parents[2]
ALL = exercises.collected()


@pytest.mark.parametrize("mutant", SAMPLE.mutants, ids=lambda mutant: mutant.name)
def test_the_sample_meets_misconceptions(mutant: Mutant) -> None:
    result = examine(SAMPLE, mutant.answer())
    assert result.status == "failed" and mutant.expects in result.message


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
    ids=lambda stub: getattr(stub, "__name__", str(stub)),  # the same in every worker
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
    assert "the class itself" in examine(exercise, torch.nn.Identity()).message
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
        (returns_nothing, "returned None; expected a tensor of shape [3] and float32. Is its ret"),
        (lambda x, slope: [1.0], "returned a list of 1 (`1.0` (float)); expected a tensor of"),
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
    assert re.search("stopped after [0-3] seconds at line", result.message)
    assert "loop" in result.message
    assert examine(SAMPLE, SAMPLE.reference()).status == "passed"


def test_a_machine_that_computes_something_else_gets_more_time() -> None:
    """Work that waits is no work without end; but it is not waited for without end either."""

    def waits(seconds: float) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        return "done"

    assert _limit.limited(lambda: waits(0.5), 0.2) == "done"
    start = time.monotonic()
    with pytest.raises(_limit.TookTooLong):
        _limit.limited(lambda: waits(20), 0.2)
    assert time.monotonic() - start < 4
    with pytest.raises(_limit.TookTooLong):
        while_busy(time.monotonic() + 0.5, seconds=0.2)


def test_a_stopped_check_blames_a_loop_only_where_there_is_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(answer: Any) -> Verdict:
        while True:
            pass

    monkeypatch.setattr(_run, "USUAL", 0.2)
    said = examine(replace(NUMBER, judge=slow), 3.0).message
    assert "The machine may be busy" in said and "loop" not in said


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.mul_(2),
        lambda x: x[0].fill_(7),
        lambda x: torch.neg(x, out=x),
        lambda x: x.numpy().fill(0),
    ],
)
def test_writing_into_what_was_given_is_no_right_answer(write: Any) -> None:
    def right_but_rude(x: torch.Tensor, slope: float) -> torch.Tensor:
        result = SAMPLE.reference()(x, slope)
        write(x)
        return result

    result = examine(SAMPLE, right_but_rude)
    assert result.status == "failed" and "after the call `x`" in result.message


def test_a_judge_may_take_nothing_for_untouched() -> None:
    """It raises NotImplementedError then; a forgotten return is told apart from a stub."""

    def judge(function: Any) -> Verdict:
        if function(torch.zeros(3), 25.0) is None:
            raise NotImplementedError
        return right("Fine.")

    exercise = replace(SAMPLE, judge=judge)
    assert examine(exercise, lambda x, slope: None).status == "untouched"
    assert "Is its return missing?" in examine(exercise, returns_nothing).message

    def of_torch(x: torch.Tensor, slope: float) -> torch.Tensor:
        return torch.nn.Module()(x)  # raises NotImplementedError too

    assert "raised NotImplementedError" in examine(SAMPLE, of_torch).message


def test_the_handler_of_interrupts_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as Jupyter does between cells
        with pytest.raises(_limit.TookTooLong):
            while_busy(time.monotonic() + 30, seconds=0.05)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_limit_leaves_no_interrupt_behind() -> None:
    """Work that ends just when the timer does, over and over."""
    with pytest.raises(_limit.TookTooLong):
        while_busy(time.monotonic() + 30, seconds=0.01)
    for number in range(100):
        try:
            while_busy(time.monotonic() + 0.0002 * number, seconds=0.01)
        except _limit.TookTooLong:
            pass
    for _ in range(100_000):
        pass


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
    every = ("passed", "failed", "untouched")
    words = {repr(_run.Result("i", status, "m")).split(" (")[0] for status in every}
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
    assert "exercises.predict('99-delta', 'a')" in repr(asked)
    assert exercises.predict("99-delta", " B ").result.message == "b: see <the> peak."
    assert exercises.predict("99-delta", "c").result.status == "passed"
    assert "Choose one of a, b, c, d" in exercises.predict("99-delta", "e").result.message
    with pytest.raises(ValueError, match="no options"):
        exercises.predict("99-half")


def test_the_folded_answer_is_computed_and_escaped() -> None:
    page = _predict.Question(CHOICE)._repr_html_()
    options, answers = page.split("<details")
    assert "Option <code>a</code> &amp; more." in options and "<code>k</code>?" in options
    assert "<summary>Answer</summary>" in answers
    assert answers.index("c) Right") < answers.index("a) No.") < answers.index("b) No.")
    assert "see &lt;the&gt; peak" in answers and "see &lt;the&gt;" not in options


def test_the_buttons_answer() -> None:
    box = _predict.Question(CHOICE)._buttons()
    choice, button, said = box.children
    assert choice.value is None and list(choice.options) == ["a", "b", "c", "d"]
    button.click()
    assert "Choose an option" in said.value
    for key, word in (("b", "✗ Not yet"), ("c", "✓ Passed")):
        choice.value = key
        button.click()
        assert word in said.value


@pytest.mark.parametrize("static", [True, False])
def test_a_question_in_a_notebook(static: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a kernel: text, buttons, folded answer. In the book: all but the buttons."""
    ident = next(exercise.id for exercise in ALL if exercise.kind == "choice")
    code = f"from course_kit import exercises\nexercises.predict({ident!r})"
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
