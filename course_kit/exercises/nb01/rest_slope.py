"""How much three layers at rest shrink an error, solved for the slope."""

import torch

from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "For which slope k, to two decimals, do three layers at rest shrink an error by a factor of "
    "1,000?",
    shows="Compute how an error shrinks through silent layers.", kind="number")

solved_k = exercise.reference(10**0.5 - 1)


@exercise.judge
def judge(k: float) -> str:
    if k <= 0:
        raise Wrong(f"Your k is {show(k)}; a slope is above 0. Which root do you need?")
    shrinks = (1 + k) ** 6
    if abs(k - 2.16) < 0.00501:  # what 2.16 may have been before it was rounded
        return (f"Three layers at rest shrink an error by (1 + {show(k)})^6 = {shrinks:,.0f}. At "
            f"the tutorial's slope of 25 it is {26**6:,}.")
    raise Wrong(f"With k = {show(k)}, three layers at rest shrink an error by {shrinks:,.0f}; "
        "expected 1,000.", "That is close: is it rounded? Give two decimals."
        if 2.05 < k < 2.25
        else "By what does one layer at rest multiply an error? And the next?")


exercise.right("two decimals", 2.16)
exercise.right("cut off behind the third decimal", 2.162)
exercise.right("a tensor", torch.tensor(10.0).sqrt() - 1)
exercise.right("the sixth root", 1000 ** (1 / 6) - 1)

exercise.wrong("The error passes one layer.", 1000**0.5 - 1,
    asks="How many layers does that count?")
exercise.wrong("The derivative is 1 / (1 + k).", 9.0,
    asks="Is the denominator squared in each layer?")
exercise.wrong("The derivative is 1 / k^2.", 10**0.5,
    asks="At rest the overdrive is -1: what is 1 + k |x|?")
exercise.wrong("25 is a mild slope.", 25.0,
    told="shrink an error by 308,915,776; expected 1,000. By what does one layer at rest multiply")
exercise.wrong("2.2 is near enough.", 2.2, told="That is close: is it rounded? Give two decimals.")
exercise.wrong("A slip in the second decimal.", 2.15, told="by 977; expected 1,000. That is close")
exercise.wrong("A slip upwards.", 2.17, told="by 1,015; expected 1,000. That is close")
exercise.wrong("A square has one root.", -(10**0.5) - 1, told="Which root do you")
