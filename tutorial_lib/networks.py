"""The course's network, 12C5-MP2-64C5-MP2-1024FC10, ready-made for the later notebooks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from . import _checks, surrogate
from .neurons import Leaky, ResetMechanism, SpikeFunction

__all__ = ["PRETRAINED_STEPS", "conv_net", "pretrained"]

PRETRAINED = Path(__file__).with_name("pretrained.pt")
PRETRAINED_STEPS = 6
"""Number of time steps T that :func:`pretrained` was trained for."""


def conv_net(
    beta: float | Tensor = 0.5,
    spike_grad: SpikeFunction | None = None,
    *,
    threshold: float | Tensor = 1.0,
    reset_mechanism: ResetMechanism = "subtract",
    detach_reset: bool = True,
    input_shape: tuple[int, int, int] = (1, 28, 28),
    num_classes: int = 10,
) -> nn.Sequential:
    """Build 12C5-MP2-64C5-MP2-1024FC10 with hidden states; 29,826 parameters.

    Takes images ``[B, 1, 28, 28]``; each call is one time step and returns ``(spk, mem)`` of shape
    ``[B, 10]``. As in tutorial 6, pooling acts on the currents, before the neurons. For images of
    another shape or other classes, the first and the last layer of weights change their size.

    Args:
        beta, spike_grad, threshold, reset_mechanism, detach_reset: for every layer of neurons; see
            :class:`tutorial_lib.Leaky`.
        input_shape: channels, height and width of an image, ``(C, H, W)``.
        num_classes: number of output neurons.

    Returns:
        The network. Its weights are drawn from torch's global generator.

    Raises:
        TypeError: if ``input_shape`` is no tuple of three whole numbers, or ``num_classes`` none.
        ValueError: if an image is smaller than 16 pixels, of which the second pooling leaves one.
    """
    channels, height, width = _checked_shape(input_shape)
    num_classes = _checks.at_least_one("num_classes", num_classes)
    options = {"reset_mechanism": reset_mechanism, "detach_reset": detach_reset}
    neurons = partial(Leaky, beta, threshold, spike_grad, init_hidden=True, **options)
    first, second, last = neurons(), neurons(), neurons(output=True)  # before weights are drawn
    return nn.Sequential(
        nn.Conv2d(channels, 12, 5),
        nn.MaxPool2d(2),
        first,
        nn.Conv2d(12, 64, 5),
        nn.MaxPool2d(2),
        second,
        nn.Flatten(),
        nn.Linear(64 * _pooled(height) * _pooled(width), num_classes),
        last,
    )


def pretrained() -> nn.Sequential:
    """The course's network, trained on MNIST by the course's recipe, as it ships with the library.

    It is the run in the middle of those in ``results/accuracy.md``, which says how it was trained
    and how often it is right. Run it for :data:`PRETRAINED_STEPS` steps on images as
    :func:`tutorial_lib.data.load` gives them: one white digit on black, 28 by 28, grey levels from
    0 to 1. It knows nothing else: shown a letter or noise, it still answers with a digit.

    Returns:
        A new network; train it further as you like. What is loaded are tensors only, no code.
    """
    net = conv_net(0.5, surrogate.fast_sigmoid(5.0))
    net.load_state_dict(torch.load(PRETRAINED, weights_only=True))
    return net


SMALLEST = 16  # pixels, of which two convolutions and two poolings leave one


def _checked_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    if not isinstance(shape, tuple) or len(shape) != 3:
        raise TypeError(f"input_shape must be a tuple (channels, height, width), got {shape!r}.")
    for name, size in zip(("number of channels", "height", "width"), shape, strict=True):
        _checks.at_least_one(f"The {name} in input_shape", size)
    if min(shape[1:]) < SMALLEST:
        raise ValueError(
            f"input_shape must have a height and a width of at least {SMALLEST} pixels, got "
            f"{shape}. Enlarge the images with torch.nn.functional.interpolate."
        )
    return shape


def _pooled(side: int) -> int:
    """What is left of a side after two convolutions and two poolings."""
    return ((side - 4) // 2 - 4) // 2
