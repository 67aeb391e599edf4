"""A start from which plain gradient descent learns."""

import math
from functools import cache
from typing import Any

import torch

from tutorial_lib import functional as SF
from tutorial_lib import networks, simulation, surrogate

from ...material import printed_digits, scale
from ..exercise import Exercise, Wrong
from ..values import as_number, entries, show

exercise = Exercise(__name__,
    "Find a slope and a scale of the first weights from which plain SGD learns.",
    shows="Separate the two causes that keep SGD from learning, and remove both.", kind="open")

solved_recipe = exercise.reference({"slope": 1.0, "gain": 4.0})

UPDATES, STEPS, RATE = 15, 10, 0.1
LOSS, SHARE = 2.2, 0.3


@exercise.judge
def judge(answer: Any) -> str:
    slope, gain = recipe(answer)
    losses, decided, hits, fed = descend(slope, gain)
    end, hit = sum(losses[-3:]) / 3, sum(hits[-3:]) / 3
    said = (f"With slope {show(slope)} and gain {show(gain)}, the loss goes from {losses[0]:.3f} "
        f"to {end:.3f} in {UPDATES} updates of plain SGD")
    if end < LOSS and hit >= SHARE:
        return (f"{said}, and {hit:.0%} of the answers are right; chance is 10%. A good start does "
            "the work that Adam did.")
    missed = [f"the loss is {end:.3f} (expected below {LOSS})"] if end >= LOSS else []
    if hit < SHARE:
        missed += [
            f"{hit:.0%} are right (expected at least {SHARE:.0%}; undecided is not right)"]
    raise Wrong(f"{said}. At the end {' and '.join(missed)}.",
        question(slope, gain, losses, decided, fed))


def question(
    slope: float, gain: float, losses: list[float], decided: list[float], fed: int
) -> str:
    from_silence = abs(losses[0] - math.log(10))
    if not fed:
        return ("Layer 2 never fires, so the weights behind it have the gradient 0, whatever the "
            "slope. Which of your two numbers makes it fire?")
    if max(decided) == 0 and from_silence < 1e-4:
        return (f"The output is silent in all {UPDATES} updates; layer 2 fires in {fed} of them. "
            "What helps: a larger gain, or a surrogate that passes more?")
    if from_silence < 0.01:
        return ("The output is silent at first, or nearly so. Would it learn sooner if it spoke "
            "from the start?")
    if sum(decided[:3]) / 3 < 0.3:
        return (f"The outputs fire, but only {decided[0]:.0%} of the first images have one class "
            "ahead. Do many neurons fire at every step, so that nothing is said?")
    more = ", and is the gain right for it" * (not 3 <= abs(gain) <= 6)
    passed = surrogate.fast_sigmoid(slope).derivative(torch.tensor(0.5)).item()
    return ("The outputs speak from the start. A neuron half a threshold away passes on "
        f"{passed:.2g} of its error, and there are three layers: is the surrogate wide "
        f"enough{more}?")


def recipe(answer: Any) -> tuple[float, float]:
    given = entries(answer, "slope", "gain")
    slope, gain = (as_number(given[name], f"The {name}") for name in ("slope", "gain"))
    if slope <= 0:
        raise Wrong(f"The slope is {show(slope)}; expected a number above 0.",
            "At a negative slope k, for which |u| does 1/(1+k|u|)² divide by 0?"
            if slope < 0
            else "At a slope of 0 a neuron passes on the whole error, however far it is from its "
            "threshold. Is that still the surrogate of a spike?")
    return slope, gain


@cache
def descend(slope: float, gain: float) -> tuple[list[float], list[float], list[float], int]:
    """Trains on printed digits; returns loss, decision rate and share of right answers.

    And in how many of the updates layer 2 fires.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = networks.conv_net(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope))
        scale(net, gain)
        losses, decided, hits, fed = [], [], [], 0
        for update in range(UPDATES):
            images, targets = printed_digits(2, seed=update)
            spk_rec, _ = simulation.forward_pass(net, STEPS, images)
            loss = SF.ce_rate_loss()(spk_rec, targets)
            net.zero_grad()
            loss.backward()
            fed += int(net[-2].weight.grad.any())  # exactly 0 where no spike comes in
            with torch.no_grad():  # torch.optim.SGD does the same, but takes seconds to be imported
                for p in net.parameters():
                    p -= RATE * p.grad
            losses.append(loss.item())
            decided.append(float(SF.decision_rate(spk_rec)))
            hits.append((SF.predict_rate(spk_rec) == targets).float().mean().item())
    return losses, decided, hits, fed


exercise.right("half a slope", {"slope": 0.5, "gain": 4})
exercise.right("weights drawn evenly around 0, turned round", {"slope": 1, "gain": -4})
exercise.right("a tensor, and more gain", {"gain": torch.tensor(5.0), "slope": 1})

exercise.wrong("The start is good.", {"slope": 25, "gain": 1}, told="Layer 2 never fires")
exercise.wrong("The gradient is all that is missing.", {"slope": 1, "gain": 1},
    told="the weights behind it have the gradient 0")
exercise.wrong("Spikes of layer 2 are enough.", {"slope": 1, "gain": 2},
    told="layer 2 fires in 15 of them")
exercise.wrong("One spike is as good as many.", {"slope": 25, "gain": 2.5},
    told="if it spoke from the start")
exercise.wrong("Spikes are all that is missing.", {"slope": 25, "gain": 4},
    told="is the surrogate wide enough")
exercise.wrong("More gain is always better.", {"slope": 1, "gain": 10},
    told="undecided is not right")
exercise.wrong("A slope may fall.", {"slope": -1, "gain": 4}, told="divide by 0")
exercise.wrong("Wide means flat.", {"slope": 0, "gain": 4}, told="At a slope of 0")
