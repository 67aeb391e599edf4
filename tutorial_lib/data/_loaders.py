"""The loaders that give the splits out in batches."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from .. import _checks
from ._load import Digits


class Loaders(NamedTuple):
    """Batches ``(images [B, 1, 28, 28], targets [B])``; the last batch may be smaller."""

    train: DataLoader[tuple[Tensor, ...]]
    val: DataLoader[tuple[Tensor, ...]]
    test: DataLoader[tuple[Tensor, ...]]


def loaders(digits: Digits, batch_size: int = 128) -> Loaders:
    """Loaders over the three splits. No sample is dropped.

    The training set is shuffled anew in each epoch, by torch's global generator as with any
    ``DataLoader``: a cell that begins with ``training.seed_everything(0)`` trains on the same
    batches each time it is run. The validation and test sets are never shuffled, and a pass over
    them leaves the global generator as it was.

    Args:
        digits: what :func:`load` returned.
        batch_size: samples per batch, 1 or more.

    Raises:
        TypeError: if ``digits`` is no ``Digits``, or ``batch_size`` no integer.
        ValueError: if ``batch_size`` is below 1.
    """
    if not isinstance(digits, Digits):
        raise TypeError(
            f"digits must be the Digits that data.load() returns, got {type(digits).__name__}. "
            "For a single dataset use torch.utils.data.DataLoader."
        )
    batch_size = _checks.at_least_one("batch_size", batch_size)

    def in_order(split: TensorDataset) -> DataLoader[tuple[Tensor, ...]]:
        # Without a generator, each pass would draw a seed for workers from the global one.
        return DataLoader(split, batch_size=batch_size, generator=torch.Generator())

    train = DataLoader(digits.train, batch_size=batch_size, shuffle=True)
    return Loaders(train, in_order(digits.val), in_order(digits.test))
