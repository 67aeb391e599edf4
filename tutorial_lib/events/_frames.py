"""Frames made of streams, as tonic makes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .. import _checks
from ._streams import BLOCK, check_sensor, checked

SLICING = ("time_window", "event_count", "n_time_bins", "n_event_bins")
LARGEST = 2**30  # entries of an array of frames


@dataclass(frozen=True)
class ToFrame:
    """Count the events of a stream in frames, with the arguments and the results of tonic's.

    Exactly one of ``time_window``, ``event_count``, ``n_time_bins`` and ``n_event_bins`` is given.
    As in tonic, what does not fill the last frame is left out: with ``n_time_bins``, for one, the
    last event. ``time_window`` with ``start_time`` and ``end_time`` gives every stream the same
    frames, which leave out nothing if whole windows lie between the two.

    Source: tonic 1.7.0, ``tonic.transforms.ToFrame``.

    Args:
        sensor_size: width, height and number of polarities of the sensor.
        time_window: microseconds per frame.
        event_count: events per frame.
        n_time_bins: number of frames, all of the same duration.
        n_event_bins: number of frames, all with the same number of events.
        overlap: of neighboring frames: microseconds or events; with a number of frames, a share.
        include_incomplete: with ``time_window`` or ``event_count``, keep a last frame that is not
            full.
        start_time, end_time: with ``time_window``, from when to when in microseconds; if None, from
            the first event to the last.

    Raises:
        TypeError: for an argument of the wrong type.
        ValueError: for one that is out of range or has no meaning here, or if none or several of
            the four are given.
    """

    sensor_size: tuple[int, int, int]
    time_window: float | None = None
    event_count: int | None = None
    n_time_bins: int | None = None
    n_event_bins: int | None = None
    overlap: float = 0
    include_incomplete: bool = False
    start_time: float | None = None
    end_time: float | None = None

    def __post_init__(self) -> None:
        check_sensor(self.sensor_size)
        given = {name: getattr(self, name) for name in SLICING if getattr(self, name) is not None}
        if len(given) != 1:
            got = " and ".join(f"{name}={_checks.shown(given[name])}" for name in given) or "none"
            raise ValueError(f"Exactly one of {', '.join(SLICING)} must be given, got {got}.")
        ((how, value),) = given.items()
        (_checks.positive if how == "time_window" else _checks.at_least_one)(how, value)
        overlap, below = _checks.finite("overlap", self.overlap), 1 if how[:2] == "n_" else value
        if not 0 <= overlap < below or (how == "event_count" and overlap % 1):
            kind = "a whole number" if how == "event_count" else "a number"
            raise ValueError(
                f"overlap must be {kind} from 0 to below {below} with {how}, got {overlap:g}."
            )
        for name in ("start_time", "end_time"):
            if getattr(self, name) is not None:
                _checks.finite(name, getattr(self, name))
        idle = ["start_time", "end_time"] if how != "time_window" else []
        idle += ["include_incomplete"] if how[:2] == "n_" else []
        _checks.flag("include_incomplete", self.include_incomplete)
        for name in idle:
            if getattr(self, name) is not None and getattr(self, name) is not False:
                raise ValueError(f"{name} has no meaning with {how} and must be left out.")

    def __call__(self, events: np.ndarray) -> np.ndarray:
        """Return the frames of a stream, as counts.

        Args:
            events: a structured array ``[N]`` with the fields x, y, t and p.

        Returns:
            int16 ``[T, P, H, W]``. A stream without events gives empty frames.

        Raises:
            TypeError, ValueError: as :func:`tutorial_lib.events.checked`; ValueError if there are
                too many frames or events in one to be kept.
        """
        width, height, polarities = self.sensor_size
        spans = self._spans(events)
        if len(spans) * polarities * height * width > LARGEST:
            raise ValueError(
                f"The stream has {len(spans):,} such frames, which are more than {LARGEST:,} "
                "counts. Choose longer ones, or take them one by one from ToFrame.frames(events)."
            )
        frames = np.empty((len(spans), polarities, height, width), np.int16)
        for number, counts in enumerate(self._counted(events, spans)):
            frames[number] = counts
        return frames

    def frames(self, events: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the frames one by one, int16 ``[P, H, W]``; for streams longer than the memory.

        Raises what a call does.
        """
        yield from self._counted(events, self._spans(events))

    def _spans(self, events: np.ndarray) -> np.ndarray:
        """Which events each frame counts, ``[T, 2]``: from the one to below the other."""
        times, overlap = checked(events, self.sensor_size)["t"], float(self.overlap)
        count = len(times)
        first, last = (int(times[0]), int(times[-1])) if count else (0, 0)
        if self.n_event_bins is not None:
            length = int(count // self.n_event_bins * (1 + overlap))
            starts = np.arange(self.n_event_bins) * int(length * (1 - overlap))
        elif self.event_count is not None:
            length = min(self.event_count, count)
            starts = self._starts(count - length, self.event_count - overlap).astype(int)
        else:
            if self.n_time_bins is not None:
                length = (last - first) // self.n_time_bins * (1 + overlap)
                starts = first + np.arange(self.n_time_bins) * (length * (1 - overlap))
            else:
                first = first if self.start_time is None else self.start_time
                last = last if self.end_time is None else self.end_time
                length = self.time_window
                starts = first + self._starts(last - first - length, length - overlap)
            return np.stack([_before(times, starts), _before(times, starts + length)], axis=1)
        return np.stack([starts, starts + length], axis=1)

    def _starts(self, rest: float, stride: float) -> np.ndarray:
        """Where the frames begin, if so much of the stream is left after the first."""
        more = rest / stride
        if not abs(more) < _checks.LARGEST_COUNT:
            raise ValueError(f"{self} must give fewer frames: the stream has {more:.3g} of them.")
        number = math.ceil(more) if self.include_incomplete else math.floor(more)
        return np.arange(max(number + 1, 1)) * stride

    def _counted(self, events: np.ndarray, spans: np.ndarray) -> Iterator[np.ndarray]:
        width, height, polarities = self.sensor_size
        shape = polarities, height, width
        for start, stop in spans:
            part = events[start:stop]
            place = (part["p"].astype(np.int64) * height + part["y"]) * width + part["x"]
            counts = np.bincount(place, minlength=math.prod(shape)).reshape(shape)
            if counts.max() > np.iinfo(np.int16).max:
                raise ValueError(
                    f"A frame has {counts.max():,} events of one pixel and polarity, which int16 "
                    "does not hold. Choose shorter frames."
                )
            yield counts.astype(np.int16)


def _before(times: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """How many of the sorted times are below each moment; NumPy would copy all times at once."""
    parts = (times[start : start + BLOCK] for start in range(0, len(times), BLOCK))
    none = np.zeros(len(moments), np.int64)
    return sum((np.searchsorted(part, moments) for part in parts), start=none)
