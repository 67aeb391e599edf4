"""Whatever an answer is or does, a check ends, raises nothing, and says something readable."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import re
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import nbclient
import nbformat
import numpy as np
import pytest
import torch

from course_kit import exercises
from course_kit.exercises import Exercise, Result, Wrong, choice, edit, examine, limit
from tests.course_kit.nb99 import delta, fast_sigmoid, half
from tests.helpers import ROOT

SAMPLE, CHOICE, NUMBER = fast_sigmoid.exercise, delta.exercise, half.exercise
examined = examine.examine


def exercise_of(judge: Callable, kind: str = "function", solution: Any = None) -> Exercise:
    made = Exercise("tests.nb99.made", "Do it.", shows="That it is done.", kind=kind)
    made._module = __name__
    made.judge(judge)
    made.reference(fast_sigmoid.solved_sigmoid if solution is None else solution)
    return made


# What an exercise is made of


def test_an_exercise_is_its_module() -> None:
    assert [e.id for e in (SAMPLE, CHOICE, NUMBER)] == ["99-fast-sigmoid", "99-delta", "99-half"]
    assert SAMPLE.source.startswith("def solved_sigmoid(x: torch.Tensor")
    assert "    # A comment that is part of the solution.\n" in SAMPLE.source
    assert SAMPLE.source.endswith("** 2  # even")
    assert NUMBER.source == "solved_half = max(\n    0,\n    1 / 2,\n)" and CHOICE.source == ""
    assert CHOICE.solution == "c" and NUMBER.solution == 0.5
    assert SAMPLE.solution is fast_sigmoid.solved_sigmoid


@pytest.mark.parametrize("exercise", [SAMPLE, CHOICE, NUMBER], ids=lambda e: e.id)
def test_the_samples_tell_right_from_wrong(exercise: Exercise) -> None:
    assert examined(exercise, ...).status == "untouched"
    for answer in (exercise.solution, *(right.make() for right in exercise.right_answers)):
        assert examined(exercise, answer).status == "passed"
    for wrong in exercise.wrong_answers:
        result = examined(exercise, wrong.make())
        assert result.status == "failed" and wrong.told in result.message


def test_what_an_author_gets_wrong_is_an_error() -> None:
    def about(module: str = "a.nb99.topic", **changes: Any) -> Exercise:
        return Exercise(module, **({"title": "T.", "shows": "S.", "kind": "number"} | changes))

    for module in ("a.b", "topic", "a.nb9.topic"):
        with pytest.raises(ValueError, match="expected a path like nb01/topic.py"):
            about(module)
    with pytest.raises(ValueError, match="kind 'essay'; expected one of"):
        about(kind="essay")
    for changes in ({"kind": "choice"}, {"options": {"a": "A."}}):
        with pytest.raises(ValueError, match="a choice has options"):
            about(**changes)
    with pytest.raises(ValueError, match="no judge"):
        about().check(1)
    twice = about()
    twice.right("it", 1)
    with pytest.raises(ValueError, match="about 'it' already"):
        twice.wrong("it", 2, told="No.")
    with pytest.raises(ValueError, match="has no new text"):
        edit("a", "b", "c")
    for old, count in (("slope", 2), ("nothing", 0)):
        change = edit(old, "y")
        with pytest.raises(ValueError, match=f"99-fast-sigmoid, 'x': .*stands {count} times"):
            SAMPLE._edited(change, "x")


def test_an_edited_answer_is_the_learners_code() -> None:
    broken = SAMPLE._edited(edit("x.abs()", "x.abs().no_such()"), "broken")
    said = examined(SAMPLE, broken).message
    assert "raised AttributeError" in said and "at line 3 of your code: `return 1 / (1 +" in said


# The question to an answer


def flipped(x: torch.Tensor, slope: float) -> torch.Tensor:
    """The misconception that forgets |x|, in other words."""
    return torch.square(x * slope + 1.0).reciprocal()


@pytest.mark.parametrize(
    ("exercise", "answer", "question"),
    [
        (SAMPLE, flipped, "Is it even, as |x| is?"),
        (SAMPLE, lambda x, slope: 1 / (1 + slope * x.abs()) ** 3, "Is it squared?"),  # the judge's
        (CHOICE, "a", "Is it wide?"),
        (NUMBER, 2 / 7, "Why seven?"),
        (NUMBER, 0.285714, "Why seven?"),
        (NUMBER, 0.29, "Why seven?"),
        (NUMBER, 0.286, "Why seven?"),
        (NUMBER, 0.3, "Why seven?"),
        (NUMBER, 0.28, None),
        (NUMBER, 0, None),
    ],
)
def test_whoever_is_as_far_off_is_asked_the_same(
    exercise: Exercise, answer: Any, question: str | None
) -> None:
    said = examined(exercise, answer)
    assert said.status == "failed"
    assert said.message.endswith(question) if question else "?" not in said.message


def test_a_misconception_that_the_judge_cannot_judge_asks_nothing() -> None:
    def judge(function: Callable) -> str:
        if function(1) != 2:
            raise Wrong("It is not 2.", "Is it twice?")
        return "It is 2."

    exercise = exercise_of(judge)
    exercise.wrong("It needs no argument.", lambda: 2, asks="Which argument?")
    assert examined(exercise, lambda x: 3 * x).message == "It is not 2. Is it twice?"


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
    result = examined(SAMPLE, stub)
    assert result.status == "untouched"
    assert "Fill in" in result.message or "`...`" in result.message


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor: ...


class Whole(Half):
    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad

    def unused(self) -> None: ...


def test_a_class_with_an_empty_method_is_untouched() -> None:
    def judge(function: type) -> str:
        x = torch.ones(2, requires_grad=True)
        function.apply(x).sum().backward()
        if x.grad is None:
            raise Wrong("No gradient.")
        return "It has a gradient."

    exercise = exercise_of(judge, "class", Whole)
    assert examined(exercise, Half).status == "untouched"
    assert examined(exercise, Whole).status == "passed"  # an empty method does no harm
    said = examined(exercise, torch.nn.Identity()).message
    assert "you gave an Identity. Give the class itself" in said
    assert "asks for a class" in examined(exercise, 3).message


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


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def raises_unspeakably(x: torch.Tensor, slope: float) -> torch.Tensor:
    raise Unspeakable


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (raises_in_the_middle, "raised NameError: name 'undefined' is not defined at line "),
        (raises_in_the_middle, "`return x / undefined"),
        (fails_inside_torch, "of your code: `return x @ torch.ones(4)`"),
        (leaves, "raised SystemExit at line"),
        (raises_unspeakably, "raised Unspeakable at line"),
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
    result = examined(SAMPLE, answer)
    assert result.status == "failed"
    assert words in result.message
    assert "examine.py" not in result.message


def test_an_answer_that_defies_description() -> None:
    class Hostile:
        @property
        def shape(self) -> Any:
            raise Unspeakable

    assert "What came up was Unspeakable" in examined(SAMPLE, Hostile()).message


@pytest.mark.parametrize("answer", [0.5, torch.tensor([0.5]), np.float32(0.5), np.array([[0.5]])])
def test_a_number_in_any_wrapping(answer: Any) -> None:
    assert examined(NUMBER, answer) == Result("99-half", "passed", "It is of the type float.")


@pytest.mark.parametrize("answer", ["0.5", [0.5], True, 1j, torch.zeros(2), lambda: 0.5])
def test_what_is_no_number(answer: Any) -> None:
    assert "asks for one number; you gave" in examined(NUMBER, answer).message


def test_numbers_are_finite() -> None:
    for answer in (float("nan"), torch.tensor(float("inf"))):
        assert "expected a finite number" in examined(NUMBER, answer).message


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
    class RightButRude:
        def __call__(self, x: torch.Tensor, slope: float) -> torch.Tensor:
            result = SAMPLE.solution(x, slope)
            write(x)
            return result

    for rude in (RightButRude(), RightButRude().__call__):
        result = examined(SAMPLE, rude)
        assert result.status == "failed" and "after the call `x`" in result.message


def test_nothing_is_a_result_where_the_reference_returns_nothing() -> None:
    def judge(fill: Any) -> str:
        tensor = torch.zeros(2)
        fill(lambda: tensor)
        if not tensor.all():
            raise Wrong("There is a 0 left.")
        return "Filled."

    def solved(get: Any) -> None:
        get().fill_(1)

    exercise = exercise_of(judge, solution=solved)
    assert examined(exercise, solved).status == "passed"
    said = examined(exercise, lambda get: get()[0].fill_(1) and None)
    assert said.message == "There is a 0 left."


def test_what_torch_has_not_implemented_is_no_stub() -> None:
    said = examined(SAMPLE, lambda x, k: torch.nn.Module()(x))
    assert "raised NotImplementedError" in said.message


# What does not end


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time to compute; much to wait, as the machine of the tests may be busy."""
    monkeypatch.setattr(examine, "COMPUTING", 0.2)
    monkeypatch.setattr(examine, "WAITING", 200.0)
    monkeypatch.setattr(examine, "OVERRUN", 5.0)
    # Code that catches all is also stopped where Python ignores exceptions. pytest need not know.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)


