"""Small helpers for networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn

from . import _checks, _snntorch

__all__ = ["detach", "device_of", "mode", "reset"]


def check_module(net: nn.Module) -> nn.Module:
    """Return ``net`` if it is a module. Raises TypeError otherwise."""
    if not isinstance(net, nn.Module):
        got = f"the class {net.__name__} itself" if isinstance(net, type) else type(net).__name__
        raise TypeError(f"net must be an nn.Module, got {got}.")
    return net


def reset(net: nn.Module) -> None:
    """Forget the hidden state of every stateful layer of ``net``, however deeply nested.

    A layer is stateful if it has a ``reset_mem()`` method, as :class:`tutorial_lib.Leaky` has.
    Layers of other networks keep their state.

    Raises:
        TypeError: if ``net`` is not an ``nn.Module``.
        ValueError: if learning took a parameter of a layer out of its range; with the layer's name.
    """
    for name, module in check_module(net).named_modules():
        if callable(getattr(module, "reset_mem", None)):
            try:
                module.reset_mem()
            except ValueError as error:
                raise ValueError(f"Layer {name!r}: {error}" if name else str(error)) from error


def detach(net: nn.Module) -> None:
    """Keep the hidden state of every stateful layer of ``net``; cut the graph that led to it.

    For truncated backpropagation through time: after each ``backward()``, in place of a reset.

    Raises:
        TypeError: if ``net`` is not an ``nn.Module``.
    """
    for _, module in check_module(net).named_modules():
        if callable(getattr(module, "detach_mem", None)):
            module.detach_mem()


def device_of(net: nn.Module) -> torch.device:
    """Return the device of a network's first parameter or buffer; the CPU if it has none.

    Raises:
        TypeError: if ``net`` is not an ``nn.Module``.
        ValueError: if it is on the meta device, where tensors hold no numbers.
    """
    check_module(net)
    first = next(chain(net.parameters(), net.buffers()), None)
    device = torch.device("cpu") if first is None else first.device
    if device.type == "meta":
        raise ValueError(
            f"net, a {type(net).__name__}, is on the meta device, where tensors hold no numbers. "
            "Build it outside torch.device('meta')."
        )
    return device


@contextmanager
def mode(net: nn.Module, *, training: bool) -> Iterator[None]:
    """Put ``net`` into training or evaluation mode for a while; each layer's own mode comes back.

    Example::

        with utils.mode(net, training=False), torch.no_grad():
            spk_rec, mem_rec = forward_pass(net, num_steps, images)
    """
    _checks.flag("training", training)
    before = {module: module.training for module in check_module(net).modules()}
    net.train(training)
    try:
        yield
    finally:
        for module, was_training in before.items():
            module.training = was_training


def __getattr__(name: str) -> object:
    raise _snntorch.missing("utils", name, __name__)
