"""Notebook 05: which networks can be run layer by layer, and how answers are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib import simulation
from tutorial_lib.neurons import Leaky

from ._values import Mistake, judge

__all__ = ["OPTIONS", "AsGiven", "Ready", "layerwise", "other_ready", "ready", "unready"]


# Which network cannot be run layer by layer


class _Base(nn.Module):
    """Two layers of neurons, 20 inputs to 10 outputs."""

    beta: Any = 0.9

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(20, 30), nn.Linear(30, 10)
        self.lif1 = Leaky(self.beta, init_hidden=True, reset_mechanism="zero")
        self.lif2 = Leaky(0.9, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.lif2(self.fc2(self.lif1(self.fc1(x))))


class _Skip(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.skip = nn.Linear(20, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.lif2(self.fc2(self.lif1(self.fc1(x))) + self.skip(x))


class Feedback(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.back = nn.Linear(10, 30)
        self.last = torch.zeros(1, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk1 = self.lif1(self.fc1(x) + self.back(self.last))
        self.last, mem = self.lif2(self.fc2(spk1))
        return self.last, mem


class _Diverse(_Base):
    beta = torch.linspace(0.5, 0.95, 30)


OPTIONS = {
    "a": "One in which the input also skips layer 1 and goes straight to the output layer.",
    "b": "One whose input is a film: another frame at every step.",
    "c": "One whose output spikes go back into layer 1 at the next step.",
    "d": "One in which every neuron of layer 1 has a decay of its own and is reset to zero.",
}
_NETS: Mapping[str, tuple[type[_Base], bool]] = {
    "a": (_Skip, False),
    "b": (_Base, True),
    "c": (Feedback, False),
    "d": (_Diverse, False),
}


@cache
def _outcome(key: str) -> tuple[bool, str]:
    """Whether the library runs this network layer by layer, and what it said or found."""
    kind, film = _NETS[key]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        net, steps = kind(), 12
        data = 4 * torch.rand(*([steps] if film else []), 3, 20)
        by_step, _ = simulation.forward_pass(net, steps, data, schedule="step", time_varying=film)
        try:
            record, _ = simulation.forward_pass(
                net, steps, data, schedule="layer", time_varying=film
            )
        except ValueError as refusal:
            return False, str(refusal).partition(": ")[2].partition(". Use ")[0]
    same = int((record == by_step).sum())
    return same == by_step.numel(), (
        f"it ran, and {same} of {by_step.numel()} output spikes are the same as step by step"
    )


@judge
def layerwise(answer: str) -> str:
    runs, said = _outcome(answer)
    if not runs:
        return (
            f"The library refuses it: {said}. Layer 1 at step 2 needs the output at step 1, so no "
            "layer can run ahead. Whatever flows upward only can be run layer by layer."
        )
    questions = {
        "a": "Does the skipping input have to wait for anything?",
        "b": "Does a convolution care whether its inputs differ from step to step?",
        "d": "Does a decay or a reset look beyond its own neuron?",
    }
    raise Mistake(f"Tried with a small one: {said}. {questions[answer]}")


# A network that is ready for it


class AsGiven(nn.Module):
    """What the stub holds: it works step by step, from a fresh network."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = Leaky(beta=0.9)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = Leaky(beta=0.8, init_hidden=True, output=True)
        self.mem1 = self.lif1.init_leaky()

    def forward(self, x):  # noqa: ANN001, ANN201
        """One step of images ``[B, 4, 5]``."""
        x = x.view(x.shape[0], -1)
        spk1, self.mem1 = self.lif1(self.fc1(x), self.mem1)
        return self.lif2(self.fc2(spk1))


