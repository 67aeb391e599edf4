"""From which slope on can an attached reset explode?"""

import torch

from tutorial_lib import surrogate

from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "Above which slope k of `sigmoid` can the attached factor fall below -1?",
    shows="Say from the peak of a surrogate whether an attached reset can explode.", kind="number")

solved_flip = exercise.reference(4 * (1 + 0.9))

BETA = 0.9


@exercise.judge
def judge(k: float) -> str:
    if k <= 0:
        raise Wrong(f"Your k is {show(k)}; expected a slope above 0.", "Which way do you solve?")
    lowest = BETA - surrogate.sigmoid(k).peak
    if abs(lowest + 1) < 0.005:
        return (f"At k = {show(k)} the peak is {surrogate.sigmoid(k).peak:.2f}, and the factor at "
            f"threshold {lowest:.2f}. The library's default, 25, has the factor "
            f"{BETA - surrogate.sigmoid(25).peak:.2f} there.")
    raise Wrong(f"With k = {show(k)}, the factor at threshold is {lowest:.3g}; expected -1.",
        "What is the peak of `sigmoid`, as a function of k? Put it into the factor.")


exercise.right("a tensor", torch.tensor(7.6))
exercise.right("by the peak", 1.9 / (surrogate.sigmoid(1).peak))

exercise.wrong("The peak is the slope.", 1.9, asks="The peak of `sigmoid` is k / 4, not k.")
exercise.wrong("The factor must fall below 0.", 3.6,
    asks="That is where the sign changes. When does a factor grow in size, step after step?")
exercise.wrong("The leak does not count.", 4.0,
    asks="At beta = 0 that would do. What does the leak of 0.9 allow?")
exercise.wrong("The leak is on the other side.", 0.4,
    asks="Has beta the right sign? beta minus the peak is to be -1.")
exercise.wrong("The peak is half the slope.", 3.8,
    asks="k / 2 is the peak of `fast_sigmoid_normalized`. What is that of `sigmoid`?")
exercise.wrong("A slope of 25 is the limit.", 25,
    asks="The default is far beyond the limit. How far may the peak go?")
exercise.wrong("A slope may be negative.", -7.6, told="Which way do you solve")
