"""Notebook 02: how numbers, predictions and a wake-up call are judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib import networks, simulation, surrogate
from tutorial_lib.neurons import Leaky

from ._values import Mistake, as_number, judge, question_for, show
from .diagnose import describe
from .material import printed_digits

__all__ = ["LAYERS", "awake", "factor", "output_spikes", "parameters", "spot_memory"]

LAYERS = ("layer 1", "layer 2", "the output layer")


def fresh(seed: int = 0, threshold: float = 1.0) -> nn.Sequential:
    """The course's network, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        spike_grad = surrogate.fast_sigmoid(slope=25)
        return networks.conv_net(beta=0.5, spike_grad=spike_grad, threshold=threshold)


def scale(net: nn.Module, gain: float) -> nn.Module:
    """Multiply all weights and biases, in place."""
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(gain)
    return net


# The parameters of 6C3-MP2-16C3-MP2-?FC10


def count(
    kernel: int = 3, padding: int = 0, ceil: bool = False, bias: bool = True, pool: int = 2
) -> int:
    """Build the small network and count; other settings are what misconceptions would build."""
    layers = nn.Sequential(
        nn.Conv2d(1, 6, kernel, padding=padding, bias=bias),
        nn.MaxPool2d(pool, ceil_mode=ceil),
        nn.Conv2d(6, 16, kernel, padding=padding, bias=bias),
        nn.MaxPool2d(pool, ceil_mode=ceil),
        nn.Flatten(),
    )
    inputs = layers(torch.zeros(1, 1, 28, 28)).numel()
    layers.append(nn.Linear(inputs, 10, bias=bias))
    return sum(p.numel() for p in layers.parameters())


@judge
def parameters(answer: float) -> str:
    answer, total = as_number(answer, "Your count"), count()
    if answer == total:
        return (
            f"{total:,} parameters: 60 + 880 + 4,010, with 16 maps of 5 by 5 at the end. Now you "
            "can size a layer before you build it."
        )
    slips = {
        count(bias=False): "Where are the biases, one per filter and one per output?",
        count(padding=1): "Is the border padded? A 3 by 3 filter without padding takes off 2.",
        count(ceil=True): "What does pooling by 2 make of an odd size, 11? The rest is dropped.",
        count(pool=1): "Where is the pooling? Each MP2 halves the maps.",
        count(kernel=5): "Is the 5 of the other network still in it? Here the filters are 3 by 3.",
        total - 16 * 5 * 9: (
            "How many input channels does a filter of the second convolution look at?"
        ),
        total - 10: "Where are the fully connected layer's biases, one per output?",
        total - 16: "Where are the second convolution's biases, one per filter?",
        total - 6: "Where are the first convolution's biases, one per filter?",
        60 + 880 + 10_250: "1,024 is the other network's: how many inputs has the last layer here?",
        60 + 880: "The convolutions are right. What about the fully connected layer?",
        60 + 880 + 10 * (16 + 1): "How many numbers is one of the 16 maps, when it is flattened?",
    }
    otherwise = "Which size have the maps after each layer, and what does one filter look at?"
    gap = f"{show(abs(answer - total))} {'fewer' if answer < total else 'more'}"
    raise Mistake(
        f"You count {show(answer)} parameters, {gap} than PyTorch builds. "
        + question_for(answer, slips, otherwise, tolerance=1e-9)
    )


# Spot the fault: the class without memory


