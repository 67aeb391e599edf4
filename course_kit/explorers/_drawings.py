"""Ink on a canvas, drawn as strokes, and how it becomes an image like those of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.data import enlarged

__all__ = ["PEN", "SIDE", "Source", "as_digits", "as_mnist", "preprocess", "strokes"]

SIDE = 112  # pixels of the canvas, four for each of the image
FIELD, BOX = 28, 20  # MNIST: side of the image, and of the box that its digit fills
TALL, WIDE, BLOCK = 32, 24, 4  # the embedded digits: height, largest width, side of a block

Source = Literal["mnist", "digits"]
PEN: dict[Source, int] = {"mnist": 12, "digits": 14}
"""Width of a stroke in pixels of the canvas: images get about as much ink as those of the data."""


def strokes(lines: Sequence[Sequence[tuple[float, float]]], width: float) -> np.ndarray:
    """Draw lines with a round pen.

    Args:
        lines: each a sequence of points (x, y) with x to the right, y down, both from 0 to 1 across
            the canvas; a line of one point is a dot.
        width: of the pen in pixels.

    Returns:
        The canvas: True where there is ink, bool ``[112, 112]``.
    """
    row, column = np.mgrid[:SIDE, :SIDE] + 0.5
    ink = np.zeros((SIDE, SIDE), dtype=bool)
    for line in lines:
        points = np.asarray(line, dtype=float) * SIDE
        ends = points[1:] if len(points) > 1 else points
        for (x0, y0), (x1, y1) in zip(points, ends, strict=False):
            dx, dy = x1 - x0, y1 - y0
            length = dx * dx + dy * dy or 1.0
            along = (((column - x0) * dx + (row - y0) * dy) / length).clip(0, 1)
            distance = np.hypot(column - x0 - along * dx, row - y0 - along * dy)
            ink |= distance <= width / 2
    return ink


def preprocess(ink: np.ndarray, source: Source) -> Tensor:
    """Turn ink into an image like those of the dataset that the network was trained on.

    Args:
        ink: bool ``[H, W]``, True where there is ink.
        source: "mnist" for :func:`as_mnist`, "digits" for :func:`as_digits`.

    Returns:
        The image, ``[1, 1, 28, 28]``, from 0 to 1.

    Raises:
        TypeError: if ``ink`` is not boolean.
        ValueError: if it is not two-dimensional or has an empty axis; for an unknown source.
    """
    check_source(source)
    return as_mnist(ink) if source == "mnist" else as_digits(ink)


def check_source(source: Source) -> None:
    """Raise ``ValueError`` unless ``source`` is the name of a dataset."""
    if not isinstance(source, str) or source not in get_args(Source):
        raise ValueError(
            f'source must be "mnist" or "digits", the data that the network was trained on, got '
            f"{source!r}. data.load().source says it."
        )


def as_mnist(ink: np.ndarray) -> Tensor:
    """Turn ink into an image as MNIST's were made: scaled into a box, centered by mass.

    The smallest rectangle around the ink is scaled, its proportions kept, until its longer side
    fills a box of 20 pixels, with gray edges; then it is moved by whole pixels, so that its center
    of mass lies at pixel 14 of 28 in both directions, as in MNIST, or as near as it can without
    leaving the image.

    Source: LeCun, Bottou, Bengio & Haffner (1998), Proc. IEEE 86(11), section III-A.

    Args:
        ink: bool ``[H, W]``, True where there is ink.

    Returns:
        The image, float32 ``[1, 1, 28, 28]``, from 0 to 1; zeros without ink.

    Raises:
        TypeError, ValueError: as :func:`preprocess`.
    """
    image = torch.zeros(1, 1, FIELD, FIELD)
    crop = _crop(ink)
    if crop is None:
        return image
    scale = BOX / max(crop.shape)
    height, width = (max(1, round(side * scale)) for side in crop.shape)
    small = _resized(crop, height, width)
    mass = small.sum()
    top, left = (
        int((FIELD // 2 - (torch.arange(side) * small.sum(1 - axis)).sum() / mass).round())
        for axis, side in enumerate((height, width))
    )
    top, left = min(max(top, 0), FIELD - height), min(max(left, 0), FIELD - width)
    image[0, 0, top : top + height, left : left + width] = small
    return image


def as_digits(ink: np.ndarray) -> Tensor:
    """Turn ink into an image like the embedded digits: scaled to full height, counted in blocks.

    The smallest rectangle around the ink is scaled to a height of 32 pixels, its proportions kept
    up to a width of 24, and put into the middle of 32 by 32. The mean of each block of 4 by 4 is
    a pixel of 8 by 8, which :func:`tutorial_lib.data.enlarged` resizes.

    Source: Alpaydin & Kaynak (1998), UCI, "Optical recognition of handwritten digits": bitmaps of
    32 by 32, counted in blocks. Height and width are those that its images were seen to have.

    Args:
        ink: bool ``[H, W]``, True where there is ink.

    Returns:
        The image, float32 ``[1, 1, 28, 28]``, from 0 to 1; zeros without ink.

    Raises:
        TypeError, ValueError: as :func:`preprocess`.
    """
    bitmap = torch.zeros(1, 1, TALL, TALL)
    crop = _crop(ink)
    if crop is not None:
        width = min(max(1, round(crop.shape[1] * TALL / crop.shape[0])), WIDE)
        left = (TALL - width) // 2
        bitmap[0, 0, :, left : left + width] = _resized(crop, TALL, width)
    return enlarged(F.avg_pool2d(bitmap, BLOCK))


def _crop(ink: np.ndarray) -> Tensor | None:
    """The smallest rectangle around the ink, float ``[h, w]``; None without ink."""
    if not isinstance(ink, np.ndarray) or ink.dtype != bool:
        raise TypeError(
            "ink must be a boolean array [H, W], True where there is ink, got "
            f"{getattr(ink, 'dtype', type(ink).__name__)}. Gray values become one with gray > 0.5."
        )
    if ink.ndim != 2 or ink.size == 0:
        raise ValueError(f"ink must have the shape [H, W], not empty, got {list(ink.shape)}.")
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return None
    part = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return torch.from_numpy(part.astype(np.float32))


def _resized(crop: Tensor, height: int, width: int) -> Tensor:
    """Resize with gray edges, ``[height, width]``, from 0 to 1."""
    large = F.interpolate(crop[None, None], (height, width), mode="bilinear", antialias=True)
    return large[0, 0].clamp(0, 1)
