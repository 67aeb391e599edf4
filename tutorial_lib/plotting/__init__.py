"""Figures of spiking networks: functions of tensors or arrays, time axis first.

Every function draws on the axes it is given, or on a new figure when it is given none. rcParams
and pyplot's current axes stay as they are; the data can be read back from the artists. One style
for all, safe for color-blind readers, stands in :mod:`.style`.

The names and the order of arguments follow snnTorch's ``spikeplot``::

    from tutorial_lib import plotting as splt
"""

from __future__ import annotations

from .. import _snntorch
from .alt import describe
from .animation import animator, to_html
from .counts import spike_count
from .gradients import surrogate_curves
from .learning import confusion_matrix, training_curves
from .maps import feature_maps
from .membrane import trace, traces
from .showing import show
from .spikes import raster

__all__ = [
    "animator",
    "confusion_matrix",
    "describe",
    "feature_maps",
    "raster",
    "show",
    "spike_count",
    "surrogate_curves",
    "to_html",
    "trace",
    "traces",
    "training_curves",
]


def __getattr__(name: str) -> object:
    raise _snntorch.missing("spikeplot", name, __name__)
