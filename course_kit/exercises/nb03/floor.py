"""The lowest value that a loss on spikes can have."""

import math
from functools import cache

import torch

from tutorial_lib import functional as SF

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, is_near, show

exercise = Exercise(__name__, "Write the floor of ce_rate_loss for any number of classes.",
    shows="Know the range of a loss before training with it.", kind="function")


@exercise.reference
def solved_floor(num_classes):
    return math.log(1 + (num_classes - 1) / math.e)


@exercise.judge
def judge(floor: Function) -> str:
    for classes in (10, 2, 100, 1000):
        got = as_number(floor(classes), f"The floor for {classes} classes")
        wanted = perfect(classes)
        if not is_near(got, wanted, 1e-4):
            rounded = got in (round(wanted, digits) for digits in (1, 2, 3))
            raise Wrong(f"For {classes} classes a perfect record has the loss {show(wanted)}; your "
                f"function gives {show(got)}.",
                "Does your function use the number of classes? It gives the same for one more."
                if floor(classes + 1) == got
                else "Is it rounded on the way? Return the number as it is."
                if rounded
                else "Which score does the target have at each step, and which do the others?")
    room = [math.log(classes) - perfect(classes) for classes in (2, 10, 1000)]
    return (f"Between silence and the floor there is {room[0]:.2f} for 2 classes, {room[1]:.2f} "
        f"for 10 and {room[2]:.2f} for 1,000. Now you can read a loss curve: how far has it come?")


@cache
def perfect(classes: int) -> float:
    record = torch.zeros(1, 1, classes, dtype=torch.float64)
    record[..., 0] = 1
    return SF.ce_rate_loss()(record, torch.tensor([0])).item()


exercise.right("tensors", lambda c: torch.log((torch.e + torch.tensor(c - 1.0)) / torch.e))
exercise.right("asks the loss",
    lambda c: SF.ce_rate_loss()(torch.eye(c).unsqueeze(0), torch.arange(c)))
exercise.right("log_softmax", lambda c: -torch.eye(c, dtype=torch.float64).log_softmax(-1)[0, 0])

TERM = "(num_classes - 1) / math.e"
exercise.wrong("A cross entropy falls to zero.", lambda c: 0.0,
    asks="Would that not need a score without bounds, as a count is? A spike is 0 or 1.")
exercise.wrong("Silence is the floor.", math.log, asks="Is that the loss of silence?")
exercise.wrong("There are C others.", edit(TERM, "num_classes / math.e"),
    asks="Is the target counted among the others, too?")
exercise.wrong("The others have the score 1.", edit(TERM, "(num_classes - 1) * math.e"),
    asks="Is that the loss if all others fire and the target does not?")
exercise.wrong("The loss is the probability.", lambda c: math.e / (math.e + c - 1),
    asks="Is that the probability of the target? What is the loss of it?")
exercise.wrong("Loss is log p.", edit("return ", "return -"),
    asks="What is the sign of a cross entropy?")
exercise.wrong("log is log2.", edit("math.log", "math.log2"),
    asks="Is your logarithm the natural one?")
exercise.wrong("The loss is the log of the sum.", lambda c: math.log(math.e + c - 1),
    asks="Is that all of it? The target has a score, too: e to its power is divided by the sum.")
exercise.wrong("The floor is a constant.", edit("num_classes - 1", "10 - 1"),
    told="the same for one more")
exercise.wrong("Three digits are enough.", lambda c: round(solved_floor(c), 3),
    told="rounded on the way")
exercise.wrong("The floor is half way.", lambda c: math.log(c) / 2,
    told="Which score does the target have")
