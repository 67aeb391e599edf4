"""Ways to turn an image into spikes over time: rate and latency coding."""

from __future__ import annotations

import torch
from torch import Tensor

from . import _checks, _snntorch

__all__ = ["latency_encode", "rate_conv", "rate_encode"]


def rate_encode(images: Tensor, num_steps: int, generator: torch.Generator | None = None) -> Tensor:
    r"""Rate coding: at each step a pixel spikes with the probability of its brightness.

    .. math:: S[t] \sim \mathrm{Bernoulli}(x), \quad \text{independently at each step}

    The mean over time tends to the image as ``num_steps`` grows. No gradient flows to the image.

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), section on input encoding.

    Args:
        images: brightness in [0, 1], shape ``[B, ...]``, floating point.
        num_steps: number of time steps T, 1 or more.
        generator: source of the randomness, on the images' device; ``None`` means torch's global
            one.

    Returns:
        Spikes 0 or 1, shape ``[T, B, ...]``, dtype and device of ``images``.

    Raises:
        TypeError: for images that are no floating-point tensor, or a ``num_steps`` that is no
            integer.
        ValueError: for images that are empty or leave [0, 1], a ``num_steps`` below 1, or a
            generator on another device.
    """
    _checks.images("images", images)
    _check_generator("images", images, generator)
    num_steps = _checks.at_least_one("num_steps", num_steps)
    return torch.bernoulli(images.detach().expand(num_steps, *images.shape), generator=generator)


def rate_conv(data: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Rate coding of data that has its time steps already: each value is a spike's probability.

    Args:
        data: probabilities in [0, 1], shape ``[T, B, ...]``, floating point. (snnTorch clips what
            lies outside.)
        generator: as for :func:`rate_encode`.

    Returns:
        Spikes 0 or 1, shape, dtype and device of ``data``.

    Raises:
        TypeError, ValueError: as :func:`rate_encode`.
    """
    _checks.images("data", data)
    _check_generator("data", data, generator)
    return torch.bernoulli(data.detach(), generator=generator)


def latency_encode(images: Tensor, num_steps: int, threshold: float = 0.01) -> Tensor:
    r"""Latency coding: each pixel spikes at most once, the brighter the earlier.

    A pixel of brightness :math:`x \ge` ``threshold`` spikes at step

    .. math:: t = \mathrm{round}\big((1 - x)\,(T - 1)\big)

    so a white one at step 0 and a nearly black one at the last. Darker pixels stay silent. This is
    the linear code; with an RC circuit's charging time instead of :math:`1 - x` it would be
    logarithmic. No gradient flows to the image.

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), section on input encoding.

    Args:
        images: brightness in [0, 1], shape ``[B, ...]``, floating point.
        num_steps: number of time steps T, 1 or more.
        threshold: brightness in [0, 1] below which a pixel never spikes. With 0 even black
            pixels spike.

    Returns:
        Spikes 0 or 1, shape ``[T, B, ...]``, dtype and device of ``images``.

    Raises:
        TypeError, ValueError: as :func:`rate_encode`, and for a ``threshold`` that is no number or
            outside [0, 1].
    """
    _checks.images("images", images)
    num_steps = _checks.at_least_one("num_steps", num_steps)
    threshold = _checks.fraction("threshold", threshold)
    images = images.detach()
    step = torch.round((1 - images.float()) * (num_steps - 1)).long()
    fires = (images >= threshold).to(images.dtype)
    spikes = images.new_zeros(num_steps, *images.shape)
    return spikes.scatter_(0, step.unsqueeze(0), fires.unsqueeze(0))


def _check_generator(name: str, values: Tensor, generator: torch.Generator | None) -> None:
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator must be a torch.Generator or None, got {generator!r}. "
            "torch.Generator().manual_seed(0) makes one."
        )
    if generator is not None and generator.device.type != values.device.type:
        raise ValueError(
            f"generator is on {generator.device}, {name} on {values.device}. Make one with "
            f"torch.Generator(device={values.device.type!r})."
        )


def __getattr__(name: str) -> object:
    raise _snntorch.missing("spikegen", name, __name__)
