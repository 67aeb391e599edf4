"""Three sets of images, each with one role."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from ..diagnose import describe
from ..exercise import Exercise, Wrong, edit

exercise = Exercise(__name__,
    "Spot the faults of the published test protocol, and correct them.",
    shows="Hold back a validation set, and report on every test image.", kind="function")


@exercise.stub
def my_loaders(train_set, test_set, batch_size=128): ...


@exercise.reference
def solved_loaders(train_set, test_set, batch_size=128):
    seed = torch.Generator().manual_seed(0)  # the same split at every call
    train, val = torch.utils.data.random_split(train_set, [0.9, 0.1], generator=seed)
    return (
        DataLoader(train, batch_size, shuffle=True),
        DataLoader(val, batch_size),
        DataLoader(test_set, batch_size),
    )


TRAIN, TEST, BATCH = 1000, 300, 128


@exercise.judge
def judge(answer: Callable) -> str:
    sets = numbered(0, TRAIN), numbered(TRAIN, TEST)
    loaders = three(answer, sets)
    train, val, test = (numbers(it, name) for it, name in zip(loaders, PLACES, strict=True))
    expect_order(train, val, test)
    expect_whole_test(test, val)
    for other, name, why in (
        (test, "test", "If they steer the training, who is left that the network has not met?"),
        (train, "training", "What does an accuracy on images that were trained on tell you?"),
    ):
        if both := len(set(val) & set(other)):
            raise Wrong(
                f"{both} of {len(set(val))} validation images are {name} images as well; expected "
                f"0. {why}"
            )
    expect_shares(loaders[1], len(set(train)), len(set(val)))
    first, _ = next(iter(loaders[0]))
    if len(first) != BATCH:
        raise Wrong(
            f"Called with batch_size={BATCH}, the training loader yields batches of {len(first)}. "
            "Where did `batch_size` go?"
        )
    if numbers(loaders[0], "first") == train:
        raise Wrong(
            f"In two epochs the training images come in the same order: {train[:4]} and so on; "
            "expected another order each time. Is it shuffled?"
        )
    again = numbers(three(answer, sets)[1], "second")
    if set(again) != set(val):
        raise Wrong(
            "Called a second time, your function holds back other images: "
            f"{len(set(again) & set(val))} of {len(set(val))} are the same; expected all. Does the "
            "split have a seed?"
        )
    return (
        f"All {TEST} test images count, once each, and {len(val)} images steer that are neither "
        "trained on nor reported on. With `data.loaders` the library does the same for you."
    )


PLACES = ("first", "second", "third")


def numbered(start: int, size: int) -> TensorDataset:
    """Images of one pixel, which is the image's number."""
    images = torch.arange(start, start + size)
    return TensorDataset(images.float().unsqueeze(1), images % 10)


def three(answer: Callable, sets: tuple[Dataset, Dataset]) -> list[Any]:
    got = answer(*sets, BATCH)
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise Wrong(f"Your function returns {describe(got)}; expected three loaders: "
                    "train, val, test.")
    return list(got)


def numbers(loader: Any, place: str) -> list[int]:
    """The numbers of all images of a loader, in its order."""
    what = f"The {place} thing returned is {describe(loader)}"
    if isinstance(loader, Dataset):
        raise Wrong(f"{what}; expected a DataLoader. Which wrapper makes batches of a set?")
    try:
        batches = [data for data, _ in loader]
    except (TypeError, ValueError, AttributeError) as error:
        raise Wrong(f"{what}, which yields no batches of images and labels; expected a "
                    "DataLoader.") from error
    if not all(isinstance(batch, Tensor) for batch in batches):
        raise Wrong(f"The {place} loader yields no batches of tensors; expected a DataLoader.")
    for batch in batches:
        if batch.flatten(1).shape[1] != 1 or bool((batch % 1 != 0).any()):
            raise Wrong(
                f"The {place} loader yields images of shape {list(batch.shape[1:])} that are in "
                "neither of the sets that your function was given. Is it made of the two sets?"
            )
    return [int(number) for batch in batches for number in batch.flatten()]


def expect_order(train: list[int], val: list[int], test: list[int]) -> None:
    """Complains if the three are right, but do not come as train, val, test."""
    tests = set(range(TRAIN, TRAIN + TEST))
    roles = ["test" if tests & set(x) else "train" if len(set(x)) > TRAIN // 2 else "val"
             for x in (train, val, test)]
    if sorted(roles) == ["test", "train", "val"] and roles != ["train", "val", "test"]:
        raise Wrong(
            f"Your function returns {len(train)}, {len(val)} and {len(test)} images: in this order "
            f"they look like {', '.join(roles)}; expected train, val, test. Is it their order, or "
            "should the network learn from most of the images?"
        )


