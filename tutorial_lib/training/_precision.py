"""Mixed precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def check_autocast(dtype: torch.dtype | None) -> None:
    """Raise for a precision that is not offered.

    Raises:
        ValueError: for anything but ``torch.bfloat16`` and ``None``.
    """
    if dtype is not None and dtype is not torch.bfloat16:
        raise ValueError(
            f"autocast must be torch.bfloat16 or None, got {dtype!r}. float16 would need its "
            "losses scaled, which this loop does not do."
        )


def autocasting(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager:
    """Mixed precision on ``device`` for a while; with ``None`` nothing changes."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)
