"""Which layer of neurons counts the same, whatever the order of its input?"""

from functools import cache

import torch

from tutorial_lib import Leaky

from ..exercise import Exercise, Wrong

exercise = Exercise(__name__,
    "A layer of leaky neurons gets nine frames, and you count the spikes of each neuron. For which "
    "layer can the order of the frames not change these counts, whatever the weights?",
    shows="Say what in a neuron makes the order of its input matter.", kind="choice",
    options={
        "a": "beta = 0.5, with reset by subtraction.",
        "b": "beta = 0, with reset by subtraction.",
        "c": "beta = 0, without reset.",
        "d": "beta = 0.5, without reset.",
        "e": "For any of them: a count is a sum, and a sum has no order.",
    })

LAYERS = {"a": (0.5, "subtract"), "b": (0.0, "subtract"), "c": (0.0, "none"), "d": (0.5, "none")}


@exercise.judge
def judge(key: str) -> str:
    meant = [LAYERS[key]] if key in LAYERS else list(LAYERS.values())
    if not any(share(*layer) for layer in meant):
        return ("In 1,000 random orders no count has changed. With beta = 0 nothing is left of the "
            "membrane, and without a reset a spike leaves no trace: each frame is alone. Anything "
            "that a network does with order, it does with the membranes that it keeps, or with its "
            "resets.")
    if key in LAYERS:
        raise Wrong(f"In 1,000 random orders, {share(*LAYERS[key]):.0%} of the counts of this "
            "layer have changed.")
    raise Wrong("In 1,000 random orders, counts of at least one of the four layers have changed.")


@cache
def share(beta: float, reset: str) -> float:
    """Share of counts that another order changes, over neurons and orders."""
    chance = torch.Generator().manual_seed(0)
    currents = torch.randn(9, 1000, generator=chance)
    order = torch.rand(9, 1000, generator=chance).argsort(dim=0)
    counts = []
    for cur in (currents, currents.gather(0, order)):
        layer, mem = Leaky(beta, reset_mechanism=reset), torch.zeros(1000)
        total = torch.zeros(1000)
        for step in cur:
            spk, mem = layer(step, mem)
            total = total + spk
        counts.append(total)
    return float((counts[0] != counts[1]).float().mean())


exercise.wrong("A fast leak forgets.", "a",
    asks="Half of the last membrane is left when the next frame comes. Is that nothing?")
exercise.wrong("With beta = 0, nothing remains.", "b",
    asks="A spike takes a threshold away at the next step. Is that a memory?")
exercise.wrong("Only the reset depends on what came before.", "d",
    asks="What does the membrane carry from one frame to the next?")
exercise.wrong("A sum has no order.", "e",
    asks="The sum of the spikes has none. But does each spike depend on its own frame alone?")
