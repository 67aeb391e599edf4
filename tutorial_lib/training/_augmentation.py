"""Random affine movements of training images, one for each image of a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """Turns, stretches and shifts each image by amounts drawn uniformly, independently of others.

    Torchvision's ``RandomAffine`` draws one movement for a whole batch; a loop over images would
    take longer than the training. Pixels from outside are black, and between pixels the grey level
    is interpolated linearly.

    Attributes:
        rotation: largest angle, in degrees.
        zoom: largest change of the height and of the width, as a share of it.
        shift: largest shift along each axis, in pixels.
    """

    rotation: float
    zoom: float
    shift: float

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        """Movements for that many images, ``[number, 5]`` in [-1, 1], as shares of the largest."""
        return torch.rand(number, 5, generator=generator) * 2 - 1

    def apply(self, images: Tensor, movements: Tensor) -> Tensor:
        """Return ``images [B, C, H, W]``, moved by ``movements [B, 5]``."""
        turn, tall, wide, down, right = movements.unbind(1)
        angle = turn * math.radians(self.rotation)
        height, width = images.shape[-2:]
        across, along = angle.cos(), angle.sin()
        # Where each pixel comes from, in units of half the image.
        wide, tall = 1 + wide * self.zoom, 1 + tall * self.zoom
        to_x = torch.stack([across / wide, -along / wide, right * (2 * self.shift / width)], 1)
        to_y = torch.stack([along / tall, across / tall, down * (2 * self.shift / height)], 1)
        grid = F.affine_grid(torch.stack([to_x, to_y], 1), list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, align_corners=False)
