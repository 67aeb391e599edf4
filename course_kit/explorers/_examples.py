"""Drawings made in code, for where nobody can draw: strokes from (0, 0) to (1, 1), y down."""

from __future__ import annotations

import math

__all__ = ["EXAMPLES"]

Line = list[tuple[float, float]]


def _arc(
    x: float, y: float, wide: float, high: float, start: float, end: float, points: int = 24
) -> Line:
    """Part of an ellipse around (x, y); degrees, 0 to the right, 90 down."""
    angles = [math.radians(start + (end - start) * i / points) for i in range(points + 1)]
    return [(x + wide * math.cos(a), y + high * math.sin(a)) for a in angles]


_STEM: Line = [(0.64, 0.14), (0.6, 0.5), (0.58, 0.88)]

EXAMPLES: dict[str, list[Line]] = {
    "a 0": [_arc(0.5, 0.5, 0.23, 0.35, -80, 280)],
    "a 1": [[(0.55, 0.14), (0.48, 0.86)]],
    "a 2": [
        _arc(0.48, 0.34, 0.2, 0.19, -170, 30)
        + [(0.5, 0.62), (0.28, 0.84), (0.45, 0.8), (0.74, 0.84)]
    ],
    "a 3": [_arc(0.48, 0.31, 0.2, 0.17, -150, 90) + _arc(0.48, 0.66, 0.22, 0.19, -90, 145)],
    "a 4": [[(0.36, 0.16), (0.3, 0.5), (0.7, 0.48)], _STEM],
    "a 5": [
        [(0.7, 0.15), (0.38, 0.16), (0.35, 0.45)] + _arc(0.46, 0.63, 0.22, 0.21, -110, 140),
    ],
    "a 6": [[(0.6, 0.13), (0.4, 0.35)] + _arc(0.48, 0.66, 0.19, 0.2, -180, 170)],
    "a 7": [[(0.27, 0.18), (0.72, 0.17), (0.58, 0.48), (0.45, 0.86)]],
    "an 8": [_arc(0.5, 0.32, 0.17, 0.18, 90, 450), _arc(0.5, 0.68, 0.2, 0.19, -90, 270)],
    "a 9": [_arc(0.47, 0.33, 0.17, 0.18, 0, 360), _STEM],
    "between 4 and 9": [
        [(0.42, 0.18), (0.31, 0.27), (0.32, 0.46), (0.45, 0.52), (0.61, 0.44)],
        _STEM,
    ],
    "a cross, no digit": [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)]],
    "nothing": [],
}
"""By what was drawn: ten digits, one between two of them, one that is none, and no ink at all."""
