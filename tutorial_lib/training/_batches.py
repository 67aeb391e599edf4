"""What chance decides: seeds, and the order of the batches."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from .. import _checks
from ._augmentation import Augmentation


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators.

    Raises:
        TypeError: if ``seed`` is no integer.
        ValueError: if it is not in [0, 2**32).
    """
    seed = _checks.seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def global_batches(
    dataset: TensorDataset,
    batch_size: int,
    seed: int,
    start: int,
    rank: int = 0,
    world: int = 1,
    augmentation: Augmentation | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's share of each global batch, without end, from iteration ``start`` on.

    Epoch ``e`` runs through a permutation, and moves the images if it is asked to: both depend on
    ``seed`` and ``e`` alone. The samples left over at its end, fewer than ``batch_size``, wait for
    another epoch's order. This is process ``rank`` of ``world``, which gets
    ``(data [batch_size / world, ...], targets)`` of each batch.
    """
    per_epoch = len(dataset) // batch_size
    if per_epoch == 0:
        raise ValueError(
            f"A batch of {batch_size} is larger than the training set of {len(dataset)} samples. "
            "Take a smaller batch size."
        )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        epoch, first = divmod(start, per_epoch)
        while True:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            order = torch.randperm(len(dataset), generator=generator)
            movements = augmentation and augmentation.draw(len(dataset), generator)
            for batch in range(first, per_epoch):
                mine = slice(batch * batch_size + rank, (batch + 1) * batch_size, world)
                images, targets = dataset[order[mine]]
                if augmentation is not None:
                    images = augmentation.apply(images, movements[mine])
                yield images, targets
            epoch, first = epoch + 1, 0

    return batches()
