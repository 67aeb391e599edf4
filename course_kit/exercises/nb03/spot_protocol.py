"""Three sets of images, each with one role."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from ..exercise import Exercise, Wrong, edit
from ..values import describe

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
TESTS = set(range(TRAIN, TRAIN + TEST))


@exercise.judge
def judge(answer: Callable) -> str:
    sets = numbered(0, TRAIN), numbered(TRAIN, TEST)
    loaders = three(answer, sets)
    train, val, test = (numbers(*each) for each in zip(loaders, PLACES, strict=True))
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
    if len(set(val)) < TRAIN // 50 or len(set(train)) < TRAIN // 2:
        raise Wrong(
            f"Of {TRAIN:,} images, {len(set(train))} are for training and {len(set(val))} for "
            f"validation; expected most for training, and at least {TRAIN // 50} for validation.",
            "What can a network learn from few images, and what can few images tell you?",
        )
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
    again = set(numbers(three(answer, sets)[1], "second"))
    if again != set(val):
        raise Wrong(
            f"Called a second time, your function holds back other images: {len(again & set(val))} "
            f"of {len(set(val))} are the same; expected all. Does the split have a seed?"
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
        raise Wrong(
            f"Your function returns {describe(got)}; expected three loaders: train, val, test."
        )
    return list(got)


def numbers(loader: Any, place: str) -> list[int]:
    """The numbers of all images of a loader, in its order."""
    if not isinstance(loader, DataLoader):
        raise Wrong(
            f"The {place} thing returned is {describe(loader)}; expected a DataLoader. Which "
            "wrapper makes batches of a set?"
        )
    found = [number for images, _ in loader for number in images.flatten().tolist()]
    if not set(found) <= set(range(TRAIN + TEST)):
        raise Wrong(
            f"The {place} loader yields images that are in neither of the sets that your function "
            "was given. Is it made of the two sets?"
        )
    return [int(number) for number in found]


def expect_order(train: list[int], val: list[int], test: list[int]) -> None:
    """Complains if the three are right, but do not come as train, val, test."""
    roles = [
        "test" if TESTS & set(x) else "train" if len(set(x)) > TRAIN // 2 else "val"
        for x in (train, val, test)
    ]
    if sorted(roles) == ["test", "train", "val"] and roles != ["train", "val", "test"]:
        raise Wrong(
            f"Your function returns {len(train)}, {len(val)} and {len(test)} images: in this order "
            f"they look like {', '.join(roles)}; expected train, val, test. Is it their order, or "
            "should the network learn from most of the images?"
        )


def expect_whole_test(test: list[int], val: list[int]) -> None:
    if missing := TESTS - set(test):
        why = f"{TEST} is no multiple of {BATCH}: what does `drop_last` do with the rest?"
        if missing & set(val) and not set(test) & set(val):
            why = "Was the validation set split off the test set? Off which should it be?"
        raise Wrong(f"{len(missing)} of {TEST} test images never come; expected all {TEST}. {why}")
    if len(test) != TEST or set(test) != TESTS:
        raise Wrong(
            f"The test loader yields {len(test)} images, {len(set(test) & TESTS)} of them test "
            f"images; expected each of the {TEST} once, and no other. Is it made of the test set?"
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


TRAINING = "DataLoader(train, batch_size, shuffle=True)"
VALIDATION, REPORT = "DataLoader(val, batch_size)", "DataLoader(test_set, batch_size)"

exercise.right("other shares", edit("[0.9, 0.1]", "[0.8, 0.2]"))


@exercise.wrong("The loaders are right.", told="what does `drop_last` do")
def as_published(train_set, test_set, batch_size=128):
    train = DataLoader(train_set, batch_size, shuffle=True, drop_last=True)
    test = DataLoader(test_set, batch_size, shuffle=True, drop_last=True)
    return train, test, test


@exercise.wrong("Validation is half a test.", told="split off the test set")
def split_test(train_set, test_set, batch_size=128):
    half = len(test_set) // 2
    halves = Subset(test_set, range(half)), Subset(test_set, range(half, 2 * half))
    val, test = (DataLoader(part, batch_size) for part in halves)
    return DataLoader(train_set, batch_size, shuffle=True), val, test


@exercise.wrong("Any digits will do.", told="Is it made of the two sets")
def other_images(train_set, test_set, batch_size=128):
    other = TensorDataset(torch.rand(500, 1), torch.zeros(500))
    return [DataLoader(other, batch_size) for _ in range(3)]


exercise.wrong("A last batch must be full.",
    edit(REPORT, "DataLoader(test_set, batch_size, drop_last=True)"),
    told="what does `drop_last` do with the rest")
exercise.wrong("The test set may steer.", edit(VALIDATION, "DataLoader(test_set, 2 * batch_size)"),
    told="If they steer the training")
exercise.wrong("A copy is held back.",
    edit(TRAINING, "DataLoader(train_set, batch_size, shuffle=True)"),
    told="images that were trained on")
exercise.wrong("One split is as good as another.", edit(", generator=seed", ""),
    told="Does the split have a seed")
exercise.wrong("The order of the images does not matter.",
    edit(TRAINING, "DataLoader(train, batch_size)"), told="Is it shuffled")
exercise.wrong("The order of the three is free.",
    edit(TRAINING, "FIRST", VALIDATION, TRAINING, "FIRST", VALIDATION),
    told="look like val, train, test")
exercise.wrong("Every loader needs full batches.",
    edit(VALIDATION, "DataLoader(val, batch_size, drop_last=True)"),
    asks="What does `drop_last` do to a set that fills no batch?")
exercise.wrong("A set is a loader.", edit(TRAINING, "train", VALIDATION, "val", REPORT, "test_set"),
    told="is a Subset; expected a DataLoader")
exercise.wrong("The batch size is a detail.", edit(TRAINING, "DataLoader(train, shuffle=True)"),
    told="Where did `batch_size` go")
exercise.wrong("A bit is enough to train on.", edit("[0.9, 0.1]", "[0.4, 0.6]"),
    told="the network learn from most")
