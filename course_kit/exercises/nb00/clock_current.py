"""A current for every fifth spike: the formula of the firing period, backward."""

import math
from itertools import accumulate

import torch

from ..exercise import Exercise, Wrong
from ..values import is_near, show

exercise = Exercise(__name__,
    "Find a constant current that fires a neuron (beta 0.9, reset to zero) every 5 steps.",
    shows="Use the formula of the firing period backward.", kind="number")

solved_current = exercise.reference(0.27)


@exercise.judge
def judge(current: float) -> str:
    low, high = (0.1 / (1 - 0.9**n) for n in (5, 4))
    mems = [*accumulate([current] * 400, lambda mem, cur: 0.9 * mem + cur)]
    if abs(mems[4] - 1) < 1e-9:
        raise Wrong(f"With I = {current:.7g} U is exactly 1 after 5 steps. A spike needs more than "
            "the threshold: is your current on the bound, and on which side of it must it be?")
    period = next((n for n, mem in enumerate(mems, start=1) if mem > 1), None)
    if period is None:
        raise Wrong(f"With I = {current:.7g} there is no spike in 400 steps: U comes to "
            f"{show(mems[-1])}, and a spike needs more than 1. Is I above the rheobase?")
    if period != 5:
        raise Wrong(f"With I = {current:.7g} the neuron needs {period} step{'s' * (period > 1)} to "
            f"exceed 1; expected 5. {question(current, period, mems[4], low)}")
    from_, to = math.ceil(low * 1e4) / 1e4, math.floor(high * 1e4) / 1e4
    return (f"U is {show(mems[3])} after 4 steps and {show(mems[4])} after 5: a spike every 5 "
        f"steps. Any current from {from_:.4f} to {to:.4f} does. You can set a neuron's clock.")


def question(current: float, period: int, after_5: float, low: float) -> str:
    if is_near(current, 0.2, 1e-3):
        return "Five times 0.2 is 1, but what does the membrane lose to the leak on the way?"
    if period < 5:
        return "After 4 steps it must still be at 1 or below: what does that say about I?"
    digits = max(4, -math.floor(math.log10(1 - after_5)))  # enough not to show 1
    short = f"After 5 steps U is only {round(after_5, digits)}"
    if low - 0.005 < current:
        return f"{short}: have you rounded the bound down?"
    if period == 6:
        return f"{short}. Do you count the steps from 0, where the formula counts from 1?"
    return f"{short}: which I lifts it above 1 by then?"


exercise.right("a tensor", torch.tensor(0.25))
exercise.right("at the lower bound", 0.2442)
exercise.right("at the upper bound", 0.2907)

exercise.wrong("Five inputs add up to the threshold.", 1 / 5, told="to the leak")
exercise.wrong("The rheobase is enough.", 0.1, told="Is I above the rheobase")
exercise.wrong("Reaching 1 is firing.", 0.1 / (1 - 0.9**5), told="on the bound")
exercise.wrong("Only step 5 matters, not step 4.", 0.3, told="After 4 steps it must")
exercise.wrong("The bound may be rounded down.", 0.2441, told="U is only 0.9996: have you")
exercise.wrong("The fifth step has n = 6.", 0.1 / (1 - 0.9**6) + 0.001,
    told="Do you count the steps from 0")
exercise.wrong("Whatever is above the rheobase fires often enough.", 0.12,
    told="After 5 steps U is only 0.4914: which I lifts it above 1 by then?")
