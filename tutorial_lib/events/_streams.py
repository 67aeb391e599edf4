"""What a stream of events is."""

from __future__ import annotations

import numpy as np

from .. import _checks

DTYPE = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])
"""Of the streams made here, as of tonic's readers: 13 bytes per event."""

SENSOR_SIZE = (34, 34, 2)
"""Width, height and polarities of N-MNIST."""

BLOCK = 1 << 20  # events that are checked at a time


def checked(events: np.ndarray, sensor_size: tuple[int, int, int] = SENSOR_SIZE) -> np.ndarray:
    """Return ``events`` if it is a stream of this sensor; without a copy, a block at a time.

    Args:
        events: a structured array ``[N]`` with the fields x, y, t and p, in any order.
        sensor_size: width, height and number of polarities.

    Raises:
        TypeError: if it is no such array, or a field holds no whole numbers.
        ValueError: if a field is missing, an event lies outside the sensor, or the time runs
            backwards.
    """
    check_sensor(sensor_size)
    names = getattr(getattr(events, "dtype", None), "names", None)
    if not isinstance(events, np.ndarray) or names is None or events.ndim != 1:
        what = f" {list(events.shape)} of {events.dtype}" if isinstance(events, np.ndarray) else ""
        raise TypeError(
            "events must be a structured array [N] with the fields x, y, t and p, got "
            f"{type(events).__name__}{what}. np.rec.fromarrays([x, y, t, p], events.DTYPE) "
            "makes one."
        )
    if lacking := [name for name in "xytp" if name not in names]:
        raise ValueError(f"events must have the fields x, y, t and p, got {names}: no {lacking}.")
    for name in "xytp":
        kind = events.dtype[name]
        if kind.kind not in ("iub" if name == "p" else "iu"):
            raise TypeError(f"The field {name} of events must hold whole numbers, got {kind}.")
    for start in range(0, len(events), BLOCK):
        block = events[start : start + BLOCK]
        for name, limit in zip("xyp", sensor_size, strict=True):
            low, high = int(block[name].min()), int(block[name].max())
            if low < 0 or high >= limit:
                raise ValueError(
                    f"The field {name} of events must lie between 0 and {limit - 1} on a sensor of "
                    f"{sensor_size}, got values from {low} to {high}. Is sensor_size "
                    "(width, height, polarities)?"
                )
        times = events["t"][max(start - 1, 0) : start + BLOCK]
        back = times[1:] < times[:-1]
        if back.any():
            at = int(back.argmax())
            raise ValueError(
                f"The time of events must not run backwards, got {times[at + 1]} after {times[at]} "
                f"at event {max(start - 1, 0) + at + 1}. Sort them with "
                "events[np.argsort(events['t'], kind='stable')]."
            )
    return events


def check_sensor(size: tuple[int, int, int]) -> None:
    """Raise an error if this is no size of a sensor: (width, height, polarities)."""
    if not isinstance(size, tuple) or len(size) != 3:
        raise TypeError(f"sensor_size must be a tuple (width, height, polarities), got {size!r}.")
    for name, value in zip(("width", "height", "number of polarities"), size, strict=True):
        _checks.at_least_one(f"The {name} in sensor_size", value, at_most=2**15 - 1)
