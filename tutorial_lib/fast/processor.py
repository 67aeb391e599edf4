"""What this machine's processor computes fast."""

from __future__ import annotations

import platform

import torch

__all__ = ["has_bf16_units"]


def has_bf16_units() -> bool:
    """Whether this machine's processor multiplies bfloat16 numbers in hardware.

    Where it does not, as on most laptops with AVX2 alone, PyTorch converts all numbers to float32
    and back: mixed precision is then several times slower than float32, not faster.

    Source: PyTorch's own look at the processor (AVX512-BF16 and AMX on x86, BF16 on ARM).
    """
    if platform.machine().lower() in ("x86_64", "amd64"):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()
