"""The fast engine: every layer runs all time steps before the next one starts."""

from __future__ import annotations

from .allocator import keep_freed_memory
from .processor import has_bf16_units

__all__ = ["has_bf16_units", "keep_freed_memory"]
