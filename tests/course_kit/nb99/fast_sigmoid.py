"""A function, for the tests of the framework."""

from __future__ import annotations

import torch

from course_kit.exercises import Exercise, Wrong, edit

exercise = Exercise(
    __name__, "Write the slope.", shows="Turn a formula into code.", kind="function"
)


@exercise.reference
def solved_sigmoid(x: torch.Tensor, slope: float = 25.0) -> torch.Tensor:
    # A comment that is part of the solution.
    return 1 / (1 + slope * x.abs()) ** 2  # even


@exercise.judge
def judge(function):
    x = torch.tensor([-0.2, 0.0, 0.2])
    wanted, got = 1 / (1 + 25 * x.abs()) ** 2, function(x, 25.0)
    if got.shape != x.shape:
        raise Wrong(f"Your slope has shape {list(got.shape)}; expected {list(x.shape)}.")
    for point, one, other in zip(x.tolist(), wanted.tolist(), got.tolist(), strict=True):
        if abs(one - other) > 1e-6:
            raise Wrong(
                f"At x = {point:.1f} expected {one:.4f}, got {other:.4f}.",
                "Is the peak 1?" if (got > 1).any() else "Is it squared?",
            )
    return "This slope can train a network."


exercise.right("a power", lambda x, slope: (1 + slope * x.abs()).pow(-2))
exercise.right("numerator", edit("1 / (1", "1.0 / (1.0"))

exercise.wrong("A power is missing.", edit(" ** 2", ""), told="Is it squared")
exercise.wrong("x is never below 0.", edit("x.abs()", "x"), asks="Is it even, as |x| is?")


@exercise.wrong("The slope has area 1.", told="Is the peak 1")
def of_area_1(x, k):
    return k / 2 / (1 + k * x.abs()) ** 2
