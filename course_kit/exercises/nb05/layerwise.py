"""Which networks can be run layer by layer?"""

from functools import cache

import torch
from torch import Tensor, nn

from tutorial_lib import simulation
from tutorial_lib.neurons import Leaky

from ..exercise import Exercise, Wrong

exercise = Exercise(__name__,
    "Which of these networks cannot be run layer by layer?",
    shows="Tell what has to wait for the step before from what need not.", kind="choice",
    options={
        "a": "One in which the input also skips layer 1 and goes straight to the output layer.",
        "b": "One whose input is a film: another frame at every step.",
        "c": "One whose output spikes go back into layer 1 at the next step.",
        "d": "One in which each neuron of layer 1 has a different decay, and is reset to zero.",
    })


class Net(nn.Module):
    """Two layers of neurons, 20 inputs to 10 outputs, and what an option adds."""

    def __init__(self, key: str) -> None:
        super().__init__()
        beta = torch.linspace(0.5, 0.95, 30) if key == "d" else 0.9
        self.fc1, self.fc2 = nn.Linear(20, 30), nn.Linear(30, 10)
        self.lif1 = Leaky(beta, init_hidden=True, reset_mechanism="zero")
        self.lif2 = Leaky(0.9, init_hidden=True, output=True)
        self.skip, self.back = nn.Linear(20, 10), nn.Linear(10, 30)
        self.key, self.last = key, torch.zeros(1, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.key == "a":
            return self.lif2(self.fc2(self.lif1(self.fc1(x))) + self.skip(x))
        if self.key == "c":
            self.last, mem = self.lif2(self.fc2(self.lif1(self.fc1(x) + self.back(self.last))))
            return self.last, mem
        return self.lif2(self.fc2(self.lif1(self.fc1(x))))


@exercise.judge
def judge(key: str) -> str:
    runs, said = outcome(key)
    if not runs:
        return ("Layer 1 at step 2 needs the output at step 1, so no layer can run ahead. Whatever "
            "flows upward only can be run layer by layer. The library sees that a tensor is kept "
            f"from one step to the next, and refuses: {said}.")
    raise Wrong(f"Tried with a small one: {said}.")


@cache
def outcome(key: str) -> tuple[bool, str]:
    """Whether the library runs this network layer by layer, and what it said or found."""
    film, steps = key == "b", 12
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        net = Net(key)
        data = 4 * torch.rand(*([steps] if film else []), 3, 20)
        by_step, _ = simulation.forward_pass(net, steps, data, schedule="step", time_varying=film)
        try:
            record, _ = simulation.forward_pass(
                net, steps, data, schedule="layer", time_varying=film)
        except ValueError as refusal:
            return False, str(refusal).partition(": ")[2].partition(". Use ")[0]
    same = int((record == by_step).sum())
    return same == by_step.numel(), (
        f"it ran, and {same} of {by_step.numel()} outputs are the same as step by step")


exercise.wrong("Layers must stand in a row.", "a",
    asks="The input is there at all steps before anything runs: what should it wait for?")
exercise.wrong("The image must stand still.", "b",
    asks="All frames of a film are known at the start: what keeps layer 1 from running ahead?")
exercise.wrong("Neurons must be alike.", "d",
    asks="Decay and reset stay within one neuron: what does it need but its past and its input?")
