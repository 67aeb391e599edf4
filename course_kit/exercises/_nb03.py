"""Exercises of notebook 03, training."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tutorial_lib import functional as SF

from . import _nb03_judges as judges
from . import _nb03_protocol as sets
from ._core import Exercise, Mutant

__all__ = ["EXERCISES"]


def loss_floor(num_classes):  # noqa: ANN001, ANN201
    """The reference: the target's score is 1 at each step, every other one is 0."""
    return math.log(1 + (num_classes - 1) / math.e)


FLOOR = Exercise(
    id="03-floor",
    title="Write the floor of ce_rate_loss for any number of classes.",
    objective="Know the range of a loss before training with it.",
    kind="function",
    judge=judges.loss_floor,
    reference=lambda: loss_floor,
    stub=lambda: lambda num_classes: ...,
    mutants=(
        Mutant("zero", "A cross entropy falls to zero.", lambda: lambda c: 0.0, "without bounds"),
        Mutant("silence", "Silence is the floor.", lambda: lambda c: math.log(c), "of silence"),
        Mutant(
            "all classes",
            "There are C others.",
            lambda: lambda c: math.log(1 + c / math.e),
            "among the others, too",
        ),
        Mutant(
            "reversed",
            "The others have the score 1.",
            lambda: lambda c: math.log(1 + (c - 1) * math.e),
            "all others fire",
        ),
        Mutant(
            "count",
            "The loss is on the count.",
            lambda: lambda c: math.log(1 + (c - 1) * math.exp(-50)),
            "without bounds",
        ),
        Mutant(
            "probability",
            "The loss is the probability.",
            lambda: lambda c: math.e / (math.e + c - 1),
            "the probability of the target",
        ),
        Mutant("sign", "Loss is log p.", lambda: lambda c: -loss_floor(c), "What sign"),
        Mutant("bits", "log is log2.", lambda: lambda c: loss_floor(c) / math.log(2), "natural"),
        Mutant(
            "log10",
            "log is log10.",
            lambda: lambda c: math.log10(1 + (c - 1) / math.e),
            "natural",
        ),
        Mutant(
            "sum only",
            "The loss is the log of the sum.",
            lambda: lambda c: math.log(math.e + c - 1),
            "Is that all of it",
        ),
        Mutant("ten", "1.461 is a constant.", lambda: lambda c: loss_floor(10), "has changed"),
        Mutant("half", "The floor is half way.", lambda: lambda c: math.log(c) / 2, "Which score"),
    ),
    variants=(
        lambda: lambda c: torch.log((torch.e + torch.tensor(c - 1.0)) / torch.e),
        lambda: lambda c: SF.ce_rate_loss()(torch.eye(c).unsqueeze(0), torch.arange(c)),
        lambda: lambda c: -torch.eye(c, dtype=torch.float64).log_softmax(-1)[0, 0],
    ),
)


def pair(*records: list[list[float]], **kwargs: torch.dtype) -> tuple[Tensor, ...]:
    """Records ``[T, 1, C]`` from lists of steps."""
    return tuple(torch.tensor(record, **kwargs).unsqueeze(1) for record in records)


