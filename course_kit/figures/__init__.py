"""The course's figures: those that the notebooks draw, and what puts a figure on a page.

Who cannot see a figure gets it in words: :func:`show` and :func:`to_html` add what
:func:`describe` reads back from its artists. Plots of spikes and membranes are
in :mod:`tutorial_lib.plotting`.
"""

from __future__ import annotations

from .alt import describe
from .drawing import lines, loss_curve, rasters, seeds, shares
from .learning import confusion_matrix, surrogate_curves, training_curves
from .player import to_html
from .showing import show

__all__ = [
    "confusion_matrix",
    "describe",
    "lines",
    "loss_curve",
    "rasters",
    "seeds",
    "shares",
    "show",
    "surrogate_curves",
    "to_html",
    "training_curves",
]
