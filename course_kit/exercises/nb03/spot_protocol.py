"""Three sets of images, each with one role."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset, Subset, SubsetRandomSampler, TensorDataset

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe

exercise = Exercise(__name__,
    "Spot the faults of the published test protocol, and correct them.",
    shows="Hold back a validation set, and report on every test image.", kind="function")


@exercise.reference
def solved_loaders(train_set, test_set, batch_size=128):
    seed = torch.Generator().manual_seed(0)  # the same split at every call
    train, val = torch.utils.data.random_split(train_set, [0.9, 0.1], generator=seed)
    return (
        DataLoader(train, batch_size, shuffle=True),
        DataLoader(val, batch_size),
        DataLoader(test_set, batch_size),
    )


class Call(NamedTuple):
    """What the learner's function is called with: sizes of the two sets, and of a batch."""

    train: int
    test: int
    batch: int

    def __str__(self) -> str:
        return f"{self.train:,} training and {self.test} test images and batch_size={self.batch}"

    @property
    def tests(self) -> set[int]:
        """The numbers of the test images; those of the training images come before."""
        return set(range(self.train, self.train + self.test))

    def sets(self) -> tuple[Dataset, Dataset]:
        """Images of one pixel, which is the image's number."""
        images = torch.arange(self.train + self.test)
        parts = images[: self.train], images[self.train :]
        return tuple(TensorDataset(x.float().unsqueeze(1), x % 10) for x in parts)


CALLS = Call(1000, 300, 128), Call(777, 131, 50)  # of the second, no size divides another


@exercise.judge
def judge(answer: Function) -> str:
    for call in CALLS:
        try:
            val = judge_call(answer, call)
        except Wrong as wrong:
            raise Wrong(f"With {call}: {wrong.fault}", wrong.question) from None
        except Exception as error:  # torch's own words give no sizes
            fixed = " Give shares: the sets may be of any size." * ("lengths" in str(error))
            error.add_note(f"It was called with {call}.{fixed}")
            raise
    return (f"With {call}, all test images count, once each, and {val} images steer that are "
        "neither trained on nor reported on. The library's `data.loaders` does the same.")


def judge_call(answer: Function, call: Call) -> int:
    """How many images are held back."""
    sets = call.sets()
    loaders = three(answer, call, sets)
    train, val, test = found = [numbers(*pair, call) for pair in zip(loaders, PLACES, strict=True)]
    expect_order(found, call)
    expect_whole_test(test, val, call)
    expect_one_role(found)
    expect_use(found, loaders, call)
    first, _ = next(iter(loaders[0]))
    if len(first) != call.batch:
        raise Wrong(f"training yields batches of {len(first)}.", "Where did `batch_size` go?")
    if numbers(loaders[0], "first", call) == train:
        raise Wrong(f"in two epochs the training images come in the same order: {train[:4]} and so "
            "on; expected another order each time.", "Is it shuffled?")
    again = set(numbers(three(answer, call, sets)[1], "second", call))
    if again != set(val):
        raise Wrong("called a second time, your function holds back other images: "
            f"{len(again & set(val))} of {len(val)} are the same; expected all.",
            "Does the split have a seed?")
    return len(val)


PLACES = ("first", "second", "third")


def three(answer: Function, call: Call, sets: tuple[Dataset, Dataset]) -> Sequence[DataLoader]:
    got = answer(*sets, call.batch)
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise Wrong(f"your function returns {describe(got)}; expected three: train, val, test.")
    for place, loader in zip(PLACES, got, strict=True):
        if not isinstance(loader, DataLoader):
            raise Wrong(f"the {place} thing returned is {describe(loader)}; expected a DataLoader.",
                "Which wrapper makes batches of a set?")
    return got


def numbers(loader: DataLoader, place: str, call: Call) -> list[int]:
    """The numbers of all images of a loader, in its order."""
    found = [number for images, _ in loader for number in images.flatten().tolist()]
    if foreign := set(found) - set(range(call.train + call.test)):
        raise Wrong(f"the {place} loader yields {len(foreign)} images that are in neither of the "
            "sets that your function was given.", "Is it made of the two sets?")
    return [int(number) for number in found]


def expect_order(found: list[list[int]], call: Call) -> None:
    """Complains if the three are right, but do not come as train, val, test."""
    roles = [
        "test" if call.tests & set(x) else "train" if len(set(x)) > call.train // 2 else "val"
        for x in found]
    if sorted(roles) == ["test", "train", "val"] and roles != ["train", "val", "test"]:
        train, val, test = map(len, found)
        raise Wrong(f"your function returns {train}, {val} and {test} images: in this order they "
            f"look like {', '.join(roles)}; expected train, val, test.",
            "Is it their order, or should the network learn from most of the images?")


def expect_whole_test(test: list[int], val: list[int], call: Call) -> None:
    if missing := call.tests - set(test):
        why = f"{call.test} is no multiple of {call.batch}: what does `drop_last` do with the rest?"
        if missing & set(val) and not set(test) & set(val):
            why = "Was the validation set split off the test set? Off which should it be?"
        raise Wrong(
            f"{len(missing)} of {call.test} test images never come; expected all {call.test}.", why)
    if len(test) != call.test or set(test) != call.tests:
        raise Wrong(f"the test loader yields {len(test)} images, {len(set(test) & call.tests)} of "
            f"them different test images; expected each of the {call.test} once, and no other.",
            "Is it made of the test set?")


