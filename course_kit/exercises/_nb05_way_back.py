"""Notebook 05: the way back through a run with reset to zero, right and wrong, and its judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import surrogate
from tutorial_lib.neurons import lif_step
from tutorial_lib.surrogate import Surrogate

from ._values import Mistake, attempted, judge, show
from .diagnose import describe

__all__ = ["gradient_of_run", "other_way_back", "way_back", "wrong_way_back"]

Function = Callable[..., Any]


def way_back(mem_rec, grad_spk, beta, threshold, spike_grad):  # noqa: ANN001, ANN201
    """The reference: from the last step down, a neuron that has fired hands nothing back."""
    grad = spike_grad.derivative(mem_rec - threshold) * grad_spk
    kept = (mem_rec <= threshold).to(grad.dtype)
    for t in reversed(range(len(grad) - 1)):
        grad[t] += beta * kept[t] * grad[t + 1]
    return grad


def other_way_back(spelling: str) -> Callable[[], Function]:
    """Make the maker of another right recursion."""

    def carried(
        mem_rec: Tensor, grad_spk: Tensor, beta: float, threshold: float, spike_grad: Surrogate
    ) -> Tensor:
        carry, grads = torch.zeros_like(mem_rec[0]), []
        for mem, grad in zip(mem_rec.flip(0), grad_spk.flip(0), strict=True):
            fired = mem > threshold
            carry = spike_grad.derivative(mem - threshold) * grad + beta * carry * ~fired
            grads.insert(0, carry)
        return torch.stack(grads)

    def by_matrix(
        mem_rec: Tensor, grad_spk: Tensor, beta: float, threshold: float, spike_grad: Surrogate
    ) -> Tensor:
        direct = spike_grad.derivative(mem_rec - threshold) * grad_spk
        kept = beta * (mem_rec <= threshold).double()
        rows = []
        for t in range(len(direct)):  # what each later step hands back to step t
            share = torch.cat([torch.ones_like(kept[:1]), kept[t:-1]]).cumprod(0)
            rows.append((share * direct[t:]).sum(0))
        return torch.stack(rows)

    def by_autograd(
        mem_rec: Tensor, grad_spk: Tensor, beta: float, threshold: float, spike_grad: Surrogate
    ) -> Tensor:
        before = torch.cat([torch.zeros_like(mem_rec[:1]), mem_rec[:-1]])
        currents = (mem_rec - beta * before * (before <= threshold)).requires_grad_()
        mem, total = torch.zeros_like(mem_rec[0]), 0.0
        for cur, grad in zip(currents, grad_spk, strict=True):
            spk, mem = lif_step(cur, mem, beta, threshold, spike_grad, "zero")
            total = total + (spk * grad).sum()
        return torch.autograd.grad(total, currents)[0]

    return lambda: {"carried": carried, "matrix": by_matrix, "autograd": by_autograd}[spelling]


def wrong_way_back(slip: str) -> Callable[[], Function]:
    """Make the maker of a recursion that is wrong in one way."""

    def back(
        mem_rec: Tensor, grad_spk: Tensor, beta: float, threshold: float, spike_grad: Surrogate
    ) -> Tensor:
        slope = spike_grad.derivative(mem_rec if slip == "no overdrive" else mem_rec - threshold)
        if slip == "in place":
            grad = grad_spk.mul_(slope)
        elif slip == "no surrogate":
            grad = grad_spk.clone()
        elif slip == "no loss":
            grad = slope.clone()
        else:
            grad = slope * grad_spk
        if slip == "no memory":
            return grad
        fired = (mem_rec > threshold).to(grad.dtype)
        steps = range(len(grad) - 1)
        for t in steps if slip == "forward" else reversed(steps):
            factor = beta * (1 - fired[t])
            if slip == "subtract":
                factor = torch.full_like(fired[t], beta)
            elif slip == "later spike":
                factor = beta * (1 - fired[t + 1])
            elif slip == "fired only":
                factor = beta * fired[t]
            elif slip == "no decay":
                factor = 1 - fired[t]
            elif slip == "attached":
                factor = factor - beta * mem_rec[t] * slope[t]
            grad[t] += factor * grad[t + 1]
        return grad.sum(0) if slip == "summed" else grad

    return lambda: back


# How it is judged

SPIKE_GRAD = surrogate.fast_sigmoid(slope=2.0)
LONG = (12, 4, 0.8, 0.6)  # steps, seed, beta, threshold of a run with many spikes


def _run(steps: int, seed: int, beta: float, threshold: float, spike_grad: Surrogate):  # noqa: ANN202
    """Membranes and upstream gradients of a run, and the gradient of its currents by autograd."""
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    currents = (0.9 * torch.rand(steps, 3, **draw)).requires_grad_()
    grad_spk = torch.randn(steps, 3, **draw)
    mem, record, total = torch.zeros(3, dtype=torch.float64), [], 0.0
    for cur, grad in zip(currents, grad_spk, strict=True):
        spk, mem = lif_step(cur, mem, beta, threshold, spike_grad, "zero")
        total = total + (spk * grad).sum()
        record.append(mem)
    (expected,) = torch.autograd.grad(total, currents)
    return torch.stack(record).detach(), grad_spk, expected


@judge
def gradient_of_run(answer: Callable[..., Any]) -> str:
    runs = [(1, 0, 0.9, 1.0), (2, 1, 0.5, 1.0), (3, 2, 0.9, 1.0), (12, 3, 0.9, 1.0), LONG]
    for steps, seed, beta, threshold in runs:
        mem_rec, grad_spk, expected = _run(steps, seed, beta, threshold, SPIKE_GRAD)
        given = mem_rec.clone(), grad_spk.clone()
        got = attempted(answer(*given, beta, threshold, SPIKE_GRAD))
        if not isinstance(got, Tensor) or got.shape != mem_rec.shape:
            raise Mistake(
                f"Your function returns {describe(got)}; expected a tensor of shape "
                f"{list(mem_rec.shape)}, one gradient for each step and neuron. Is something "
                "summed, or lost?"
            )
        if not torch.allclose(got.double(), expected, rtol=1e-4, atol=1e-6):
            _explain_recursion(answer, got.double(), expected, mem_rec, grad_spk, beta, threshold)
    return (
        "Your recursion agrees with autograd, in runs of 1 to 12 steps. You can now write a layer "
        "of neurons as one function, for any reset that you can differentiate."
    )


def _explain_recursion(
    answer: Function,
    got: Tensor,
    expected: Tensor,
    mem_rec: Tensor,
    grad_spk: Tensor,
    beta: float,
    threshold: float,
) -> None:
    """Raise the Mistake for a gradient that differs."""
    last = len(mem_rec) - 1
    t, neuron = (~torch.isclose(got, expected, rtol=1e-4, atol=1e-6)).nonzero()[-1].tolist()
    said = (
        f"In a run of {last + 1} step{'s' if last else ''} with beta {beta}, G at step {t} is "
        f"{show(got[t, neuron].item())}; expected {show(expected[t, neuron].item())}. The membrane "
        f"is {show(mem_rec[t, neuron].item())} there, the threshold {threshold}. "
    )
    if t < last:
        raise Mistake(said + _question(answer))
    if torch.isclose(got[t, neuron], grad_spk[t, neuron]):
        raise Mistake(said + "The last step has one source, its spike: where is the surrogate?")
    if torch.isclose(got[t, neuron], SPIKE_GRAD.derivative(mem_rec[t, neuron] - threshold)):
        raise Mistake(said + "The loss asks something of each spike: where is grad_spk?")
    raise Mistake(
        said + "The last step has one source, its spike. Is the slope taken at U - threshold?"
    )


def _question(answer: Function) -> str:
    """Which misconception gives the same gradients as the answer, in a run with many spikes?"""
    mem_rec, grad_spk, _ = _run(*LONG, SPIKE_GRAD)
    steps, _, beta, threshold = LONG
    slope = SPIKE_GRAD.derivative(mem_rec - threshold)
    fired = (mem_rec > threshold).double()
    later = torch.cat([fired[1:], fired[:1]])
    slips = {
        "The neuron has fired at some steps. With reset to zero, what of U[t] is left in U[t+1] "
        "then?": torch.full_like(fired, beta),
        "Is it the spike of step t that cuts, or the one of step t + 1?": beta * (1 - later),
        "Which neuron hands nothing back: the one that fired, or the one that was silent?": (
            beta * fired
        ),
        "Reset is not the only thing that takes from U[t]: where is the decay?": 1 - fired,
        "It has the spike's part only. What does the membrane at the next step hand back?": (
            torch.zeros_like(fired)
        ),
        "Is the reset attached? Here it is detached: its S[t] is a number, without a slope.": (
            beta * (1 - fired) - beta * mem_rec * slope
        ),
    }
    got = answer(mem_rec.clone(), grad_spk.clone(), beta, threshold, SPIKE_GRAD)
    for question, factor in slips.items():
        if torch.allclose(got.double(), _recursion(slope * grad_spk, factor), rtol=1e-4, atol=1e-6):
            return question
    ahead = _recursion(slope * grad_spk, beta * (1 - fired), range(steps - 1))
    if torch.allclose(got.double(), ahead, rtol=1e-4, atol=1e-6):
        return "Does step t get what G has become at t + 1? Then which step must be done first?"
    return "What is the derivative of U[t+1] with respect to U[t], and where is G[t+1]?"


def _recursion(direct: Tensor, factor: Tensor, order: Iterable[int] | None = None) -> Tensor:
    """What each step gets by itself, and the share that the step after it hands back."""
    grad = direct.clone()
    for t in reversed(range(len(grad) - 1)) if order is None else order:
        grad[t] += factor[t] * grad[t + 1]
    return grad
