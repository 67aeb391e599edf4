"""Exercises that know the misconceptions: checks, references, and predictions.

In a notebook::

    from course_kit import exercises

    exercises.check("01-fast-sigmoid", fast_sigmoid)
    my_sigmoid = exercises.accepted("01-fast-sigmoid", fast_sigmoid)
    exercises.predict("02-silent")

Each exercise is a module, ``nb01/fast_sigmoid.py``. It carries the wrong answers that its check
must tell from right ones, and the words for them; ``tests/course_kit/test_exercises.py`` proves
both.
"""

from __future__ import annotations

import difflib
import importlib
import re
from pathlib import Path
from typing import Any

from . import examine
from .choice import Question
from .examine import Result
from .exercise import Answer, Exercise, Wrong, edit

__all__ = [
    "Answer",
    "Exercise",
    "Question",
    "Result",
    "Wrong",
    "accepted",
    "check",
    "collected",
    "edit",
    "predict",
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
    try:
        exercise = _find(exercise_id)
    except KeyError as error:
        return Result(str(exercise_id), "failed", error.args[0])
    return examine.examine(exercise, answer)


def accepted(exercise_id: str, answer: Any) -> Any:
    """Returns the answer if it passes, otherwise the reference, and says which in a line.

    Give the result another name, so that your attempt stays under its own::

        my_sigmoid = exercises.accepted("01-fast-sigmoid", fast_sigmoid)

    Raises:
        KeyError: There is no such exercise.
    """
    exercise = _find(exercise_id)
    status = examine.examine(exercise, answer).status
    if status == "passed":
        print(f"{exercise_id}: your answer passes and is used from here on.")
        return answer
    reason = "is not tried yet" if status == "untouched" else "does not pass yet"
    print(f"{exercise_id}: your answer {reason}, so the reference is used from here on.")
    return exercise.solution


def predict(exercise_id: str, answer: Any = None) -> Question:
    """Asks a question with options. What is right, and why the others are not, is computed.

    In a notebook with a kernel it has buttons. Everywhere, the answer can be unfolded.

    Args:
        exercise_id: an exercise of the kind "choice".
        answer: the key of your option, in place of the buttons. Another one fails, with a message.

    Raises:
        KeyError: There is no such exercise.
        ValueError: The exercise has no options. Use :func:`check`.
    """
    return Question(_find(exercise_id), answer)


def collected(number: str | None = None) -> tuple[Exercise, ...]:
    """Returns the exercises of the notebook with this number ("01"), or of all, by their ids.

    Raises:
        ValueError: The number is no text of two digits.
    """
    if number is not None and not (isinstance(number, str) and re.fullmatch(r"[0-9]{2}", number)):
        raise ValueError(f"number must be a text of two digits, such as '01', got {number!r}.")
    own = [_load(path) for path in _modules() if number in (None, path.parent.name[2:])]
    return tuple(sorted(own, key=lambda exercise: exercise.id))


def _modules() -> list[Path]:
    """The modules of all exercises, without importing them."""
    return sorted(Path(__file__).parent.glob("nb[0-9][0-9]/[a-z]*.py"))


def _load(path: Path) -> Exercise:
    module = importlib.import_module(f"{__name__}.{path.parent.name}.{path.stem}")
    return module.exercise


def _find(exercise_id: str) -> Exercise:
    if not isinstance(exercise_id, str):
        raise KeyError(f"exercise_id must be a text, '01-fast-sigmoid', got {exercise_id!r}.")
    paths = {f"{path.parent.name[2:]}-{path.stem.replace('_', '-')}": path for path in _modules()}
    if exercise_id in paths:
        return _load(paths[exercise_id])
    near = difflib.get_close_matches(exercise_id, paths, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else " exercises.collected() lists all."
    raise KeyError(f"exercise_id: there is no exercise {exercise_id!r}.{hint}")