def expect_whole_test(test: list[int], val: list[int]) -> None:
    wanted = set(range(TRAIN, TRAIN + TEST))
    if missing := wanted - set(test):
        why = f"{TEST} is no multiple of {BATCH}: what does `drop_last` do with the rest?"
        if missing & set(val) and not set(test) & set(val):
            why = "Was the validation set split off the test set? Off which should it be?"
        raise Wrong(f"{len(missing)} of {TEST} test images never come; expected all {TEST}. {why}")
    if len(test) != TEST or set(test) != wanted:
        raise Wrong(
            f"The test loader yields {len(test)} images, {len(set(test) & wanted)} of them test "
            f"images; expected each of the {TEST} once, and no other. Is it made of the test set?"
        )


def expect_shares(val_loader: Any, train: int, val: int) -> None:
    if val >= TRAIN // 50 and train >= TRAIN // 2:
        return
    why = "What can so few images tell you?"
    if not val and getattr(val_loader, "drop_last", False):
        why = "What does `drop_last` do to a set that fills no batch?"
    elif val > train:
        why = "The network should learn from most of the images."
    raise Wrong(
        f"Of {TRAIN:,} images, {train} are for training and {val} for validation; expected most "
        f"for training, and at least {TRAIN // 50} for validation. {why}"
    )


@exercise.right("a list")
def as_a_list(train_set, test_set, batch_size=128):
    return [*solved_loaders(train_set, test_set, batch_size)]


@exercise.right("the last sixth; training drops its rest, tests are shuffled")
def last_sixth(train_set, test_set, batch_size=128):
    cut = len(train_set) - len(train_set) // 6
    train, val = Subset(train_set, range(cut)), Subset(train_set, range(cut, len(train_set)))
    return [
        DataLoader(train, batch_size, shuffle=True, drop_last=True),
        DataLoader(val, 2 * batch_size),
        DataLoader(test_set, 7, shuffle=True),
    ]


TRAINING, VALIDATION, TESTS = (
    "DataLoader(train, batch_size, shuffle=True)", "DataLoader(val, batch_size)",
    "DataLoader(test_set, batch_size)",
)
exercise.right("other shares", edit("[0.9, 0.1]", "[0.8, 0.2]"))


@exercise.wrong("as published", "The loaders are right.", told="what does `drop_last` do")
def as_published(train_set, test_set, batch_size=128):
    train = DataLoader(train_set, batch_size, shuffle=True, drop_last=True)
    test = DataLoader(test_set, batch_size, shuffle=True, drop_last=True)
    return train, test, test


exercise.wrong("dropped", "A last batch must be full.",
    edit(TESTS, "DataLoader(test_set, batch_size, drop_last=True)"),
    told="what does `drop_last` do with the rest")
exercise.wrong("test as validation", "The test set may steer.",
    edit(VALIDATION, TESTS.replace(", ", ",  ")),
    told="If they steer the training")


@exercise.wrong("split test", "Validation is half a test.", told="split off the test set")
def split_test(train_set, test_set, batch_size=128):
    half = len(test_set) // 2
    halves = Subset(test_set, range(half)), Subset(test_set, range(half, 2 * half))
    val, test = (DataLoader(part, batch_size) for part in halves)
    return DataLoader(train_set, batch_size, shuffle=True), val, test


exercise.wrong("still trained on", "A copy is held back.",
    edit(TRAINING, "DataLoader(train_set, batch_size, shuffle=True)"),
    told="images that were trained on")
exercise.wrong("no seed", "One split is as good as another.",
    edit(", generator=seed", ""), told="Does the split have a seed")
exercise.wrong("no shuffle", "The order does not matter.",
    edit(TRAINING, "DataLoader(train, batch_size)"), told="Is it shuffled")
exercise.wrong("val first", "The order of the three is free.",
    edit(TRAINING, "FIRST", VALIDATION, TRAINING, "FIRST", VALIDATION),
    told="look like val, train, test")
exercise.wrong("test second", "The order of the three is free.",
    edit(VALIDATION, "SECOND", TESTS, VALIDATION, "SECOND", TESTS),
    told="look like train, test, val")
exercise.wrong("val drops", "Every loader needs full batches.",
    edit(VALIDATION, "DataLoader(val, batch_size, drop_last=True)"),
    told="do to a set that fills no batch")
exercise.wrong("bare sets", "A set is a loader.",
    edit(TRAINING, "train", VALIDATION, "val", TESTS, "test_set"),
    told="is a Subset; expected a DataLoader")
exercise.wrong("batches of one", "The batch size is a detail.",
    edit(TRAINING, "DataLoader(train, shuffle=True)"), told="Where did `batch_size` go")
exercise.wrong("few for training", "A bit is enough to train on.",
    edit("[0.9, 0.1]", "[0.4, 0.6]"), told="the network learn from most")


@exercise.wrong("other images", "Any digits will do.", told="Is it made of the two sets")
def other_images(train_set, test_set, batch_size=128):
    other = TensorDataset(torch.rand(500, 1), torch.zeros(500))
    return [DataLoader(other, batch_size) for _ in range(3)]
