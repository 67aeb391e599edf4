"""What an exercise is: a task, its reference, its judge, and answers that prove the judge."""

from __future__ import annotations

import ast
import contextlib
import copy
import linecache
import math
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

__all__ = ["Answer", "Edit", "Exercise", "Function", "Kind", "Wrong", "edit"]

Function = Callable[..., Any]
Kind = Literal["number", "choice", "function", "class", "open"]
T = TypeVar("T")


class Wrong(Exception):
    """An answer does not hold. The learner reads the fault and a question.

    Attributes:
        fault: what was observed, for the smallest input that shows it, and what was expected.
        question: leads on; a misconception that the exercise asks about has a better one.
    """

    def __init__(self, fault: str, question: str = "") -> None:
        super().__init__(f"{fault} {question}".strip())
        self.fault, self.question = fault, question


@dataclass(frozen=True)
class Edit:
    """Changes to the text of the reference, made by :func:`edit`."""

    pairs: tuple[tuple[str, str], ...]


def edit(old: str, new: str, *more: str) -> Edit:
    """Describes an answer by what differs from the reference: ``edit("beta * mem", "mem")``.

    Args:
        old: stands exactly once in the reference.
        new: takes its place.
        *more: further pairs of old and new, each applied to what the ones before have made.

    Raises:
        ValueError: an old text has no new one.
    """
    texts = (old, new, *more)
    if len(texts) % 2:
        raise ValueError(f"edit() takes pairs of old and new text; {texts[-1]!r} has no new text.")
    return Edit(tuple(zip(texts[::2], texts[1::2], strict=True)))


@dataclass(frozen=True)
class Answer:
    """An answer that proves the judge.

    Attributes:
        about: what is special about a right one; what somebody who gives a wrong one believes.
        make: returns the answer.
        told: words that a wrong answer must be told.
        asks: the question to whoever gives a wrong answer like this one; "" leaves it to the judge.
    """

    about: str
    make: Callable[[], Any]
    told: str = ""
    asks: str = ""


