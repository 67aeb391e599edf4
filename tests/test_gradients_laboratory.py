"""What notebook 06 says of gradients, escape noise and loops, each within a derived error."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import tutorial_lib as snn
from course_kit.exercises.nb06.noise import solved_noise
from tutorial_lib import surrogate

ERRORS = 6  # standard errors that a sample may be off: 1 in 500 million if it is normal
SEED = st.integers(0, 2**31)

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
NOISES: dict[str, Callable[[Tensor, float], Tensor]] = {  # from u, uniform in (0, 1)
    "gaussian": lambda u, k: torch.special.ndtri(u) / k,
    "sigmoid": lambda u, k: torch.logit(u) / k,
    "atan": lambda u, k: torch.tan(math.pi * (u - 0.5)) * 2 / (math.pi * k),
    "boxcar": lambda u, k: (u - 0.5) / k,
    "fast_sigmoid_normalized": solved_noise,
}


@pytest.mark.parametrize("name", NOISES)
@settings(max_examples=15)
@given(st.floats(0.5, 30), st.floats(-3, 3), st.floats(0.02, 0.5), SEED)
def test_a_surrogate_is_the_slope_of_a_firing_probability(
    name: str, k: float, times: float, width: float, seed: int
) -> None:
    """eq:06-escape: P(S = 1 | x) is the primitive, its slope the mean derivative between two x.

    A share of N trials has the variance p (1 - p) / N. The slope over a distance d is the mean of
    the derivative over it, exactly, and its variance is the sum of two such, divided by d squared.
    """
    trials, x = 4000, times / k
    grad = surrogate.SURROGATES[name].with_slope(k)
    generator = torch.Generator().manual_seed(seed)
    places = torch.tensor([x, x + width], dtype=torch.float64)
    u = torch.rand(2, trials, generator=generator, dtype=torch.float64).clamp_min(1e-12)
    shares = (places[:, None] + NOISES[name](u, k) > 0).double().mean(1)
    expected = grad.primitive(places)
    variance = expected * (1 - expected) / trials
    rare = 12 / trials  # where a count is not normal, but of a few
    assert ((shares - expected).abs() <= ERRORS * variance.sqrt() + rare).all()
    fine = torch.linspace(0, 1, 2001, dtype=torch.float64) * width + x
    mean = torch.trapezoid(grad.derivative(fine), fine) / width
    error = (ERRORS * variance.sum().sqrt() + 2 * rare) / width
    bend = grad.peak / 1000  # the trapezoids, where a boxcar ends between two of them
    assert abs((shares[1] - shares[0]) / width - mean) <= error + bend


def test_the_form_of_tutorial_6_is_no_density() -> None:
    """eq:01-fast-sigmoid has the area 2 / k: a density for one k alone."""
    assert [k for k in (1, 2, 5, 25) if surrogate.fast_sigmoid(k).area == 1] == [2]


STEPS = 20


def chain_loss(w1: Tensor, w2: Tensor, step: Step, wanted: int = 5) -> Tensor:
    mem1, mem2, count = torch.zeros_like(w1), torch.zeros_like(w2), 0
    for _ in range(STEPS):
        spk, mem1 = step(w1, mem1)
        spk, mem2 = step(w2 * spk, mem2)
        count = count + spk
    return (count - wanted) ** 2


def smooth(beta: float, k: float) -> Step:
    def step(cur: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
        mem = beta * mem + cur - torch.sigmoid(k * (mem - 1))
        return torch.sigmoid(k * (mem - 1)), mem

    return step


def spiking(beta: float, k: float, detach: bool) -> Step:
    def step(cur: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
        return snn.lif_step(
            cur, mem, beta, spike_grad=surrogate.sigmoid(k), detach_reset=detach
        )

    return step


def around(step: Step, corners: list[tuple[float, float]], parts: int) -> tuple[float, float]:
    """The integral of the gradient round a loop, by trapezoids, and a bound for their error.

    On a side of length l, the error of n trapezoids is at most l h^2 / 12 times the largest second
    derivative of the integrand, h = l / n. Second differences estimate it; twice that is allowed.
    """
    total, bound = 0.0, 0.0
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        w = [torch.linspace(a, b, parts + 1, dtype=torch.float64).requires_grad_()
             for a, b in zip(start, end, strict=True)]
        gradients = torch.autograd.grad(chain_loss(*w, step).sum(), w)
        length = math.dist(start, end)
        direction = [(b - a) / length for a, b in zip(start, end, strict=True)]
        along = sum(g * d for g, d in zip(gradients, direction, strict=True))
        h = length / parts
        total += torch.trapezoid(along, dx=h).item()
        second = along.diff(n=2).abs().max().item() / h**2
        bound += 2 * length * h**2 / 12 * second
    return total, bound


LOOP = st.tuples(st.floats(0.1, 0.4), st.floats(0.2, 0.5), st.floats(0.1, 0.4), st.floats(0.1, 0.6))


@settings(max_examples=15, deadline=None)
@given(LOOP, st.floats(0.5, 0.9), st.floats(1, 4))
def test_a_gradient_adds_up_to_zero_round_a_loop(
    loop: tuple[float, float, float, float], beta: float, k: float
) -> None:
    """eq:06-loop: of a smooth network, within the error of the trapezoids, which falls as h^2."""
    left, low, width, height = loop
    corners = [(left, low), (left + width, low), (left + width, low + height), (left, low + height)]
    total, bound = around(smooth(beta, k), corners, 200)
    assert abs(total) <= bound + 1e-9
    finer, finer_bound = around(smooth(beta, k), corners, 400)
    assert abs(finer) <= finer_bound + 1e-9 and finer_bound < 0.3 * bound + 1e-9


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("k", [2, 5])
def test_a_surrogate_gradient_does_not(k: float, detach: bool) -> None:
    """A sum over ever finer parts stays where it is: the integrand jumps, by bounded steps."""
    corners = [(0.2, 0.3), (0.5, 0.3), (0.5, 0.9), (0.2, 0.9)]
    coarse, fine = (around(spiking(0.9, k, detach), corners, parts)[0] for parts in (400, 1600))
    assert fine < -3 and abs(fine - coarse) < 0.03 * abs(fine)
