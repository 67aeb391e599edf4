"""Which of two resets lets a neuron fire more often?"""

from functools import cache

import torch

from tutorial_lib import neurons

from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "The constant current of 0.15 with beta 0.9: which reset gives more spikes in 100 steps?",
    shows="Predict what the two resets do to the firing rate.", kind="choice",
    options={
        "a": "Reset to zero.",
        "b": "Subtract, because it keeps what exceeds the threshold.",
        "c": "Both give the same number: each climbs from 0 to the threshold again and again.",
        "d": "Both fire at every step, as without a reset: 0.15 / (1 - 0.9) is above threshold.",
    })


@exercise.judge
def judge(key: str) -> str:
    zero, first, start_zero = outcome("zero")
    subtract, _, start_subtract = outcome("subtract")
    facts = (f"In 100 steps, reset to zero gives {zero} spikes and `subtract` {subtract}. At the "
        f"first spike U = {show(first)}; one step later, before the input, it is "
        f"{show(start_zero)} after reset to zero and {show(start_subtract)} after `subtract`")
    if key == ("a" if zero > subtract else "b" if subtract > zero else "c"):
        return (f"{facts}: for a weak current `subtract` is the harsher reset. For a strong one it "
            "is the milder: try 0.5.")
    raise Wrong(f"{facts}.")


@cache
def outcome(reset: str) -> tuple[int, float, float]:
    """Spikes in 100 steps, U at the first of them, and what is left of U one step later."""
    cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (0.15, 0.0))
    record = []
    for _ in range(100):
        spk, mem = neurons.lif_step(cur, mem, 0.9, reset_mechanism=reset)
        record.append((spk.item(), mem.item()))
    first = next(t for t, (spk, _) in enumerate(record) if spk)
    return int(sum(spk for spk, _ in record)), record[first][1], record[first + 1][1] - cur.item()


exercise.wrong("Subtracting keeps the excess, so it is ahead.", "b",
    asks="What is left of the excess once U has decayed and a whole threshold is taken away?")
exercise.wrong("After any reset the climb is the same.", "c", asks="Is that the same climb?")
exercise.wrong("The steady state decides alone.", "d",
    asks="The current alone would hold U above threshold, but where is U after a spike?")
