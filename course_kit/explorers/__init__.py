"""Figures to play with: sliders beside a drawing, with a kernel and without.

Each function returns an explorer that shows itself as the last expression of a cell. Where a kernel
runs, as in JupyterLab and in Colab, its controls are ipywidgets, and every move is computed anew.
Where none does, as in the online book, every position was drawn before, and a small script
exchanges the parts of the drawing in which positions differ.

Both show the same drawing of the same result, and both say in words what it shows: to a screen
reader as the picture's description, to you as ``repr(explorer)``. What is drawn can be had as
numbers as well: ``explorers.neuron().compute(...)``, with one keyword for each control.

To make one, give an :class:`Explorer` its controls and three functions: what to compute,
how to draw that, and how to say it. Draw on axes of fixed places and limits, so that only the data
moves.
"""

from __future__ import annotations

from ._explorer import Control, Explorer
from .digit import draw_digit
from .events import event_player
from .gradient import gradient
from .losses import losses
from .neuron import neuron
from .player import spike_player
from .rates import rates
from .schedules import schedules
from .start import start
from .surrogates import surrogates

__all__ = [
    "Control",
    "Explorer",
    "draw_digit",
    "event_player",
    "gradient",
    "losses",
    "neuron",
    "rates",
    "schedules",
    "spike_player",
    "start",
    "surrogates",
]
