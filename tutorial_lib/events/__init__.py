"""Events: an event camera, digits that move in front of it, and frames made of its streams.

A stream of events is a structured NumPy array, as tonic has it: the pixel ``x``, ``y``, the time
``t`` in microseconds, which never runs backwards, and the polarity ``p``, 1 where it became
brighter and 0 where it became darker::

    streams = events.saccades(images)  # images [B, 1, 28, 28]
    to_frame = events.ToFrame(events.SENSOR_SIZE, n_time_bins=15)
    frames = torch.stack([torch.from_numpy(to_frame(s)) for s in streams], dim=1)  # [T, B, P, H, W]
"""

from __future__ import annotations

from ._camera import SACCADE_TIME, SACCADES, camera, saccades
from ._frames import ToFrame
from ._streams import DTYPE, SENSOR_SIZE, checked

__all__ = [
    "DTYPE",
    "SACCADES",
    "SACCADE_TIME",
    "SENSOR_SIZE",
    "ToFrame",
    "camera",
    "checked",
    "saccades",
]
