"""Exercises that know the misconceptions: checks, references, and predictions.

In a notebook::

    from course_kit import exercises

    exercises.check("01-fast-sigmoid", fast_sigmoid)
    my_sigmoid = exercises.accepted("01-fast-sigmoid", fast_sigmoid)
    exercises.predict("02-silent")

Each exercise carries the wrong answers that it must tell from right ones, and the words it has for
them. ``tests/test_exercises.py`` proves both.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from typing import TYPE_CHECKING, Any

from ._core import Exercise, Mutant, Verdict, right, wrong

if TYPE_CHECKING:
    from ._predict import Question
    from ._run import Result

__all__ = [
    "Exercise",
    "Mutant",
    "Verdict",
    "accepted",
    "check",
    "collected",
    "predict",
    "right",
    "wrong",
]


def check(exercise_id: str, answer: Any) -> Result:
    """Judges an answer. The result shows itself as the last line of a cell.

    Args:
        exercise_id: as in the notebook, "01-fast-sigmoid".
        answer: a number, function, class, ...: what the exercise asks for.

    Returns:
        The verdict: ``status`` is "passed", "failed" or "untouched", ``message`` a sentence or two.
        An exception in the answer, or a loop without end, is a verdict too: nothing is raised.
    """
    from . import _run

    try:
        exercise = _find(exercise_id)
    except KeyError as error:
        return _run.Result(str(exercise_id), "failed", error.args[0])
    return _run.examine(exercise, answer)


def accepted(exercise_id: str, answer: Any) -> Any:
    """Returns the answer if it passes, otherwise the reference, and says which in a line.

    Give the result a name of its own, so that your attempt stays under its name::

        my_sigmoid = exercises.accepted("01-fast-sigmoid", fast_sigmoid)

    Raises:
        KeyError: There is no such exercise.
    """
    from . import _run

    exercise = _find(exercise_id)
    status = _run.examine(exercise, answer).status
    if status == "passed":
        print(f"{exercise_id}: your answer passes and is used from here on.")
        return answer
    reason = "is not tried yet" if status == "untouched" else "does not pass yet"
    print(f"{exercise_id}: your answer {reason}, so the reference is used from here on.")
    return exercise.reference()


def predict(exercise_id: str, answer: str | None = None) -> Question:
    """Asks a question with options. What is right, and why the others are not, is computed.

    In a notebook with a kernel it has buttons. Everywhere, the answer can be unfolded.

    Args:
        exercise_id: an exercise of the kind "choice".
        answer: the key of your option, in place of the buttons.

    Raises:
        KeyError: There is no such exercise.
        ValueError: The exercise has no options. Use :func:`check`.
    """
    from ._predict import Question

    return Question(_find(exercise_id), answer)


def collected(number: str | None = None) -> tuple[Exercise, ...]:
    """Returns the exercises of the notebook with this number ("01"), or of all, in order."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        if re.fullmatch(r"_nb\d\d", module.name) and number in (None, module.name[3:]):
            found += importlib.import_module(f"{__name__}.{module.name}").EXERCISES
    return tuple(found)


def _find(exercise_id: str) -> Exercise:
    for exercise in collected(str(exercise_id)[:2]):
        if exercise.id == exercise_id:
            return exercise
    known = [exercise.id for exercise in collected()]
    near = difflib.get_close_matches(str(exercise_id), known, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise KeyError(f"There is no exercise {exercise_id!r}.{hint}")
