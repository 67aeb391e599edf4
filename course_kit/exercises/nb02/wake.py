"""Weights with which an untrained network speaks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib.neurons import Leaky

from ...material import fresh, printed_digits
from ..exercise import Exercise, Wrong, edit
from ..values import describe, show
from ._networks import LAYERS, layers_of

exercise = Exercise(__name__,
    "Make the silent network speak at iteration 0, with its neurons as they are.",
    shows="Choose an initialization by looking at the spikes of each layer.", kind="open")


@exercise.reference
def solved_wake(net):
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(4)


STEPS, COPIES = 20, 3


@exercise.judge
def judge(wake: Callable[[nn.Sequential], Any]) -> str:
    if not callable(wake):
        raise Wrong(f"A function of the network is asked for; you gave {describe(wake)}.")
    for seed in range(3):
        net = fresh(seed)
        before = [p.detach().clone() for p in net.parameters()]
        torch.manual_seed(100 + seed)  # whatever the answer draws, it draws again at each check
        given = wake(net)
        net = given if isinstance(given, nn.Module) else net
        expect_same_neurons(net)
        record = layers_of(net, STEPS, printed_digits(COPIES)[0])
        changed = [not torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True)]
        expect_speech(record, changed, seed)
    rates = ", ".join(f"{spikes.mean().item():.0%}" for spikes in record)
    return (f"All layers speak before the first update, at rates of {rates}, and what they say "
        "depends on the image. The next notebook asks if such a start learns without Adam.")


def expect_same_neurons(net: nn.Module) -> None:
    layers = [module for module in net.modules() if isinstance(module, Leaky)]
    total = sum(p.numel() for p in net.parameters())
    if len(layers) != 3 or total != 29_826:
        raise Wrong(f"Your network has {len(layers)} layers of neurons and {total:,} parameters; "
            "expected the 3 and 29,826 that it came with. Can you change values only?")
    for name, wanted in (("threshold", 1.0), ("beta", 0.5)):
        for found in [getattr(layer, name) for layer in layers]:
            if not (found == wanted).all():
                raise Wrong(f"A layer has {name} = {show(found.max().item())} now; expected "
                    f"{wanted}. The neurons should stay as they are: what else decides whether a "
                    "current suffices?")
    if not all(p.isfinite().all() for p in net.parameters()):
        raise Wrong("A weight or bias is NaN or infinite now. By what did you divide or multiply?")


def expect_speech(record: list[Tensor], changed: list[bool], seed: int) -> None:
    """Complains about all that is missing, with its numbers, and asks about the first of it."""
    if not any(changed):
        raise Wrong("No weight and no bias has changed. `p = p * 4` makes a new tensor: did you "
            "write into the parameters, in place?")
    rates = [spikes.mean().item() for spikes in record]
    counts, digits = record[-1].sum(0), 10 * COPIES
    different, decided = len(counts.unique(dim=0)), SF.decision_rate(record[-1])
    failed = [
        f"rate of {name} {rate:.2%} (expected at least 0.5%)"
        for name, rate in zip(LAYERS, rates, strict=True)
        if rate < 0.005]
    if different < 10:
        failed.append(f"different rows of counts {different} (expected at least 10)")
    if decided < 0.3:
        failed.append(f"digits with one class ahead {decided:.0%} (expected at least 30%)")
    if failed:
        silent, full = int((counts.sum(1) == 0).sum()), int((counts == STEPS).sum(1).ge(2).sum())
        raise Wrong(f"With seed {seed}, {digits} printed digits and {STEPS} steps, this falls "
            f"short: {'; '.join(failed)}. {question(min(rates) < 0.005, changed, silent, full)}")


def question(quiet: bool, changed: list[bool], silent: int, full: int) -> str:
    left = [LAYERS[n] for n in range(3) if not any(changed[2 * n : 2 * n + 2])]
    if quiet:
        unchanged = f"The parameters of {' and '.join(left)} are as before. " if left else ""
        return f"{unchanged}Is the current large enough to reach the threshold in each layer?"
    if not any(changed[::2]):
        return "Only biases have changed: do the neurons fire because of the image, or of a bias?"
    if full:
        return (f"For {full} of the digits, two or more outputs fire at all {STEPS} steps: how "
            "could one be ahead? Are your parameters too large?")
    return f"For {silent} of the digits the output is silent. Are all currents large enough?"


exercise.right("weights only", edit("net.parameters()", "[net[n].weight for n in (0, 3, 7)]"))
exercise.right("a bit less", edit("p.mul_(4)", "p.mul_(3.5)"))
exercise.right("not in place, but written", edit("p.mul_(4)", "p.copy_(p * 4)"))
exercise.right("returned", edit("p.mul_(4)", "p.mul_(4)\n    return net"))


def on(places: tuple[int, ...], change: Callable[[nn.Module], Any]) -> Callable:
    """The answer that changes some layers of the network in place."""

    @torch.no_grad()
    def answer(net: nn.Sequential) -> None:
        for place in places:
            change(net[place])

    return answer


WEIGHTS = 0, 3, 7

exercise.right("bias", on(WEIGHTS, lambda layer: layer.bias.add_(0.6)))
exercise.right("He", on(WEIGHTS, lambda layer: nn.init.kaiming_normal_(layer.weight)))

exercise.wrong("Autograd may watch.", edit("with torch.no_grad()", "if True"), told="torch.no_grad")
exercise.wrong("p = p * 4 changes p.", edit("p.mul_(4)", "p = p * 4"), told="makes a new tensor")
exercise.wrong("A bit more will do.", edit("mul_(4)", "mul_(1.5)"), told="large enough to reach")
exercise.wrong("More is better.", edit("mul_(4)", "mul_(1000)"),
    told="Are your parameters too large")
exercise.wrong("The silent layer is the faulty one.",
    edit("net.parameters()", "net[7].parameters()", "mul_(4)", "mul_(100)"),
    told="The parameters of layer 1 and layer 2 are as before")
exercise.wrong("A spike is a spike.", on(WEIGHTS, lambda layer: layer.bias.add_(3)),
    told="Only biases have changed")
exercise.wrong("A norm is never 0.", edit("p.mul_(4)", "p.div_(0 * p)"), told="NaN or infin")
exercise.wrong("Thresholds may be lower.", on((2, 5, 8), lambda lif: lif.threshold.fill_(0.2)),
    told="threshold = 0.2 now")
