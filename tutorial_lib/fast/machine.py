"""The machine: what its processor computes fast, and the memory that a process keeps."""

from __future__ import annotations

import ctypes
import platform
import sys
import warnings

import torch
from torch import Tensor

__all__ = ["has_bf16_units", "keep_freed_memory", "warn_of_slow_bf16"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of mallopt(3)
_TRIM_BYTES, _MMAP_BYTES = -1, 2**25  # never trim; the largest that it accepts


def has_bf16_units() -> bool:
    """Whether this machine's processor multiplies bfloat16 numbers in hardware.

    Where it does not, PyTorch converts all numbers to float32 and back: mixed precision is then
    several times slower than float32, not faster.

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


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, for what it allocates next.

    On Linux, the C library returns freed memory to the system, and each training step asks for
    it again: hundreds of MiB, cleared page by page. Kept, it is there at once, but the process
    stays as large as it was at its peak until it ends. Results do not change.

    Returns:
        Whether it could be set: with the GNU C library and its own allocator, so on most Linux
        systems. On macOS and Windows, and with another allocator preloaded, nothing happens.

    Source: mallopt(3), the manual of the GNU C library's allocator.
    """
    library = _gnu_c_library()
    if library is None:
        return False
    trimmed = library.mallopt(_TRIM_THRESHOLD, _TRIM_BYTES)
    return bool(library.mallopt(_MMAP_THRESHOLD, _MMAP_BYTES) and trimmed)


def _gnu_c_library() -> ctypes.CDLL | None:
    """The GNU C library, if it is what this process allocates with."""
    if sys.platform != "linux":
        return None
    try:
        library = ctypes.CDLL("libc.so.6")
        own, used = library.malloc, ctypes.CDLL(None).malloc
    except (OSError, AttributeError):
        return None
    same = ctypes.cast(own, ctypes.c_void_p).value == ctypes.cast(used, ctypes.c_void_p).value
    return library if same and hasattr(library, "mallopt") else None
