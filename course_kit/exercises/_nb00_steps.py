"""Notebook 00: how a learner's neuron is judged, one step at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tutorial_lib import neurons

from . import _nb00_answers as answers
from ._values import Mistake, as_number, attempted, is_near, judge, question_for, show

__all__ = ["leaky_step", "mended_step"]


# One step of the neuron


@judge
def leaky_step(answer: Callable[..., Any]) -> str:
    below = "At U = 0.5, below threshold, with beta = 0.8"
    decay = {
        1.4: "is the reset subtracted when there was no spike? (Minus -1 is plus 1.)",
        0.5: "where does the membrane leak?",
    }
    _expect(answer, (0.0, 0.5, 0.8), (0, 0.4), f"{below} and no input", decay)
    driven = {
        0.44: "is the factor 1 - beta not in the current already?",
        0.56: "does the leak act on the input of this step too?",
        0.7: "where does the membrane leak?",
    }
    _expect(answer, (0.2, 0.5, 0.8), (0, 0.6), f"{below} and an input of 0.2", driven)
    start = "At U = 0.5 with beta = 0.5"
    fires = {0.25: "is the reset already in the membrane you return? It acts at the next step."}
    late = "is the spike taken from the membrane before the input of this step?"
    _expect(answer, (1.0, 0.5, 0.5), (1, 1.25), f"{start} and an input of 1", fires, late)
    strict = "must the membrane exceed the threshold, or only reach it?"
    _expect(answer, (0.75, 0.5, 0.5), (0, 1.0), f"{start} and an input of 0.75", {}, strict)
    after = "One step after U = 2.5, above threshold, with beta = 0.5"
    reset = {
        1.25: "what does the spike of the step before cost?",
        0.75: "is the threshold subtracted before the decay, where it should be after?",
        0.0: "is that reset to zero, where `subtract` was asked for?",
    }
    _expect(answer, (0.0, 2.5, 0.5), (0, 0.25), f"{after} and no input", reset, late)
    high = f"{after} and a threshold of 2"
    unit = {0.25: "is the amount subtracted the threshold, or 1?"}
    _expect(answer, (0.0, 2.5, 0.5, 2.0), (0, -0.75), high, unit)
    zero = {
        0.65: "does your step look at `reset`?",
        1.65: "does `reset='zero'` change anything?",
        0.0: "is the input of this step wiped out together with the old membrane?",
    }
    wiped = f"{after}, an input of 0.4 and `reset='zero'`"
    _expect(answer, (0.4, 2.5, 0.5, 1.0, "zero"), (0, 0.4), wiped, zero)
    none = {0.25: "does your step look at `reset`?", 0.0: "does your step look at `reset`?"}
    kept = f"{after}, no input and `reset='none'`"
    _expect(answer, (0.0, 2.5, 0.5, 1.0, "none"), (1, 1.25), kept, none)
    _compare_runs(answer)
    return (
        "500 steps with each reset agree with the library's neuron. The rest of this notebook can "
        "run on your code."
    )


def _compare_runs(step: Callable[..., Any]) -> None:
    """Let the learner's neuron and the library's run side by side."""
    noise = torch.Generator().manual_seed(0)
    currents = 0.3 + 0.6 * torch.randn(500, generator=noise, dtype=torch.float64)
    for reset in ("subtract", "zero", "none"):
        mem = torch.zeros((), dtype=torch.float64)
        for t, cur in enumerate(currents):
            before = mem.item()
            spk, mem = neurons.lif_step(cur, mem, 0.8, 0.7, reset_mechanism=reset)
            if abs(mem.item() - 0.7) < 1e-4:  # too near to the threshold for single precision
                continue
            given = (
                f"At U = {show(before)}, I = {show(cur.item())}, beta = 0.8, threshold = 0.7 and "
                f"`reset='{reset}'` (step {t} of a random run)"
            )
            inputs = (cur.item(), before, 0.8, 0.7, reset)
            _expect(step, inputs, (spk.item(), mem.item()), given, {})


def _expect(
    step: Callable[..., Any],
    inputs: tuple[Any, ...],
    expected: tuple[float, float],
    given: str,
    slips: dict[float, str],
    spike_question: str = "what is compared with the threshold, and when?",
) -> None:
    """Call a step once. The question to a wrong membrane is looked up by its value."""
    spk, mem = _spike_and_membrane(step, *inputs)
    wanted_spk, wanted_mem = expected
    if not is_near(mem, wanted_mem, 1e-5):
        if is_near(spk, wanted_mem) and mem in (0.0, 1.0):
            raise Mistake(
                f"{given}, your step returns {show(spk)} and {show(mem)}; expected the spike "
                f"{show(wanted_spk)} first, then the membrane {show(wanted_mem)}. Are they swapped?"
            )
        question = question_for(mem, slips, "which term of the update differs?")
        fault = f"the new membrane is {show(mem)}; expected {show(wanted_mem)}"
        raise Mistake(f"{given}, {fault}: {question}")
    if spk != wanted_spk:
        fault = f"your spike is {show(spk)}; expected {show(wanted_spk)}, since U is {show(mem)}"
        raise Mistake(f"{given}, {fault}: {spike_question}")


def _spike_and_membrane(step: Callable[..., Any], *inputs: Any) -> tuple[float, float]:
    result = attempted(step(*inputs))
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Mistake(
            f"Your step returns {type(result).__name__}; expected two values, `return spk, mem`."
        )
    spk, mem = result
    return as_number(spk, "Your spike"), as_number(mem, "Your membrane")


# Spot the fault: the inverted reset


@judge
def mended_step(answer: Callable[..., Any]) -> str:
    silent = {
        1.27: "is the reset subtracted when there was no spike?",
        -0.73: "is a threshold taken away although there was no spike?",
    }
    _expect_membrane(answer, (0.0, 0.3, 0.9), 0.27, "At U = 0.3, below threshold", silent)
    spiking = {
        1.35: "what does a spike cost?",
        0.45: "is the threshold subtracted before the decay, where it should be after?",
        2.35: "is the threshold added after a spike? Look at the signs.",
        0.0: "is that reset to zero? The three lines were meant to subtract.",
    }
    _expect_membrane(answer, (0.0, 1.5, 0.9), 0.35, "At U = 1.5, above threshold", spiking)
    unit = {1.25: "is the amount subtracted the threshold, or 1?"}
    high = "At U = 2.5, above a threshold of 2"
    _expect_membrane(answer, (0.0, 2.5, 0.9, 2.0), 0.25, high, unit)
    late = {0.31: "do you reset in the step of the spike? That is another neuron: see the pulse."}
    driven = "At U = 0.9, below threshold"
    _expect_membrane(answer, (0.5, 0.9, 0.9), 1.31, driven, late, "an input of 0.5")
    old, _ = _spike_and_membrane(answer, 0.0, 1.05, 0.9)  # the old U is above, the new one below
    new, _ = _spike_and_membrane(answer, 0.5, 0.9, 0.9)  # the other way round
    if (old, new) not in ((1, 0), (0, 1)):
        raise Mistake(
            f"At U = 1.05 with no input your spike is {show(old)}, at U = 0.9 with an input of 0.5 "
            f"it is {show(new)}; expected 1 and 0 from the old membrane, or 0 and 1 from the "
            "updated one. Which membrane do you compare with the threshold?"
        )
    published = answers.faulty_step("as published")()
    count, count_published = (_spikes_at_half_rheobase(neuron) for neuron in (answer, published))
    order = " It also fires from the updated membrane: the next section is about that." * int(new)
    return (
        f"At I = 0.05 your neuron spikes {count} times in 200 steps, the published one "
        f"{count_published} times. Whenever you meet a neuron in somebody's code, run it without "
        f"input first.{order}"
    )


def _spikes_at_half_rheobase(step: Callable[..., Any]) -> int:
    mem, count = 0.0, 0
    for _ in range(200):
        spk, mem = _spike_and_membrane(step, 0.05, mem, 0.9)
        count += int(spk)
    return count


def _expect_membrane(
    step: Callable[..., Any],
    inputs: tuple[float, ...],
    expected: float,
    given: str,
    slips: dict[float, str],
    source: str = "no input",
) -> None:
    _, mem = _spike_and_membrane(step, *inputs)
    if not is_near(mem, expected, 1e-5):
        change = mem - expected
        side = "high" if change > 0 else "low"
        raise Mistake(
            f"{given}, with {source}, the membrane should become {show(expected)} (beta is 0.9). "
            f"Yours becomes {show(mem)}, {show(abs(change))} too {side}: "
            + question_for(mem, slips, "which term of the update differs?")
        )
