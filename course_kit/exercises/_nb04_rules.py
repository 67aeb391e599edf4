"""Notebook 04: how rules that decode spikes are judged, by small records first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import _nb04_decoding as decoding
from ._values import Mistake, attempted, judge, show
from .diagnose import describe

__all__ = ["deciding", "first_spike", "stopping"]


# Decoders, shown small records


def _spikes(*steps: str) -> Tensor:
    """A record ``[T, 1, 3]`` from steps such as "010", which neurons fire."""
    return torch.tensor([[[float(bit) for bit in step]] for step in steps])


def _said(spk_rec: Tensor) -> str:
    """A record of one image in words: when each class fires, steps from 1."""
    parts = []
    for neuron, train in enumerate(spk_rec[:, 0].T):
        steps = [str(step + 1) for step in train.nonzero().flatten().tolist()]
        if steps:
            noun = "step" if len(steps) == 1 else "steps"
            parts.append(f"class {neuron} fires at {noun} {', '.join(steps)}")
    return f"{len(spk_rec)} steps, in which " + ("; ".join(parts) if parts else "nobody fires")


def _random_spikes(share: float, steps: int = 12, images: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(steps, images, 10, generator=generator) < share).float()


def _integers(value: Any, images: int, what: str) -> list[int]:
    """Read one integer for each image."""
    if not isinstance(value, Tensor) and len(value if hasattr(value, "__len__") else ()) == images:
        raise Mistake(
            f"For {images} image{'s' if images > 1 else ''} your function gives {describe(value)} "
            f"as {what}; expected a tensor. Can `torch.as_tensor` make one of it?"
        )
    if not isinstance(value, Tensor) or list(value.shape) != [images]:
        raise Mistake(
            f"For {images} image{'s' if images > 1 else ''} your function gives {describe(value)} "
            f"as {what}; expected a tensor of shape [{images}]. Over which axes do you count?"
        )
    if value.is_complex() or not bool((value.double() % 1 == 0).all()):
        raise Mistake(f"Your {what} are no whole numbers: the first is {value[0].item()!r}.")
    return [int(number) for number in value]


STOPS = (
    ("010", "010", "010", "010"),
    ("110", "110", "100", "100"),
    ("001", "000", "000", "000"),
    ("110", "000", "000", "000"),
    ("100", "100", "010", "010", "010", "010", "010"),
)


@judge
def stopping(answer: Callable[[Tensor, int], Any]) -> str:
    for spk_rec, lead in _runs():
        images = spk_rec.shape[1]
        answers, steps = _stops(answer, spk_rec, lead)
        right_answers, right_steps = (part.tolist() for part in decoding.stop_early(spk_rec, lead))
        for image in range(images):
            if (answers[image], steps[image]) == (right_answers[image], right_steps[image]):
                continue
            where = _said(spk_rec) if images == 1 else f"Image {image} of {images} random ones"
            raise Mistake(
                f"{where}. With a lead of {lead} your rule answers {answers[image]} after step "
                f"{steps[image]}; expected {right_answers[image]} after step {right_steps[image]}. "
                f"{_doubt_on_stops(answer)}"
            )
    return (
        "Your rule uses only what it can see at the time, so it could stop a real run. The next "
        "cell shows what it saves on the test images."
    )


def _runs() -> list[tuple[Tensor, int]]:
    """Records and leads, the smallest first."""
    return [*((_spikes(*steps), 2) for steps in STOPS), (_random_spikes(0.3), 3)]


def _stops(answer: Callable[[Tensor, int], Any], spk_rec: Tensor, lead: int) -> list[list[int]]:
    """The answers and the steps that a rule gives."""
    got = attempted(answer(spk_rec.clone(), lead))
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Mistake(
            f"Your function returns {describe(got)}; expected two tensors: answers and steps."
        )
    return [
        _integers(value, spk_rec.shape[1], what)
        for value, what in zip(got, ("answers", "steps"), strict=True)
    ]


def _doubt_on_stops(answer: Callable[[Tensor, int], Any]) -> str:
    """The question for the slip that stops all runs as the answer does."""
    runs = _runs()
    got = [_stops(answer, *run) for run in runs]
    for slip, question in decoding.STOPPERS.items():
        stop = decoding.wrong_stopper(slip)()
        if got == [[part.tolist() for part in stop(*run)] for run in runs]:
            return question
    right = [[part.tolist() for part in decoding.stop_early(*run)] for run in runs]
    if [one for one, _ in got] == [steps for _, steps in right]:
        return "Are these the steps first and the answers second?"
    if [steps for _, steps in got] == [steps for _, steps in right]:
        return "Is your answer the class that leads when the run stops, not at its end?"
    return "Is each image stopped for itself, at the first step at which the lead is there?"


FIRSTS = (
    (
        ("000", "000", "000", "010", "100", "100"),
        "Is it the first spike that decides, or the number of them, or the last?",
    ),
    (
        ("000", "000", "000", "010"),
        "Does a silent neuron count as one that fires at the last step?",
    ),
    (("000", "000", "000", "000"), "Nobody fires: which answer says that nothing was said?"),
    (("000", "101", "100", "000"), "Two are first at once: which answer says so?"),
)


@judge
def first_spike(answer: Callable[[Tensor], Any]) -> str:
    cases = [(_spikes(*steps), question) for steps, question in FIRSTS]
    cases.append((_random_spikes(0.05), "Is each image decoded for itself?"))
    for spk_rec, question in cases:
        images = spk_rec.shape[1]
        answers = _integers(attempted(answer(spk_rec.clone())), images, "classes")
        for image, (got, wanted) in enumerate(
            zip(answers, decoding.decode_first(spk_rec).tolist(), strict=True)
        ):
            if got != wanted:
                spikes = spk_rec[:, image].sum(0)
                if got == -1 and spk_rec[:-1, image].any():
                    question = "Somebody does fire alone here: how far along the run do you look?"
                elif got < -1:
                    question = "Which number shall say that there is no answer?"
                elif got >= len(spikes):
                    question = "Is that a step, where the class is asked for?"
                elif spikes.any() and got >= 0 and spikes[got] == 0:
                    question = "That class never fires: at which step does it, for your code?"
                where = _said(spk_rec) if images == 1 else f"Image {image} of {images} random ones"
                raise Mistake(f"{where}. Your answer is {got}; expected {wanted}. {question}")
    return (
        "Silence and a dead heat are told from class 0. Now compare this code with the count, on "
        "the same spikes."
    )


SILENCE, TIE = ("000", "000", "000", "000"), ("110", "000", "000", "000")
LEVEL = torch.tensor([0.1, 0.2, 0.6]).expand(4, 1, 3)
BURST = torch.tensor([[0.0, 0.5, 0.4]] * 3 + [[0.9, 0.0, 0.4]]).unsqueeze(1)
DEEP = torch.tensor([-3.0, 0.2, -0.5]).expand(4, 1, 3)
DECISIONS = (
    (("100", "100", "010", "000"), LEVEL, "Do the spikes decide where they can?"),
    (TIE, LEVEL, "Two are level: whom does the membrane favor?"),
    (SILENCE, LEVEL, "Is silence undecided for your rule, too?"),
    (SILENCE, BURST, "Is it the mean over all steps?"),
    (SILENCE, DEEP, "Which is higher, a membrane below zero or one above?"),
)


@judge
def deciding(answer: Callable[[Tensor, Tensor], Any]) -> str:
    for steps, mem_rec, question in DECISIONS:
        spk_rec = _spikes(*steps)
        (got,) = _integers(attempted(answer(spk_rec.clone(), mem_rec.clone())), 1, "answers")
        wanted = int(decoding.decide(spk_rec, mem_rec))
        if steps == TIE and got == 1:
            question = "Do you let only the two that are level compete? All classes are asked."
        if got != wanted:
            means = ", ".join(show(value) for value in mem_rec.mean(0)[0].tolist())
            raise Mistake(
                f"{_said(spk_rec)}; the mean membranes are {means}. Your answer is {got}; expected "
                f"{wanted}. {question}"
            )
    spk_rec = _random_spikes(0.1)
    mem_rec = torch.randn(spk_rec.shape, generator=torch.Generator().manual_seed(1))
    given = spk_rec.clone(), mem_rec.clone()
    answers = _integers(attempted(answer(*given)), spk_rec.shape[1], "answers")
    if answers != decoding.decide(spk_rec, mem_rec).tolist():
        raise Mistake(
            "One image at a time your rule is right, but not for 64 random ones at once. Is each "
            "decided for itself?"
        )
    return (
        "Where spikes decide they do, and elsewhere the membrane does. The next cell counts how "
        "many of the undecided images that saves."
    )