SPOT_LOSS = Exercise(
    id="03-spot-loss",
    title="Spot the fault: two records of equal counts with unequal ce_rate_loss.",
    objective="Refute by an example that the published loss is one of the spike count.",
    kind="open",
    judge=judges.same_counts,
    reference=lambda: pair([[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]),
    stub=lambda: (..., ...),
    mutants=(
        Mutant(
            "late",
            "The loss per step asks when.",
            lambda: pair([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]),
            "does not care for the order",
        ),
        Mutant(
            "twins",
            "The loss differs by itself.",
            lambda: pair([[1.0, 0.0]], [[1.0, 0.0]]),
            "one record, twice",
        ),
        Mutant(
            "more spikes",
            "A difference in loss is enough.",
            lambda: pair([[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]),
            "what would a difference of the losses show",
        ),
        Mutant(
            "rival",
            "Only the sum over classes counts.",
            lambda: pair([[1.0, 0.0]], [[0.0, 1.0]]),
            "for each class",
        ),
        Mutant(
            "double spike",
            "Spikes of a step add up.",
            lambda: pair([[2.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]),
            "twice in a step",
        ),
        Mutant(
            "half spike",
            "A spike may be a probability.",
            lambda: pair([[0.5, 0.0], [0.5, 0.0]], [[1.0, 0.0], [0.0, 0.0]]),
            "between a spike and none",
        ),
        Mutant(
            "padded",
            "Silent steps change nothing but the mean.",
            lambda: pair([[1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]),
            "with as many",
        ),
        Mutant(
            "no batch",
            "A record is [T, C].",
            lambda: (torch.eye(2), torch.eye(2)),
            "batch axis there",
        ),
    ),
    variants=(
        lambda: pair([[1, 1], [0, 0]], [[1, 0], [0, 1]], dtype=torch.int64),
        lambda: [torch.eye(10).roll(1, 0).unsqueeze(1), torch.eye(10)[[0] * 10].T.unsqueeze(1)],
        lambda: pair(
            [[1, 1, 1], [0, 0, 0], [1, 0, 0]],
            [[1, 1, 0], [1, 0, 1], [0, 0, 0]],
            dtype=torch.bool,
        ),
    ),
)

FIRST_UPDATE = Exercise(
    id="03-first-update",
    title="Learning rate 0.01: what does the first update do to the weights of the first layer?",
    objective="Tell the gradient from the step that an optimizer makes of it.",
    kind="choice",
    judge=judges.first_update,
    reference=lambda: "c",
    stub=lambda: None,
    mutants=(
        Mutant("rate", "A learning rate is a step.", lambda: "a", "multiply the learning rate"),
        Mutant("dead", "Silent means dead.", lambda: "b", "tiny, but is it zero"),
        Mutant("divides", "Adam's division makes smaller.", lambda: "d", "a division by"),
    ),
    options=lambda: {
        "a": "Both optimizers move them by about 0.01, the learning rate.",
        "b": "Neither moves them: a silent network has no gradient.",
        "c": "SGD leaves them as they are, to within a billionth. Adam moves some by thousandths.",
        "d": "SGD moves them further than Adam, which divides the gradient.",
    },
)

SPOT_PROTOCOL = Exercise(
    id="03-spot-protocol",
    title="Spot the faults of the published test protocol, and mend it.",
    objective="Hold back a validation set, and report on every test image.",
    kind="function",
    judge=sets.protocol,
    reference=lambda: sets.make_loaders,
    stub=lambda: lambda train_set, test_set, batch_size=128: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, sets.faulty(slip), words)
        for slip, belief, words in (
            ("as published", "The loaders are right.", "what does `drop_last` do"),
            ("dropped", "A last batch must be full.", "what does `drop_last` do"),
            ("test as validation", "The test set may steer.", "If they steer the training"),
            ("split test", "Validation is half a test.", "split off the test set"),
            ("still trained on", "A copy is held back.", "that were trained on"),
            ("no seed", "One split is as good as another.", "a seed of its own"),
            ("no shuffle", "The order does not matter.", "Is it shuffled"),
            ("other order", "The order of the three is free.", "train, val, test"),
            ("val drops", "Every loader needs full batches.", "do to a set that fills no batch"),
            ("bare sets", "A set is a loader.", "is a Subset; expected a DataLoader"),
            ("batches of one", "The batch size is a detail.", "did `batch_size` go"),
            ("other images", "Any digits will do.", "made of the two sets"),
            ("few for training", "A bit is enough to train on.", "most of the images"),
        )
    ),
    variants=(sets.other_loaders("random_split"), sets.other_loaders("last sixth")),
)

PULLED = Exercise(
    id="03-mse-pull",
    title="A silent network, `mse_count_loss(0.8, 0.2)`: which outputs are pulled towards firing?",
    objective="Read from a loss what it asks of the wrong classes.",
    kind="choice",
    judge=judges.who_is_pulled,
    reference=lambda: "b",
    stub=lambda: None,
    mutants=(
        Mutant("target", "Only the target shall fire.", lambda: "a", "at a rate of 0.2"),
        Mutant("none", "At silence there is no slope.", lambda: "c", "where the loss wants it"),
        Mutant("wrong", "The wrong ones are what costs.", lambda: "d", "above or below the 10"),
    ),
    options=lambda: {
        "a": "Only the target's.",
        "b": "All ten.",
        "c": "None: there is no slope at silence.",
        "d": "The nine wrong ones, as only they are away from what is wanted.",
    },
)

SGD = Exercise(
    id="03-sgd",
    title="Find a slope and a scale of the first weights from which plain SGD learns.",
    objective="Separate the two causes that keep SGD from learning, and mend both.",
    kind="open",
    judge=judges.sgd_learns,
    reference=lambda: {"slope": 1.0, "gain": 4.0},
    stub=lambda: {"slope": ..., "gain": ...},
    mutants=(
        Mutant(
            "as published",
            "The start is good.",
            lambda: {"slope": 25, "gain": 1},
            "whose input never spikes",
        ),
        Mutant(
            "slope only",
            "The gradient is all that is missing.",
            lambda: {"slope": 1, "gain": 1},
            "whose input never spikes",
        ),
        Mutant(
            "whisper",
            "One spike is as good as many.",
            lambda: {"slope": 25, "gain": 2.5},
            "if it spoke from the start",
        ),
        Mutant(
            "gain only",
            "Spikes are all that is missing.",
            lambda: {"slope": 25, "gain": 4},
            "is the surrogate wide enough",
        ),
        Mutant(
            "steeper",
            "The steeper, the truer, the better.",
            lambda: {"slope": 100, "gain": 4},
            "is the surrogate wide enough",
        ),
        Mutant(
            "too loud",
            "The more spikes, the better.",
            lambda: {"slope": 1, "gain": 20},
            "so that nothing is said",
        ),
        Mutant(
            "negative",
            "A slope may fall.",
            lambda: {"slope": -1, "gain": 4},
            "sign of the gradient",
        ),
    ),
    variants=(
        lambda: {"slope": 0.5, "gain": 4},
        lambda: {"gain": torch.tensor(5.0), "slope": 1},
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    FLOOR,
    SPOT_LOSS,
    PULLED,
    FIRST_UPDATE,
    SGD,
    SPOT_PROTOCOL,
)
