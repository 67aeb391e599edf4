"""What notebooks and exercises work on: printed digits, early networks, networks to tell apart."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib import networks, surrogate
from tutorial_lib.neurons import Leaky
from tutorial_lib.simulation import forward_pass

__all__ = [
    "LOSSES",
    "early_network",
    "fresh",
    "mystery_records",
    "printed_digits",
    "scale",
    "with_a_fault",
]

EARLY = Path(__file__).with_name("early_networks.pt")
_FONT = (  # the digits 0 to 9 side by side, 7 rows of 5 pixels each
    "01110 00100 01110 11111 00010 11111 00110 11111 01110 01110",
    "10001 01100 10001 00010 00110 10000 01000 00001 10001 10001",
    "10011 00100 00001 00100 01010 11110 10000 00010 10001 10001",
    "10101 00100 00010 00010 10010 00001 11110 00100 01110 01111",
    "11001 00100 00100 00001 11111 00001 10001 01000 10001 00001",
    "10001 00100 01000 10001 00010 10001 10001 01000 10001 00010",
    "01110 01110 11111 01110 00010 01110 01110 01000 01110 01100",
)


def printed_digits(copies: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Print the ten digits, each shifted by up to two pixels and of a brightness of its own.

    A stand-in for handwriting in checks, which must be quick and find the same images everywhere.

    Args:
        copies: how many of each digit.
        seed: for shifts and brightness.

    Returns:
        Images ``[10 * copies, 1, 28, 28]`` between 0 and 1, in the order 0 to 9 again and again,
        and their labels.
    """
    rows = [[[float(bit) for bit in glyph] for glyph in row.split()] for row in _FONT]
    glyphs = torch.tensor(rows, dtype=torch.float64).movedim(0, 1).unsqueeze(1)  # [10, 1, 7, 5]
    large = F.interpolate(glyphs, size=(21, 15), mode="bilinear", align_corners=False)
    images = F.pad(large, (6, 7, 3, 4)).repeat(copies, 1, 1, 1)
    generator = torch.Generator().manual_seed(seed)
    shifts = torch.randint(-2, 3, (len(images), 2), generator=generator).tolist()
    moved = [torch.roll(image, shift, (1, 2)) for image, shift in zip(images, shifts, strict=True)]
    brightness = 0.7 + 0.3 * torch.rand(len(images), 1, 1, 1, generator=generator)
    return (torch.stack(moved) * brightness).float(), torch.arange(10).repeat(copies)


def fresh(seed: int = 0, threshold: float = 1.0) -> nn.Sequential:
    """Returns the course's network of this seed, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        spike_grad = surrogate.fast_sigmoid(slope=25)
        return networks.conv_net(beta=0.5, spike_grad=spike_grad, threshold=threshold)


def early_network(source: Literal["mnist", "digits"]) -> nn.Sequential:
    """Returns the course's network early in its training, which still makes mistakes.

    The command ``python -m tools.early_networks`` trained it by the recipe of tutorial 6,
    for 100 updates on MNIST or for 40 on the embedded digits.

    Args:
        source: on which of the two.

    Raises:
        ValueError: for another source.
    """
    states = torch.load(EARLY, weights_only=True)
    if source not in states:
        raise ValueError(f'source must be "mnist" or "digits", got {source!r}.')
    net = fresh()
    net.load_state_dict(states[source])
    return net


def scale(net: nn.Module, gain: float) -> nn.Module:
    """Multiplies all weights and biases, in place."""
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(gain)
    return net


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ce_rate_loss": SF.ce_rate_loss(),
    "ce_max_membrane_loss": SF.ce_max_membrane_loss(),
    "mse_count_loss": SF.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2),
}
_ORDER = {"P": "mse_count_loss", "Q": "ce_rate_loss", "R": "ce_max_membrane_loss"}


@cache
def mystery_networks() -> dict[str, tuple[str, Tensor, Tensor]]:
    """Train three small networks alike but for the loss.

    Returns:
        By letter: the name of the loss, output spikes ``[20, 20, 10]`` of printed digits that were
        not trained on, and their labels.
    """
    return {letter: (name, *_trained_with(name)) for letter, name in _ORDER.items()}


def mystery_records() -> tuple[dict[str, Tensor], Tensor]:
    """Give the output spikes of three networks, each trained with another of :data:`LOSSES`.

    The networks are one layer from 14 by 14 pixels to ten neurons, run for 20 steps.

    Returns:
        Spikes ``[T, B, 10]`` by the letters P, Q and R, and the labels ``[B]``.
    """
    nets = mystery_networks()
    return {letter: spikes.clone() for letter, (_, spikes, _) in nets.items()}, nets["P"][2]


def _trained_with(name: str, num_steps: int = 20, iterations: int = 60) -> tuple[Tensor, Tensor]:
    # In double precision, another processor's rounding changes few spikes.
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(196, 10, dtype=torch.float64),
            Leaky(0.5, spike_grad=surrogate.fast_sigmoid(5), init_hidden=True, output=True),
        ).double()
        nn.init.constant_(net[2].bias, 0.6)
        adam = _Adam(list(net.parameters()), rate=0.03)
        for iteration in range(iterations):
            images, targets = printed_digits(2, seed=iteration)
            spk_rec, mem_rec = forward_pass(net, num_steps, images.double())
            loss = LOSSES[name](mem_rec if "membrane" in name else spk_rec, targets)
            adam.step(torch.autograd.grad(loss, adam.weights))
        images, targets = printed_digits(2, seed=iterations)
        with torch.no_grad():
            return forward_pass(net, num_steps, images.double())[0].float(), targets


def with_a_fault(net: nn.Sequential) -> nn.Sequential:
    """Copy a trained network and make one of its layers of neurons faulty. Which one, rasters show.

    Args:
        net: a network that ends in a layer of neurons. It is left as it is.
    """
    faulty = copy.deepcopy(net)
    faulty[-1].threshold.mul_(100)
    return faulty


class _Adam:
    """Adam with the usual constants. torch's own does the same, but takes seconds to be imported.

    Source: Kingma & Ba (2015), algorithm 1.
    """

    def __init__(self, weights: list[Tensor], rate: float) -> None:
        self.weights, self.rate, self.steps = weights, rate, 0
        self.moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]

    @torch.no_grad()
    def step(self, grads: Sequence[Tensor]) -> None:
        self.steps += 1
        for weight, grad, (mean, square) in zip(self.weights, grads, self.moments, strict=True):
            mean.lerp_(grad, 0.1)
            square.lerp_(grad.square(), 0.001)
            scale = (square / (1 - 0.999**self.steps)).sqrt() + 1e-8
            weight -= self.rate * mean / (1 - 0.9**self.steps) / scale
