"""The memory that a process keeps between training steps."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of mallopt(3)
_TRIM_BYTES, _MMAP_BYTES = -1, 2**25  # never trim; the largest that it accepts


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, for what it allocates next.

    On Linux, the C library returns freed memory to the system, and each training step asks for
    it again: hundreds of MiB, cleared page by page. Kept, it is there at once. The peak is as
    before, but the process stays as large as it was at its peak. Results do not change. What the
    environment variables ``MALLOC_TRIM_THRESHOLD_`` and ``MALLOC_MMAP_THRESHOLD_`` do before a
    process starts, this does while it runs; it holds until the process ends.

    Returns:
        Whether it could be set: with the GNU C library and its own allocator, so on most Linux
        systems. On macOS and Windows, and with another allocator preloaded, nothing happens.

    Source: mallopt(3), the manual of the GNU C library's allocator.
    """
    library = _gnu_c_library()
    if library is None:
        return False
    settings = ((_TRIM_THRESHOLD, _TRIM_BYTES), (_MMAP_THRESHOLD, _MMAP_BYTES))
    return all([library.mallopt(*setting) for setting in settings])


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
