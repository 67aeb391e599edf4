"""Where a network is, and in which mode."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain

import torch
from torch import nn

from ..fast import has_bf16_units


def device_of(net: nn.Module) -> torch.device:
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be an nn.Module, got {type(net).__name__}.")
    first = next(chain(net.parameters(), net.buffers()), None)
    device = torch.device("cpu") if first is None else first.device
    if device.type == "meta":
        raise ValueError(
            "This network is on the meta device, where tensors hold no numbers. Build it outside "
            "torch.device('meta')."
        )
    return device


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


def check_autocast(device: torch.device, dtype: torch.dtype | None) -> None:
    """Raise for a precision that is not offered; warn where it is slow.

    Raises:
        ValueError: for anything but ``torch.bfloat16`` and ``None``.
    """
    if dtype not in (None, torch.bfloat16):
        raise ValueError(
            f"autocast must be torch.bfloat16 or None, got {dtype!r}. float16 would need its "
            "losses scaled, which this loop does not do."
        )
    if dtype is not None and device.type == "cpu" and not has_bf16_units():
        warnings.warn(
            "This processor has no units for bfloat16 and computes it several times slower than "
            "float32. Leave autocast out (in the training command: --precision fp32).",
            stacklevel=3,
        )


def autocasting(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager:
    """Mixed precision on ``device`` for a while; with ``None`` nothing changes."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)
