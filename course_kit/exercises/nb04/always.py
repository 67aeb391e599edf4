"""Where a count is full."""

import torch

from tutorial_lib.neurons import lif_step

from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "From which constant current on does a neuron of layer 1 fire at every step?",
    shows="Find where a count saturates, from the update rule.", kind="number")

solved_limit = exercise.reference(2 - 0.5)


@exercise.judge
def judge(current: float) -> str:
    (above, _), (below, _) = misses(current + 1e-3), misses(current - 1e-3)
    if above is None and below is not None:
        return (f"At {show(current - 1e-3)} step {below}, counted from 0, is the first without a "
            f"spike; at {show(current + 1e-3)} all 200 have one. Above this current a neuron is "
            "full: its count cannot tell strong from stronger.")
    if below is None:
        raise Wrong(f"At a current of {show(current - 1e-3)}, a bit below yours, the neuron fires "
            "at each of 200 steps already; expected the smallest such current.",
            "If a spike comes at each step, where does U settle, and where must it be?")
    first, count = misses(current)
    raise Wrong(f"At a current of {show(current)}, {count} of 200 steps have a spike, and step "
        f"{first}, counted from 0, has none; expected all 200.",
        "One step after a spike has taken 1 off, U must be above the threshold again. Where does U "
        "settle if a spike comes at every step?")


def misses(current: float) -> tuple[int | None, int]:
    """The first of 200 steps without a spike, or None; and the number of spikes."""
    cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (current, 0.0))
    record = []
    for _ in range(200):
        spk, mem = lif_step(cur, mem, 0.5)
        record.append(int(spk))
    return (None if all(record) else record.index(0)), sum(record)


exercise.right("a tensor", torch.tensor(1.5))
exercise.right("just above", 1.5001)

exercise.wrong("A current above 1 fires at each step.", 1.0,
    asks="That is for reset to zero. Here a spike takes 1 off, after the decay: what must be left?")
exercise.wrong("Firing is firing always.", 0.5,
    asks="That is the current from which on it fires at all. What does a spike cost?")
exercise.wrong("A neuron fires by itself.", 0.0, asks="Does a neuron without a current fire?")
exercise.wrong("The threshold is multiplied by 2.", 2.0, told="where does U settle")
exercise.wrong("A bit above threshold is enough.", 1.25, told="One step after a spike")
exercise.wrong("Nearly is enough.", 1.49, told="Where does U settle if a spike comes at every step")
