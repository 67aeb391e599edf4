"""Notebook 02: a class that remembers, right in several ways and wrong in others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib.neurons import Leaky, lif_step

from ._values import Mistake, attempted, judge, show

__all__ = ["Remembering", "forgetful", "memory", "remembering"]


class TwoLayers(nn.Module):
    """What the stub holds apart from ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = Leaky(beta=0.9)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = Leaky(beta=0.9)


class Remembering(TwoLayers):
    """The reference: the caller carries the state from one call to the next."""

    def forward(self, x, state=None):  # noqa: ANN001, ANN201
        """One step: returns the output spikes and the new state."""
        if state is None:
            state = self.lif1.init_leaky(), self.lif2.init_leaky()
        mem1, mem2 = state
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, (mem1, mem2)


def remembering(spelling: str) -> Callable[[], type[nn.Module]]:
    """Make the maker of another right class."""

    class Other(TwoLayers):
        def forward(self, x, state=None):  # noqa: ANN001, ANN202
            if spelling == "dict":
                state = state or {}
                mem1 = state.get("mem1", self.lif1.init_leaky())
                mem2 = state.get("mem2", self.lif2.init_leaky())
                spk1, mem1 = self.lif1(self.fc1(x), mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
                return spk2, {"mem1": mem1, "mem2": mem2}
            if state is None:  # "one tensor": both membranes side by side
                state = torch.zeros(len(x), 40)
            mem1, mem2 = state.split([30, 10], dim=1)
            fire = self.lif1.spike_grad
            spk1, mem1 = lif_step(self.fc1(x), mem1, 0.9, spike_grad=fire)
            spk2, mem2 = lif_step(self.fc2(spk1), mem2, 0.9, spike_grad=fire)
            return [spk2, torch.cat([mem1, mem2], dim=1)]

    return lambda: Other


def forgetful(slip: str) -> Callable[[], type[nn.Module]]:
    """Make the maker of a class that is wrong in one way."""

    class Wrong(TwoLayers):
        def forward(self, x, state=None):  # noqa: ANN001, ANN202
            rest = self.lif1.init_leaky(), self.lif2.init_leaky()
            if slip == "kept inside, never reset":
                state = getattr(self, "kept", None)
            elif slip == "kept inside" and state is not None:
                state = self.kept
            mem1, mem2 = rest if state is None or slip == "as published" else state
            if slip == "output starts anew":
                mem2 = rest[1]
            if slip == "hidden starts anew":
                mem1 = rest[0]
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            up = mem1 if slip == "membrane goes up" else spk1
            spk2, mem2 = self.lif2(self.fc2(up), mem2)
            for _ in range(9 if slip == "loop left inside" else 0):
                spk1, mem1 = self.lif1(self.fc1(x), mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            if slip == "detached":
                mem1, mem2 = mem1.detach(), mem2.detach()
            self.kept = mem1, mem2
            if slip == "old state":
                return spk2, (rest if state is None else state)
            if slip == "swapped":
                return spk2, (mem2, mem1)
            if slip == "membrane first":
                return mem2, (mem1, mem2)
            return spk2, (mem1, mem2)

    return lambda: Wrong


STEPS = 12


@judge
def memory(answer: type[nn.Module]) -> str:
    torch.manual_seed(0)
    net = answer()
    for name in ("fc1", "lif1", "fc2", "lif2"):
        if not isinstance(getattr(net, name, None), nn.Module):
            raise Mistake(
                f"A {answer.__name__} has no layer {name!r}; expected fc1, lif1, fc2 and lif2 as "
                "in the stub. Is `__init__` still there, with `super().__init__()`?"
            )
    with torch.no_grad():
        net.fc2.weight.mul_(4)  # so that there are spikes to compare, from the first step on
    x = 4 * torch.rand(3, 20, generator=torch.Generator().manual_seed(0))
    record = _run(net, [x] * STEPS)
    expected = _expected(net, x)
    _compare(net, record, expected, x)
    if not torch.equal(_step(net, x, None)[0], expected[0]):
        raise Mistake(
            "A second run, started without a state, does not begin as the first did. Is a membrane "
            "of the run before left over, inside the network?"
        )
    _expect_separate_runs(net, x, expected)
    _expect_gradient(net, x)
    return (
        f"All {STEPS} steps agree with a loop inside, two runs do not disturb each other, and the "
        "gradient reaches back through all steps. This is how recurrent layers of PyTorch are "
        "called, too."
    )


def _step(net: nn.Module, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    try:
        out = attempted(net(x) if state is None else net(x, state))
    except ValueError as error:
        if "from the step before" not in str(error):
            raise
        raise Mistake(
            "In the second call a layer gets a membrane that is not its own: "
            f"{str(error).partition('. ')[0]}. In which order does the state go out, and in which "
            "does it come in?"
        ) from error
    if not isinstance(out, tuple | list) or len(out) != 2:
        kind = f"{len(out)} values" if isinstance(out, tuple | list) else type(out).__name__
        raise Mistake(
            f"A call returns {kind}; expected two values, the spikes and the new state. What does "
            "the next call need?"
        )
    spk, state = out
    shape = list(spk.shape) if isinstance(spk, Tensor) else type(spk).__name__
    if shape != [len(x), 10]:
        raise Mistake(
            f"The spikes returned are {shape}; expected a tensor of shape [{len(x)}, 10]. Is the "
            "output of lif2 the first value?"
        )
    if bool(((spk != 0) & (spk != 1)).any()):
        value = spk[(spk != 0) & (spk != 1)][0].item()
        raise Mistake(
            f"The first value returned holds {show(value)}; expected spikes, 0 or 1. Is it the "
            "membrane? Which comes first in `spk, mem = lif(cur, mem)`?"
        )
    if state is None:
        raise Mistake(
            "The state returned is None; expected what the next call needs. Which two membranes?"
        )
    return spk, state


def _run(net: nn.Module, frames: list[Tensor]) -> Tensor:
    state, spk_rec = None, []
    for frame in frames:
        spk, state = _step(net, frame, state)
        spk_rec.append(spk)
    return torch.stack(spk_rec)


def _expected(net: nn.Module, x: Tensor, forget: str = "") -> Tensor:
    mem1, mem2 = rest = net.lif1.init_leaky(), net.lif2.init_leaky()
    spk_rec = []
    for _ in range(STEPS):
        spk1, mem1 = net.lif1(net.fc1(x), rest[0] if "1" in forget else mem1)
        spk2, mem2 = net.lif2(net.fc2(spk1), rest[1] if "2" in forget else mem2)
        spk_rec.append(spk2)
    return torch.stack(spk_rec)


def _compare(net: nn.Module, record: Tensor, expected: Tensor, x: Tensor) -> None:
    if torch.equal(record, expected):
        return
    beliefs = {
        "12": "Every step is the first one again: is the state that comes in used, and is the one "
        "that goes out new?",
        "1": "The output remembers, but does mem1?",
        "2": "The hidden layer remembers, but does mem2?",
    }
    if not torch.equal(record[0], expected[0]):
        question = (
            "No step came before it, so the state is not the cause. What goes from layer 1 to "
            "layer 2, the spikes or the membrane? And is a call one step?"
        )
    else:
        question = "Do the membranes of one step go into the next, each into its own layer?"
    for forget, doubt in reversed(beliefs.items()):
        question = doubt if torch.equal(record, _expected(net, x, forget)) else question
    raise Mistake(f"The same input at each step: {_first_difference(record, expected)} {question}")


def _first_difference(record: Tensor, expected: Tensor) -> str:
    step, sample, neuron = (record != expected).nonzero()[0].tolist()
    fires = bool(record[step, sample, neuron])
    got, wanted = ("fires", "silence") if fires else ("is silent", "a spike")
    return f"at step {step + 1}, output neuron {neuron} {got}; expected {wanted}."


def _expect_separate_runs(net: nn.Module, x: Tensor, expected: Tensor) -> None:
    state, other, spk_rec = None, None, []
    for step in range(STEPS):
        spk, state = _step(net, x, state)
        _, other = _step(net, x.flip(1) + step, other)
        spk_rec.append(spk)
    if not torch.equal(torch.stack(spk_rec), expected):
        raise Mistake(
            "Two runs in turn, each with a state of its own: "
            f"{_first_difference(torch.stack(spk_rec), expected)} Does the network remember in "
            "`self` what it should take from `state`?"
        )


def _expect_gradient(net: nn.Module, x: Tensor) -> None:
    norms = []
    for record in (_run(net, [x] * STEPS), _expected(net, x)):
        net.zero_grad()
        record[-1].sum().backward()
        norms.append(net.fc1.weight.grad.norm().item() if net.fc1.weight.grad is not None else 0.0)
    got, wanted = norms
    if abs(got - wanted) > 1e-3 * wanted:
        raise Mistake(
            f"The spikes are right. But from the last of {STEPS} steps, a gradient of norm "
            f"{show(got)} reaches fc1.weight; expected {show(wanted)}. Is the state cut off by "
            "`detach`, so that the earlier steps cannot learn?"
        )
