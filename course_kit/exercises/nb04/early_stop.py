"""A decision before the last step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import functional as SF

from ..diagnose import describe
from ..exercise import Exercise, Wrong, edit
from ._records import integers, random_spikes, said, spikes

exercise = Exercise(__name__,
    "Write a rule that stops each image as soon as one class leads by a given number of spikes.",
    shows="Decide from the counts up to now, without hindsight.", kind="function")


@exercise.stub
def my_stop(spk_rec, lead): ...


@exercise.reference
def solved_stop(spk_rec, lead):
    best = spk_rec.cumsum(dim=0).topk(2, dim=-1).values
    enough = best[..., 0] - best[..., 1] >= lead
    steps = torch.where(enough.any(0), enough.int().argmax(0) + 1, len(spk_rec))
    seen = torch.arange(len(spk_rec), device=steps.device).unsqueeze(1) < steps  # [T, B]
    return SF.predict_rate(spk_rec * seen.unsqueeze(-1)), steps


RUNS = [
    (spikes("010", "010", "010", "010"), 2),
    (spikes("110", "110", "100", "100"), 2),
    (spikes("001", "000", "000", "000"), 2),
    (spikes("110", "000", "000", "000"), 2),
    (spikes("100", "100", "010", "010", "010", "010", "010"), 2),
    (random_spikes(0.3), 3),
]


@exercise.judge
def judge(stop: Callable) -> str:
    for spk_rec, lead in RUNS:
        images = spk_rec.shape[1]
        for image, (got, wanted) in enumerate(
            zip(outcome(stop, spk_rec, lead), outcome(solved_stop, spk_rec, lead), strict=True)
        ):
            if got != wanted:
                where = said(spk_rec) if images == 1 else f"Image {image} of {images} random ones"
                raise Wrong(
                    f"{where}. With a lead of {lead} your rule answers {got[0]} after {got[1]} "
                    f"steps; expected {wanted[0]} after {wanted[1]}. {question(stop)}"
                )
    return (
        "Your rule uses only what it can see at the time, so it could stop a real run. The next "
        "cell shows what it saves on the test images."
    )


def outcome(stop: Callable, spk_rec: Tensor, lead: int) -> list[tuple[int, int]]:
    """The answer and the number of steps for each image."""
    got = stop(spk_rec.clone(), lead)
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Wrong(f"Your function returns {describe(got)}; expected two tensors: answers and "
                    "steps.")
    return list(zip(*(
        integers(value, spk_rec.shape[1], what)
        for value, what in zip(got, ("answers", "steps"), strict=True)
    ), strict=True))


def question(stop: Callable) -> str:
    """The question to the wrong answer below that stops all runs as this one does."""
    def all_runs(rule: Callable) -> list[Any]:
        return [outcome(rule, *run) for run in RUNS]

    got = all_runs(stop)
    for known in exercise.wrong_answers:
        if all_runs(known.make()) == got:
            return known.told
    steps, wanted = ([s for run in runs for _, s in run] for runs in (got, all_runs(solved_stop)))
    if steps == wanted:
        return "Is your answer the class that leads when the run stops, as far as it has come?"
    return "Is each image stopped for itself, at the first step at which the lead is there?"


@exercise.right("image by image")
def by_image(spk_rec, lead):
    answers, steps = [], []
    for image in spk_rec.unbind(1):
        counts = torch.zeros(image.shape[-1])
        steps.append(0)
        for spk in image:
            counts += spk
            steps[-1] += 1
            first, second = counts.sort(descending=True).values[:2]
            if first - second >= lead:
                break
        answers.append(int(counts.argmax()) if first > second else -1)
    return [torch.tensor(answers), torch.tensor(steps)]


@exercise.right("in one sweep")
def in_one_sweep(spk_rec, lead):
    counts = torch.zeros(spk_rec.shape[1:], dtype=torch.float64)
    running = torch.ones(spk_rec.shape[1], dtype=torch.bool)
    steps = torch.zeros(spk_rec.shape[1])
    for spk in spk_rec:
        counts += spk * running[:, None]
        steps += running
        first, second = counts.topk(2).values.T
        running &= first - second < lead
    first, second = counts.topk(2).values.T
    return torch.where(first > second, counts.argmax(1), -1), steps


ANSWERS = "SF.predict_rate(spk_rec * seen.unsqueeze(-1))"
exercise.wrong("from 0", "The index of a step is the number of steps.",
    edit(f"{ANSWERS}, steps", f"{ANSWERS}, steps - 1"),
    told="Do you count the steps from 0? After the first step, one was run.")
exercise.wrong("more than", "A lead must be exceeded.", edit(">= lead", "> lead"),
    told="Do you want more than the lead? A lead of that many spikes is enough.")
exercise.wrong("count", "The first with that many spikes wins.",
    edit("best[..., 0] - best[..., 1] >= lead", "best[..., 0] >= lead"),
    told="Is a lead the same as a count?")
exercise.wrong("no last step", "argmax finds nothing where there is nothing.",
    edit("+ 1, len(spk_rec))", "+ 1, 1)"),
    told="What if no class ever leads by that much? Then the run goes to its last step.")
exercise.wrong("one too many", "No decision takes one more.",
    edit("+ 1, len(spk_rec))", "+ 1, len(spk_rec) + 1)"),
    told="Is there a step after the last?")
exercise.wrong("no lead, no answer", "Without the lead nobody has won.",
    edit(ANSWERS, f"torch.where(enough.any(0), {ANSWERS}, -1)"),
    told="Is -1 your answer where the lead is never reached? The class ahead at the last step is "
    "asked for, and -1 only if several are level.")
exercise.wrong("one step", "A lead is one of a step.", edit(".cumsum(dim=0)", ""),
    told="Is it the lead in the counts up to now, or in the spikes of one step?")
exercise.wrong("ahead of the mean", "A lead is over the average.",
    edit("best[..., 1]", "spk_rec.cumsum(dim=0).mean(-1)"),
    told="Ahead of whom: of the next best, or of the mean?")
exercise.wrong("all at once", "A batch stops together.",
    edit(">= lead", ">= lead\n    enough = enough.all(1, keepdim=True).expand_as(enough)"),
    told="Is each image stopped for itself?")
exercise.wrong("lowest of ties", "argmax settles a tie.",
    edit(ANSWERS, "(spk_rec * seen.unsqueeze(-1)).sum(0).argmax(-1)"),
    told="Several are level at the stop: which answer says so?")
exercise.wrong("swapped", "The order of two results is free.",
    edit(f"return {ANSWERS}, steps", f"return steps, {ANSWERS}"),
    told="Are these the steps first and the answers second?")
exercise.wrong("hindsight", "A lead counts if it stays.",
    edit(">= lead", ">= lead\n    enough = enough.flip(0).int().cumprod(0).flip(0).bool()"),
    told="When the run stops, nobody knows what would have come after: is that in your rule?")
exercise.wrong("final answer", "The answer is that of the whole run.",
    edit("spk_rec * seen.unsqueeze(-1)", "spk_rec"),
    told="Is your answer the class that leads when the run stops, or when all steps are over?")
exercise.wrong("last spike", "Who fires at the stop has won.",
    edit(ANSWERS, "spk_rec[steps - 1, torch.arange(spk_rec.shape[1])].argmax(-1)"),
    told="Is your answer the class that leads in the counts, or the one that fires at the stop?")
