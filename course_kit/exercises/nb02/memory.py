"""A class whose caller keeps the state."""

import inspect
from typing import Any

import torch
from torch import Tensor, nn

import tutorial_lib as snn

from ..exercise import Exercise, Wrong, edit
from ..values import describe, show

exercise = Exercise(__name__,
    "Give a class its memory and leave the loop over time outside.",
    shows="Pass a state in and out, once per sample and with its gradient.", kind="class")


class MyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = snn.Leaky(beta=0.9)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = snn.Leaky(beta=0.9)

    def forward(self, x, state=None): ...


@exercise.reference
class CarriedState(MyNet):
    def forward(self, x, state=None):
        if state is None:
            state = self.lif1.init_leaky(), self.lif2.init_leaky()
        mem1, mem2 = state
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, (mem1, mem2)


LAYERS = ("fc1", "lif1", "fc2", "lif2")
STEPS = 12


@exercise.judge
def judge(answer: type[nn.Module]) -> str:
    torch.manual_seed(0)
    net = answer()
    expect_layers(net)
    with torch.no_grad():
        net.fc2.weight.mul_(4)  # so that there are spikes to compare, from the first step on
    right = CarriedState()
    for name in LAYERS:
        setattr(right, name, getattr(net, name))
    x = 4 * torch.rand(3, 20, generator=torch.Generator().manual_seed(0))
    expected = run(right, x)
    compare("The same input at each step", run(net, x), expected,
        "Is the state at rest at the start, what enters fc2, and does each membrane of one step go "
        "into its own layer at the next?")
    if not torch.equal(step(net, x, None)[0], expected[0]):
        raise Wrong("A second run, started without a state, does not begin as the first did. Is a "
            "membrane of the run before left over, inside the network?")
    compare("Two runs in turn, each with its state", run(net, x, in_turn=True), expected,
        "Does the network remember in `self` what it should take from `state`?")
    expect_gradient(net, right, x)
    return (f"All {STEPS} steps agree with a loop inside, two runs do not disturb each other, and "
        "the gradient reaches back through all steps. PyTorch's recurrent layers work like this.")


def expect_layers(net: nn.Module) -> None:
    for name in LAYERS:
        if getattr(getattr(net, name), "init_hidden", False):
            raise Wrong(f"{name} keeps its membrane inside the layer (`init_hidden=True`); "
                "expected the layers given, which take and return it. Who keeps the state here?")
    try:
        inspect.signature(net.forward).bind(None)
    except TypeError as error:
        raise Wrong(f"`forward` cannot be called as `net(x)`, without a state: {error}. What "
            "should `state` be when nothing is given?") from None


def run(net: nn.Module, x: Tensor, in_turn: bool = False) -> Tensor:
    """Spikes ``[T, B, 10]``, the loop outside; in turn with another run, if asked for."""
    state, other, spk_rec = None, None, []
    for number in range(STEPS):
        spk, state = step(net, x, state)
        spk_rec.append(spk)
        if in_turn:
            _, other = step(net, x.flip(1) + number, other)
    return torch.stack(spk_rec)