class Exercise:
    """One exercise. Its methods register what belongs to it, most of them as decorators.

    Attributes:
        id: number of the notebook and topic, from the module's path: "01-fast-sigmoid".
        title: the task in a sentence or two, as the learner reads it.
        shows: what passing it shows, for the table in the book.
        kind: what the answer is. An "open" task may have any answer.
        options: of a "choice", and only there: from the keys "a", "b", ... to what each says. The
            judge finds out which of them is right.
        right_answers, wrong_answers: what :meth:`right` and :meth:`wrong` have registered.

    Raises:
        ValueError: the path gives no id, or the kind is unknown or does not go with the options.
    """

    def __init__(
        self,
        module: str,
        title: str,
        *,
        shows: str,
        kind: Kind,
        options: Mapping[str, str] | None = None,
    ) -> None:
        folder, _, name = module.rpartition(".")
        number = folder.rpartition(".")[2].removeprefix("nb")
        self.id = f"{number}-{name.replace('_', '-')}"
        if not (len(number) == 2 and number.isdigit()):
            raise ValueError(f"{module} is no exercise; expected a path like nb01/topic.py.")
        if kind not in get_args(Kind):
            raise ValueError(f"{self.id}: kind {kind!r}; expected one of {get_args(Kind)}.")
        if (kind == "choice") != (options is not None):
            raise ValueError(f"{self.id}: a choice has options, and nothing else has.")
        self.title, self.shows, self.kind = title, shows, kind
        self.options = dict(options or {})
        self.right_answers: list[Answer] = []
        self.wrong_answers: list[Answer] = []
        self._module = module
        self._reference: Any = None
        self._judge: Callable[[Any], str] | None = None

    # What a module says about its exercise

    def reference(self, answer: T) -> T:
        """Registers the reference, which `make notebooks` writes into the notebook's solution.

        It uses only names that the notebook has, too. A value is assigned::

            solved_tau = exercise.reference(-2 / math.log(0.5))
        """
        self._reference = answer
        return answer

    def judge(self, function: Callable[[Any], str]) -> Callable[[Any], str]:
        """Registers what judges an answer: it returns words of praise, or raises :class:`Wrong`."""
        self._judge = function
        return function

    def right(self, about: str, *answer: Any) -> Any:
        """Registers another right answer: a value, an :func:`edit`, or, as a decorator, code."""
        return self._register(self.right_answers, answer, about=about)

    def wrong(self, belief: str, *answer: Any, told: str = "", asks: str = "") -> Any:
        """Registers a wrong answer: a value, an :func:`edit`, or, as a decorator, code.

        Args:
            belief: the misconception behind it, as a sentence of somebody who has it.
            *answer: the answer, unless this decorates it.
            told: words that the judge must say to it.
            asks: instead, the question to this answer, and to every other one that is as far off:
                the same number or key, or code in which the judge finds the same fault.
        """
        return self._register(
            self.wrong_answers, answer, about=belief, told=told or asks, asks=asks
        )

    def _register(self, answers: list[Answer], given: tuple[Any, ...], **words: str) -> Any:
        if not given:
            return lambda answer: self._register(answers, (answer,), **words) or answer
        (value,) = given
        about = words["about"]
        if about in [answer.about for answer in self.right_answers + self.wrong_answers]:
            raise ValueError(f"{self.id}: there is an answer about {about!r} already.")
        edited = isinstance(value, Edit)
        make = (lambda: self._edited(value, about)) if edited else (lambda: value)
        answers.append(Answer(make=make, **words))
        return None

    # What is made of it

    def check(self, answer: Any) -> str:
        """Returns the judge's words of praise.

        Raises:
            Wrong: the answer does not hold.
            Exception: whatever an answer that the judge does not expect leads to.
        """
        if self._judge is None:
            raise ValueError(f"{self.id} has no judge: decorate a function by @exercise.judge.")
        try:
            return self._judge(answer)
        except Wrong as wrong:
            asked = (a.asks for a in self.wrong_answers if a.asks and self._alike(a, answer, wrong))
            raise Wrong(wrong.fault, next(asked, wrong.question)) from None

    def _alike(self, known: Answer, answer: Any, wrong: Wrong) -> bool:
        """Is a misconception's answer as far off as the learner's, in which this was found?"""
        value = known.make()
        if self.kind == "number":
            rounded = (round(value, digits) for digits in range(1, 6))
            return math.isclose(answer, value, rel_tol=1e-4) or 0 != answer in rounded
        if self.kind == "choice":
            return answer == value
        try:
            self._judge(value)
        except Exception as other:
            return isinstance(other, Wrong) and other.fault == wrong.fault
        return False

    @property
    def solution(self) -> Any:
        """The reference; of a choice, the key of the option that the judge takes."""
        if self.kind != "choice":
            value = self._reference
            return value if callable(value) else copy.deepcopy(value)
        for key in self.options:
            with contextlib.suppress(Wrong):
                self.check(key)
                return key
        raise ValueError(f"{self.id}: the judge takes none of the options.")

    @property
    def file(self) -> str:
        """The path of the module that holds this exercise."""
        return str(sys.modules[self._module].__file__)

    @property
    def source(self) -> str:
        """The reference as a text: its code without the decorator, or ``name = value``.

        That of a choice is empty.

        Raises:
            ValueError: there is none, or more than one.
        """
        if self.kind == "choice":
            return ""
        text = Path(self.file).read_text(encoding="utf-8")
        found = [part for part in map(_reference_in, ast.parse(text).body) if part]
        if len(found) != 1:
            raise ValueError(f"{self.id}: {len(found)} references; expected exactly one.")
        first, node = found[0]
        if isinstance(node, ast.stmt):
            return "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])
        line, *others = str(ast.get_source_segment(text, node)).splitlines()
        return "\n".join([first + line, *textwrap.dedent("\n".join(others)).splitlines()])

    def _edited(self, change: Edit, about: str) -> Any:
        """Runs the changed text of the reference, beside all else that its module holds."""
        text = self.source
        for old, new in change.pairs:
            if text.count(old) != 1:
                raise ValueError(
                    f"{self.id}, {about!r}: {old!r} stands {text.count(old)} times in the text; "
                    f"expected once. Give more of its line.\n{text}"
                )
            text = text.replace(old, new)
        file = f"<{self.id}, {about}>"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        space = dict(vars(sys.modules[self._module]))
        exec(compile(text, file, "exec"), space)
        return space[ast.parse(text).body[0].name]


def _reference_in(statement: ast.stmt) -> tuple[str, ast.stmt | ast.expr] | None:
    """The node marked by ``exercise.reference``, with the text that its own begins with."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        marks = [ast.unparse(mark) for mark in statement.decorator_list]
        return ("", statement) if "exercise.reference" in marks else None
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        if ast.unparse(statement.value.func) == "exercise.reference":
            return f"{ast.unparse(statement.targets[0])} = ", statement.value.args[0]
    return None