def loops(x: torch.Tensor, slope: float) -> torch.Tensor:
    while True:
        x = x + 1


def swallows_all(x: torch.Tensor, slope: float) -> torch.Tensor:
    while True:
        try:
            x = x + 1
        except BaseException:
            pass


def starts_again(x: torch.Tensor, slope: float) -> torch.Tensor:
    try:
        loops(x, slope)
    finally:
        starts_again(x, slope)


def gives_up_and_goes_on(x: torch.Tensor, slope: float) -> torch.Tensor:
    with contextlib.suppress(BaseException):
        loops(x, slope)
    return SAMPLE.solution(x, slope)


def ignores_interrupts(x: torch.Tensor, slope: float) -> torch.Tensor:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return loops(x, slope)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "answer", [loops, swallows_all, starts_again, gives_up_and_goes_on, ignores_interrupts]
)
def test_code_without_end_is_stopped_and_named(answer: Callable) -> None:
    before = signal.getsignal(signal.SIGINT)
    result = examined(SAMPLE, answer)
    assert result.status == "failed"
    assert "seconds of computing at line" in result.message
    assert result.message.endswith("Does a loop never end?")
    assert signal.getsignal(signal.SIGINT) == before
    assert examined(SAMPLE, SAMPLE.solution).status == "passed"


