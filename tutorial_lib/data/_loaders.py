"""Fixed random splits, and the loaders that hand out batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from .. import _checks

if TYPE_CHECKING:
    from ._load import Digits


class Loaders(NamedTuple):
    """Batches ``(images [B, 1, 28, 28], targets [B])``; the last batch may be smaller."""

    train: DataLoader[tuple[Tensor, ...]]
    val: DataLoader[tuple[Tensor, ...]]
    test: DataLoader[tuple[Tensor, ...]]


def loaders(digits: Digits, batch_size: int = 128, seed: int = 0) -> Loaders:
    """Loaders over the three splits. No sample is dropped.

    The training set is shuffled anew in each epoch, validation and test set never. Each loader has
    a random generator of its own, so the global one is neither used nor changed.

    Args:
        digits: what :func:`load` returned.
        batch_size: samples per batch, 1 or more.
        seed: fixes the order of the training samples.

    Raises:
        TypeError: if ``digits`` is no ``Digits``, or ``batch_size`` or ``seed`` is no integer.
        ValueError: if ``batch_size`` is below 1, or ``seed`` is negative.
    """
    for split in ("train", "val", "test"):
        if not isinstance(getattr(digits, split, None), TensorDataset):
            raise TypeError(
                f"digits must be the Digits that data.load() returns, got {type(digits).__name__}. "
                "For a single data set use torch.utils.data.DataLoader."
            )
    _checks.at_least_one("batch_size", batch_size)
    check_seed(seed)

    def loader(split: TensorDataset, shuffle: bool) -> DataLoader[tuple[Tensor, ...]]:
        generator = torch.Generator().manual_seed(seed)
        return DataLoader(split, batch_size=batch_size, shuffle=shuffle, generator=generator)

    return Loaders(
        loader(digits.train, True), loader(digits.val, False), loader(digits.test, False)
    )


def subset(dataset: TensorDataset, n: int, seed: int = 0) -> TensorDataset:
    """A fixed random choice of ``n`` different samples, for quick validation curves.

    Args:
        dataset: a split of ``Digits``, or any ``TensorDataset``.
        n: number of samples, from 1 to ``len(dataset)``.
        seed: fixes the choice, which depends on nothing else but ``n`` and ``len(dataset)``.

    Raises:
        TypeError: if ``dataset`` is no ``TensorDataset``, or ``n`` or ``seed`` is no integer.
        ValueError: if ``n`` is out of range, or ``seed`` is negative.
    """
    if not isinstance(dataset, TensorDataset):
        raise TypeError(
            "dataset must be a TensorDataset such as data.load().val, got "
            f"{type(dataset).__name__}."
        )
    _checks.at_least_one("n", n)
    if n > len(dataset):
        raise ValueError(
            f"n must be at most the {len(dataset):,} samples of the data set, got {n:,}."
        )
    chosen, _ = split(len(dataset), [n], seed)
    return TensorDataset(*(tensor[chosen] for tensor in dataset.tensors))


def split(total: int, sizes: Sequence[int], seed: int) -> list[Tensor]:
    """Cut a seeded permutation of ``range(total)`` into blocks of ``sizes``, then the rest."""
    check_seed(seed)
    order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
    return list(torch.split(order, [*sizes, total - sum(sizes)]))


def check_seed(seed: int) -> None:
    """Raise unless ``seed`` is an integer that a torch generator takes."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an integer, got {seed!r} ({type(seed).__name__}).")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed must lie between 0 and 2**63 - 1, got {seed}.")
