"""Random movements of training images."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from tutorial_lib.training._augmentation import Augmentation
from tutorial_lib.training._batches import global_batches

IMAGES = torch.rand(6, 1, 28, 28, generator=torch.Generator().manual_seed(0))
NOTHING, TURN, TALL, WIDE, DOWN, RIGHT = (
    torch.eye(6)[row, 1:].expand(6, 5) for row in range(6)
)  # the movements of six images, of one kind each


def test_without_movement_nothing_changes() -> None:
    moved = Augmentation(15, 0.2, 3).apply(IMAGES, NOTHING)
    torch.testing.assert_close(moved, IMAGES, atol=1e-5, rtol=0)


@given(pixels=st.integers(1, 27), sign=st.sampled_from([-1, 1]))
def test_a_shift_by_whole_pixels_moves_each_row_and_column(pixels: int, sign: int) -> None:
    augmentation = Augmentation(0, 0, pixels)
    for movement, axis in ((DOWN, 2), (RIGHT, 3)):
        moved = augmentation.apply(IMAGES, sign * movement)
        kept = 28 - pixels  # the pixel at k comes from k + shift; outside it is black
        here, there = (0, pixels) if sign > 0 else (pixels, 0)
        part = moved.narrow(axis, here, kept), IMAGES.narrow(axis, there, kept)
        torch.testing.assert_close(*part, atol=1e-4, rtol=0)
        black = moved.narrow(axis, kept if sign > 0 else 0, pixels)
        torch.testing.assert_close(black, torch.zeros_like(black), atol=1e-4, rtol=0)


def test_a_quarter_turn() -> None:
    turned = Augmentation(90, 0, 0).apply(IMAGES, TURN)
    torch.testing.assert_close(turned, IMAGES.rot90(1, (2, 3)), atol=1e-4, rtol=0)


def test_zoom_stretches_about_the_middle() -> None:
    """A ramp along an axis stays a ramp, of 1 / (1 + zoom) times the slope."""
    ramp = (torch.arange(28.0) - 13.5).expand(6, 1, 28, 28)
    wide = Augmentation(0, 0.25, 0).apply(ramp, WIDE)
    torch.testing.assert_close(wide, ramp / 1.25, atol=1e-4, rtol=0)
    tall = Augmentation(0, 0.25, 0).apply(ramp.transpose(2, 3), TALL)
    torch.testing.assert_close(tall, ramp.transpose(2, 3) / 1.25, atol=1e-4, rtol=0)


def test_each_image_moves_by_itself_within_the_bounds() -> None:
    movements = Augmentation(1, 0, 0).draw(4000, torch.Generator().manual_seed(1))
    assert movements.abs().max() <= 1
    # Uniform on [-1, 1]: mean 0 and variance 1/3; four standard errors of 4000 draws.
    assert movements.mean(0).abs().max() < 4 * (1 / 3 / 4000) ** 0.5
    assert (movements.square().mean(0) - 1 / 3).abs().max() < 4 * (4 / 45 / 4000) ** 0.5
    correlation = torch.corrcoef(movements.T) - torch.eye(5)
    assert correlation.abs().max() < 4 / 4000**0.5


def test_processes_share_the_movements_of_a_batch() -> None:
    """All shares together are the batch of one process, from any iteration on."""
    dataset = TensorDataset(IMAGES.repeat(4, 1, 1, 1), torch.arange(24))
    augmentation = Augmentation(10, 0.1, 2)
    alone = global_batches(dataset, 6, 3, 0, augmentation=augmentation)
    batches = [next(alone) for _ in range(6)]  # an epoch is four of them
    for start in (0, 3, 5):
        shares = [
            next(global_batches(dataset, 6, 3, start, rank, 2, augmentation)) for rank in (0, 1)
        ]
        images, targets = batches[start]
        for rank, (part, labels) in enumerate(shares):
            torch.testing.assert_close(part, images[rank::2], atol=1e-6, rtol=0)
            assert labels.equal(targets[rank::2])
    plain = [batch for batch, _ in zip(global_batches(dataset, 6, 3, 0), range(4), strict=False)]
    assert plain[0][1].equal(batches[0][1])  # the order is the same without movements
    assert not torch.allclose(plain[0][0], batches[0][0])
