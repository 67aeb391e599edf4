"""Spot the fault: a published class that starts its states anew at each step."""

from functools import cache

import torch
from torch import Tensor, nn

from tutorial_lib.neurons import Leaky

from ..exercise import Exercise, Wrong

exercise = Exercise(__name__,
    "Spot the fault: what makes each of the published class's 50 steps the same?",
    shows="Find the published class without memory, and say where a state must start.",
    kind="choice",
    options={
        "a": "The same image goes in at every step, so nothing can change.",
        "b": "`step` returns the membrane before the reset, so the reset gets lost.",
        "c": "The membranes start in `forward`, which is called once per step.",
        "d": "`forward` returns `mem3` only, so `mem1` and `mem2` get lost.",
    })

REMEDIES = {
    "a": "With other images at these four steps",
    "b": "With the membrane returned after the reset",
    "c": "With the three starts moved out of `forward`",
    "d": "With all three membranes returned",
}


@exercise.judge
def judge(key: str) -> str:
    left = traces(key)
    what = (f"Tried with one layer of ten such neurons and random images. {REMEDIES[key]}, the "
        f"first four images change the membrane after the fifth by {left:.2g}")
    if left > 0:
        return (f"{what}; as published, by {traces():.2g}. Each call began from rest, so every "
            "step was the first. Any state started inside the loop over time has this fault.")
    raise Wrong(f"{what}: still the first step again and again.")


@cache
def traces(remedy: str = "") -> float:
    """How much four images leave in the answer to the fifth, with one place changed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fc, lif = nn.Linear(20, 10), Leaky(beta=0.5)
        last, before = torch.rand(2, 3, 20)
    first = before if remedy == "a" else last
    alone = last_membrane(fc, lif, [last], remedy)
    return (last_membrane(fc, lif, [first] * 4 + [last], remedy) - alone).abs().max().item()


@torch.no_grad()
def last_membrane(fc: nn.Module, lif: Leaky, frames: list[Tensor], remedy: str) -> Tensor:
    mem = lif.init_leaky()
    for frame in frames:
        spk, mem = lif(fc(frame), mem if remedy == "c" else lif.init_leaky())
    return mem - spk * lif.threshold if remedy == "b" else mem


exercise.wrong("Change needs another input.", "a",
    asks="So is it the image that is missing, or somebody who remembers it?")
exercise.wrong("The reset gets lost.", "b",
    asks="So does it matter which value is returned, if nobody passes it back in?")
exercise.wrong("What is returned is kept.", "d",
    asks="So who gives the returned membranes to the next call?")
