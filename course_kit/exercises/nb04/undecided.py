"""The membrane where the spikes do not decide."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib import functional as SF

from ..exercise import Exercise, Wrong, edit
from ..values import show
from ._records import integers, random_spikes, said, spikes

exercise = Exercise(__name__,
    "Let the mean membrane decide where the spikes do not.",
    shows="Use what a silent neuron still tells, and only where it is needed.", kind="function")


@exercise.stub
def my_choice(spk_rec, mem_rec): ...


@exercise.reference
def solved_choice(spk_rec, mem_rec):
    answers = SF.predict_rate(spk_rec)
    return torch.where(answers >= 0, answers, mem_rec.mean(dim=0).argmax(-1))


SILENCE, TIE = spikes("000", "000", "000", "000"), spikes("110", "000", "000", "000")
LEVEL = torch.tensor([0.1, 0.2, 0.6]).expand(4, 1, 3)
BURST = torch.tensor([[0.0, 0.5, 0.4]] * 3 + [[0.9, 0.0, 0.4]]).unsqueeze(1)
DEEP = torch.tensor([-3.0, 0.2, -0.5]).expand(4, 1, 3)
PAID = torch.tensor([[0.3, 0.9, 0.1]] * 2 + [[0.5, 0.1, 0.1]] * 2).unsqueeze(1)
CASES = (
    (spikes("100", "100", "010", "000"), LEVEL, "Do the spikes decide where they can?"),
    (TIE, LEVEL, "Two are level: whom does the membrane favor?"),
    (SILENCE, LEVEL, "Is silence undecided for your rule, too?"),
    (SILENCE, BURST, "Is it the mean over all steps?"),
    (SILENCE, DEEP, "Which is higher, a membrane below zero or one above?"),
    (spikes("110", "010", "100", "000"), PAID,
        "Is something taken off the membrane where there was a spike? Its mean, as recorded, is "
        "asked for."),
)


@exercise.judge
def judge(choose: Callable) -> str:
    for spk_rec, mem_rec, question in CASES:
        (got,) = integers(choose(spk_rec.clone(), mem_rec.clone()), 1, "answers")
        if got != (wanted := int(solved_choice(spk_rec, mem_rec))):
            if spk_rec is TIE and got == 1:
                question = "Do you let only the two that are level compete? All classes are asked."
            raise Wrong(f"{described(spk_rec, mem_rec)}. Your answer is {got}; expected {wanted}. "
                        f"{question}")
    spk_rec = random_spikes(0.1)
    mem_rec = torch.randn(spk_rec.shape, generator=torch.Generator().manual_seed(1))
    images = spk_rec.shape[1]
    answers = integers(choose(spk_rec.clone(), mem_rec.clone()), images, "answers")
    right = solved_choice(spk_rec, mem_rec).tolist()
    for image, (got, wanted) in enumerate(zip(answers, right, strict=True)):
        if got != wanted:
            one = spk_rec[:, image : image + 1], mem_rec[:, image : image + 1]
            (alone,) = integers(choose(*(part.clone() for part in one)), 1, "answers")
            question = (
                "Alone, it is decided rightly. Is each image decided for itself?"
                if alone == wanted
                else "Is it the count that decides, and else the mean membrane over the steps?"
            )
            raise Wrong(f"Image {image} of {images} random ones: {described(*one)}. Your answer is "
                        f"{got}; expected {wanted}. {question}")
    return (
        "Where spikes decide they do, and elsewhere the membrane does. The next cell counts how "
        "many of the undecided images that saves."
    )


def described(spk_rec: Tensor, mem_rec: Tensor) -> str:
    means = ", ".join(show(value) for value in mem_rec.mean(0)[0].tolist())
    return f"{said(spk_rec)}; the mean membranes are {means}"


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


MEAN = "mem_rec.mean(dim=0).argmax(-1)"
exercise.wrong("membrane always", "The membrane knows better.",
    edit(f"torch.where(answers >= 0, answers, {MEAN})", MEAN), told="decide where they can")
exercise.wrong("lowest class", "argmax settles a tie.",
    edit(f"torch.where(answers >= 0, answers, {MEAN})", "spk_rec.sum(0).argmax(-1)"),
    told="whom does the membrane favor")
exercise.wrong("unchanged", "-1 is an answer.",
    edit(f"torch.where(answers >= 0, answers, {MEAN})", "answers"),
    told="whom does the membrane favor")
exercise.wrong("ties only", "Silence is no tie.",
    edit("answers >= 0,", "(answers >= 0) | (spk_rec.sum((0, 2)) == 0),"),
    told="Is silence undecided")
exercise.wrong("last step", "The last membrane says it all.",
    edit("mem_rec.mean(dim=0)", "mem_rec[-1]"), told="mean over all steps")
exercise.wrong("highest peak", "The peak says it all.",
    edit("mem_rec.mean(dim=0)", "mem_rec.amax(0)"), told="mean over all steps")
exercise.wrong("depth", "What is far from zero is loud.",
    edit("mem_rec.mean", "mem_rec.abs().mean"), told="a membrane below zero")
exercise.wrong("after the spike", "A spike costs the membrane at once.",
    edit("mem_rec.mean", "(mem_rec - spk_rec).mean"), told="Is something taken off the membrane")
exercise.wrong("mixed", "The loudest image speaks for all.",
    edit(MEAN, "mem_rec.mean(dim=(0, 1)).argmax(-1)"), told="Is each image decided for itself")


@exercise.wrong("only the level ones", "The others are out.",
    told="only the two that are level")
def only_the_level_ones(spk_rec, mem_rec):
    counts, answers = spk_rec.sum(0), SF.predict_rate(spk_rec)
    level = torch.where(counts == counts.amax(-1, keepdim=True), mem_rec.mean(0), -math.inf)
    return torch.where(answers < 0, level.argmax(-1), answers)
