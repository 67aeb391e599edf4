"""What this machine's processor computes fast."""

from __future__ import annotations

import platform
import warnings

import torch
from torch import Tensor

__all__ = ["has_bf16_units", "warn_of_slow_bf16"]


def has_bf16_units() -> bool:
    """Whether this machine's processor multiplies bfloat16 numbers in hardware.

    Where it does not, as on most laptops with AVX2 alone, PyTorch converts all numbers to float32
    and back: mixed precision is then several times slower than float32, not faster.

    Source: PyTorch's own look at the processor (AVX512-BF16 and AMX on x86, BF16 on ARM).
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def warn_of_slow_bf16(data: Tensor) -> None:
    """Warn if ``data`` is about to be run in bfloat16 on a processor that has no units for it."""
    if (
        data.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
        and not has_bf16_units()
    ):
        warnings.warn(
            "This processor has no units for bfloat16, so mixed precision is several times slower "
            "here than float32. Run without torch.autocast (training: autocast=None).",
            stacklevel=3,
        )
