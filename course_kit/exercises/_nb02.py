"""Exercises of notebook 02, the convolutional spiking network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from tutorial_lib import networks, surrogate

from . import _nb02_judges as judges
from . import _nb02_memory as remember
from ._core import Exercise, Mutant

__all__ = ["EXERCISES"]

PARAMETERS = Exercise(
    id="02-parameters",
    title="Count the parameters of 6C3-MP2-16C3-MP2-?FC10 for images of 28 by 28 pixels.",
    objective="Derive shapes and parameters from the shorthand.",
    kind="number",
    judge=judges.parameters,
    reference=lambda: 60 + 880 + 4_010,
    stub=lambda: ...,
    mutants=(
        Mutant("no bias", "A layer is its weights.", lambda: 54 + 864 + 4_000, "the biases"),
        Mutant("no fc bias", "Only filters are shifted.", lambda: 4_940, "fully connected layer's"),
        Mutant("no bias in 2", "A bias is for the first.", lambda: 4_934, "second convolution's"),
        Mutant("1,024", "The last layer has 1,024 inputs.", lambda: 11_190, "the other network's"),
        Mutant("padded", "A filter keeps the size.", lambda: 8_790, "Is the border padded"),
        Mutant("rounded up", "Pooling keeps the odd row.", lambda: 6_710, "an odd size"),
        Mutant("one channel", "A filter is 3 by 3.", lambda: 60 + 160 + 4_010, "input channels"),
        Mutant("not pooled", "Pooling has no say in it.", lambda: 93_110, "Where is the pooling"),
        Mutant("old filters", "Filters are 5 by 5.", lambda: judges.count(kernel=5), "other netw"),
        Mutant("one per map", "A map is one number.", lambda: 60 + 880 + 170, "one of the 16 maps"),
        Mutant("guess", "All layers count alike.", lambda: 5_000, "Which size have the maps"),
    ),
    variants=(
        lambda: torch.tensor(4950),
        lambda: 4950.0,
        lambda: sum([6 * (1 * 9 + 1), 16 * (6 * 9 + 1), 10 * (16 * 5 * 5 + 1)]),
    ),
)

SPOT_MEMORY = Exercise(
    id="02-spot-memory",
    title="Spot the fault: what makes each of the published class's 50 steps the same?",
    objective="Find the published class without memory, and say where a state must start.",
    kind="choice",
    judge=judges.spot_memory,
    reference=lambda: "c",
    stub=lambda: None,
    mutants=(
        Mutant("input", "Change needs another input.", lambda: "a", "somebody who remembers"),
        Mutant("reset", "The reset gets lost.", lambda: "b", "if nobody passes it back in"),
        Mutant("return", "What is returned is kept.", lambda: "d", "who gives the returned"),
    ),
    options=lambda: {
        "a": "The same image goes in at every step, so nothing can change.",
        "b": "`step` returns the membrane before the reset, so the reset gets lost.",
        "c": "The membranes start in `forward`, which is called once per step.",
        "d": "`forward` returns `mem3` only, so `mem1` and `mem2` get lost.",
    },
)

MEMORY = Exercise(
    id="02-memory",
    title="Give a class its memory and leave the loop over time outside.",
    objective="Pass a state in and out, once per sample and with its gradient.",
    kind="class",
    judge=remember.memory,
    reference=lambda: remember.Remembering,
    stub=lambda: type("Untouched", (remember.TwoLayers,), {"forward": lambda self, x, s=None: ...}),
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, remember.forgetful(slip), words)
        for slip, belief, words in (
            ("as published", "A state may start at each call.", "is the first one again"),
            ("old state", "A state changes by itself.", "is the one that goes out new"),
            ("output starts anew", "Hidden layers remember for all.", "but does mem2"),
            ("hidden starts anew", "Only the output needs a state.", "but does mem1"),
            ("kept inside, never reset", "`self` remembers best.", "of the run before left over"),
            ("kept inside", "There is only one run at a time.", "remember in `self`"),
            ("detached", "A state is a value without history.", "cut off by `detach`"),
            ("membrane first", "The membrane is the output.", "Is it the membrane"),
            ("membrane goes up", "Layers pass membranes on.", "the spikes or the membrane"),
            ("loop left inside", "A call is a run.", "is a call one step"),
            ("swapped", "A state is a set.", "In which order does the state"),
        )
    ),
    variants=(remember.remembering("dict"), remember.remembering("one tensor")),
)

SILENT = Exercise(
    id="02-silent",
    title="Untrained, 50 steps, 128 images: how many of 64,000 possible output spikes are sent?",
    objective="Predict that the untrained network's output is silent.",
    kind="choice",
    judge=judges.output_spikes,
    reference=lambda: "a",
    stub=lambda: None,
    mutants=(
        Mutant("a few", "Random weights say a little.", lambda: "b", "how many does layer 2 send"),
        Mutant("one in ten", "Chance is a tenth.", lambda: "c", "who would balance that"),
        Mutant("a coin", "An untrained neuron is a coin.", lambda: "d", "around the threshold"),
    ),
    options=lambda: {
        "a": "None.",
        "b": "A few: less than 2%.",
        "c": "About a tenth: with random weights, one class in ten fires.",
        "d": "About half: an untrained neuron fires as a coin falls.",
    },
)

FACTOR = Exercise(
    id="02-factor",
    title="By which factor must all weights and biases grow to do what a threshold of 0.25 does?",
    objective="Trade the threshold for the scale of the weights.",
    kind="number",
    judge=judges.factor,
    reference=lambda: 4,
    stub=lambda: ...,
    mutants=(
        Mutant("inverse", "Weights follow the threshold.", lambda: 0.25, "up or down"),
        Mutant("compound", "Factors multiply along the way.", lambda: 64, "act on layer 2 as well"),
        Mutant("two layers", "Two factors multiply.", lambda: 16, "act on layer 2 as well"),
        Mutant("root", "Two things share the work.", lambda: 2, "Is a root in it"),
        Mutant("added", "What is taken off is added.", lambda: 1.75, "of itself"),
        Mutant("more", "More is better.", lambda: 10, "divide the update by the threshold"),
    ),
    variants=(lambda: 4.0, lambda: torch.tensor([4.0]), lambda: 1 / 0.25),
)


def wake(net):  # noqa: ANN001, ANN201
    """The reference: four times the weights and biases, in place."""
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4)


def _on_linear(change: Callable[[nn.Module], None]) -> Callable[[], Callable]:
    """Make the maker of an answer that changes each layer with weights in place."""

    def answer(net: nn.Sequential) -> None:
        with torch.no_grad():
            for layer in net:
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    change(layer)

    return lambda: answer


def _scaled(layer: nn.Module, weight: float = 1, bias: float = 1, shift: float = 0) -> None:
    layer.weight.mul_(weight)
    layer.bias.mul_(bias).add_(shift)


def _new_name(net: nn.Sequential) -> None:
    for p in net.parameters():
        p = p * 4  # noqa: PLW2901


def _neurons(name: str, value: float) -> Callable[[], Callable]:
    def answer(net: nn.Sequential) -> None:
        for layer in (net[2], net[5], net[8]):
            getattr(layer, name).fill_(value)

    return lambda: answer


def _wide_surrogate(net: nn.Sequential) -> None:
    for layer in (net[2], net[5], net[8]):
        layer.spike_grad = surrogate.fast_sigmoid(slope=1)


def _he(layer: nn.Module) -> None:
    nn.init.kaiming_normal_(layer.weight)
    layer.weight.mul_(2)


WAKE = Exercise(
    id="02-wake",
    title="Make the silent network speak at iteration 0, with its neurons as they are.",
    objective="Choose an initialization by looking at the spikes of each layer.",
    kind="open",
    judge=judges.awake,
    reference=lambda: wake,
    stub=lambda: lambda net: ...,
    mutants=(
        Mutant("threshold", "Lower thresholds.", _neurons("threshold", 0.2), "threshold = 0.2 now"),
        Mutant("decay", "A longer memory.", _neurons("beta", 0.9), "beta = 0.9 now"),
        Mutant(
            "surrogate",
            "A wider surrogate makes spikes.",
            lambda: _wide_surrogate,
            "on the backward pass only",
        ),
        Mutant("rebound", "p = p * 4 changes p.", lambda: _new_name, "makes a new tensor"),
        Mutant(
            "last layer",
            "The silent layer is the faulty one.",
            lambda: lambda net: _hundredfold(net[7]),
            "Which layers have you left",
        ),
        Mutant(
            "too little",
            "A bit more will do.",
            _on_linear(lambda layer: _scaled(layer, 1.5, 1.5)),
            "large enough to reach",
        ),
        Mutant(
            "too much",
            "More is better.",
            _on_linear(lambda layer: _scaled(layer, 1000, 1000)),
            "Is your factor too large",
        ),
        Mutant(
            "bias",
            "A spike is a spike.",
            _on_linear(lambda layer: _scaled(layer, shift=3)),
            "because of a bias alone",
        ),
        Mutant(
            "another network",
            "Any network that fires will do.",
            lambda: lambda net: networks.conv_net(beta=0.5, threshold=0.2),
            "stay as they are",
        ),
    ),
    variants=(
        _on_linear(lambda layer: _scaled(layer, 4, 1)),
        _on_linear(lambda layer: _scaled(layer, shift=0.6)),
        _on_linear(_he),
        lambda: lambda net: judges.scale(net, 3.5),
    ),
)


def _hundredfold(layer: nn.Module) -> None:
    with torch.no_grad():
        _scaled(layer, 100, 100)


EXERCISES: tuple[Exercise, ...] = (PARAMETERS, SPOT_MEMORY, MEMORY, SILENT, FACTOR, WAKE)
