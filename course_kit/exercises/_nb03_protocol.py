"""Notebook 03: a test protocol, right in several ways and wrong in the published ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split

from ._values import Mistake, attempted, judge
from .diagnose import describe

__all__ = ["faulty", "make_loaders", "other_loaders", "protocol"]


def make_loaders(train_set, test_set, batch_size=128):  # noqa: ANN001, ANN201
    """The reference: a seeded split, and a test loader that drops nothing."""
    order = order_of(train_set)
    size = len(train_set) // 10
    val, train = Subset(train_set, order[:size]), Subset(train_set, order[size:])
    return (
        DataLoader(train, batch_size, shuffle=True),
        DataLoader(val, batch_size),
        DataLoader(test_set, batch_size),
    )


def order_of(train_set: Dataset) -> list[int]:
    """A random order that is always the same."""
    return torch.randperm(len(train_set), generator=torch.Generator().manual_seed(0)).tolist()


def other_loaders(spelling: str) -> Callable[[], Callable]:
    """Make the maker of another right protocol."""

    def loaders(train_set: Dataset, test_set: Dataset, batch_size: int = 128) -> Any:
        total = len(train_set)
        if spelling == "random_split":
            seed = torch.Generator().manual_seed(1)
            train, val = random_split(train_set, [0.8, 0.2], generator=seed)
        else:  # the last sixth is held back; training drops its rest, tests are shuffled
            train = Subset(train_set, range(total - total // 6))
            val = Subset(train_set, range(total - total // 6, total))
        odd = spelling == "last sixth"
        return [
            DataLoader(train, batch_size, shuffle=True, drop_last=odd),
            DataLoader(val, 2 * batch_size),
            DataLoader(test_set, 7, shuffle=odd),
        ]

    return lambda: loaders


def faulty(slip: str) -> Callable[[], Callable]:
    """Make the maker of a protocol that is wrong in one way."""

    def loaders(train_set: Dataset, test_set: Dataset, batch_size: int = 128) -> Any:
        train, val, test = make_loaders(train_set, test_set, batch_size)
        if slip == "as published":
            train = DataLoader(train_set, batch_size, shuffle=True, drop_last=True)
            val = test = DataLoader(test_set, batch_size, shuffle=True, drop_last=True)
        elif slip == "dropped":
            test = DataLoader(test_set, batch_size, drop_last=True)
        elif slip == "test as validation":
            train, val = DataLoader(train_set, batch_size, shuffle=True), test
        elif slip == "split test":
            half = len(test_set) // 2
            val = DataLoader(Subset(test_set, range(half)), batch_size)
            test = DataLoader(Subset(test_set, range(half, 2 * half)), batch_size)
        elif slip == "still trained on":
            train = DataLoader(train_set, batch_size, shuffle=True)
        elif slip == "no seed":
            parts = random_split(train_set, [0.9, 0.1])
            train, val = DataLoader(parts[0], batch_size, shuffle=True), DataLoader(parts[1], 128)
        elif slip == "no shuffle":
            train = DataLoader(train.dataset, batch_size)
        elif slip == "other order":
            return val, train, test
        elif slip == "val drops":
            val = DataLoader(val.dataset, batch_size, drop_last=True)
        elif slip == "bare sets":
            return train.dataset, val.dataset, test_set
        elif slip == "batches of one":
            train = DataLoader(train.dataset, shuffle=True)
        elif slip == "other images":
            other = TensorDataset(torch.rand(500, 1), torch.zeros(500))
            train, val, test = (DataLoader(other, batch_size) for _ in range(3))
        elif slip == "few for training":
            few = Subset(train_set, order_of(train_set)[:100])
            train = DataLoader(few, batch_size, shuffle=True)
            val = DataLoader(Subset(train_set, order_of(train_set)[100:]), batch_size)
        return train, val, test

    return lambda: loaders


TRAIN, TEST, BATCH = 1000, 300, 128


def _numbered(start: int, size: int) -> TensorDataset:
    numbers = torch.arange(start, start + size)
    return TensorDataset(numbers.float().unsqueeze(1), numbers % 10)


@judge
def protocol(answer: Callable[..., Any]) -> str:
    sets = _numbered(0, TRAIN), _numbered(TRAIN, TEST)
    loaders = _loaders(answer, sets)
    train, val, test = map(_numbers, loaders, ("first", "second", "third"))
    _expect_whole_test(test, val)
    for other, name, question in (
        (test, "test", "If they steer the training, who is left that the network has not met?"),
        (train, "training", "What does an accuracy on images that were trained on tell you?"),
    ):
        both = len(set(val) & set(other))
        if both:
            raise Mistake(
                f"{both} of {len(set(val))} validation images are {name} images as well; expected "
                f"0. {question}"
            )
    _expect_shares(loaders, len(set(train)), len(set(val)))
    first, _ = next(iter(loaders[0]))
    if len(first) != BATCH:
        raise Mistake(
            f"Called with batch_size={BATCH}, the training loader yields batches of {len(first)}. "
            "Where did `batch_size` go?"
        )
    if _numbers(loaders[0], "first") == train:
        raise Mistake(
            f"In two epochs the training images come in the same order: {train[:4]} and so on; "
            "expected another order each time. Is it shuffled?"
        )
    again = _numbers(_loaders(answer, sets)[1], "second")
    if set(again) != set(val):
        same = len(set(again) & set(val))
        raise Mistake(
            f"Called a second time, your function holds back other images: {same} of "
            f"{len(set(val))} are the same; expected all. Has the split a seed of its own?"
        )
    return (
        f"All {TEST} test images count, once each, and {len(val)} images steer that are neither "
        "trained on nor reported on. With `data.loaders` the library does the same for you."
    )


def _loaders(answer: Callable[..., Any], sets: tuple[Dataset, Dataset]) -> list[Any]:
    got = attempted(answer(*sets, BATCH))
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise Mistake(
            f"Your function returns {describe(got)}; expected three loaders: train, val, test."
        )
    return list(got)


def _expect_shares(loaders: list[Any], train: int, val: int) -> None:
    if val >= TRAIN // 50 and train >= TRAIN // 2:
        return
    if not val and getattr(loaders[1], "drop_last", False):
        question = "What does `drop_last` do to a set that fills no batch?"
    elif val > train:
        question = (
            "Are the three loaders in the order train, val, test? The network shall learn from "
            "most of the images."
        )
    else:
        question = "What can so few images tell you?"
    raise Mistake(
        f"Of {TRAIN:,} images, {train} are for training and {val} for validation; expected most "
        f"for training, and at least {TRAIN // 50} for validation. {question}"
    )


def _numbers(loader: Any, name: str) -> list[int]:
    if isinstance(loader, Dataset):
        raise Mistake(
            f"The {name} thing returned is {describe(loader)}; expected a DataLoader. Which "
            "wrapper makes batches of a set?"
        )
    try:
        first, _ = next(iter(loader))
        if not _is_ours(first):
            raise Mistake(
                f"The {name} loader yields images of shape {list(first.shape[1:])} that are in "
                "neither of the sets that your function was given. Is it made of the two sets?"
            )
        batches: list[Tensor] = [data for data, _ in loader]
    except StopIteration:
        return []
    except (TypeError, ValueError, AttributeError) as error:
        raise Mistake(
            f"The {name} thing returned is {describe(loader)}, which yields no batches of images "
            "and labels; expected a DataLoader."
        ) from error
    if not all(isinstance(batch, Tensor) for batch in batches):
        raise Mistake(f"The {name} loader yields no batches of tensors; expected a DataLoader.")
    return [int(number) for batch in batches for number in batch.flatten()]


def _is_ours(images: Tensor) -> bool:
    """Are these numbered images, as the sets that the function was given hold?"""
    numbers = images.flatten(1)
    return numbers.shape[1] == 1 and bool((numbers % 1 == 0).all())


def _expect_whole_test(test: list[int], val: list[int]) -> None:
    wanted = set(range(TRAIN, TRAIN + TEST))
    missing = wanted - set(test)
    if missing:
        if missing & set(val) and not set(test) & set(val):
            question = "Has the validation set been split off the test set? Off which should it be?"
        else:
            question = f"{TEST} is no multiple of 128: what does `drop_last` do with the rest?"
        raise Mistake(
            f"{len(missing)} of {TEST} test images never come; expected all {TEST}. {question}"
        )
    if len(test) != TEST or set(test) != wanted:
        raise Mistake(
            f"The test loader yields {len(test)} images, {len(set(test) & wanted)} of them test "
            f"images; expected each of the {TEST} once, and no other. Is it made of the test set?"
        )
