"""Figures in words: read back from the artists, as facts, then as sentences."""

from __future__ import annotations

from .describing import describe

__all__ = ["describe"]
