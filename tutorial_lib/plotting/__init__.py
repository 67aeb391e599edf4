"""Figures of spiking networks: functions of tensors or arrays, time axis first.

Every function draws on the axes it is given, or on a new figure when it is given none. rcParams
and pyplot's current axes stay as they are; the data can be read back from the artists. One style
for all, safe for color-blind readers, stands in :mod:`.style`.

The names and the order of arguments follow snnTorch's ``spikeplot``::

    from tutorial_lib import plotting as splt
"""

from __future__ import annotations

from .. import _snntorch
from .animation import animator
from .counts import spike_count
from .maps import feature_maps
from .membrane import trace, traces
from .spikes import raster

__all__ = [
    "animator",
    "feature_maps",
    "raster",
    "spike_count",
    "trace",
    "traces",
]


def __getattr__(name: str) -> object:
    raise _snntorch.missing("spikeplot", name, __name__)
