"""A decision before the last step."""


import torch
from torch import Tensor

from tutorial_lib import functional as SF

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe
from ._records import integers, mismatch, random_spikes, spikes

exercise = Exercise(__name__,
    "Write a rule that stops each image as soon as one class leads by a given number of spikes.",
    shows="Decide from the counts up to now, without hindsight.", kind="function")


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
def judge(stop: Function) -> str:
    runs = [(run, outcome(stop, *run), outcome(solved_stop, *run)) for run in RUNS]
    pairs = [(len(run[0]), *pair) for run, *both in runs for pair in zip(*both, strict=True)]
    differ = sum(one != other for _, one, other in pairs)
    for (spk_rec, lead), got, wanted in runs:
        if found := mismatch(spk_rec, got, wanted):
            image, where = found
            answer, steps = got[image]
            raise Wrong(f"{where}. With a lead of {lead} your rule answers {answer} after {steps} "
                f"step{'s' * (steps != 1)}; expected {wanted[image][0]} after {wanted[image][1]}. "
                f"Runs that differ: {differ} of {len(pairs)}.", question(pairs))
    return "Your rule sees no future and could stop a real run. The next cell shows what it saves."


def question(pairs: list) -> str:
    """What to ask, from the number of steps and the results of both rules for each image."""
    off = {got[1] - wanted[1] for steps, got, wanted in pairs if wanted[1] < steps}
    if off == {-1}:
        return "Do you count the steps from 0? After the first step, one was run."
    if off == {1}:
        return "Is the step at which the lead is there the last one that is run?"
    return ("Is each image stopped for itself, at the first step at which the lead is there, and "
        "is your answer the class that leads then?")


def outcome(stop: Function, spk_rec: Tensor, lead: int) -> list[tuple[int, int]]:
    """The answer and the number of steps for each image."""
    got = stop(spk_rec.clone(), lead)
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Wrong(f"Your function returns {describe(got)}; expected two: answers and steps.")
    images = spk_rec.shape[1]
    columns = integers(got[0], images, "answers"), integers(got[1], images, "steps")
    return list(zip(*columns, strict=True))


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


ANSWERS = "SF.predict_rate(spk_rec * seen.unsqueeze(-1))"

exercise.right("other dtypes, a list",
    edit(f"{ANSWERS}, steps", f"[{ANSWERS}.int(), steps.double()]"))

exercise.wrong("The index of a step is the number of steps.",
    edit(f"{ANSWERS}, steps", f"{ANSWERS}, steps - 1"), told="Do you count the steps from 0")
exercise.wrong("argmax is the number of steps.", edit("argmax(0) + 1", "argmax(0)"),
    told="Do you count the steps from 0")
exercise.wrong("The step with the lead is index and number.",
    edit("argmax(0) + 1", "argmax(0)", "< steps", "<= steps"), told="you count the steps from 0")
exercise.wrong("The lead is seen one step later.", edit("argmax(0) + 1", "argmax(0) + 2"),
    told="the last one that is run")
exercise.wrong("A lead must be exceeded.", edit(">= lead", "> lead"),
    asks="Do you want more than the lead? A lead of that many spikes is enough.")
exercise.wrong("The first with that many spikes wins.", edit(" - best[..., 1]", ""),
    asks="Is a lead the same as a count?")
exercise.wrong("argmax finds nothing where there is nothing.", edit("+ 1, len(spk_rec)", "+ 1, 1"),
    asks="What if no class ever leads by that much? Then the run goes to its last step.")
exercise.wrong("No decision takes one more.", edit("+ 1, len(spk_rec))", "+ 1, len(spk_rec) + 1)"),
    asks="Is there a step after the last?")
exercise.wrong("Without the lead nobody has won.",
    edit(ANSWERS, f"torch.where(enough.any(0), {ANSWERS}, -1)"),
    asks="-1 is for level classes only: who leads at the last step, if the lead is never reached?")
exercise.wrong("A lead is one of a step.", edit(".cumsum(dim=0)", ""),
    asks="Is it the lead in the counts up to now, or in the spikes of one step?")
exercise.wrong("A lead is over the average.", edit("best[..., 1]", "spk_rec.cumsum(0).mean(-1)"),
    asks="A lead over whom: the next class, or the mean?")
exercise.wrong("A batch stops together.",
    edit(">= lead", ">= lead\n    enough = enough.all(1, keepdim=True).expand_as(enough)"),
    asks="Is each image stopped for itself?")
exercise.wrong("argmax settles a tie.",
    edit(ANSWERS, "(spk_rec * seen.unsqueeze(-1)).sum(0).argmax(-1)"),
    asks="Several are level at the stop: which answer says so?")
exercise.wrong("The order of two results is free.",
    edit(f"return {ANSWERS}, steps", f"return steps, {ANSWERS}"),
    asks="Are these the steps first and the answers second?")
exercise.wrong("A lead counts if it stays.",
    edit(">= lead", ">= lead\n    enough = enough.flip(0).int().cumprod(0).flip(0).bool()"),
    asks="When the run stops, nobody knows what would have come after: is that in your rule?")
exercise.wrong("The answer is that of the whole run.", edit(" * seen.unsqueeze(-1)", ""),
    asks="Is your answer the class that leads when the run stops, or when all steps are over?")
exercise.wrong("Who fires at the stop has won.",
    edit(ANSWERS, "spk_rec[steps - 1, torch.arange(spk_rec.shape[1])].argmax(-1)"),
    asks="Is your answer the class that leads in the counts, or the one that fires at the stop?")
