"""The course's figures: those that only the notebooks draw, and what puts a figure on a page.

Who cannot see a figure gets it in words: :func:`show` and :func:`to_html` add what
:func:`describe` reads back from its artists. Plots for everyone's use are in
:mod:`tutorial_lib.plotting`.
"""

from __future__ import annotations

from .alt import describe
from .drawing import lines, loss_curve, rasters, seeds, shares
from .player import to_html
from .showing import show

__all__ = [
    "describe",
    "lines",
    "loss_curve",
    "rasters",
    "seeds",
    "shares",
    "show",
    "to_html",
]
