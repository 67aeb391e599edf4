"""Mixed precision."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext

import torch

from ..fast import has_bf16_units


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