def expect_one_role(found: list[list[int]]) -> None:
    """Complains about an image in two loaders, or twice in one."""
    roles = dict(zip(("training", "validation", "test"), found, strict=True))
    for name, also, why in (
        ("validation", "test", UNMET),
        ("validation", "training", "What would an accuracy on trained images say?"),
        ("training", "test", UNMET)):
        own = set(roles[name])
        if both := len(own.intersection(roles[also])):
            raise Wrong(
                f"{both} of {len(own)} {name} images are {also} images as well; expected 0.", why)
    for name in ("training", "validation"):
        own = set(roles[name])
        if len(own) != len(roles[name]):
            raise Wrong(f"the {name} loader yields {len(roles[name])} images in an epoch, but only "
                f"{len(own)} different ones; expected each once.",
                "What puts an image back after it was drawn?")


UNMET = "If the test images steer the training, who is left that the network has not met?"


def expect_use(found: list[list[int]], loaders: Sequence[DataLoader], call: Call) -> None:
    """Complains about images of the training set that are left out, and about a poor split."""
    train, val = len(found[0]), len(found[1])
    least = math.ceil(call.train / 50)
    if val < least or train < call.train / 2:
        raise Wrong(f"{train} training images come in an epoch, and {val} for validation; expected "
            f"most of the {call.train:,} for training, and at least {least} for validation.",
            "What can a network learn from few images, and what can few images tell you?")
    unused = call.train - train - val
    dropped = loaders[0].drop_last and not loaders[1].drop_last
    if unused > (call.batch - 1 if dropped else 0):
        raise Wrong(f"{unused} images of the training set come neither in training nor in "
            "validation; expected all, but for an incomplete last batch of training.",
            "What becomes of them?")


@exercise.right("a list, the last sixth; training drops its rest, tests are shuffled")
def last_sixth(train_set, test_set, batch_size=128):
    cut = len(train_set) - len(train_set) // 6
    train, val = Subset(train_set, range(cut)), Subset(train_set, range(cut, len(train_set)))
    return [
        DataLoader(train, batch_size, shuffle=True, drop_last=True),
        DataLoader(val, 2 * batch_size),
        DataLoader(test_set, 7, shuffle=True),
    ]


@exercise.right("a sampler of what is held back, and one of the rest")
def with_samplers(train_set, test_set, batch_size=128):
    order = torch.randperm(len(train_set), generator=torch.Generator().manual_seed(3)).tolist()
    cut = len(train_set) // 50 + 1
    return (
        DataLoader(train_set, batch_size, sampler=SubsetRandomSampler(order[cut:]), drop_last=True),
        DataLoader(train_set, batch_size, sampler=order[:cut]),
        DataLoader(test_set, batch_size),
    )


exercise.right("other shares", edit("[0.9, 0.1]", "[0.8, 0.2]"))

TRAINING, VALIDATION = "DataLoader(train, batch_size, shuffle=True)", "DataLoader(val, batch_size)"


@exercise.wrong("The loaders are right.", told="what does `drop_last` do")
def as_published(train_set, test_set, batch_size=128):
    train = DataLoader(train_set, batch_size, shuffle=True, drop_last=True)
    test = DataLoader(test_set, batch_size, shuffle=True, drop_last=True)
    return train, test, test


exercise.wrong("Validation is half a test.",
    edit("train, val =", "val, test =", "train_set, [0.9, 0.1]", "test_set, [0.5, 0.5]",
         "DataLoader(train,", "DataLoader(train_set,", "DataLoader(test_set,", "DataLoader(test,"),
    told="split off the test set")
exercise.wrong("Any digits will do.",
    edit("train_set, [0.9, 0.1]", "TensorDataset(torch.rand(99, 1), torch.zeros(99)), [0.9, 0.1]"),
    told="Is it made of the two sets")
exercise.wrong("The test set may steer.", edit(VALIDATION, "DataLoader(test_set, 2 * batch_size)"),
    told="If the test images steer")
exercise.wrong("A copy is held back.", edit("DataLoader(train,", "DataLoader(train_set,"),
    told="an accuracy on trained images")
exercise.wrong("One split is as good as another.", edit(", generator=seed", ""),
    told="Does the split have a seed")
exercise.wrong("The order of the images does not matter.", edit(", shuffle=True", ""),
    told="Is it shuffled")
exercise.wrong("The order of the three is free.",
    edit(TRAINING, "FIRST", VALIDATION, TRAINING, "FIRST", VALIDATION),
    told="look like val, train, test")
exercise.wrong("Every loader needs full batches.",
    edit(VALIDATION, "DataLoader(val, batch_size, drop_last=True)"),
    asks="What does `drop_last` do to a set that fills no batch?")
exercise.wrong("A set is a loader.", edit(TRAINING, "train", VALIDATION, "val"),
    told="is a Subset; expected a DataLoader")
exercise.wrong("The sets have the sizes of MNIST.", edit("[0.9, 0.1]", "[54000, 6000]"),
    told="called with 1,000 training and 300 test images and batch_size=128. Give shares")
exercise.wrong("A batch has 128 images.", edit(TRAINING, "DataLoader(train, 128, shuffle=True)"),
    told="yields batches of 128. Where did `batch_size` go")
exercise.wrong("Part of the images can be left over.",
    edit("train, val =", "train, val, _ =", "[0.9, 0.1]", "[0.6, 0.1, 0.3]"),
    told="300 images of the training set come neither")
exercise.wrong("A random draw is a shuffle.",
    edit("shuffle=True", "sampler=torch.utils.data.RandomSampler(train, replacement=True)"),
    told="What puts an image back")
exercise.wrong("More images are better, whosever they are.",
    edit("DataLoader(train,", "DataLoader(train + test_set,"),
    told="training images are test images as well")
