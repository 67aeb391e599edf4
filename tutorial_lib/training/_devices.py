"""Where a network is, and in which mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain

import torch
from torch import nn


def device_of(net: nn.Module) -> torch.device:
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be an nn.Module, got {type(net).__name__}.")
    first = next(chain(net.parameters(), net.buffers()), None)
    return torch.device("cpu") if first is None else first.device


@contextmanager
def mode(net: nn.Module, training: bool) -> Iterator[None]:
    """Training or evaluation mode for a while; each layer's own mode comes back."""
    before = {module: module.training for module in net.modules()}
    net.train(training)
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


def autocasting(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager:
    """Mixed precision on ``device`` for a while; with ``None`` nothing changes.

    Raises:
        ValueError: for anything but ``torch.bfloat16`` and ``None``.
    """
    if dtype is None:
        return nullcontext()
    if dtype is not torch.bfloat16:
        raise ValueError(
            f"autocast must be torch.bfloat16 or None, got {dtype!r}. float16 would need its "
            "losses scaled, which this loop does not do."
        )
    return torch.autocast(device.type, dtype=dtype)