def sleeps(x: torch.Tensor, slope: float) -> torch.Tensor:
    time.sleep(40)
    return SAMPLE.solution(x, slope)


def sleeps_stubbornly(x: torch.Tensor, slope: float) -> torch.Tensor:
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(40)


@pytest.mark.parametrize("answer", [sleeps, sleeps_stubbornly])
def test_code_that_waits_is_stopped_and_nothing_is_blamed(
    answer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "WAITING", 0.4)
    result = examined(SAMPLE, answer)
    assert result.status == "failed" and "`time.sleep(40)`" in result.message
    assert re.search(r"it computed for 0\.\d and waited for the rest", result.message)
    assert "busy" in result.message and "loop" not in result.message


@pytest.mark.usefixtures("impatient")
def test_a_busy_machine_takes_no_time_away() -> None:
    """Only the processor time counts, and each thread's own."""

    computed, stop = [0.0], threading.Event()

    def other() -> None:
        while not stop.is_set():
            computed[0] = time.thread_time()

    def waits_for_the_other(x: torch.Tensor, slope: float) -> torch.Tensor:
        while computed[0] < 2 * examine.COMPUTING:
            time.sleep(0.05)
        return SAMPLE.solution(x, slope)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert examined(SAMPLE, waits_for_the_other).status == "passed"
    finally:
        stop.set()