class Ready(nn.Module):
    """The reference: the layers keep their states, and forward() only wires them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = Leaky(beta=0.9, init_hidden=True)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = Leaky(beta=0.8, init_hidden=True, output=True)

    def forward(self, x):  # noqa: ANN001, ANN201
        """One step of images ``[B, 4, 5]``."""
        spk1 = self.lif1(self.fc1(x.flatten(1)))
        return self.lif2(self.fc2(spk1))


class _ReadyInARow(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(20, 30),
            Leaky(0.9, init_hidden=True),
            nn.Linear(30, 10),
            Leaky(0.8, init_hidden=True, output=True),
        )


class _ReadyInTwoParts(Ready):
    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten(start_dim=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk2, mem2 = self.lif2(self.fc2(self._hidden(torch.relu(self.flat(x)))))
        return spk2, mem2

    def _hidden(self, x: Tensor) -> Tensor:
        return self.lif1(self.fc1(x))  # images are not negative, so a relu changes nothing


def other_ready(spelling: str) -> Callable[[], type[nn.Module]]:
    """Make the maker of another right class."""
    return lambda: _ReadyInARow if spelling == "in a row" else _ReadyInTwoParts


def unready(slip: str) -> Callable[[], type[nn.Module]]:
    """Make the maker of a class that is wrong in one way."""

    class Wrong(Ready):
        def __init__(self) -> None:
            super().__init__()
            if slip == "both return membranes":
                self.lif1 = Leaky(beta=0.9, init_hidden=True, output=True)
            elif slip == "one for both":
                self.lif2 = self.lif1
            elif slip == "no output":
                self.lif2 = Leaky(beta=0.8, init_hidden=True)
            elif slip == "other decay":
                self.lif2 = Leaky(beta=0.9, init_hidden=True, output=True)
            elif slip == "explicit":
                self.lif1 = Leaky(beta=0.9)

    class WithView(Wrong):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = x.view(x.shape[0], -1)
            return self.lif2(self.fc2(self.lif1(self.fc1(x))))

    class Starting(Wrong):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            spk1, _ = self.lif1(self.fc1(x.flatten(1)), self.lif1.init_leaky())
            return self.lif2(self.fc2(spk1))

    class Pair(Wrong):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            spk1, _ = self.lif1(self.fc1(x.flatten(1)))
            return self.lif2(self.fc2(spk1))

    class OnOwn(AsGiven):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            spk1, self.mem1 = self.lif1(self.fc1(x.flatten(1)), self.mem1)
            return self.lif2(self.fc2(spk1))

    class WholeBatch(Wrong):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.lif2(self.fc2(self.lif1(self.fc1(x.flatten().view(-1, 20)))))

    class FromTheEnd(Wrong):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.lif2(self.fc2(self.lif1(self.fc1(x.flatten(-2)))))

    class NotFlat(Wrong):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.lif2(self.fc2(self.lif1(self.fc1(x))))

    kinds = {
        "from the end": FromTheEnd,
        "not flat": NotFlat,
        "as given": AsGiven,
        "state on self": OnOwn,
        "view": WithView,
        "explicit": Starting,
        "both return membranes": Pair,
        "all flat": WholeBatch,
    }
    return lambda: kinds.get(slip, Wrong)


STEPS = 12


@judge
def ready(answer: type[nn.Module]) -> str:
    torch.manual_seed(0)
    given, net = AsGiven(), answer()
    if not isinstance(net, nn.Module):
        raise Mistake(f"{answer.__name__} is no nn.Module; expected the class of a network.")
    _copy_weights(given, net)
    images = 6 * torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, _ = simulation.forward_pass(given, STEPS, images, schedule="step")
        try:
            by_layer, _ = simulation.forward_pass(net, STEPS, images, schedule="layer")
        except (TypeError, ValueError, RuntimeError) as refusal:
            _explain_refusal(net, images, refusal)
        stepped, _ = simulation.forward_pass(net, STEPS, images, schedule="step")
    if not torch.equal(stepped, expected):
        step = int((stepped != expected).flatten(1).any(1).nonzero()[0])
        raise Mistake(
            f"It can be run layer by layer, but it is another network: from step {step} on it "
            f"sends other spikes than the one given, {int(stepped.sum())} in {STEPS} steps; "
            f"expected {int(expected.sum())}. Are both decays as they were?"
        )
    if not torch.equal(by_layer, stepped):
        raise Mistake(
            "Layer by layer your network sends other spikes than step by step. Does something in "
            "it depend on how many images come at once?"
        )
    return (
        f"It is accepted, and all {by_layer.numel()} outputs are the same either way. Any network "
        "that keeps its states in its layers, and wires them in `forward`, is faster that way."
    )


def _copy_weights(given: nn.Module, net: nn.Module) -> None:
    old, new = list(given.parameters()), list(net.parameters())
    shapes = [[list(p.shape) for p in weights] for weights in (old, new)]
    if shapes[0] != shapes[1]:
        raise Mistake(
            f"Your network has parameters of the shapes {shapes[1]}; expected {shapes[0]}, as "
            "given. Are fc1 and fc2 still there, in this order?"
        )
    with torch.no_grad():
        for one, other in zip(old, new, strict=True):
            one.mul_(1.5)
            other.copy_(one)


def _explain_refusal(net: nn.Module, images: Tensor, refusal: Exception) -> None:
    """Raise the Mistake for a network that is refused, or that does not even run by steps."""
    try:
        simulation.forward_pass(net, 2, images, schedule="step")
    except (TypeError, ValueError, RuntimeError) as error:
        question = "What does each layer of neurons return, and what does forward() make of it?"
        if "cannot be multiplied" in str(error):
            question = "Does each image reach fc1 as one row of numbers?"
        if "times in a step" in str(error):
            question = "How many membranes does a network with two layers of neurons need?"
        raise Mistake(
            f"Not even one step after the other does it run: {str(error).rstrip('.')}. {question}"
        ) from refusal
    reason = str(refusal).partition(": ")[2].partition(". Use ")[0] or str(refusal)
    questions = {
        "state of its own": "Which argument of Leaky lets the layer keep its membrane itself?",
        "explicit state": "Which argument of Leaky lets the layer keep its membrane itself?",
        "asks for": "Which method or layer flattens all but the first axis?",
        "view": "Which method or layer flattens all but the first axis?",
        "last axis": "Which number has the first axis of one image, counted from the left?",
        "batch axis": "Which axes may be flattened, when time is folded into the first one?",
        "returns its membrane": "Which layer alone needs output=True?",
    }
    found = [question for words, question in questions.items() if words in reason]
    raise Mistake(
        f"The library refuses it: {reason}. "
        + (found[0] if found else "How can forward() do without?")
    )
