"""Notebook 03: how answers about losses and optimizers are judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import functional as SF
from tutorial_lib import networks, simulation, surrogate

from ._values import Mistake, as_number, is_near, judge, question_for, show
from .diagnose import describe
from .material import fresh, printed_digits, scale

__all__ = ["first_update", "loss_floor", "same_counts", "sgd_learns", "who_is_pulled"]


# The floor of the loss


@judge
def loss_floor(answer: Callable[[int], Any]) -> str:
    for classes in (10, 2, 100, 1000):
        got = as_number(answer(classes), f"The floor for {classes} classes")
        wanted = _perfect(classes)
        if is_near(got, wanted, 1e-4):
            continue
        e, others = math.e, classes - 1
        slips = {
            0.0: "Would that not need a score without bounds, as a count is? A spike is 0 or 1.",
            math.log(classes): "Is that the loss of silence?",
            math.log(1 + classes / e): "Is the target counted among the others, too?",
            math.log(
                1 + others * e
            ): "Is that the loss if all others fire and the target does not?",
            math.exp(-wanted): "Is that the probability of the target? What is the loss of it?",
            -wanted: "What sign has a cross entropy?",
            wanted / math.log(2): "Is your logarithm the natural one?",
            wanted / math.log(10): "Is your logarithm the natural one?",
            math.log(e + others): "Is that all of it? The target has a score, too: e to its power "
            "is divided by the sum.",
            _perfect(10): "Does your formula know that the number of classes has changed?",
        }
        otherwise = "Which score has the target at each step, and which scores have the others?"
        raise Mistake(
            f"For {classes} classes a perfect record has the loss {show(wanted)}; your function "
            f"gives {show(got)}. {question_for(got, slips, otherwise)}"
        )
    rooms = [math.log(classes) - _perfect(classes) for classes in (2, 10, 1000)]
    return (
        "The room between silence and floor is "
        f"{rooms[0]:.2f} for 2 classes, {rooms[1]:.2f} for 10 and {rooms[2]:.2f} for 1,000. Now "
        "you can read a loss curve: see how much of its room it has used."
    )


@cache
def _perfect(classes: int) -> float:
    record = torch.zeros(1, 1, classes, dtype=torch.float64)
    record[..., 0] = 1
    return SF.ce_rate_loss()(record, torch.tensor([0])).item()


# Spot the fault: loss against count


@judge
def same_counts(answer: Any) -> str:
    records = [_record(rec, number) for number, rec in enumerate(_pair(answer), 1)]
    one, two = records
    if one.shape != two.shape:
        raise Mistake(
            f"Your records have the shapes {list(one.shape)} and {list(two.shape)}; expected one "
            "shape. A mean over more steps is another mean: can you do it with as many?"
        )
    counts = [record.sum(0)[0].int().tolist() for record in records]
    if counts[0] != counts[1]:
        raise Mistake(
            f"Your records have the counts {counts[0]} and {counts[1]}; expected the same count "
            "for each class. If the counts differ, what would a difference of the losses show?"
        )
    target = torch.tensor([0])
    per_step = [SF.ce_rate_loss()(record, target).item() for record in records]
    per_count = SF.ce_count_loss()(one, target).item()
    if not is_near(*per_step):
        return (
            f"The counts are {counts[0]} in both, so a loss of the count says {show(per_count)} to "
            f"both. `ce_rate_loss` says {show(per_step[0])} and {show(per_step[1])}: it is no "
            "function of the count. You have refuted a published sentence with one example."
        )
    if torch.equal(one, two):
        question = "They are one record, twice. Which spikes can move without a change of count?"
    elif sorted(one[:, 0].tolist()) == sorted(two[:, 0].tolist()):
        question = (
            "They hold the same steps in another order, and a mean does not care for the order. "
            "What if two neurons share a step in one record, and do not in the other?"
        )
    else:
        question = "What does the loss of one step depend on?"
    raise Mistake(
        f"`ce_rate_loss` is {show(per_step[0])} for both records; expected two values. {question}"
    )


def _pair(answer: Any) -> tuple[Any, Any]:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Mistake(f"Two records are asked for; you gave {describe(answer)}.")
    return tuple(answer)


def _record(value: Any, number: int) -> Tensor:
    if not isinstance(value, Tensor):
        raise Mistake(f"Record {number} is {describe(value)}; expected a tensor [T, 1, C].")
    shape = list(value.shape)
    if value.ndim != 3 or shape[1] != 1 or shape[2] < 2 or shape[0] < 1:
        raise Mistake(
            f"Record {number} has the shape {shape}; expected [T, 1, C]: some steps, one sample, "
            "at least two classes. Is the batch axis there, in the middle?"
        )
    value = value.detach().double()
    odd = value[(value != 0) & (value != 1)]
    if len(odd):
        question = (
            "Can a neuron fire twice in a step?"
            if odd[0] > 1
            else "Is there anything between a spike and none?"
        )
        raise Mistake(f"Record {number} holds {show(odd[0].item())}; expected 0 and 1. {question}")
    return value


# What the first update does


@cache
def _moved() -> tuple[float, float, float]:
    """The largest gradient in the first layer, and the largest moves by SGD and by Adam.

    The updates are written out. torch's optimizers do the same, but take seconds to be imported.
    """
    images, targets = printed_digits()
    net = fresh()
    spk_rec, _ = simulation.forward_pass(net, 20, images)
    SF.ce_rate_loss()(spk_rec, targets).backward()
    weight, gradient = net[0].weight.detach(), net[0].weight.grad
    after_sgd = weight - 0.01 * gradient
    after_adam = weight - 0.01 * gradient / (gradient.square().sqrt() + 1e-8)  # at the first step
    moves = ((after - weight).abs().max().item() for after in (after_sgd, after_adam))
    return gradient.abs().max().item(), *moves


@judge
def first_update(answer: str) -> str:
    gradient, sgd, adam = _moved()
    if gradient == 0:
        key = "b"
    elif sgd < 1e-9:
        key = "c" if adam > 1e-3 else "b"
    else:
        key = "a" if adam > 0.5 * sgd else "d"
    facts = (
        f"Measured on printed digits: the largest gradient in the first layer is {gradient:.0e}; "
        f"the largest move of a weight is {show(sgd)} with SGD and {show(adam)} with Adam"
    )
    if answer == key:
        return (
            f"{facts}. A weight near 0.1 does not even notice a step of {0.01 * gradient:.0e}: "
            "single precision has no number so near. Adam takes the size of the gradient out, but "
            "for the 1e-8 that guards its division."
        )
    questions = {
        "a": "By what does SGD multiply the learning rate?",
        "b": "The gradient is tiny, but is it zero?",
        "c": "Which optimizer divides by the size of the gradient?",
        "d": "What does a division by a number far below 1 do?",
    }
    raise Mistake(f"{facts}. {questions[answer]}")


# Whom a loss on the count pulls up


@cache
def _pulls() -> list[float]:
    """The slope of mse_count_loss along one more spike of each neuron, at silence; target 3."""
    record = torch.zeros(50, 1, 10, requires_grad=True)
    SF.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)(record, torch.tensor([3])).backward()
    return record.grad[0, 0].tolist()


@judge
def who_is_pulled(answer: str) -> str:
    slopes = _pulls()
    up = [neuron for neuron, slope in enumerate(slopes) if slope < 0]
    keys = {1: "a", 10: "b", 0: "c", 9: "d"}
    target, other = slopes[3], slopes[0]
    facts = (
        f"At silence the slope of the loss along one more spike is {show(target)} if it is the "
        f"target's, and {show(other)} if it is another's"
    )
    if answer == keys[len(up)]:
        return (
            f"{facts}: all {len(up)} are pulled up, since 0 is below 10 of 50, too. This loss "
            "wakes neurons that a cross entropy would push further down, and asks them to stay "
            "awake."
        )
    questions = {
        "a": "How many of its 50 steps shall a wrong neuron fire, at a rate of 0.2?",
        "b": "Which counts does the loss want?",
        "c": "This is the slope along a spike: is a silent neuron where the loss wants it?",
        "d": "Is a count of 0 above or below the 10 that are wanted from a wrong neuron?",
    }
    raise Mistake(f"{facts}. {questions[answer]}")


# A start from which plain gradient descent learns

ITERATIONS, SGD_STEPS, RATE = 15, 10, 0.1


@judge
def sgd_learns(answer: Any) -> str:
    slope, gain = _recipe(answer)
    losses, decided, hits = _descend(slope, gain)
    end, hit = sum(losses[-3:]) / 3, sum(hits[-3:]) / 3
    said = f"With slope {show(slope)} and gain {show(gain)}"
    curve = f"the loss goes from {losses[0]:.3f} to {end:.3f} in {ITERATIONS} updates"
    if end < math.log(10) - 0.1 and hit >= 0.3:
        return (
            f"{said}, {curve} of plain SGD, and {hit:.0%} of the answers are right; chance is 10%. "
            "A good start does the work that Adam did. Now try it on the digits of this notebook."
        )
    if max(decided) == 0 and abs(losses[0] - math.log(10)) < 1e-4:
        raise Mistake(
            f"{said}, the output is silent in all {ITERATIONS} updates: the loss stays at "
            f"{end:.3f}; expected below {math.log(10) - 0.1:.1f}. Whatever the slope, what is the "
            "gradient of a weight whose input never spikes?"
        )
    if abs(losses[0] - math.log(10)) < 0.01:
        raise Mistake(
            f"{said}, the output is silent at first, or nearly so: {curve}, with {hit:.0%} right; "
            f"expected below {math.log(10) - 0.1:.1f} and at least 30%. Would it learn sooner if "
            "it spoke from the start?"
        )
    if sum(decided[:3]) / 3 < 0.3:
        raise Mistake(
            f"{said}, the outputs fire, but only {decided[0]:.0%} of the first images have one "
            f"class ahead; {curve}. Do many neurons fire at every step, so that nothing is said?"
        )
    share = surrogate.fast_sigmoid(slope).derivative(torch.tensor(0.5)).item()
    raise Mistake(
        f"{said}, the outputs speak from the start, but {curve}, with {hit:.0%} right; expected "
        f"below {math.log(10) - 0.1:.1f} and at least 30%. A neuron half a threshold away passes "
        f"on {share:.2g} of its error, and there are three layers: is the surrogate wide enough?"
    )


def _recipe(answer: Any) -> tuple[float, float]:
    if not isinstance(answer, Mapping) or not {"slope", "gain"} <= answer.keys():
        keys = f" with the keys {', '.join(map(repr, answer))}" if isinstance(answer, dict) else ""
        raise Mistake(
            f"A dictionary with the keys 'slope' and 'gain' is asked for; you gave "
            f"{describe(answer)}{keys}."
        )
    values = tuple(as_number(answer[name], f"The {name}") for name in ("slope", "gain"))
    for name, value in zip(("slope", "gain"), values, strict=True):
        if value <= 0:
            raise Mistake(
                f"The {name} is {show(value)}; expected a number above 0. "
                + (
                    "What would a negative one do to the sign of the gradient?"
                    if name == "slope"
                    else "What is left of the network if its weights are wiped out or turned round?"
                )
            )
    return values


@cache
def _descend(slope: float, gain: float) -> tuple[list[float], list[float], list[float]]:
    """Train on printed digits; return loss, decision rate and share of right answers by update."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = networks.conv_net(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope))
        scale(net, gain)
        losses, decided, hits = [], [], []
        for update in range(ITERATIONS):
            images, targets = printed_digits(2, seed=update)
            spk_rec, _ = simulation.forward_pass(net, SGD_STEPS, images)
            loss = SF.ce_rate_loss()(spk_rec, targets)
            net.zero_grad()
            loss.backward()
            with torch.no_grad():  # torch.optim.SGD does the same, but takes seconds to be imported
                for p in net.parameters():
                    p -= RATE * p.grad
            losses.append(loss.item())
            decided.append(SF.decision_rate(spk_rec))
            hits.append((SF.predict_rate(spk_rec) == targets).float().mean().item())
    return losses, decided, hits