@pytest.mark.usefixtures("impatient")
def test_one_long_call_is_reported_when_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "OVERRUN", 0.1)

    def adds_up(x: torch.Tensor, slope: float) -> torch.Tensor:
        sum(range(120_000_000))
        return SAMPLE.solution(x, slope)

    said = examined(SAMPLE, adds_up).message
    assert "`sum(range(120_000_000))`. It is in one call that cannot be interrupted" in said


@pytest.mark.usefixtures("impatient")
def test_a_stopped_check_blames_a_loop_only_where_there_is_code() -> None:
    def slow(answer: Any) -> str:
        while True:
            pass

    said = examined(exercise_of(slow, "number", 1.0), 3.0).message
    assert said.endswith("seconds of computing. Run this cell once more.")


def test_the_limit_leaves_no_alarm_behind() -> None:
    """Work that ends just when the time is up, over and over; and somebody else's alarm stays."""
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
    begun = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        for number in range(60):
            until = time.thread_time() + 0.001 * number
            with contextlib.suppress(limit.OutOfTime):
                limit.limited(lambda until=until: while_before(until), 0.03, 5)
        gone = time.monotonic() - begun
        assert gone / 2 < 1000 - signal.getitimer(signal.ITIMER_REAL)[0] < 2 * gone
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(0.1)
        assert heard == [1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class SlowlyFinalized:
    """Its finalizers compute nearly all the time, so that most attempts to stop meet one."""

    def __init__(self, translates: bool) -> None:
        self.translates = translates
        self.itself = self  # left to the collector of garbage
        weakref.finalize(self, sum, range(2000)).atexit = False

    def __del__(self) -> None:
        try:
            for _ in range(2000):
                pass
        except limit.OutOfTime as stop:
            raise RuntimeError if self.translates else stop from stop


@pytest.mark.parametrize("translates", [False, True])
def test_a_stop_that_meets_a_finalizer_is_not_printed(
    translates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()  # what other tests left
    printed = []

    def hook(event: sys.UnraisableHookArgs) -> None:
        for _ in range(2000):
            printed.append(event.exc_type)

    monkeypatch.setattr(sys, "unraisablehook", hook)

    def work() -> None:
        while True:
            SlowlyFinalized(translates)
            gc.collect(0)

    for _ in range(20):
        with pytest.raises(limit.OutOfTime):
            limit.limited(work, 0.02, 5)
        assert sys.unraisablehook is hook
    assert printed == []


class Raises:
    def __del__(self) -> None:
        raise ValueError


def test_what_other_finalizers_raise_is_printed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = []

    def hook(event: sys.UnraisableHookArgs) -> None:
        while_before(time.thread_time() + 0.1)  # the time is up meanwhile
        printed.append(event.exc_type)

    def work() -> None:
        Raises()

    monkeypatch.setattr(sys, "unraisablehook", hook)
    with contextlib.suppress(limit.OutOfTime):
        limit.limited(work, 0.02, 5)
    assert printed == [ValueError]


def keeps_printing() -> None:
    until = time.thread_time() + 20
    while time.thread_time() < until:
        Raises()


def test_prints_of_finalizers_do_not_keep_the_work_going(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly every attempt meets a print. None is cut off, but the next attempts come soon."""
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    for _ in range(3):
        with pytest.raises(limit.OutOfTime) as stop:
            limit.limited(keeps_printing, 0.05, 100)
        assert stop.value.computed < 1
        said = capsys.readouterr().err
        assert "ValueError" in said and "OutOfTime" not in said


@pytest.mark.parametrize("each", [0.02, 100.0])
def test_long_prints_are_stopped_too(each: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "_PRINTING", 0.3)
    hook = lambda _: while_before(time.thread_time() + each)  # noqa: E731
    monkeypatch.setattr(sys, "unraisablehook", hook)
    with pytest.raises(limit.OutOfTime):
        limit.limited(keeps_printing, 0.05, 100)


def while_before(until: float) -> None:
    while time.thread_time() < until:
        pass


def test_somebody_elses_interrupt_is_a_verdict_too() -> None:
    def interrupted(x: torch.Tensor, slope: float) -> torch.Tensor:
        raise KeyboardInterrupt

    assert "You interrupted" in examined(SAMPLE, interrupted).message


def test_other_threads_can_check_too() -> None:
    said = []
    thread = threading.Thread(target=lambda: said.append(examined(SAMPLE, SAMPLE.solution)))
    thread.start()
    thread.join()
    assert said[0].status == "passed"


# What a process has set


CHANGES: dict[str, Callable[[], Any]] = {
    "torch's random numbers": lambda: torch.manual_seed(5),
    "numpy's random numbers": lambda: np.random.rand(),
    "Python's random numbers": lambda: random.random(),
    "dtype": lambda: torch.set_default_dtype(torch.float64),
    "device": lambda: torch.set_default_device("meta"),
    "gradients": lambda: torch.set_grad_enabled(False),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "determinism": lambda: torch.use_deterministic_algorithms(True),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "tiny numbers": lambda: torch.set_flush_denormal(True),
    "numpy's errors": lambda: np.seterr(all="raise"),
    "printing": lambda: np.set_printoptions(precision=2),
    "folder": lambda: os.chdir("/"),
    "environment": lambda: os.environ.update(A_LEARNERS_OWN="1", PATH=""),
    "output": lambda: setattr(sys, "stdout", None),
    "path": lambda: sys.path.insert(0, "/nowhere"),
    "recursion": lambda: sys.setrecursionlimit(5000),
    "interrupts": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    "warnings": lambda: __import__("warnings").simplefilter("error"),
    "style of figures": lambda: mpl.rcParams.update({"font.size": 30}),
    "profiler": lambda: sys.setprofile(lambda *event: None),
}


def settings_now() -> str:
    return repr(
        [torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist(),
         torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(),
         torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),
         torch.get_float32_matmul_precision(), torch.is_anomaly_enabled(),
         (torch.full((), 1e-310, dtype=torch.float64, device="cpu") * 1).item(), np.geterr(),
         np.get_printoptions(), os.getcwd(), dict(os.environ), sys.stdout, sys.path,
         sys.getrecursionlimit(), signal.getsignal(signal.SIGINT), sys.modules["warnings"].filters,
         mpl.rcParams["font.size"], sys.getprofile()]
    )  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_check_leaves_all_settings_as_they_were(change: Callable[[], Any]) -> None:
    noticed = []

    def greedy(x: torch.Tensor, slope: float) -> torch.Tensor:
        earlier = settings_now()
        change()
        noticed.append(settings_now() != earlier)
        return SAMPLE.solution(x, slope)

    before = settings_now()
    with contextlib.suppress(BaseException):
        examined(SAMPLE, greedy)
    assert settings_now() == before
    assert noticed == [True]


def test_a_check_always_says_the_same() -> None:
    def chance(x: torch.Tensor, slope: float) -> torch.Tensor:
        return x + torch.rand(3) + random.random() + np.random.rand()

    first = examined(SAMPLE, chance)
    torch.manual_seed(99)
    with torch.no_grad():
        assert examined(SAMPLE, chance) == first
        graded = exercise_of(lambda f: f"{torch.is_grad_enabled()}.")
        assert examined(graded, SAMPLE.solution).message == "True."


# How it is shown


def test_a_result_is_a_word_and_a_symbol() -> None:
    result = Result("99-x", "failed", "At `x < 1` it is <wrong>.")
    assert repr(result) == "✗ Not yet (99-x). At `x < 1` it is <wrong>."
    html = result._repr_html_()
    assert "✗ Not yet" in html and "<code>x &lt; 1</code> it is &lt;wrong&gt;." in html
    every = ("passed", "failed", "untouched")
    words = {repr(Result("i", status, "m")).split(" (")[0] for status in every}
    assert words == {"✓ Passed", "✗ Not yet", "○ Not tried yet"}


def test_an_unknown_exercise() -> None:
    known = exercises.collected()[0].id
    result = exercises.check(known[:-1], 1)
    assert result.status == "failed"
    assert f"no exercise {known[:-1]!r}. Did you mean {known!r}?" in result.message
    with pytest.raises(KeyError, match="no exercise"):
        exercises.accepted("98-nothing", 1)
    assert exercises.check(None, 1).status == "failed"


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {exercise.id: exercise for exercise in (SAMPLE, CHOICE, NUMBER)}
    monkeypatch.setattr(exercises, "_find", found.__getitem__)


@pytest.mark.usefixtures("samples")
def test_accepted_says_which_one_it_gives(capsys: pytest.CaptureFixture[str]) -> None:
    mine, bad = SAMPLE.right_answers[0].make(), SAMPLE.wrong_answers[0].make()
    assert exercises.accepted("99-fast-sigmoid", mine) is mine
    assert "your answer passes and is used" in capsys.readouterr().out
    for answer, reason in ((bad, "does not pass yet"), (None, "is not tried yet")):
        assert exercises.accepted("99-fast-sigmoid", answer) is SAMPLE.solution
        said = capsys.readouterr().out
        assert reason in said and "the reference is used" in said and said.count("\n") == 1


@pytest.mark.usefixtures("samples")
def test_a_question_in_a_terminal() -> None:
    asked = exercises.predict("99-delta")
    assert "a) Option `a` & more." in repr(asked) and asked.result is None
    assert "exercises.predict('99-delta', 'a')" in repr(asked)
    assert exercises.predict("99-delta", " B ").result.message == "b: see <the> peak. Is it wide?"
    assert exercises.predict("99-delta", "c").result.status == "passed"
    assert "Choose one of a, b, c, d" in exercises.predict("99-delta", "e").result.message
    with pytest.raises(ValueError, match="no options"):
        exercises.predict("99-half")


def test_the_folded_answer_is_computed_and_escaped() -> None:
    page = choice.Question(CHOICE)._repr_html_()
    options, answers = page.split("<details")
    assert "Option <code>a</code> &amp; more." in options and "<code>k</code>?" in options
    assert "<summary>Answer</summary>" in answers
    assert answers.index("c) Right") < answers.index("a) No.") < answers.index("b) No.")
    assert "see &lt;the&gt; peak" in answers and "see &lt;the&gt;" not in options


def test_the_buttons_answer() -> None:
    box = choice.Question(CHOICE)._buttons()
    options, button, said = box.children
    assert options.value is None and list(options.options) == ["a", "b", "c", "d"]
    button.click()
    assert "Choose an option" in said.value
    for key, word in (("b", "✗ Not yet"), ("c", "✓ Passed")):
        options.value = key
        button.click()
        assert word in said.value


@pytest.mark.parametrize("static", [True, False])
def test_a_question_in_a_notebook(static: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a kernel: text, buttons, folded answer. In the book: all but the buttons."""
    ident = next(e.id for e in exercises.collected() if e.kind == "choice")
    code = f"from course_kit import exercises\nexercises.predict({ident!r})"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(choice.STATIC, raising=False)
    if static:
        monkeypatch.setenv(choice.STATIC, "1")
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    outputs = [output.data for output in notebook.cells[0].outputs]
    buttons = [data for data in outputs if "application/vnd.jupyter.widget-view+json" in data]
    assert len(buttons) == (0 if static else 1)
    html = "".join(data.get("text/html", "") for data in outputs)
    assert html.count("<summary>Answer</summary>") == 1 and html.count(") Right.") == 1
