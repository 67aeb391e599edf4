"""Which of four neurons learn: dead is not the same as silent."""

from functools import cache

import torch

from tutorial_lib import surrogate

from ..exercise import Exercise, Wrong
from ._learning import GOAL, learn

exercise = Exercise(__name__,
    "Which of the four neurons reach 5 spikes?",
    shows="Tell a dead neuron (no gradient) from a silent one (no spikes).", kind="choice",
    options={
        "a": "Only the firing one with the fast sigmoid: without spikes there is no gradient.",
        "b": "The two that fire at the start: a neuron learns from its spikes.",
        "c": "The two with the fast sigmoid, firing or silent.",
        "d": "All but the one with the true derivative: any surrogate wakes a silent neuron.",
    })

MEANT = {
    "a": {"firing, surrogate"},
    "b": {"firing, surrogate", "firing, true derivative"},
    "c": {"firing, surrogate", "silent, surrogate"},
    "d": {"firing, surrogate", "silent, surrogate", "silent, boxcar"},
}


@exercise.judge
def judge(key: str) -> str:
    ends = spikes()
    reached = {name for name, (_, last) in ends.items() if last == GOAL}
    if MEANT[key] == reached:
        told = [f"'{name}' goes from {first} to {last}" for name, (first, last) in ends.items()]
        return (f"Spikes in 20 steps: {', '.join(told)}. Silence is about spikes, death is about "
            "the gradient. When a network does not learn, you now know the two things to look at.")
    differ = MEANT[key] - reached or reached - MEANT[key]
    name = next(name for name in ends if name in differ)
    first, last = ends[name]
    raise Wrong(f"In 40 updates '{name}' goes from {first} to {last} spikes; the goal is {GOAL}.")


@cache
def spikes() -> dict[str, tuple[int, int]]:
    """Spikes before and after 40 updates, of each neuron."""
    fast = surrogate.fast_sigmoid(slope=25)
    settings = {
        "firing, surrogate": (0.2, fast),
        "silent, surrogate": (0.05, fast),
        "firing, true derivative": (0.2, surrogate.from_derivative(torch.zeros_like)),
        "silent, boxcar": (0.05, surrogate.boxcar(width=1.0)),
    }
    histories = {name: learn(*two, num_updates=40, lr=1e-3) for name, two in settings.items()}
    return {name: (history[0], history[-1]) for name, history in histories.items()}


exercise.wrong("No spikes, no gradient.", "a",
    asks="Does the fast sigmoid's derivative ask whether there was a spike?")
exercise.wrong("A neuron learns by firing.", "b",
    asks="It has spikes, but by what is the error multiplied at each?")
exercise.wrong("Every surrogate wakes.", "d",
    asks="Its membrane comes up to 0.44: is the boxcar above zero there?")
