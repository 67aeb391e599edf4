"""Random choices of samples that a seed fixes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from .. import _checks


def subset(dataset: TensorDataset, n: int, seed: int = 0) -> TensorDataset:
    """A fixed random choice of ``n`` different samples, for quick validation curves.

    Args:
        dataset: a split of ``Digits``, or any ``TensorDataset``.
        n: number of samples, from 1 to ``len(dataset)``.
        seed: fixes the choice, which depends on nothing else but ``n`` and ``len(dataset)``.

    Raises:
        TypeError: if ``dataset`` is no ``TensorDataset``, or ``n`` or ``seed`` is no integer.
        ValueError: if ``n`` or ``seed`` is out of range.
    """
    if not isinstance(dataset, TensorDataset):
        raise TypeError(
            "dataset must be a TensorDataset such as data.load().val, got "
            f"{type(dataset).__name__}."
        )
    n = _checks.at_least_one("n", n)
    if n > len(dataset):
        raise ValueError(
            f"n must be at most the {len(dataset):,} samples of the dataset, got {n:,}."
        )
    chosen, _ = split(len(dataset), [n], seed)
    return TensorDataset(*(tensor[chosen] for tensor in dataset.tensors))


def split(total: int, sizes: Sequence[int], seed: int) -> list[Tensor]:
    """Cut a seeded permutation of ``range(total)`` into blocks of ``sizes``, then the rest."""
    generator = torch.Generator().manual_seed(_checks.seed(seed))
    order = torch.randperm(total, generator=generator)
    return list(torch.split(order, [*sizes, total - sum(sizes)]))
