"""A published sentence, refuted by two records."""

from typing import Any

import torch
from torch import Tensor

from tutorial_lib import functional as SF

from ..exercise import Exercise, Wrong
from ..values import describe, is_near, show

exercise = Exercise(__name__,
    "Spot the fault: two records of equal counts with unequal ce_rate_loss.",
    shows="Refute by an example that the published loss is one of the spike count.", kind="open")

solved_records = exercise.reference((
    torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]]),  # both fire in one step, where their scores cancel
    torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]),  # the same counts, in two steps
))


@exercise.judge
def judge(answer: Any) -> str:
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Wrong(f"Two records are asked for; you gave {describe(answer)}.")
    one, two = (checked(record, number) for number, record in enumerate(answer, 1))
    if one.shape != two.shape:
        raise Wrong(f"Your records have the shapes {list(one.shape)} and {list(two.shape)}; "
            "expected one shape. Over more steps a mean is another: can you do it with as many?")
    counts = [record.sum(0)[0].int().tolist() for record in (one, two)]
    if counts[0] != counts[1]:
        raise Wrong(f"The counts are {counts[0]} and {counts[1]}; expected the same count for each "
            "class. If they differ, what would a difference of the losses show?")
    target = torch.tensor([0])
    per_step = [SF.ce_rate_loss()(record, target).item() for record in (one, two)]
    if is_near(*per_step):
        raise Wrong(f"`ce_rate_loss` is {show(per_step[0])} for both records; expected two values. "
            f"{question(one, two)}")
    per_count = show(SF.ce_count_loss()(one, target).item())
    return (f"The counts are {counts[0]} in both, so a loss of the count says {per_count} to both. "
        f"`ce_rate_loss` says {show(per_step[0])} and {show(per_step[1])}: it is not a function of "
        "the count. You have refuted a published sentence with one example.")


def checked(record: Any, number: int) -> Tensor:
    if not isinstance(record, Tensor):
        raise Wrong(f"Record {number} is {describe(record)}; expected a tensor [T, 1, C].")
    shape = list(record.shape)
    if record.ndim != 3 or shape[1] != 1 or shape[2] < 2 or shape[0] < 1:
        raise Wrong(f"Record {number} has the shape {shape}; expected [T, 1, C]: some steps, one "
            "sample, at least two classes.", question_of_shape(shape))
    record = record.detach().double()
    odd = record[(record != 0) & (record != 1)]
    if len(odd):
        raise Wrong(f"Record {number} holds {show(odd[0].item())}; expected 0 and 1.",
            "Can a neuron fire twice in a step?"
            if odd[0] > 1
            else "Is there anything between a spike and none?")
    return record


def question_of_shape(shape: list[int]) -> str:
    if len(shape) != 3:
        return "Is the batch axis there, in the middle?"
    if shape[1] == 1:
        return "Can a record without steps, or with only one class, show who fires together?"
    if shape[0] == 1:
        return "Does time come first, and the batch in the middle?"
    return f"The axis in the middle holds {shape[1]} samples: does one not do?"


def question(one: Tensor, two: Tensor) -> str:
    if torch.equal(one, two):
        return "They are one record, twice. Which spikes can move without a change of count?"
    if sorted(one[:, 0].tolist()) == sorted(two[:, 0].tolist()):
        return ("They hold the same steps in another order, and a mean does not care for the "
            "order. What if two neurons share a step in one record, and do not in the other?")
    return "What does the loss of one step depend on?"


def pair(*records: list[list[float]], dtype: torch.dtype | None = None) -> tuple[Tensor, ...]:
    """Records ``[T, 1, C]`` from lists of steps."""
    return tuple(torch.tensor(record, dtype=dtype).unsqueeze(1) for record in records)


exercise.right("integers", pair([[1, 1], [0, 0]], [[1, 0], [0, 1]], dtype=torch.int64))
exercise.right("ten classes",
    [torch.eye(10).roll(1, 0).unsqueeze(1), torch.eye(10)[[0] * 10].T.unsqueeze(1)])
exercise.right("three classes, True and False",
    pair([[1, 1, 1], [0, 0, 0], [1, 0, 0]], [[1, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=torch.bool))

exercise.wrong("The loss per step asks when.",
    pair([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]), told="does not care for the order")
exercise.wrong("The loss differs by itself.", pair([[1.0, 0.0]], [[1.0, 0.0]]),
    told="one record, twice")
exercise.wrong("A difference in loss is enough.",
    pair([[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]),
    told="what would a difference of the losses show")
exercise.wrong("Spikes of a step add up.", pair([[2.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]),
    told="fire twice in a step")
exercise.wrong("A spike may be a probability.",
    pair([[0.5, 0.0], [0.5, 0.0]], [[1.0, 0.0], [0.0, 0.0]]), told="between a spike and none")
exercise.wrong("Silent steps change nothing but the mean.",
    pair([[1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]), told="can you do it with as many")
exercise.wrong("A record is [T, C].", (torch.eye(2), torch.eye(2)), told="Is the batch axis there")
exercise.wrong("One class is enough.", (torch.eye(2)[:, :1, None], torch.eye(2)[:, 1:, None]),
    told="with only one class")
exercise.wrong("More samples prove more.", (torch.zeros(2, 2, 2), torch.ones(2, 2, 2)),
    told="holds 2 samples")
exercise.wrong("The batch comes first.", (torch.eye(2)[None], torch.eye(2)[None]),
    told="Does time come first")
exercise.wrong("A list is a tensor.", (torch.eye(2)[:, None].tolist(), [[[1, 1]], [[0, 0]]]),
    told="a nested list of shape [2, 1, 2]")
