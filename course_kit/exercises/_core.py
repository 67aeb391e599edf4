"""What an exercise is, and how an answer to it is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Exercise", "Mutant", "Verdict", "right", "wrong"]


@dataclass(frozen=True)
class Verdict:
    """The answer to an answer: whether it holds, and a sentence or two to the learner."""

    passed: bool
    message: str


@dataclass(frozen=True)
class Mutant:
    """A wrong answer that a real misconception leads to, and what must be said to it.

    Attributes:
        name: short and unique within the exercise.
        misconception: what somebody who gives this answer believes.
        answer: makes the wrong answer.
        expects: words that the verdict's message must contain.
    """

    name: str
    misconception: str
    answer: Callable[[], Any]
    expects: str


@dataclass(frozen=True)
class Exercise:
    """One exercise with its check, and the proof that the check tells right from wrong.

    Attributes:
        id: number of the notebook and a topic: "01-fast-sigmoid".
        title: what the learner reads, as a task.
        objective: what passing it shows, for the table in the book.
        kind: what the answer is.
        judge: from an answer to a verdict. May raise: the caller makes a verdict of that.
        reference: makes the reference answer.
        stub: makes what the untouched notebook holds.
        mutants: at least three wrong answers.
        variants: makers of other right answers: another spelling, dtype, in place, vectorized.
        options: for a choice, and only there: makes the options, from key to text ("a": "It stays
            at 1."), at least four. An answer then is a key. ``judge`` computes which one is right,
            and its message says why the one given is wrong. Every other option has its mutant.
    """

    id: str
    title: str
    objective: str
    kind: Literal["number", "choice", "function", "class", "open"]
    judge: Callable[[Any], Verdict]
    reference: Callable[[], Any]
    stub: Callable[[], Any]
    mutants: tuple[Mutant, ...]
    variants: tuple[Callable[[], Any], ...] = ()
    options: Callable[[], Mapping[str, str]] | None = None


def right(message: str) -> Verdict:
    """The answer holds; ``message`` says what it makes possible next."""
    return Verdict(True, message)


def wrong(message: str) -> Verdict:
    """The answer does not hold; ``message`` has the smallest input that shows it and a question."""
    return Verdict(False, message)
