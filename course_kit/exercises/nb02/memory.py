"""A class whose caller keeps the state."""

import inspect
from typing import Any

import torch
from torch import Tensor, nn

import tutorial_lib as snn
from tutorial_lib.neurons import lif_step

from ..diagnose import describe
from ..exercise import Exercise, Wrong, edit
from ..values import show

exercise = Exercise(__name__,
    "Give a class its memory and leave the loop over time outside.",
    shows="Pass a state in and out, once per sample and with its gradient.", kind="class")


@exercise.stub
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


STEPS = 12


@exercise.judge
def judge(answer: type[nn.Module]) -> str:
    torch.manual_seed(0)
    net = answer()
    expect_layers(net)
    with torch.no_grad():
        net.fc2.weight.mul_(4)  # so that there are spikes to compare, from the first step on
    x = 4 * torch.rand(3, 20, generator=torch.Generator().manual_seed(0))
    record, expected = run(net, x), run_inside(net, x)
    compare(net, record, expected, x)
    if not torch.equal(step(net, x, None)[0], expected[0]):
        raise Wrong(
            "A second run, started without a state, does not begin as the first did. Is a membrane "
            "of the run before left over, inside the network?"
        )
    expect_separate_runs(net, x, expected)
    expect_gradient(net, x)
    return (
        f"All {STEPS} steps agree with a loop inside, two runs do not disturb each other, and the "
        "gradient reaches back through all steps. This is how recurrent layers of PyTorch are "
        "called, too."
    )


def expect_layers(net: nn.Module) -> None:
    kinds = {"fc1": nn.Linear, "lif1": snn.Leaky, "fc2": nn.Linear, "lif2": snn.Leaky}
    for name, kind in kinds.items():
        if not isinstance(getattr(net, name, None), kind):
            raise Wrong(
                f"{type(net).__name__} has no {kind.__name__} named {name!r}; expected fc1, lif1, "
                "fc2 and lif2 as in the stub. Is `__init__` still there, with "
                "`super().__init__()`?"
            )
        if getattr(getattr(net, name), "init_hidden", False):
            raise Wrong(
                f"{name} keeps its membrane inside the layer (`init_hidden=True`); expected the "
                "layers of the stub, which take it in and give it back. Who keeps the state here?"
            )
    try:
        inspect.signature(net.forward).bind(None)
    except TypeError as error:
        raise Wrong(
            f"`forward` cannot be called as `net(x)`, without a state: {error}. What should "
            "`state` be when nothing is given?"
        ) from None


