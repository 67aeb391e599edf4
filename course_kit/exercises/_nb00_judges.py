"""Notebook 00: how numbers, a prediction and an encoding are judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import neurons

from ._values import Mistake, as_number, attempted, is_near, judge, question_for, show

__all__ = ["clock_current", "even_encoding", "reset_count", "time_constant"]


# The membrane time constant, from beta = 0.5 and steps of 2 ms

STEP, BETA = 2.0, 0.5


@judge
def time_constant(answer: Any) -> str:
    tau = as_number(answer, "Your time constant")
    exact = -STEP / math.log(BETA)
    if is_near(tau, exact, 0.005):
        return (
            f"After one step `exp(-2 / {show(tau)})` = 0.5 is left. Now you can translate any "
            "`beta` into milliseconds, and compare it with a paper or a real cell."
        )
    slips = {
        STEP / (1 - BETA): "Is that Euler's `beta = 1 - dt / tau`, solved for `tau`?",
        STEP: "Half of the membrane is left after 2 ms. But what share is left after one `tau`?",
        exact / STEP: "Is that `tau` counted in steps? How long is a step?",
        1 / exact: "Is that `1 / tau`?",
        -math.log(BETA): "Is that `dt / tau`?",
        2.9: "Is that rounded to one decimal? Give two.",
        -exact: "What sign has `ln(0.5)`?",
        -STEP / math.log10(BETA): "Is your logarithm the natural one, `math.log`?",
    }
    if tau <= 0:
        fault = f"A time constant of {show(tau)} ms is not above 0."
    else:
        left = math.exp(-STEP / tau)
        fault = (
            f"With `tau` = {show(tau)} ms the share `exp(-2 / tau)` = {show(left)} of the membrane "
            "is left after one step of 2 ms; expected 0.5."
        )
    otherwise = "Which `tau` solves `exp(-2 / tau) = 0.5`?"
    raise Mistake(f"{fault} {question_for(tau, slips, otherwise, tolerance=0.006)}")


# Which reset gives more spikes?


@cache
def _reset_counts() -> dict[str, tuple[int, float, float]]:
    """Spikes in 100 steps at I = 0.15 and beta = 0.9; U at the first spike, and what is kept."""
    facts = {}
    for reset in ("zero", "subtract"):
        cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (0.15, 0.0))
        record = []
        for _ in range(100):
            spk, mem = neurons.lif_step(cur, mem, 0.9, reset_mechanism=reset)
            record.append((spk.item(), mem.item()))
        first = next(t for t, (spk, _) in enumerate(record) if spk)
        kept = record[first + 1][1] - cur.item()
        facts[reset] = (int(sum(spk for spk, _ in record)), record[first][1], kept)
    return facts


@judge
def reset_count(answer: str) -> str:
    (zero, first, start_zero), (subtract, _, start_subtract) = (
        _reset_counts()[reset] for reset in ("zero", "subtract")
    )
    key = "a" if zero > subtract else "b" if subtract > zero else "c"
    counts = f"In 100 steps, reset to zero gives {zero} spikes and `subtract` {subtract}."
    climb = (
        f"At the first spike U = {show(first)}; one step later, before the input, it is "
        f"{show(start_zero)} after reset to zero and {show(start_subtract)} after `subtract`"
    )
    if answer == key:
        return (
            f"{counts} {climb}: for a weak current `subtract` is the harsher reset. For a strong "
            "one it is the milder, as the pulse has shown."
        )
    questions = {
        "a": "Which climb starts higher?",
        "b": "What is left of the excess once U has decayed and a whole threshold is taken away?",
        "c": "Is that the same climb?",
        "d": "The current alone would hold U above threshold, but where is U after a spike?",
    }
    raise Mistake(f"{counts} {climb}. {questions[answer]}")


# A current for every fifth spike


@judge
def clock_current(answer: Any) -> str:
    current = as_number(answer, "Your current")
    low, high = (0.1 / (1 - 0.9**n) for n in (5, 4))
    mems = _climb(current, 400)
    if abs(mems[4] - 1) < 1e-9:
        raise Mistake(
            f"With I = {current:.7g} U is exactly 1 after 5 steps. A spike needs more than the "
            "threshold: is your current on the bound, and on which side of it must it be?"
        )
    period = next((n for n, mem in enumerate(mems, start=1) if mem > 1), None)
    if period is None:
        raise Mistake(
            f"With I = {current:.7g} there is no spike in 400 steps: U comes to "
            f"{show(mems[-1])}, and a spike needs more than 1. Is I above the rheobase?"
        )
    if period != 5:
        slips = {
            0.2: "Five times 0.2 is 1, but what does the membrane lose to the leak on the way?",
        }
        otherwise = (
            "After 4 steps it must still be at 1 or below: what does that say about I?"
            if period < 5
            else "Do you count the steps from 0, where the formula counts from 1?"
        )
        if low - 0.005 < current < low:
            digits = max(4, -math.floor(math.log10(1 - mems[4])))  # enough not to show 1
            short = f"After 5 steps U is only {round(mems[4], digits)}"
            otherwise = f"{short}: have you rounded the bound down?"
        often = {1: "step", 2: "2nd step", 3: "3rd step"}.get(period, f"{period}th step")
        raise Mistake(
            f"With I = {current:.7g} the membrane first exceeds 1 after {_steps(period)}, so the "
            f"neuron fires at every {often}; expected every 5th. "
            + question_for(current, slips, otherwise)
        )
    from_, to = math.ceil(low * 1e4) / 1e4, math.floor(high * 1e4) / 1e4
    return (
        f"U is {show(mems[3])} after 4 steps and {show(mems[4])} after 5: a spike every 5 steps. "
        f"Any current from {from_:.4f} to {to:.4f} does. You can set a neuron's clock."
    )


def _steps(number: int) -> str:
    return f"{number} step" + "s" * (number != 1)


def _climb(current: float, num_steps: int) -> list[float]:
    mem, record = 0.0, []
    for _ in range(num_steps):
        mem = 0.9 * mem + current
        record.append(mem)
    return record


# An encoding of one's own

PIXELS = (0.0, 0.1, 0.4, 0.5, 0.7, 1.0)


@judge
def even_encoding(answer: Callable[[Tensor, int], Any]) -> str:
    pixels = torch.tensor(PIXELS)
    spk_rec = _encoded(answer, pixels, 40)
    dim = int(((spk_rec != 0) & (spk_rec != 1)).any())
    if dim:
        step, pixel = ((spk_rec != 0) & (spk_rec != 1)).nonzero()[0].tolist()
        raise Mistake(
            f"A pixel of {show(PIXELS[pixel])} gives {show(spk_rec[step, pixel].item())} at step "
            f"{step}; expected 0 or 1. A gray value is no spike: where does it become one?"
        )
    again = _encoded(answer, pixels, 40)
    if not torch.equal(spk_rec, again):
        pixel = int((spk_rec != again).any(0).nonzero()[0])
        raise Mistake(
            f"The same pixel of {show(PIXELS[pixel])}, encoded twice, gives different spikes. Are "
            "there dice in your code? What could decide in their place?"
        )
    _expect_even(spk_rec, pixels)
    image = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    _expect_even(_encoded(answer, image, 50).flatten(1), image.flatten())
    return (
        "After any number of steps, no pixel is off by more than one spike. So the error of the "
        "mean falls as 1/T, where a rate code's falls as 1/sqrt(T)."
    )


def _encoded(encode: Callable[[Tensor, int], Any], image: Tensor, num_steps: int) -> Tensor:
    spk_rec = attempted(encode(image.clone(), num_steps))
    if not isinstance(spk_rec, Tensor):
        raise Mistake(
            f"Your function returns {type(spk_rec).__name__}; expected a tensor. Do you still have "
            "to `torch.stack` a list?"
        )
    if spk_rec.shape != (num_steps, *image.shape):
        raise Mistake(
            f"An image of shape {list(image.shape)} and {num_steps} steps give the shape "
            f"{list(spk_rec.shape)}; expected {[num_steps, *image.shape]}. Is time the first axis, "
            "with one entry per step?"
        )
    return spk_rec.detach().double()


def _most_uneven(spk_rec: Tensor) -> int:
    """By how many steps the gaps between the spikes of one pixel differ at most."""
    gaps = [column.nonzero().flatten().diff() for column in spk_rec.unbind(1)]
    return max((int(gap.max() - gap.min()) for gap in gaps if len(gap)), default=0)


def _expect_even(spk_rec: Tensor, pixels: Tensor) -> None:
    """Complain about the first step at which a count is off by more than one."""
    steps = torch.arange(1, len(spk_rec) + 1, dtype=torch.float64)
    due = steps[:, None] * pixels.double()
    counts = spk_rec.cumsum(0)
    if not bool(((counts - due).abs() > 1 + 1e-3).any()):
        return
    step, pixel = ((counts - due).abs() > 1 + 1e-3).nonzero()[0].tolist()
    count = counts[step, pixel].item()
    total, goal = counts[-1, pixel].item(), due[-1, pixel].item()
    if abs(total - goal) <= 1.5:
        question = "The total is right in the end: are the spikes spread evenly on the way?"
    elif (counts[-1] <= 1).all():
        question = "Is each pixel allowed one spike only? How could a count carry its gray value?"
    elif _most_uneven(spk_rec) > 1:
        question = "Its gaps differ by more than a step: is there chance in it, if only seeded?"
    elif count > due[step, pixel]:
        question = "Does a pixel that has fired pay for its spike, and keep what is left over?"
    else:
        question = "What is left over of a pixel after each step, and where do you keep it?"
    raise Mistake(
        f"A pixel of {show(pixels[pixel].item())} has {show(count)} spike{'s' * (count != 1)} "
        f"after {_steps(step + 1)}; expected {show(due[step, pixel].item())}, "
        f"give or take one. {question}"
    )
