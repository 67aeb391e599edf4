"""A start at a wanted distance from threshold, layer by layer, from one batch."""

import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib import simulation
from tutorial_lib.initialization import silence_ledger

from ...material import fresh, printed_digits
from ..exercise import Exercise, Function, Wrong, edit
from ..nb02.wake import LAYERS, expect_same_neurons
from ..values import show

exercise = Exercise(__name__,
    "Scale the weights of each layer so that its xi has a given value on a batch.",
    shows="Write an initialiser that sets the distance to threshold layer by layer.",
    kind="function")


@exercise.reference
def solved_start(net, num_steps, images, xi):
    inputs = images.expand(num_steps, *images.shape)
    for first, last in ((0, 2), (3, 5), (6, 8)):
        weights, beta = net[first:last], net[last].beta
        with torch.no_grad():
            cur = torch.stack([weights(x) for x in inputs])
            mean = cur.mean(0) / (1 - beta)
            variance = cur.var(0, correction=0) / (1 - beta**2)
            spread = (variance.mean() + mean.var(correction=0)).sqrt()
            for p in weights.parameters():
                p.mul_(1 / (mean.mean() + xi * spread))
        inputs = simulation.record_spikes(net, num_steps, images)[str(last)]


STEPS = 20


@exercise.judge
def judge(start: Function) -> str:
    for seed, xi in ((0, 0.5), (1, 1.0)):
        net, (images, targets) = fresh(seed), printed_digits(2, seed)
        before = [p.detach().clone() for p in net.parameters()]
        given = start(net, STEPS, images, xi)
        net = given if isinstance(given, nn.Module) else net
        expect_same_neurons(net)
        ledger = silence_ledger(net, STEPS, images, targets, SF.ce_rate_loss())
        found = [row.xi for row in ledger.rows]
        if not all(abs(value - xi) < 0.02 for value in found):
            shown = ", ".join(
                f"{name} {show(value)}" for name, value in zip(LAYERS, found, strict=True))
            raise Wrong(f"With seed {seed}, 20 printed digits and {STEPS} steps, xi is: {shown}; "
                f"expected {show(xi)} in each.", question(net, before, found, xi))
        factors(net, before)
    rates = ", ".join(f"{row.measured:.0%}" for row in ledger.rows)
    return ("Two networks, each layer at the distance asked for. At xi = 1 the three layers fire "
        f"at {rates} before any training. The library's `scale_to_threshold` does the same.")


def factors(net: nn.Module, before: list[Tensor]) -> None:
    ratios = [p.detach() / old for p, old in zip(net.parameters(), before, strict=True)]
    for number, name in enumerate(LAYERS):
        layer = torch.cat([ratio.flatten() for ratio in ratios[2 * number : 2 * number + 2]])
        if layer.max() - layer.min() > 1e-3 * layer.abs().max():
            raise Wrong(f"Each xi is right, but the factors on the weights and biases of {name} go "
                f"from {show(layer.min().item())} to {show(layer.max().item())}; expected one "
                "factor for all of them.", "What multiplies both mean and spread of the current?")


def question(net: nn.Module, before: list[Tensor], found: list[float], xi: float) -> str:
    same = [torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True)]
    if all(same):
        return "No weight has changed. Did you multiply in place, with `p.mul_(...)`?"
    if all(same[1::2]) and not any(same[::2]):
        return "No bias has changed. Are the biases scaled as well?"
    if all(same[2:]):
        return "Only the first layer has changed. Is each of the three scaled?"
    if abs(found[0] - xi) < 0.02:
        return ("The first layer is right; its current does not change in time. Is the variance "
            "over time in sigma, over 1 - beta^2? And do the spikes come from the network with "
            "the earlier layers scaled already?")
    return ("Solve xi = (1 - g mu) / (g sigma) for the factor g. What belongs to mu, and what to "
        "sigma?")


exercise.right("in another mode",
    edit("        inputs = ", "        net.train(net.training)\n        inputs = "))


@exercise.right("by the library")
def by_the_library(net, num_steps, images, xi):
    from tutorial_lib.initialization import scale_to_threshold

    scale_to_threshold(net, num_steps, images, xi)
    return net


SCALE, EACH = "p.mul_(1 / (mean.mean() + xi * spread))", "weights.parameters()"

exercise.right("divided", edit(SCALE, "p.div_(mean.mean() + xi * spread)"))

exercise.wrong("p = p * g changes p.", edit(SCALE, "p = p / (mean.mean() + xi * spread)"),
    told="Did you multiply in place")
exercise.wrong("The mean decides.", edit("mean.mean() + xi * spread", "mean.mean()"),
    told="What belongs to mu, and what to sigma")
exercise.wrong("The spread decides.", edit("mean.mean() + xi * spread", "xi * spread"),
    told="What belongs to mu, and what to sigma")
exercise.wrong("A leak adds up nothing.", edit("cur.mean(0) / (1 - beta)", "cur.mean(0)"),
    told="What belongs to mu, and what to sigma")
exercise.wrong("Neurons do not differ.", edit(" + mean.var(correction=0)", ""),
    asks="The current into layer 1 does not change in time: whose spread is left?")
exercise.wrong("Only neurons differ.", edit("variance.mean() + ", ""),
    told="Is the variance over time in sigma")
exercise.wrong("A variance adds up as a mean does.", edit("(1 - beta**2)", "(1 - beta) ** 2"),
    told="over 1 - beta^2")
exercise.wrong("The spikes are those of the start.",
    edit("*images.shape)", "*images.shape)\n    record = simulation.record_spikes(net, "
         "num_steps, images)",
         "inputs = simulation.record_spikes(net, num_steps, images)[", "inputs = record["),
    told="with the earlier layers scaled already")
exercise.wrong("Weights alone make the current.", edit(EACH, f"list({EACH})[:1]"),
    told="Are the biases scaled as well")
exercise.wrong("A bias lifts the mean, and that is enough.",
    edit(EACH, f"list({EACH})[1:]", SCALE, "p.add_((1 - beta) * (1 - mean.mean() - xi * spread))"),
    asks="The biases have brought the mean to its distance. Is the spread any larger than before?")
exercise.wrong("A lower threshold is a larger weight.",
    edit(SCALE, "net[last].threshold.fill_(mean.mean() + xi * spread)"),
    told="A layer has threshold =")
exercise.wrong("The first layer wakes the others.", edit("((0, 2), (3, 5), (6, 8))", "((0, 2),)"),
    told="Is each of the three scaled")
