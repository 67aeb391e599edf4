"""Notebook 04: how a current, decoders and a diagnosis are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..neurons import lif_step
from . import _nb04_decoding as decoding
from . import material
from ._blame import describe
from ._values import Mistake, as_number, attempted, judge, question_for, show

__all__ = ["always", "deciding", "first_spike", "stopping", "which_loss"]


# From which current on does a neuron fire at every step?


def _misses(current: float) -> tuple[int | None, int]:
    """The first of 200 steps without a spike, from 1, or None; and the number of spikes."""
    cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (current, 0.0))
    record = []
    for _ in range(200):
        spk, mem = lif_step(cur, mem, 0.5)
        record.append(int(spk))
    return (None if all(record) else record.index(0) + 1), sum(record)


@judge
def always(answer: float) -> str:
    answer = as_number(answer, "Your current")
    above, below = _misses(answer + 1e-3), _misses(answer - 1e-3)
    if above[0] is None and below[0] is not None:
        return (
            f"At {show(answer - 1e-3)} step {below[0]} is the first without a spike, at "
            f"{show(answer + 1e-3)} all 200 have one. Above this current a neuron is full: its "
            "count cannot tell strong from stronger."
        )
    if below[0] is None:
        slips = {
            2.0: "Is that 1 / (1 - beta)? What are the parts of U when a spike comes at each step?",
            3.0: "Is the decay in it twice? How much of U is left after a step?",
        }
        question = question_for(answer, slips, "Which smaller current is enough to come back?")
        raise Mistake(
            f"At a current of {show(answer - 1e-3)}, a bit below yours, the neuron fires at each "
            f"of 200 steps already; expected the smallest such current. {question}"
        )
    slips = {
        1.0: "The first step has its spike. What does that spike cost the steps after it?",
        0.5: "That is the current from which on it fires at all. What does a spike cost?",
        0.0: "Does a neuron without a current fire?",
    }
    otherwise = (
        "U must come back above the threshold although a spike has taken one off: from where?"
    )
    raise Mistake(
        f"At a current of {show(answer + 1e-3)}, a bit above yours, {above[1]} of 200 steps have a "
        f"spike, and step {above[0]} has none; expected all 200. "
        + question_for(answer, slips, otherwise)
    )


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
    if not isinstance(value, Tensor) or list(value.shape) != [images]:
        raise Mistake(
            f"For {images} image{'s' if images > 1 else ''} your function gives {describe(value)} "
            f"as {what}; expected a tensor of shape [{images}]. Over which axes do you count?"
        )
    if value.is_complex() or not bool((value.double() % 1 == 0).all()):
        raise Mistake(f"Your {what} are no whole numbers: the first is {value[0].item()!r}.")
    return [int(number) for number in value]


STOPS = (
    (("010", "010", "010", "010"), "Do you count the steps from 0, or want more than the lead?"),
    (("110", "110", "100", "100"), "Is a lead the same as a count?"),
    (("001", "000", "000", "000"), "What if no class ever leads by so much?"),
    (
        ("100", "100", "010", "010", "010", "010", "010"),
        "When the run stops, nobody knows what would have come after: is that in your rule?",
    ),
)


@judge
def stopping(answer: Callable[[Tensor, int], Any]) -> str:
    cases = [(_spikes(*steps), 2, question) for steps, question in STOPS]
    cases.append((_random_spikes(0.3), 3, "Is each image stopped for itself?"))
    for spk_rec, lead, question in cases:
        images = spk_rec.shape[1]
        got = attempted(answer(spk_rec.clone(), lead))
        if not isinstance(got, tuple | list) or len(got) != 2:
            raise Mistake(
                f"Your function returns {describe(got)}; expected two tensors: answers and steps."
            )
        answers = _integers(got[0], images, "answers")
        steps = _integers(got[1], images, "steps")
        right_answers, right_steps = (part.tolist() for part in decoding.stop_early(spk_rec, lead))
        for image in range(images):
            first, second = spk_rec[: right_steps[image], image].sum(0).topk(2).values.tolist()
            same_step = steps[image] == right_steps[image]
            if same_step and (answers[image] == right_answers[image] or first == second):
                continue  # nothing is asked of a tie at the end
            if same_step:
                question = "Is your answer the class that leads when the run stops, not at its end?"
            where = _said(spk_rec) if images == 1 else f"Image {image} of {images} random ones"
            raise Mistake(
                f"{where}. With a lead of {lead} your rule answers {answers[image]} after step "
                f"{steps[image]}; expected {right_answers[image]} after step {right_steps[image]}. "
                f"{question}"
            )
    return (
        "Your rule uses only what it can see at the time, so it could stop a real run. The next "
        "cell shows what it saves on the test images."
    )


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
                if not -1 <= got < len(spikes):
                    question = "Is that a step, where the class is asked for?"
                elif spikes.any() and got >= 0 and spikes[got] == 0:
                    question = "That class never fires: at which step does it, for your code?"
                where = _said(spk_rec) if images == 1 else f"Image {image} of {images} random ones"
                raise Mistake(f"{where}. Your answer is {got}; expected {wanted}. {question}")
    return (
        "Silence and a dead heat are told from class 0. Now compare this code with the count, on "
        "the same spikes."
    )


@judge
def deciding(answer: Callable[[Tensor, Tensor], Any]) -> str:
    level = torch.tensor([0.1, 0.2, 0.6]).expand(4, 1, 3)
    burst = torch.tensor([[0.0, 0.5, 0.4]] * 3 + [[0.9, 0.0, 0.4]]).unsqueeze(1)
    cases = (
        (_spikes("100", "100", "010", "000"), level, "Do the spikes decide where they can?"),
        (
            _spikes("110", "000", "000", "000"),
            level,
            "Two are level: whom does the membrane favor?",
        ),
        (_spikes("000", "000", "000", "000"), level, "Is silence undecided for your rule, too?"),
        (_spikes("000", "000", "000", "000"), burst, "Is it the mean over all steps?"),
    )
    for spk_rec, mem_rec, question in cases:
        (got,) = _integers(attempted(answer(spk_rec.clone(), mem_rec.clone())), 1, "answers")
        wanted = int(decoding.decide(spk_rec, mem_rec))
        if got != wanted:
            means = ", ".join(show(value) for value in mem_rec.mean(0)[0].tolist())
            raise Mistake(
                f"{_said(spk_rec)}; the mean membranes are {means}. Your answer is {got}; expected "
                f"{wanted}. {question}"
            )
    spk_rec = _random_spikes(0.1)
    mem_rec = torch.rand(spk_rec.shape, generator=torch.Generator().manual_seed(1))
    answers = _integers(attempted(answer(spk_rec.clone(), mem_rec)), spk_rec.shape[1], "answers")
    if answers != decoding.decide(spk_rec, mem_rec).tolist():
        raise Mistake(
            "One image at a time your rule is right, but not for 64 random ones at once. Is each "
            "decided for itself?"
        )
    return (
        "Where spikes decide they do, and elsewhere the membrane does. The next cell counts how "
        "many of the undecided images that saves."
    )


# Which loss was it?


@judge
def which_loss(answer: Any) -> str:
    names = _named(answer)
    networks = material.mystery_networks()
    evidence = {letter: _evidence(*networks[letter][1:]) for letter in networks}
    for letter, (name, _, _) in networks.items():
        if names[letter] == name:
            continue
        target, others, full, silent = evidence[letter]
        seen = {
            "ce_rate_loss": (
                "Would that loss, which charges for every wrong spike at every step, leave so "
                "many, and ask so little of the target?"
                if target < 0.9
                else "Would that loss, which charges for every wrong spike at every step, leave so "
                "many?"
            ),
            "mse_count_loss": "Does that loss not want 80% of the target, and 20% of the others?",
            "ce_max_membrane_loss": (
                "Why would a loss that never looks at a spike silence nearly all of the others?"
                if silent > 0.9
                else "Why would a loss that never looks at a spike hold the target back?"
            ),
        }
        raise Mistake(
            f"You take {letter} for {names[letter]}. In {letter}, the target fires at {target:.0%} "
            f"of the steps and the others at {others:.0%}; {silent:.0%} of the others never fire, "
            f"and {full:.0%} fire at least every other step. {seen[names[letter]]}"
        )
    return (
        "All three are right. A loss leaves its handwriting: full and empty rows, rates as "
        "ordered, or spikes that nobody has asked for. Use it when you are handed a network "
        "without its history."
    )


def _named(answer: Any) -> dict[str, str]:
    if not isinstance(answer, Mapping) or not {"A", "B", "C"} <= answer.keys():
        raise Mistake(
            f"A dictionary with the keys A, B and C is asked for; you gave {describe(answer)}."
        )
    names = {}
    for letter in "ABC":
        value = answer[letter]
        name = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
        name = name.strip().removesuffix("()").removeprefix("SF.")
        if name not in material.LOSSES:
            raise Mistake(
                f"For {letter} you gave {name!r}; expected one of {', '.join(material.LOSSES)}."
            )
        names[letter] = name
    if len(set(names.values())) < 3:
        raise Mistake(
            f"You gave {', '.join(names.values())}; expected each of the three losses once. Which "
            "two of the rasters look least alike?"
        )
    return names


def _evidence(spk_rec: Tensor, targets: Tensor) -> tuple[float, float, float, float]:
    """Rates of target and others; shares of the others that fire often, and never."""
    rates = spk_rec.mean(0)
    target = F.one_hot(targets, rates.shape[-1]).bool()
    others = rates[~target]
    often, never = (others >= 0.5).float().mean(), (others == 0).float().mean()
    return rates[target].mean().item(), others.mean().item(), often.item(), never.item()