@cache
def _traces(mend: str = "") -> float:
    """How much the images before leave in the answer to the last one, with one place mended."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fc, lif = nn.Linear(20, 10), Leaky(beta=0.5)
        last, before = torch.rand(2, 3, 20)
    alone = _last_membrane(fc, lif, [last], mend)
    after = _last_membrane(fc, lif, [last if mend != "other" else before] * 4 + [last], mend)
    return (after - alone).abs().max().item()


@torch.no_grad()
def _last_membrane(fc: nn.Module, lif: Leaky, frames: list[Tensor], mend: str) -> Tensor:
    mem = lif.init_leaky()
    for frame in frames:
        if mend != "start":
            mem = lif.init_leaky()
        spk, mem = lif(fc(frame), mem)
        out = mem - spk * lif.threshold if mend == "reset" else mem
    return out


@judge
def spot_memory(answer: str) -> str:
    mends = {"a": "other", "b": "reset", "c": "start", "d": "returned"}
    left = {key: _traces(mend) for key, mend in mends.items()}
    changed = {
        "a": "With other images at these four steps",
        "b": "With the membrane returned after the reset",
        "c": "With the three starts moved out of `forward`",
        "d": "With all three membranes returned",
    }
    what = (
        "Tried with one layer of ten such neurons and random images. "
        f"{changed[answer]}, the first four images change the membrane after the fifth by "
        f"{left[answer]:.2g}"
    )
    if left[answer] > 0:
        return (
            f"{what}; as published, by {_traces():.2g}. Each call began from rest, so every step "
            "was the first. Any state that is started inside the loop over time has this fault."
        )
    questions = {
        "a": "So is it the image that is missing, or somebody who remembers it?",
        "b": "So does it matter which value is returned, if nobody passes it back in?",
        "d": "So who gives the returned membranes to the next call?",
    }
    raise Mistake(f"{what}: still the first step again and again. {questions[answer]}")


# How much an untrained network says


@cache
def _spikes(num_steps: int = 50) -> list[list[int]]:
    """Spikes by seed and layer for ten printed digits."""
    images, _ = printed_digits()
    nets = [fresh(seed) for seed in range(3)]
    records = [simulation.record_spikes(net, num_steps, images).values() for net in nets]
    return [[int(spikes.sum()) for spikes in record] for record in records]


@judge
def output_spikes(answer: str) -> str:
    counts = _spikes()
    said = max(row[-1] for row in counts)
    share = said / (50 * 10 * 10)
    key = "a" if said == 0 else "b" if share < 0.02 else "c" if share < 0.3 else "d"
    first, second, out = counts[0]
    facts = (
        f"For ten printed digits and 50 steps, layer 1 sends {first:,} spikes, layer 2 {second:,} "
        f"and the output {out:,}"
    )
    if answer == key:
        return (
            f"{facts}, and with two other seeds the output sends {counts[1][2]} and "
            f"{counts[2][2]}. Now see the digits of this notebook."
        )
    questions = {
        "a": "Is the output silent?",
        "b": "A few spikes would need inputs to the last layer: how many does layer 2 send it?",
        "c": "Nobody has told the network that one class in ten is right: who would balance that?",
        "d": "A fair coin would need currents around the threshold: how large are those of "
        "PyTorch's weights, when most inputs are 0?",
    }
    raise Mistake(f"{facts}. {questions[answer]}")


# Which factor equals a threshold of 0.25?


@cache
def _at_threshold(threshold: float, gain: float) -> list[Tensor]:
    images, _ = printed_digits()
    net = scale(fresh(threshold=threshold), gain)
    return list(simulation.record_spikes(net, 20, images).values())


@judge
def factor(answer: float) -> str:
    answer = as_number(answer, "Your factor")
    wanted, got = _at_threshold(0.25, 1.0), _at_threshold(1.0, answer)
    for name, one, other in zip(LAYERS, wanted, got, strict=True):
        if torch.equal(one, other):
            continue
        slips = {
            0.25: "A membrane of 0.25 has to reach 1 now: up or down?",
            16.0: "Does the factor of layer 1 act on layer 2 as well? Its spikes are 0 or 1.",
            64.0: "Does the factor of layer 1 act on layer 2 as well? Its spikes are 0 or 1.",
            2.0: "Is a root in it? Current and threshold stand in the update with the same power.",
            1.75: "The threshold went down by 0.75, but does a weight go up by 0.75 of itself?",
        }
        otherwise = "What becomes of the current when you divide the update by the threshold?"
        raise Mistake(
            f"With the factor {show(answer)}, {name} sends {int(other.sum()):,} spikes for ten "
            f"printed digits; expected {int(one.sum()):,}, as at a threshold of 0.25. "
            + question_for(answer, slips, otherwise)
        )
    return (
        f"Every spike of every layer is the same, {int(sum(s.sum() for s in wanted)):,} of them. "
        "Only the ratio of weight and threshold counts, so you can wake a network from either side."
    )


# Make it speak at iteration 0


@judge
def awake(answer: Callable[[nn.Sequential], Any]) -> str:
    if not callable(answer):
        raise Mistake(f"A function of the network is asked for; you gave {describe(answer)}.")
    images, _ = printed_digits()
    for seed in range(3):
        net = fresh(seed)
        before = [p.detach().clone() for p in net.parameters()]
        given = answer(net)
        net = given if isinstance(given, nn.Module) else net
        _expect_same_neurons(net)
        record = list(simulation.record_spikes(net, 20, images).values())
        _expect_spikes(net, record, before, seed)
        _expect_decisions(record[-1], seed)
    rates = ", ".join(f"{spikes.mean().item():.0%}" for spikes in record)
    return (
        f"All layers speak before the first update, at rates of {rates}, and what they say depends "
        "on the image. The next notebook asks whether such a start also learns without Adam."
    )


def _expect_same_neurons(net: nn.Module) -> None:
    layers = [module for module in net.modules() if isinstance(module, Leaky)]
    total = sum(p.numel() for p in net.parameters())
    if len(layers) != 3 or total != 29_826:
        raise Mistake(
            f"Your network has {len(layers)} layers of neurons and {total:,} parameters; expected "
            "the 3 and 29,826 that it came with. Can you change values only?"
        )
    for name, value in (("threshold", 1.0), ("beta", 0.5)):
        for layer, wanted in zip(layers, (value,) * 3, strict=True):
            found = getattr(layer, name)
            if not torch.all(found == wanted):
                raise Mistake(
                    f"A layer has {name} = {show(found.max().item())} now; expected {wanted}. The "
                    "neurons shall stay as they are: what else decides whether a current suffices?"
                )


def _expect_spikes(net: nn.Module, record: list[Tensor], before: list[Tensor], seed: int) -> None:
    new = [p.detach() for p in net.parameters()]
    same = [torch.equal(one, other) for one, other in zip(before, new, strict=True)]
    for name, spikes in zip(LAYERS, record, strict=True):
        if spikes.mean() >= 0.005:
            continue
        if all(same):
            question = (
                "No weight and no bias has changed. A surrogate acts on the backward pass only, "
                "and `p = p * 4` makes a new tensor: did you write into the parameters, in place?"
            )
        elif any(same[:4]):
            question = "Which layers have you left as they were, and what do they pass on?"
        else:
            question = "Is the current that arrives there large enough to reach the threshold?"
        raise Mistake(
            f"With seed {seed}, {name} sends {int(spikes.sum())} spikes for ten printed digits in "
            f"20 steps, a rate of {spikes.mean().item():.2%}; expected at least 0.5%. {question}"
        )


def _expect_decisions(spk_rec: Tensor, seed: int) -> None:
    counts = spk_rec.sum(0)
    different = len({tuple(row) for row in counts.tolist()})
    if different < 5:
        raise Mistake(
            f"With seed {seed}, ten different digits give {different} different outcomes; expected "
            "at least 5. Do your neurons fire because of the image, or because of a bias alone?"
        )
    decided = SF.decision_rate(spk_rec)
    if decided < 0.3:
        full = int((counts == len(spk_rec)).sum(1).ge(2).sum())
        raise Mistake(
            f"With seed {seed}, only {decided:.0%} of ten digits have one class ahead; expected at "
            f"least 30%. For {full} of them, several outputs fire at all 20 steps: how could one "
            "be ahead? Is your factor too large?"
        )
