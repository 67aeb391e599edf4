"""The course's network, 12C5-MP2-64C5-MP2-1024FC10, ready-made for the later notebooks."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from .neurons import Leaky, ResetMechanism, SpikeFunction

__all__ = ["conv_net"]


def conv_net(
    beta: float | Tensor = 0.5,
    spike_grad: SpikeFunction | None = None,
    *,
    threshold: float | Tensor = 1.0,
    reset_mechanism: ResetMechanism = "subtract",
    detach_reset: bool = True,
) -> nn.Sequential:
    """Build 12C5-MP2-64C5-MP2-1024FC10 with hidden states; 29,826 parameters.

    Takes images ``[B, 1, 28, 28]``; each call is one time step and returns ``(spk, mem)`` of shape
    ``[B, 10]``. As in tutorial 6, pooling acts on the currents, before the neurons.

    Args:
        beta, spike_grad, threshold, reset_mechanism, detach_reset: for every layer of neurons; see
            :class:`tutorial_lib.Leaky`.

    Returns:
        The network. Its weights are drawn from torch's global generator.
    """
    options = {"reset_mechanism": reset_mechanism, "detach_reset": detach_reset}
    neurons = partial(Leaky, beta, threshold, spike_grad, init_hidden=True, **options)
    first, second, last = neurons(), neurons(), neurons(output=True)  # before weights are drawn
    return nn.Sequential(
        nn.Conv2d(1, 12, 5),
        nn.MaxPool2d(2),
        first,
        nn.Conv2d(12, 64, 5),
        nn.MaxPool2d(2),
        second,
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 10),
        last,
    )
