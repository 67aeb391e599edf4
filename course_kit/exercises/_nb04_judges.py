"""Notebook 04: how a current and a diagnosis are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib.neurons import lif_step

from . import material
from ._values import Mistake, as_number, judge, question_for, show
from .diagnose import describe

__all__ = ["always", "which_loss"]


# From which current on does a neuron fire at every step?


def _misses(current: float) -> tuple[str | None, int]:
    """The first of 200 steps without a spike, "9th", or None; and the number of spikes."""
    cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (current, 0.0))
    record = []
    for _ in range(200):
        spk, mem = lif_step(cur, mem, 0.5)
        record.append(int(spk))
    return (None if all(record) else _ordinal(record.index(0) + 1)), sum(record)


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 % 10 != 1 else 0, "th")
    return f"{number}{ending}"


@judge
def always(answer: float) -> str:
    answer = as_number(answer, "Your current")
    above, below = _misses(answer + 1e-3), _misses(answer - 1e-3)
    if above[0] is None and below[0] is not None:
        return (
            f"At {show(answer - 1e-3)} the {below[0]} step is the first without a spike, at "
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
    first, count = _misses(answer)
    otherwise = (
        "U must come back above the threshold although a spike has taken one off: from where?"
    )
    raise Mistake(
        f"At a current of {show(answer)}, {count} of 200 steps have a spike, and the {first} has "
        "none; expected all 200. " + question_for(answer, slips, otherwise)
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
        keys = f" with the keys {', '.join(map(repr, answer))}" if isinstance(answer, dict) else ""
        raise Mistake(
            "A dictionary with the keys 'A', 'B' and 'C' is asked for; you gave "
            f"{describe(answer)}{keys}."
        )
    names = {}
    for letter in "ABC":
        value = answer[letter]
        name = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
        name = name.strip("` ").removesuffix("()").removeprefix("SF.")
        if name not in material.LOSSES:
            raise Mistake(
                f"For {letter} you gave {name!r}; expected one of {', '.join(material.LOSSES)}."
            )
        names[letter] = name
    if len(set(names.values())) < 3:
        raise Mistake(
            f"You gave {', '.join(names.values())}; expected each of the three losses once. What "
            "is different in the rasters to which you gave the same?"
        )
    return names


def _evidence(spk_rec: Tensor, targets: Tensor) -> tuple[float, float, float, float]:
    """Rates of target and others; shares of the others that fire often, and never."""
    rates = spk_rec.mean(0)
    target = F.one_hot(targets, rates.shape[-1]).bool()
    others = rates[~target]
    often, never = (others >= 0.5).float().mean(), (others == 0).float().mean()
    return rates[target].mean().item(), others.mean().item(), often.item(), never.item()
