"""Which factor on the weights equals a lower threshold?"""

from functools import cache

import torch
from torch import Tensor

from ...material import fresh, printed_digits, scale
from ..exercise import Exercise, Wrong
from ..values import show
from ._networks import LAYERS, layers_of

exercise = Exercise(__name__,
    "By which factor must all weights and biases grow to do what a threshold of 0.25 does?",
    shows="Trade the threshold for the scale of the weights.", kind="number")

factor_solved = exercise.reference(1 / 0.25)


@exercise.judge
def judge(factor: float) -> str:
    wanted, got = spikes(0.25, 1.0), spikes(1.0, factor)
    for name, one, other in zip(LAYERS, wanted, got, strict=True):
        if torch.equal(one, other):
            continue
        fired, due = int(other.sum()), int(one.sum())
        elsewhere = ", though not the same ones" if fired == due else ""
        raise Wrong(f"With the factor {show(factor)}, {name} sends {fired:,} spikes for ten "
            f"printed digits{elsewhere}; expected {due:,}, as at a threshold of 0.25.",
            "What becomes of the current when you divide the update by the threshold?")
    return (f"Every spike of every layer is the same, {int(sum(s.sum() for s in wanted)):,} of "
        "them: for spikes, only weight over threshold counts. For learning, there is more below.")


@cache
def spikes(threshold: float, gain: float) -> list[Tensor]:
    return layers_of(scale(fresh(threshold=threshold), gain), 20, printed_digits()[0])


exercise.right("an int", 4)
exercise.right("a tensor", torch.tensor([4.0]))

exercise.wrong("Weights follow the threshold.", 0.25,
    asks="A membrane of 0.25 has to reach 1 now: up or down?")
exercise.wrong("Factors multiply along the layers.", 64,
    asks="Does the factor of layer 1 act on layer 2 as well? Its spikes are 0 or 1.")
exercise.wrong("Threshold and weights share the work.", 2,
    asks="Is a root in it? Current and threshold stand in the update with the same power.")
exercise.wrong("What is taken off is added.", 1.75,
    asks="The threshold went down by 0.75, but does a weight go up by 0.75 of itself?")
exercise.wrong("The change is the factor.", 0.75,
    asks="By how much the threshold went down does not matter: what is left of it?")
exercise.wrong("Lower means minus.", -4,
    asks="What does a minus do to a current that should reach a threshold above 0?")
exercise.wrong("More is better.", 10, told="divide the update by the threshold")