def step(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    try:
        out = net(x) if state is None else net(x, state)
    except ValueError as error:
        said = str(error).partition(" from the step before")
        if not said[1]:
            raise
        if state is None:
            raise Wrong(
                f"In the first call, without a state, a layer gets a membrane that does not fit: "
                f"{said[0]}. How should a membrane at rest know the batch size? See `init_leaky`."
            ) from error
        raise Wrong(
            f"In the second call a layer gets a membrane that is not its own: {said[0]}. In which "
            "order does the state go out, and in which does it come in?"
        ) from error
    if not isinstance(out, tuple | list) or len(out) != 2:
        question = "What does the next call need?"
        if isinstance(out, tuple | list) and len(out) > 2:
            question = "Can one value, a tuple for example, hold the whole state?"
        raise Wrong(
            f"A call returns {describe(out)}; expected two values, the spikes and the new state. "
            f"{question}"
        )
    expect_spikes(*out, len(x))
    return tuple(out)


def expect_spikes(spk: Any, state: Any, batch_size: int) -> None:
    shape = list(spk.shape) if isinstance(spk, Tensor) else None
    if shape != [batch_size, 10]:
        question = "Is the output of lif2 the first value?"
        if shape and shape[-2:] == [batch_size, 10]:
            question = f"Is a call one step, or does it run {shape[0]}? The caller has the loop."
        elif shape == [batch_size, 30]:
            question = "Is that the output of lif1?"
        raise Wrong(
            f"The first value returned is {describe(spk)}; expected the spikes of one step, of "
            f"shape {[batch_size, 10]}. {question}"
        )
    if bool((odd := (spk != 0) & (spk != 1)).any()):
        raise Wrong(
            f"The first value returned holds {show(spk[odd][0].item())}; expected spikes, 0 or 1. "
            "Is it the membrane? Which comes first in `spk, mem = lif(cur, mem)`?"
        )
    if state is None:
        raise Wrong(
            "The state returned is None; expected what the next call needs. Which two membranes?"
        )


def run(net: nn.Module, x: Tensor) -> Tensor:
    """Spikes ``[T, B, 10]`` of the learner's network, the loop outside."""
    state, spk_rec = None, []
    for _ in range(STEPS):
        spk, state = step(net, x, state)
        spk_rec.append(spk)
    return torch.stack(spk_rec)


def run_inside(net: nn.Module, x: Tensor, slip: str = "") -> Tensor:
    """The same from a loop inside, as it should be or with a slip."""
    mem1, mem2 = rest = net.lif1.init_leaky(), net.lif2.init_leaky()
    spk_rec = []
    for _ in range(STEPS):
        mem1 = rest[0] if "1" in slip else mem1
        mem2 = rest[1] if "2" in slip else mem2
        for _ in range(10 if slip == "loop" else 1):
            spk1, mem1 = net.lif1(net.fc1(x), mem1)
            spk2, mem2 = net.lif2(net.fc2(mem1 if slip == "up" else spk1), mem2)
        spk_rec.append(spk2)
    return torch.stack(spk_rec)


def compare(net: nn.Module, record: Tensor, expected: Tensor, x: Tensor) -> None:
    if torch.equal(record, expected):
        return
    beliefs = {
        "12": "Every step is the first one again: is the state that comes in used, and is the one "
        "that goes out new?",
        "1": "The output remembers, but does mem1?",
        "2": "The hidden layer remembers, but does mem2?",
        "up": "What goes from layer 1 to layer 2, the spikes or the membrane?",
        "loop": "Each call does ten steps: is a call one step?",
    }
    question = "Do the membranes of one step go into the next, each into its own layer?"
    if not torch.equal(record[0], expected[0]):
        question = "Is the state at rest at the start, is a call one step, and what enters fc2?"
    for slip, doubt in beliefs.items():
        if torch.equal(record, run_inside(net, x, slip)):
            question = doubt
            break
    raise Wrong(f"The same input at each step: {first_difference(record, expected)} {question}")


def first_difference(record: Tensor, expected: Tensor) -> str:
    number, sample, neuron = (record != expected).nonzero()[0].tolist()
    fires = bool(record[number, sample, neuron])
    got, wanted = ("fires", "silence") if fires else ("is silent", "a spike")
    return f"at step {number}, counted from 0, output neuron {neuron} {got}; expected {wanted}."


def expect_separate_runs(net: nn.Module, x: Tensor, expected: Tensor) -> None:
    state, other, spk_rec = None, None, []
    for number in range(STEPS):
        spk, state = step(net, x, state)
        _, other = step(net, x.flip(1) + number, other)
        spk_rec.append(spk)
    if not torch.equal(torch.stack(spk_rec), expected):
        raise Wrong(
            "Two runs in turn, each with its state: "
            f"{first_difference(torch.stack(spk_rec), expected)} Does the network remember in "
            "`self` what it should take from `state`?"
        )


def expect_gradient(net: nn.Module, x: Tensor) -> None:
    norms = []
    for record in (run(net, x), run_inside(net, x)):
        net.zero_grad()
        if record.requires_grad:
            record[-1].sum().backward()
        grad = net.fc1.weight.grad
        norms.append(0.0 if grad is None else grad.norm().item())
    got, wanted = norms
    if abs(got - wanted) > 1e-3 * wanted:
        raise Wrong(
            f"The spikes are right. But from the last of {STEPS} steps, a gradient of norm "
            f"{show(got)} reaches fc1.weight; expected {show(wanted)}. Is the state cut off by "
            "`detach` or `no_grad`, so that the earlier steps cannot learn?"
        )


@exercise.right("a dict")
class InADict(MyNet):
    def forward(self, x, state=None):
        state = state or {}
        mem1 = state.get("mem1", self.lif1.init_leaky())
        mem2 = state.get("mem2", self.lif2.init_leaky())
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, {"mem1": mem1, "mem2": mem2}


@exercise.right("one tensor")
class InOneTensor(MyNet):
    def forward(self, x, state=None):
        if state is None:
            state = torch.zeros(len(x), 40)
        mem1, mem2 = state.split([30, 10], dim=1)
        spk1, mem1 = lif_step(self.fc1(x), mem1, 0.9, spike_grad=self.lif1.spike_grad)
        spk2, mem2 = lif_step(self.fc2(spk1), mem2, 0.9, spike_grad=self.lif2.spike_grad)
        return [spk2, torch.cat([mem1, mem2], dim=1)]


exercise.right("zeros of the batch", edit("self.lif1.init_leaky(), self.lif2.init_leaky()",
    "torch.zeros(len(x), 30), torch.zeros(len(x), 10)"))
exercise.right("another name", edit("x, state=None", "x, mems=None, state=None",
    "        if state", "        state = mems\n        if state"))

exercise.wrong("as published", "A state may start at each call.",
    edit("if state is None:\n            state", "state"), told="is the first one again")
exercise.wrong("old state", "A state changes without help.", edit("(mem1, mem2)", "state"),
    told="is the one that goes out new")
exercise.wrong("output starts anew", "Hidden layers remember for all.",
    edit("mem2 = state", "mem2 = state[0], self.lif2.init_leaky()"), told="but does mem2")
exercise.wrong("hidden starts anew", "Only the output needs a state.",
    edit("mem2 = state", "mem2 = self.lif1.init_leaky(), state[1]"), told="but does mem1")
exercise.wrong("kept inside, never reset", "`self` remembers best.",
    edit("if state is None", 'state = getattr(self, "kept", None)\n        if state is None',
         "return spk2, (mem1, mem2)", "self.kept = mem1, mem2\n        return spk2, self.kept"),
    told="of the run before left over")
exercise.wrong("kept inside", "There is only one run at a time.",
    edit("mem1, mem2 = state", "else:\n            state = self.kept\n        mem1, mem2 = state",
         "return spk2, (mem1, mem2)", "self.kept = mem1, mem2\n        return spk2, self.kept"),
    told="remember in `self`")
exercise.wrong("detached", "A state is a value without history.",
    edit("(mem1, mem2)", "(mem1.detach(), mem2.detach())"), told="cut off by `detach`")
exercise.wrong("no grad", "A step needs no gradient.",
    edit("    def forward", "    @torch.no_grad()\n    def forward"), told="a gradient of norm 0")
exercise.wrong("membrane first", "The membrane is the output.",
    edit("return spk2", "return mem2"), told="Is it the membrane")
exercise.wrong("membrane goes up", "Layers pass membranes on.", edit("fc2(spk1)", "fc2(mem1)"),
    told="the spikes or the membrane")
exercise.wrong("loop left inside", "A call is a run.",
    edit("        spk1, mem1", "        for _ in range(10):\n            spk1, mem1",
         "        spk2, mem2", "            spk2, mem2"), told="is a call one step")
exercise.wrong("the whole record", "A call is a run, and returns it.",
    edit("return spk2", "return torch.stack([spk2] * 50)"), told="does it run 50")
exercise.wrong("swapped", "A state is a set.", edit("(mem1, mem2)", "(mem2, mem1)"),
    told="In which order does the state")
exercise.wrong("zeros of one sample", "A membrane is one number per neuron.",
    edit("self.lif1.init_leaky(), self.lif2.init_leaky()", "torch.zeros(30), torch.zeros(10)"),
    told="In the first call, without a state")
exercise.wrong("not at rest", "A state may start anywhere.",
    edit("self.lif2.init_leaky()", "torch.full((len(x), 10), 0.9)"), told="Is the state at rest")
exercise.wrong("three values", "Each membrane is returned.", edit("(mem1, mem2)", "mem1, mem2"),
    told="Can one value, a tuple for example")
exercise.wrong("spikes only", "The spikes are the result.", edit("spk2, (mem1, mem2)", "spk2"),
    told="What does the next call need")
exercise.wrong("state first", "The order does not matter.",
    edit("spk2, (mem1, mem2)", "(mem1, mem2), spk2"), told="The first value returned is a tuple")
exercise.wrong("hidden spikes", "Spikes are spikes.", edit("return spk2", "return spk1"),
    told="the output of lif1")
exercise.wrong("no default", "There is always a state.", edit("state=None", "state"),
    told="cannot be called as `net(x)`")


@exercise.wrong("hidden states", "A layer may keep its state.", told="Who keeps the state here")
class HiddenStates(MyNet):
    def __init__(self):
        super().__init__()
        self.lif1 = snn.Leaky(beta=0.9, init_hidden=True)
        self.lif2 = snn.Leaky(beta=0.9, init_hidden=True, output=True)

    def forward(self, x, state=None):
        return self.lif2(self.fc2(self.lif1(self.fc1(x))))
