"""Which of four formulas is a gradient of something?"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..exercise import Exercise, Wrong

exercise = Exercise(__name__,
    "Four pairs of formulas for the changes of two weights: which one is a gradient?",
    shows="Tell a gradient from a formula that looks like one, by a closed loop.",
    kind="choice",
    options={
        "a": "(w2, -w1)",
        "b": "(w2², w1²)",
        "c": "(2 w1 w2, w1²)",
        "d": "(w1 w2, w1 w2)",
    })

Field = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
FIELDS: dict[str, Field] = {
    "a": lambda w1, w2: (w2, -w1),
    "b": lambda w1, w2: (w2**2, w1**2),
    "c": lambda w1, w2: (2 * w1 * w2, w1**2),
    "d": lambda w1, w2: (w1 * w2, w1 * w2),
}


@exercise.judge
def judge(key: str) -> str:
    total = loop(FIELDS[key])
    fact = f"Once round the rectangle from (0, 0) to (1, 2), formula {key} adds up to {total:.3g}"
    if abs(total) < 1e-6:
        return (f"{fact}, and so round every other. It is the gradient of w1² w2: differentiate "
            "it. The other three come back to another height.")
    raise Wrong(f"{fact}; a gradient adds up to 0.")


def loop(field: Field) -> float:
    """The integral of a field round the rectangle, by the trapezoid rule: exact to 1e-7 here."""
    corners, total = [(0, 0), (1, 0), (1, 2), (0, 2), (0, 0)], 0.0
    for start, end in zip(corners, corners[1:], strict=False):
        w = [torch.linspace(a, b, 4001, dtype=torch.float64)
             for a, b in zip(start, end, strict=True)]
        total += sum(torch.trapezoid(g, x).item() for g, x in zip(field(*w), w, strict=True))
    return total


exercise.wrong("What looks balanced is a gradient.", "a",
    asks="The first part grows with w2 by 1: by how much must the second grow with w1?")
exercise.wrong("Symmetry makes a gradient.", "b",
    asks="The formula is the same with w1 and w2 exchanged, but do the two mixed derivatives, "
    "2 w2 and 2 w1, agree?")
exercise.wrong("Equal parts belong together.", "d",
    asks="The first part changes with w2 by w1. By how much does the second change with w1?")
