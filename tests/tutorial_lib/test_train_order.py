"""The order of the training command's batches: the seed and the epoch decide it, nothing else."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import TensorDataset

from tutorial_lib.training._batches import global_batches


def numbered(size: int) -> TensorDataset:
    return TensorDataset(torch.arange(size).view(-1, 1) * 10, torch.arange(size))


def take(count: int, *args: int) -> list[Tensor]:
    batches = list(itertools.islice(global_batches(numbered(args[0]), *args[1:]), count))
    for images, targets in batches:
        assert torch.equal(images.flatten(), targets * 10)  # they stay together
    return [targets for _, targets in batches]


SIZES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(0, 5))


@given(SIZES, st.integers(1, 4), st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_shards_are_the_global_batch(
    sizes: tuple[int, int, int], world: int, seed: int, start: int
) -> None:
    """All ranks together see each sample of a batch once, in equal shares."""
    per_rank, batches, rest = sizes
    size = per_rank * world
    total = size * batches + min(rest, size - 1)
    whole = take(2 * batches + 1, total, size, seed, start)
    shards = [
        take(2 * batches + 1, total, size, seed, start, rank, world) for rank in range(world)
    ]
    for batch, parts in zip(whole, zip(*shards, strict=True), strict=True):
        assert [len(part) for part in parts] == [per_rank] * world
        assert torch.equal(torch.cat(parts).sort().values, batch.sort().values)


@given(SIZES, st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_a_later_start_passes_over_batches(
    sizes: tuple[int, int, int], seed: int, start: int
) -> None:
    size, batches, rest = sizes
    total = size * batches + min(rest, size - 1)
    whole = take(start + 5, total, size, seed, 0)
    later = take(5, total, size, seed, start)
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], later, strict=True))


@given(SIZES, st.integers(0, 2**32 - 1))
def test_an_epoch_holds_each_sample_at_most_once(sizes: tuple[int, int, int], seed: int) -> None:
    size, batches, rest = sizes
    total = size * batches + min(rest, size - 1)
    found = take(3 * batches, total, size, seed, 0)
    for epoch in range(3):
        samples = torch.cat(found[epoch * batches : (epoch + 1) * batches])
        assert len(samples) == size * batches == len(samples.unique())


def test_epochs_and_seeds_differ_and_nothing_else_matters() -> None:
    before = torch.get_rng_state()
    orders = [torch.cat(take(3, 60, 20, seed, 3 * epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    for a, b in itertools.combinations(orders, 2):
        assert not torch.equal(a, b)
    torch.manual_seed(9)
    assert torch.equal(torch.cat(take(3, 60, 20, 0, 0)), orders[0])


def test_a_data_set_that_is_too_small_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"batch of 8 is larger than the training set of 7"):
        global_batches(numbered(7), 8, 0, 0)
