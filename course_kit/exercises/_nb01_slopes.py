"""Notebook 01: what is judged by letting one neuron learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import neurons, surrogate

from ._values import Mistake, attempted, judge, question_for, show

__all__ = ["NEURONS", "dead_or_silent", "own_surrogate"]

GOAL = 5


def learn(
    start: float, spike_grad: Callable[[Tensor], Tensor], num_updates: int, lr: float
) -> list[int]:
    """Train one weight by plain gradient descent; return the spike counts before each update.

    The neuron (beta 0.9) gets the current ``w`` for 20 steps. The loss is ``(count - 5) ** 2``.
    """
    w = torch.tensor(start, requires_grad=True)
    history = []
    for _ in range(num_updates):
        mem, count = torch.zeros(()), torch.zeros(())
        for _ in range(20):
            spk, mem = neurons.lif_step(w, mem, 0.9, spike_grad=spike_grad)
            count = count + spk
        (gradient,) = torch.autograd.grad((count - GOAL) ** 2, w)
        with torch.no_grad():
            w -= lr * gradient
        history.append(int(count))
    return history


# Which of four neurons learn?

NEURONS = ("firing, surrogate", "silent, surrogate", "firing, true derivative", "silent, boxcar")
GROUPS = {
    "a": {"firing, surrogate"},
    "b": {"firing, surrogate", "firing, true derivative"},
    "c": {"firing, surrogate", "silent, surrogate"},
    "d": {"firing, surrogate", "silent, surrogate", "silent, boxcar"},
}


@cache
def _ends() -> dict[str, tuple[int, int]]:
    """Spikes before and after 40 updates, of each neuron."""
    fast = surrogate.fast_sigmoid(slope=25)
    settings = (
        (0.2, fast),
        (0.05, fast),
        (0.2, surrogate.from_derivative(torch.zeros_like)),
        (0.05, surrogate.boxcar(width=1.0)),
    )
    histories = [learn(*setting, num_updates=40, lr=1e-3) for setting in settings]
    return {name: (h[0], h[-1]) for name, h in zip(NEURONS, histories, strict=True)}


@judge
def dead_or_silent(answer: str) -> str:
    ends = _ends()
    reached = {name for name, (_, last) in ends.items() if last == GOAL}
    if GROUPS[answer] == reached:
        told = [f"'{name}' goes from {first} to {last}" for name, (first, last) in ends.items()]
        return (
            f"Spikes in 20 steps: {', '.join(told)}. Silence is about spikes, death is about the "
            "gradient. When a network does not learn, you now know the two things to look at."
        )
    missed = [name for name in NEURONS if name in reached - GROUPS[answer]]
    stuck = [name for name in NEURONS if name in GROUPS[answer] - reached]
    questions = {
        "firing, surrogate": "Is there a spike, and a slope?",
        "silent, surrogate": "Does the slope of the fast sigmoid ask whether there was a spike?",
        "firing, true derivative": "It has spikes, but by what is the error multiplied at each?",
        "silent, boxcar": "Its membrane comes up to 0.44: is the boxcar above zero there?",
    }
    name = (stuck + missed)[0]
    first, last = ends[name]
    raise Mistake(
        f"The neuron '{name}' goes from {first} to {last} spikes in 40 updates; {GOAL} is the "
        "goal. " + questions[name]
    )


# A surrogate of one's own

REACH = 1000.0


@judge
def own_surrogate(answer: Callable[[Tensor], Any]) -> str:
    x = torch.linspace(-3, 3, 601, dtype=torch.float64)
    slope = _slopes(answer, x)
    if bool((slope < 0).any()):
        at = int(slope.argmin())
        raise Mistake(
            f"At x = {show(x[at].item())} your slope is {show(slope[at].item())}; expected 0 or "
            "above. Is it the derivative of a rising function, or that function itself?"
        )
    if not bool(slope.any()):
        raise Mistake(
            "Your slope is 0 everywhere between -3 and 3. Is that the true derivative, with which "
            "the network of this notebook did not move?"
        )
    top = int(slope.argmax())
    if not bool(slope[x < 0].any()) and x[top] < 0.1:
        raise Mistake(
            f"At x = 0.1 your slope is {show(_slopes(answer, x.new_tensor([0.1])).item())}, at "
            "x = -0.1 it is 0, as at every x below. How shall a neuron below threshold learn?"
        )
    at_0 = slope[300].item()
    if at_0 < slope[top].item() * (1 - 1e-6):
        raise Mistake(
            f"At x = {show(x[top].item())} your slope is {show(slope[top].item())}, at x = 0 only "
            f"{show(at_0)}; expected the greatest slope at 0. x is the overdrive: is the threshold "
            "subtracted a second time, or did you write the step where its slope was asked for?"
        )
    area = _area(answer)
    if not 0.97 < area < 1.03:
        slips = {
            2 / 25: "Is that the tutorial's form, which is not normalized?",
            2 * REACH: "Does your slope ever fall off?",
            2.0: "Have you counted both sides?",
        }
        otherwise = "By what must you divide it?"
        raise Mistake(
            f"The area under your slope, from {-REACH:,.0f} to {REACH:,.0f}, is {show(area)}; "
            f"expected 1. {question_for(area, slips, otherwise, 0.01)}"
        )
    history = learn(0.02, surrogate.from_derivative(answer), num_updates=100, lr=1e-4)
    far = _slopes(answer, x.new_tensor([-0.8])).item()
    if GOAL not in history:
        question = (
            "What threw it back?"
            if max(history) > GOAL
            else "Does your slope reach down to where this membrane is?"
        )
        raise Mistake(
            f"A neuron whose membrane comes up to 0.18 is to fire {GOAL} times. After 100 updates "
            f"it fires {history[-1]} times, at most {max(history)} on the way. Your slope at "
            f"x = -0.8 is {show(far)}. {question}"
        )
    return (
        f"Peak {show(at_0)}, area {show(area)}, and at x = -0.8 it still is {show(far)}: a silent "
        f"neuron fires {GOAL} times after {history.index(GOAL)} updates. Your surrogate is ready "
        "for a network."
    )


def _slopes(answer: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    slope = attempted(answer(x.clone()))
    if not isinstance(slope, Tensor) or slope.shape != x.shape:
        got = list(slope.shape) if isinstance(slope, Tensor) else type(slope).__name__
        raise Mistake(
            f"For a tensor x of shape {list(x.shape)} your function returns {got}; expected a "
            "tensor of the same shape. Is every entry treated alone?"
        )
    if not bool(torch.isfinite(slope).all()):
        at = x[~torch.isfinite(slope)][0].item()
        raise Mistake(
            f"At x = {show(at)} your slope is not finite. Is a divisor 0 there, or does an "
            "exponential grow where it should fall? Where is the absolute value?"
        )
    return slope.detach().double()


def _area(answer: Callable[[Tensor], Any]) -> float:
    """Integrate over points that lie densely at 0 and sparsely far out."""
    even = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    x = 1e-3 * torch.sinh(even * torch.asinh(even.new_tensor(REACH / 1e-3)))
    return torch.trapezoid(_slopes(answer, x), x).item()
