"""An event camera, and digits that make the movements of N-MNIST in front of it."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from .. import _checks
from ._streams import DTYPE, SENSOR_SIZE

SACCADES = ((3.5, 7.0), (3.5, -7.0), (-7.0, 0.0))
"""The movements of N-MNIST, which lead back to where they start: pixels to the right and down."""

SACCADE_TIME = 105_000
"""Microseconds that each movement takes."""

SLACK = 1e-4  # thresholds; so near to the next one, rounding does not decide
PARTS = 30  # of a movement: the film has a picture every quarter of a pixel
START = (-1.0, 1.0)  # where the image's corner is at first; from tonic's NMNIST(stabilize=True)
DARK, WHITE = 0.2, 1.0  # intensities of the background and of a white stroke
FAR = 100.0  # a threshold that no change of intensity reaches
MOST = 10_000  # events of a pixel between two pictures


def camera(
    film: Iterable[Tensor],
    times: Sequence[int],
    threshold: float = 0.35,
    baseline: float | None = None,
) -> list[np.ndarray]:
    r"""Film with event cameras: a pixel reports when its log intensity has moved by a threshold.

    After an event at the level :math:`\ell`, a pixel of intensity :math:`J` emits the next one as
    soon as

    .. math:: \left|\ln J(t) - \ell\right| = C

    with the polarity 1 if it is brighter now, else 0, and goes on from :math:`\ell \pm C`. The
    first level is that of the first picture; or, with a ``baseline``, the one that was reached when
    the film appeared in front of a camera that saw this intensity. Between two pictures the log
    intensity is a straight line. There is no noise, and only ratios of intensities count.

    Source: Rebecq, Gehrig and Scaramuzza (2018), ESIM: an open event camera simulator.

    Args:
        film: what B cameras see, picture by picture: intensities above 0, each ``[B, H, W]``. A
            tensor ``[T, B, H, W]`` is a film; an iterator may be longer than the memory.
        times: T moments in whole microseconds, at which the pictures are seen.
        threshold: the change C of the natural logarithm.
        baseline: an intensity. All levels lie whole thresholds away from it.

    Returns:
        B streams of dtype :data:`DTYPE`; of one microsecond, in the order of the pixels.

    Raises:
        TypeError: if a picture is no floating-point tensor, a moment no integer, or the threshold
            or the baseline no number.
        ValueError: if pictures differ in shape or hold intensities that are not above 0 and finite;
            if the moments do not increase or are not one for each picture; if the threshold or
            the baseline is not above 0, or the threshold so small that a pixel would hardly stop.
    """
    threshold, times = _checks.positive("threshold", threshold), _increasing(times)
    dark = None if baseline is None else math.log(_checks.positive("baseline", baseline))
    if not isinstance(film, Iterable) or (isinstance(film, Tensor) and film.ndim == 0):
        raise TypeError(f"film must be a tensor [T, B, H, W], got {type(film).__name__}.")
    found: list[tuple[Tensor, ...]] = []
    number, first = -1, None
    for number, picture in enumerate(itertools.islice(film, len(times) + 1)):
        log = _log(picture, first)
        if first is None:
            first = log if dark is None else torch.full_like(log, dark)
            before = (log - first) / threshold
            level = _followed(torch.zeros_like(log), before)
        elif number < len(times):
            now = (log - first) / threshold
            new = _followed(level, now)
            found.append(_crossings(level, new, before, now, *times[number - 1 : number + 1]))
            level, before = new, now
    if first is None or number + 1 != len(times):
        got = "more" if number == len(times) else number + 1
        raise ValueError(
            f"film must have one picture for each of times, got {len(times)} times and {got} "
            "pictures."
        )
    return _sorted(found, len(first))


def _followed(level: Tensor, now: Tensor) -> Tensor:
    """The level after the events that a change to ``now`` makes; both are in thresholds."""
    return level.clamp((now + SLACK).floor(), (now - SLACK).ceil())


def _crossings(
    level: Tensor, new: Tensor, before: Tensor, now: Tensor, start: int, end: int
) -> tuple[Tensor, ...]:
    """The events of one step as camera, x, y, t, p; all values are in thresholds."""
    change = (new - level).flatten()
    where = change.nonzero().squeeze(1)
    change = change[where].double()
    if not bool((change.abs() <= MOST).all()):
        raise ValueError(
            f"threshold is too small: a pixel has more than {MOST:,} events between two pictures. "
            "From dark to bright the logarithm changes by about 1."
        )
    counts = change.abs().long()
    each = torch.arange(len(where)).repeat_interleave(counts)
    number = torch.arange(len(each)) - (counts.cumsum(0) - counts)[each] + 1  # of a pixel: 1, 2 ...
    level, before, now = (x.flatten()[where].double()[each] for x in (level, before, now))
    share = (level + number * change.sign()[each] - before) / (now - before)
    late = (share.clamp(0, 1) * (end - start)).long().clamp(max=end - start - 1)
    height, width = new.shape[1:]
    place = where[each]
    order = (late * new.numel() + place).argsort()
    place, late, p = place[order], late[order], (change > 0)[each][order]
    camera, pixel = place // (height * width), place % (height * width)
    return camera, pixel % width, pixel // width, start + late, p


def _sorted(found: list[tuple[Tensor, ...]], cameras: int) -> list[np.ndarray]:
    """One stream per camera, of the events of all steps."""
    columns = [torch.cat(parts).numpy() for parts in zip(*found, strict=True)]
    if not columns:
        return [np.empty(0, DTYPE) for _ in range(cameras)]
    order = np.argsort(columns[0].astype(np.int32), kind="stable")
    events = np.empty(len(order), DTYPE)
    for name, column in zip(DTYPE.names, columns[1:], strict=True):
        events[name] = column[order]
    return np.split(events, np.bincount(columns[0], minlength=cameras).cumsum()[:-1])


def saccades(images: Tensor, threshold: float = 0.35) -> list[np.ndarray]:
    """Record images that make the movements of N-MNIST in front of :func:`camera`.

    The sensor has 34 x 34 pixels. The image starts one pixel to the left of the sensor's edge and
    one below it, as in N-MNIST, and moves along :data:`SACCADES` at constant speed, 105 ms each;
    between pixels it is interpolated bilinearly. Its brightness v becomes the intensity
    0.2 + 0.8 v, and all around is dark. The baseline lies half a threshold above the dark: else
    pixels would reach their first level exactly where the digit rests again, all at once.

    Source: Orchard et al. (2015), Frontiers in Neuroscience 9:437, for the movements.

    Args:
        images: brightness in [0, 1], ``[B, 1, 28, 28]``.
        threshold: as for :func:`camera`.

    Returns:
        B streams of 315 ms.

    Raises:
        TypeError, ValueError: for anything else.
    """
    if _checks.images("images", images).shape[1:] != (1, 28, 28):
        raise ValueError(
            f"images must have the shape [B, 1, 28, 28], got {list(images.shape)}. Resize them "
            "with torch.nn.functional.interpolate, or give a film of your own to events.camera."
        )
    baseline = DARK * math.exp(min(_checks.positive("threshold", threshold), FAR) / 2)
    times = range(0, len(SACCADES) * SACCADE_TIME + 1, SACCADE_TIME // PARTS)
    parts = images.detach().float().split(256)
    return [stream for part in parts for stream in camera(_film(part), times, threshold, baseline)]


def _film(images: Tensor) -> Iterator[Tensor]:
    """Pictures ``[B, 34, 34]`` of images on their way along the saccades."""
    margin = 9  # dark, on all sides
    wide = pad(images.squeeze(1), (margin,) * 4)
    corners = np.cumsum([START, *SACCADES], axis=0)
    way = np.arange(PARTS * len(SACCADES) + 1) / PARTS
    for x, y in zip(*(np.interp(way, range(len(corners)), c) for c in corners.T), strict=True):
        yield DARK + (WHITE - DARK) * _between_pixels(wide, margin - x, margin - y)


def _between_pixels(wide: Tensor, x: float, y: float) -> Tensor:
    """The part ``[B, 34, 34]`` of ``wide`` whose corner is at (x, y), interpolated bilinearly."""
    width, height, _ = SENSOR_SIZE
    left, top = math.floor(x), math.floor(y)
    rows = wide[:, top : top + height + 1, left : left + width + 1]
    lines = torch.lerp(rows[:, :-1], rows[:, 1:], y - top)
    return torch.lerp(lines[:, :, :-1], lines[:, :, 1:], x - left)


def _increasing(times: Sequence[int]) -> list[int]:
    try:
        moments = [operator.index(moment) for moment in times]
    except TypeError:
        raise TypeError(
            f"times must be a sequence of whole microseconds, got {type(times).__name__}. Round "
            "them first: [round(t) for t in times]."
        ) from None
    for number, (one, next_) in enumerate(itertools.pairwise(moments)):
        if next_ <= one:
            raise ValueError(f"times must increase, got {next_} after {one} at {number + 1}.")
    return moments


def _log(picture: Tensor, first: Tensor | None) -> Tensor:
    """The logarithm of a picture of ``film``, which is like the first one."""
    _checks.tensor("Each picture of film", picture)
    wanted = "[B, H, W]" if first is None else list(first.shape)
    shape = picture.shape
    if len(shape) != 3 or 0 in shape or (first is not None and shape != first.shape):
        raise ValueError(f"Each picture of film must have the shape {wanted}, got {list(shape)}.")
    low, high = picture.aminmax()
    if not (low > 0 and high < math.inf):
        raise ValueError(
            f"A picture of film must have intensities above 0, got values from {low.item():g} to "
            f"{high.item():g}: the camera takes their logarithm. Add some light: film + 0.1."
        )
    return picture.detach().to("cpu", torch.promote_types(picture.dtype, torch.float32)).log()
