"""How much three layers at rest shrink an error, solved for the slope."""

from __future__ import annotations

import math

import torch

from ..exercise import Exercise, Wrong
from ..values import is_near, question_for, show

exercise = Exercise(
    __name__,
    "For which slope k, to two decimals, do three layers at rest shrink an error by a factor of "
    "1,000?",
    shows="Compute how an error shrinks through silent layers.",
    kind="number",
)

solved_k = exercise.reference(10**0.5 - 1)

AT_REST = "At rest the overdrive is -1: what is 1 + k |x|?"


@exercise.judge
def judge(k: float) -> str:
    if k <= 0:
        raise Wrong(f"Your k is {show(k)}; a slope is above 0. Which root do you need?")
    shrinks = (1 + k) ** 6
    if is_near(k, math.sqrt(10) - 1, 0.005):
        return (
            f"Three layers at rest shrink an error by (1 + {show(k)})^6 = {shrinks:,.0f}. At the "
            f"tutorial's slope of 25 it is {26**6:,}."
        )
    slips = {
        math.sqrt(1000) - 1: "How many layers does that count?",
        9.0: "Is the derivative of each layer squared?",
        999.0: "Is that one layer, unsquared?",
        math.sqrt(10): AT_REST,
        1000 ** (1 / 6) / 2: AT_REST,
        2.2: "Is that rounded to one decimal? Give two.",
        2.1: "Is that cut off after one decimal? Give two.",
        2.0: "Is that rounded to a whole number? Give two decimals.",
    }
    otherwise = "By what does one layer at rest multiply an error? And the next?"
    raise Wrong(
        f"With k = {show(k)}, three layers at rest shrink an error by {shrinks:,.0f}; expected "
        f"1,000. {question_for(k, slips, otherwise, relative=0.003)}"
    )


exercise.right("two decimals", 2.16)
exercise.right("a tensor", torch.tensor(10.0).sqrt() - 1)
exercise.right("the sixth root", 1000 ** (1 / 6) - 1)

exercise.wrong("one layer", "The error passes once.", math.sqrt(1000) - 1, told="How many layers")
exercise.wrong("no square", "The derivative is 1 / (1 + k).", 9.0, told="squared")
exercise.wrong("once", "One layer, not squared.", 999.0, told="one layer, unsquared")
exercise.wrong("no 1", "The derivative is 1 / k^2.", math.sqrt(10), told="what is 1 + k")
exercise.wrong("no 1, rounded", "The derivative is 1 / k^2.", 3.16, told="what is 1 + k")
exercise.wrong("tutorial", "25 is a mild slope.", 25.0,
    told="shrink an error by 308,915,776; expected 1,000. By what does one layer at rest multiply")
exercise.wrong("a guess", "It is somewhere there.", 3.0, told="by 4,096; expected 1,000. By what")
exercise.wrong("one decimal", "2.2 is near enough.", 2.2, told="rounded to one decimal")
exercise.wrong("other root", "A square has one root.", -math.sqrt(10) - 1, told="Which root do you")