def step(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    try:
        out = net(x) if state is None else net(x, state)
    except ValueError as error:
        said, known, _ = str(error).partition(" from the step before")
        if not known:
            raise
        if state is None:
            raise Wrong("In the first call, without a state, a layer gets a membrane that does not "
                f"fit: {said}. How should a membrane at rest know the batch size? See "
                "`init_leaky`.") from error
        raise Wrong(f"In the second call a layer gets a membrane that is not its own: {said}. In "
            "which order does the state go out, and in which does it come in?") from error
    if not isinstance(out, tuple | list) or len(out) != 2:
        raise Wrong(f"A call returns {describe(out)}; expected two values, the spikes and the new "
            "state.", "What does the next call need?")
    spk = out[0]
    if not isinstance(spk, Tensor) or spk.shape != (len(x), 10):
        raise Wrong(f"The first value returned is {describe(spk)}; expected spikes of shape "
            f"{[len(x), 10]}.", "Is it the output of lif2, at one step? The caller has the loop.")
    if bool((odd := (spk != 0) & (spk != 1)).any()):
        raise Wrong(f"The first value returned holds {show(spk[odd][0].item())}; expected spikes, "
            "0 or 1. Is it the membrane? Which comes first in `spk, mem = lif(cur, mem)`?")
    return tuple(out)


def compare(what: str, record: Tensor, expected: Tensor, question: str) -> None:
    if torch.equal(record, expected):
        return
    step, sample, neuron = (record != expected).nonzero()[0].tolist()
    got, wanted = ("fires", "silence") if record[step, sample, neuron] else ("is silent", "a spike")
    raise Wrong(f"{what}: at step {step}, counted from 0, output neuron {neuron} {got}; expected "
        f"{wanted}. In all there are {int(record.sum())} spikes; expected {int(expected.sum())}.",
        question)


def expect_gradient(net: nn.Module, right: nn.Module, x: Tensor) -> None:
    weight = net.fc1.weight.requires_grad_()  # a frozen one is asked, too
    ends = (run(each, x)[-1].sum() + 0 * weight.sum() for each in (net, right))  # 0 where cut off
    got, wanted = (torch.autograd.grad(end, weight)[0].norm().item() for end in ends)
    if abs(got - wanted) > 1e-3 * wanted:
        raise Wrong(f"The spikes are right. But from the last of {STEPS} steps, a gradient of norm "
            f"{show(got)} reaches fc1.weight; expected {show(wanted)}. Is the state cut off by "
            "`detach` or `no_grad`, so that the earlier steps cannot learn?")


START = "self.lif1.init_leaky(), self.lif2.init_leaky()"
INIT = "    def __init__(self):\n        super().__init__()\n        {}\n\n    def"

exercise.right("one tensor",
    edit(START, "torch.zeros(len(x), 40)", "mem2 = state", "mem2 = state.split([30, 10], dim=1)",
         "self.lif1(self.fc1(x), mem1)",
         "snn.lif_step(self.fc1(x), mem1, 0.9, spike_grad=self.lif1.spike_grad)",
         "self.lif2(self.fc2(spk1), mem2)",
         "snn.lif_step(self.fc2(spk1), mem2, 0.9, spike_grad=self.lif2.spike_grad)",
         "spk2, (mem1, mem2)", "[spk2, torch.cat([mem1, mem2], dim=1)]"))
exercise.right("zeros of the batch",
    edit(START, "torch.zeros(len(x), 30), torch.zeros(len(x), 10)"))
exercise.right("a dict",
    edit("mem1, mem2 = state", "mem1, mem2 = state.values() if isinstance(state, dict) else state",
         "(mem1, mem2)", '{"mem1": mem1, "mem2": mem2}'))
exercise.right("another name",
    edit("x, state=None", "x, mems=None", "if state", "state = mems\n        if state"))

exercise.right("a frozen layer",
    edit("    def", INIT.format("self.fc1.weight.requires_grad_(False)")))

exercise.wrong("A state may start at each call.", edit("state is None", "True"),
    asks="Each step is the first again: is the incoming state used, and the outgoing one new?")
exercise.wrong("Hidden layers remember for all.",
    edit("mem2 = state", "mem2 = state[0], self.lif2.init_leaky()"),
    asks="The hidden layer remembers, but does mem2?")
exercise.wrong("Only the output needs a state.",
    edit("mem2 = state", "mem2 = self.lif1.init_leaky(), state[1]"),
    asks="The output remembers, but does mem1?")
exercise.wrong("`self` remembers best.",
    edit("if state is None", 'state = getattr(self, "kept", None)\n        if state is None',
         "return spk2", "self.kept = mem1, mem2\n        return spk2"),
    told="of the run before left over")
exercise.wrong("There is only one run at a time.",
    edit("mem1, mem2 =", "else:\n            state = self.kept\n        mem1, mem2 =",
         "return spk2", "self.kept = mem1, mem2\n        return spk2"), told="remember in `self`")
exercise.wrong("A state is a value without history.",
    edit("(mem1, mem2)", "(mem1.detach(), mem2.detach())"), told="cut off by `detach`")
exercise.wrong("The membrane is the output.", edit("return spk2", "return mem2"),
    told="Is it the membrane")
exercise.wrong("Layers pass membranes on.", edit("fc2(spk1)", "fc2(mem1)"),
    asks="What goes from layer 1 to layer 2, the spikes or the membrane?")
exercise.wrong("A call is a run.",
    edit("        spk1, mem1", "        for _ in range(10):\n            spk1, mem1",
         "        spk2, mem2", "            spk2, mem2"),
    asks="Each call does ten steps: is a call one step?")
exercise.wrong("A state is a set.", edit("(mem1, mem2)", "(mem2, mem1)"),
    told="In which order does the state")
exercise.wrong("A membrane is one number per neuron.",
    edit(START, "torch.zeros(30), torch.zeros(10)"), told="In the first call, without a state")
exercise.wrong("A state may start anywhere.",
    edit("self.lif2.init_leaky()", "torch.full((len(x), 10), 0.9)"), told="Is the state at rest")
exercise.wrong("Each membrane is returned.", edit("(mem1, mem2)", "mem1, mem2"),
    asks="Can one value, a tuple for example, hold the whole state?")
exercise.wrong("The spikes are the result.", edit("spk2, (mem1, mem2)", "spk2"),
    told="What does the next call need")
exercise.wrong("The order does not matter.", edit("spk2, (mem1, mem2)", "(mem1, mem2), spk2"),
    told="The first value returned is a tuple")
exercise.wrong("Spikes are spikes.", edit("return spk2", "return spk1"),
    asks="Is that the output of lif1?")
exercise.wrong("There is always a state.", edit("state=None", "state"),
    told="cannot be called as `net(x)`")
exercise.wrong("A layer may keep its state.",
    edit("    def", INIT.format("self.lif1.init_hidden = True")), told="Who keeps the state here")
