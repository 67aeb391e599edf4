"""The membrane where the spikes do not decide."""

import math

import torch

from tutorial_lib import functional as SF

from ..exercise import Exercise, Function, Wrong, edit
from ..values import show
from ._records import integers, mismatch, random_spikes, spikes

exercise = Exercise(__name__,
    "Let the mean membrane decide where the spikes do not.",
    shows="Use what a silent neuron still tells, and only where it is needed.", kind="function")


@exercise.reference
def solved_choice(spk_rec, mem_rec):
    answers = SF.predict_rate(spk_rec)
    return torch.where(answers >= 0, answers, mem_rec.mean(dim=0).argmax(-1))


SILENCE, TIE = spikes("000", "000", "000", "000"), spikes("110", "000", "000", "000")
LEVEL = torch.tensor([0.1, 0.2, 0.6]).expand(4, 1, 3)
BURST = torch.tensor([[0.0, 0.5, 0.4]] * 3 + [[0.9, 0.0, 0.4]]).unsqueeze(1)
DEEP = torch.tensor([-3.0, 0.2, -0.5]).expand(4, 1, 3)
BEHIND = torch.tensor([-5.0, 0.0, -6.0]).expand(4, 1, 3)
BELOW = torch.tensor([-0.5, -0.2, -3.0]).expand(4, 1, 3)
PAID = torch.tensor([[0.3, 0.9, 0.1]] * 2 + [[0.5, 0.1, 0.1]] * 2).unsqueeze(1)
RANDOM = random_spikes(0.1)
CASES = (
    (spikes("100", "100", "010", "000"), LEVEL, "Do the spikes decide where they can?"),
    (spikes("110", "110", "100", "000"), BEHIND, "Do the spikes decide where they can?"),
    (TIE, LEVEL, "Two are level: whom does the membrane favor? Step is axis 0, class the last."),
    (SILENCE, LEVEL, "Is silence undecided for your rule, too?"),
    (SILENCE, BURST, "Is it the mean over the steps, axis 0, and over all of them?"),
    (SILENCE, DEEP, "Which is higher, a membrane below zero or one above?"),
    (spikes("110", "010", "100", "000"), PAID,
        "Is something taken off the membrane at a spike? Its mean, as recorded, is asked for."),
    (TIE, BELOW, "Both membranes are below 0: what do the other classes count in your rule?"),
    (RANDOM, torch.randn(RANDOM.shape, generator=torch.Generator().manual_seed(1)),
        "Is each image decided for itself, by the count or else by the mean membrane?"),
)


@exercise.judge
def judge(choose: Function) -> str:
    for spk_rec, mem_rec, question in CASES:
        got, *both = (
            integers(function(spk_rec.clone(), mem_rec.clone()), spk_rec.shape[1], "answers")
            for function in (choose, solved_choice, only_the_level_ones))
        pairs = zip(got, *both, strict=True)
        wanted = [  # of all classes or of the level ones: the task allows both
            one if one in pair else " or ".join(map(str, sorted({*pair}))) for one, *pair in pairs]
        if found := mismatch(spk_rec, got, wanted):
            image, where = found
            means = ", ".join(show(value) for value in mem_rec.mean(0)[image].tolist())
            raise Wrong(f"{where}; the mean membranes are {means}. Your answer is {got[image]}; "
                f"expected {wanted[image]}.", question)
    return ("Where spikes decide they do, and elsewhere the membrane does. The next cell counts "
        "how many of the undecided images that saves.")


@exercise.right("with an index")
def with_an_index(spk_rec, mem_rec):
    answers = SF.predict_rate(spk_rec)
    undecided = answers == -1
    answers[undecided] = mem_rec[:, undecided].sum(0).argmax(-1)
    return answers


@exercise.right("image by image")
def by_image(spk_rec, mem_rec):
    answers = []
    for counts, level in zip(spk_rec.sum(0).tolist(), mem_rec.mean(0).tolist(), strict=True):
        best = max(counts)
        alone = best > 0 and counts.count(best) == 1
        answers.append(counts.index(best) if alone else level.index(max(level)))
    return torch.tensor(answers)


@exercise.right("only the level ones")
def only_the_level_ones(spk_rec, mem_rec):
    counts, answers = spk_rec.sum(0), SF.predict_rate(spk_rec)
    level = torch.where(counts == counts.amax(-1, keepdim=True), mem_rec.mean(0), -math.inf)
    return torch.where(answers < 0, level.argmax(-1), answers)


MEAN = "mem_rec.mean(dim=0).argmax(-1)"
WHOLE = f"torch.where(answers >= 0, answers, {MEAN})"
exercise.wrong("The membrane knows better.", edit(WHOLE, MEAN), told="decide where they can")
exercise.wrong("The two are added up.",
    edit(WHOLE, "(spk_rec.sum(0) + mem_rec.mean(0)).argmax(-1)"), told="mean membranes are -5")
exercise.wrong("argmax settles a tie.", edit(WHOLE, "spk_rec.sum(0).argmax(-1)"),
    told="whom does the membrane favor")
exercise.wrong("Silence is no tie.",
    edit("answers >= 0", "(answers >= 0) | ~spk_rec.any(2).any(0)"), told="Is silence undecided")
exercise.wrong("The last membrane says it all.", edit("mem_rec.mean(dim=0)", "mem_rec[-1]"),
    told="mean over the steps, axis 0")
exercise.wrong("The first axis is the batch.",
    edit("mem_rec.mean(dim=0)", "mem_rec.mean(dim=1)"), told="Over which axes")
exercise.wrong("What is far from zero is loud.", edit("mem_rec.mean", "mem_rec.abs().mean"),
    told="a membrane below zero")
exercise.wrong("A spike costs the membrane at once.",
    edit("mem_rec.mean", "(mem_rec - spk_rec).mean"), told="Is something taken off the membrane")
exercise.wrong("The loudest image speaks for all.",
    edit(MEAN, "mem_rec.mean(dim=(0, 1)).argmax(-1)"), told="Is each image decided for itself")
