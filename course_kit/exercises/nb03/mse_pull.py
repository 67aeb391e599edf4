"""Whom a loss on the count pulls towards firing."""

from functools import cache

import torch

from tutorial_lib import functional as SF

from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "A silent network, `mse_count_loss(0.8, 0.2)`: which outputs are pulled towards firing?",
    shows="Read from a loss what it asks of the wrong classes.", kind="choice",
    options={
        "a": "Only the target's.",
        "b": "All ten.",
        "c": "None: there is no slope at silence.",
        "d": "The nine wrong ones, as only they are away from what is wanted.",
    })


@exercise.judge
def judge(key: str) -> str:
    derivatives = along_a_spike()
    pulled = sum(value < 0 for value in derivatives)
    facts = (f"At silence the derivative of the loss by one more spike is {show(derivatives[3])} "
        f"for the target and {show(derivatives[0])} for any other neuron")
    if key == {1: "a", 10: "b", 0: "c", 9: "d"}[pulled]:
        return (f"{facts}: all {pulled} are pulled up, since 0 is below 10 of 50, too. This loss "
            "wakes neurons that a cross entropy would push further down, and wants them awake.")
    raise Wrong(f"{facts}.")


@cache
def along_a_spike() -> list[float]:
    """Derivative of mse_count_loss by one more spike of each neuron, at silence; target 3."""
    record = torch.zeros(50, 1, 10, requires_grad=True)
    SF.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)(record, torch.tensor([3])).backward()
    return record.grad[0, 0].tolist()


exercise.wrong("Only the target should fire.", "a",
    asks="In how many of its 50 steps should a wrong neuron fire, at a rate of 0.2?")
exercise.wrong("At silence there is no derivative.", "c",
    asks="This is the derivative by a spike: is a silent neuron where the loss wants it?")
exercise.wrong("The wrong ones are what costs.", "d",
    asks="Is a count of 0 above or below the 10 that are wanted from a wrong neuron?")
