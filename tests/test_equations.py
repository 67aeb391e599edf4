"""Each labelled equation of the course, written out once more, against the function for it.

tools/equations.toml names the test of every label, and each test names its labels: so the table of
equations in the book cannot point to a test of something else.
"""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import tutorial_lib as snn
from tutorial_lib import functional as SF
from tutorial_lib import surrogate

BETA = st.floats(0.05, 0.99)
THRESHOLD = st.floats(0.2, 3.0)
CURRENT = st.floats(-2.0, 4.0)
SEED = st.integers(0, 2**31)


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def run(currents: list[float], beta: float, threshold: float, how: str) -> tuple[list, list]:
    """Spikes and membranes of one neuron from rest, by the library."""
    mem = number(0.0)
    spikes, membranes = [], []
    for cur in currents:
        spk, mem = snn.lif_step(number(cur), mem, beta, threshold, reset_mechanism=how)
        spikes.append(spk.item())
        membranes.append(mem.item())
    return spikes, membranes


def charged(start: float, drive: float, ratio: float, steps: int) -> float:
    """A membrane after some steps of length ratio * tau with a constant drive, by the library."""
    beta, mem = math.exp(-ratio), number(start)
    for _ in range(steps):
        _, mem = snn.lif_step(number((1 - beta) * drive), mem, beta, reset_mechanism="none")
    return mem.item()


RATIO = st.floats(0.01, 2.0)
POTENTIAL = st.floats(-30.0, 30.0)


@given(POTENTIAL, POTENTIAL, RATIO)
def test_the_step_solves_the_membrane_equation(u0: float, drive: float, ratio: float) -> None:
    """eq:00-membrane, eq:ref-membrane: tau dU/dt = -U + R I, integrated by Runge-Kutta."""

    def slope(u: float) -> float:
        return -u + drive  # time in units of tau

    u, parts = u0, 200
    h = ratio / parts
    for _ in range(parts):
        k1 = slope(u)
        k2 = slope(u + h / 2 * k1)
        k3 = slope(u + h / 2 * k2)
        u += h / 6 * (k1 + 2 * k2 + 2 * k3 + slope(u + h * k3))
    assert charged(u0, drive, ratio, steps=1) == pytest.approx(u, rel=1e-8, abs=1e-7)


@given(POTENTIAL, POTENTIAL, RATIO, st.integers(1, 30))
def test_steps_lie_on_the_exact_solution(u0: float, drive: float, ratio: float, steps: int) -> None:
    """eq:00-solution: U(t) = R I + (U0 - R I) exp(-t / tau)."""
    exact = drive + (u0 - drive) * math.exp(-steps * ratio)
    assert charged(u0, drive, ratio, steps) == pytest.approx(exact, rel=1e-10, abs=1e-9)


@given(POTENTIAL, RATIO)
def test_beta_is_what_is_left_after_one_step(u0: float, ratio: float) -> None:
    """eq:00-beta, eq:ref-beta: beta = exp(-dt / tau), as the cell itself decays in dt."""
    parts = 4096
    u = u0 * (1 - ratio / parts + (ratio / parts) ** 2 / 2) ** parts  # the decay, in small steps
    assert charged(u0, 0.0, ratio, steps=1) == pytest.approx(u, rel=1e-5, abs=1e-9)


@given(POTENTIAL, st.lists(POTENTIAL, min_size=1, max_size=8), BETA)
def test_the_step_of_the_cell(u0: float, drives: list[float], beta: float) -> None:
    """eq:00-step: U[t] = beta U[t-1] + (1 - beta) R I[t]."""
    mem, u = number(u0), u0
    for drive in drives:
        cur = number((1 - beta) * drive)
        _, mem = snn.lif_step(cur, mem, beta, reset_mechanism="none")
        u = beta * u + (1 - beta) * drive
        assert mem.item() == pytest.approx(u, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("how", ["subtract", "zero", "none"])
@given(st.lists(CURRENT, min_size=2, max_size=20), BETA, THRESHOLD)
def test_the_update_rules(how: str, currents: list[float], beta: float, threshold: float) -> None:
    """eq:00-update, eq:00-subtract, eq:00-zero, eq:01-spike, eq:01-neuron, eq:ref-leaky."""
    u = 0.0
    spikes, membranes = run(currents, beta, threshold, how)
    for cur, spk, mem in zip(currents, spikes, membranes, strict=True):
        assume(abs(u - threshold) > 1e-9)
        reset = 1.0 if u > threshold else 0.0
        if how == "subtract":
            u = beta * u + cur - reset * threshold
        elif how == "zero":
            u = beta * (1 - reset) * u + cur
        else:
            u = beta * u + cur
        assume(abs(u - threshold) > 1e-9)
        assert mem == pytest.approx(u, rel=1e-12, abs=1e-12)
        assert spk == (1.0 if u > threshold else 0.0)


@given(st.floats(0.5, 0.95), THRESHOLD, st.floats(-0.3, 0.3))
def test_the_rheobase(beta: float, threshold: float, distance: float) -> None:
    """eq:00-rheobase: a neuron fires in the long run exactly if I > (1 - beta) theta."""
    assume(abs(distance) > 1e-3)
    cur = (1 - beta) * threshold * (1 + distance)
    for how in ("subtract", "zero"):
        spikes, _ = run([cur] * 200, beta, threshold, how)
        assert any(spikes) == (distance > 0)


@given(BETA, THRESHOLD, st.floats(1.01, 20.0))
def test_the_period(beta: float, threshold: float, times_rheobase: float) -> None:
    """eq:00-period: n = floor(ln(1 - (1 - beta) theta / I) / ln beta) + 1, with reset to zero."""
    cur = times_rheobase * (1 - beta) * threshold
    exact = math.log(1 - (1 - beta) * threshold / cur) / math.log(beta)
    assume(abs(exact - round(exact)) > 1e-6)
    period = math.floor(exact) + 1
    assume(period < 150)
    spikes, _ = run([cur] * (3 * period), beta, threshold, "zero")
    assert [step + 1 for step, spk in enumerate(spikes) if spk] == [period, 2 * period, 3 * period]


@given(st.floats(0.1, 0.95), THRESHOLD, st.floats(0.0, 0.95))
def test_the_balance(beta: float, threshold: float, share: float) -> None:
    """eq:00-balance: I = (1 - beta) mean(U) + r theta, up to what the ends of the run hold."""
    steps, cur = 400, share * threshold
    spikes, membranes = run([cur] * steps, beta, threshold, "subtract")
    balance = (1 - beta) * sum(membranes) / steps + threshold * sum(spikes) / steps
    assert balance == pytest.approx(cur, abs=4 * threshold / steps)


@given(st.floats(0.01, 3.0), st.floats(0.05, 0.99), st.integers(1, 40))
def test_the_charge_below_threshold(cur: float, beta: float, steps: int) -> None:
    """eq:ref-charge: U[t] = I (1 - beta^t) / (1 - beta)."""
    _, membranes = run([cur] * steps, beta, 1e9, "subtract")
    assert membranes[-1] == pytest.approx(cur * (1 - beta**steps) / (1 - beta), rel=1e-9)


@given(st.floats(0.1, 200.0), st.lists(st.floats(-5, 5), min_size=1, max_size=20))
def test_the_primitive_of_the_fast_sigmoid(k: float, points: list[float]) -> None:
    """eq:01-primitive: x / (1 + k |x|)."""
    x = torch.tensor(points, dtype=torch.float64)
    wanted = [p / (1 + k * abs(p)) for p in points]
    assert surrogate.fast_sigmoid(k).primitive(x).tolist() == pytest.approx(wanted, rel=1e-12)


@given(st.floats(0.1, 200.0), st.lists(st.floats(-5, 5), min_size=1, max_size=20))
def test_the_slope_of_the_fast_sigmoid(k: float, points: list[float]) -> None:
    """eq:01-fast-sigmoid: 1 / (1 + k |x|)^2, on the backward pass of a true spike."""
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    spk = surrogate.fast_sigmoid(k)(x)
    (slope,) = torch.autograd.grad(spk.sum(), x)
    assert slope.tolist() == pytest.approx([(1 + k * abs(p)) ** -2 for p in points], rel=1e-12)
    assert spk.tolist() == [float(p > 0) for p in points]


SURROGATES = [
    surrogate.fast_sigmoid(5),
    surrogate.fast_sigmoid_normalized(5),
    surrogate.atan(),
    surrogate.sigmoid(3),
    surrogate.gaussian(),
]


@pytest.mark.parametrize("spike_grad", SURROGATES, ids=lambda g: type(g).__name__)
@given(st.floats(-2, 4), THRESHOLD)
def test_the_surrogate_stands_in_for_the_derivative(spike_grad, u: float, threshold: float) -> None:
    """eq:ref-surrogate: the derivative of S by U is the surrogate's slope at U - theta."""
    cur = number(u).requires_grad_()
    spk, _ = snn.lif_step(cur, number(0.0), 0.5, threshold, spike_grad)
    (slope,) = torch.autograd.grad(spk, cur)
    primitive = spike_grad.primitive
    h, x = 1e-5, number(u - threshold)
    assume(abs(x) > 1e-3)  # some primitives have a kink at threshold
    wanted = (primitive(x + h) - primitive(x - h)) / (2 * h)
    assert slope.item() == pytest.approx(wanted.item(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("detach", [True, False], ids=["detached", "attached"])
@given(st.floats(-1, 3), CURRENT, BETA, THRESHOLD)
def test_the_factor_from_step_to_step(
    detach: bool, u: float, cur: float, beta: float, threshold: float
) -> None:
    """eq:01-factor: beta, or beta - theta g[t-1] if the reset is attached."""
    k = 5.0
    before = number(u).requires_grad_()
    spike_grad = surrogate.fast_sigmoid(k)
    _, mem = snn.lif_step(
        number(cur), before, beta, threshold, spike_grad, detach_reset=detach
    )
    (factor,) = torch.autograd.grad(mem, before)
    g_before = (1 + k * abs(u - threshold)) ** -2
    wanted = beta if detach else beta - threshold * g_before
    assert factor.item() == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@given(
    st.lists(st.tuples(CURRENT, st.floats(-2, 2)), min_size=1, max_size=10),
    st.floats(0.1, 2.0),
    BETA,
    THRESHOLD,
)
def test_backpropagation_through_time(
    pairs: list[tuple[float, float]], w: float, beta: float, threshold: float
) -> None:
    """eq:01-bptt, eq:ref-bptt: the sum over steps, and the recursion of dU[t]/dw."""
    k = 5.0
    weight = number(w).requires_grad_()
    mem, loss = number(0.0), number(0.0)
    u = du_dw = gradient = 0.0
    for x, dl_ds in pairs:
        spk, mem = snn.lif_step(weight * x, mem, beta, threshold, surrogate.fast_sigmoid(k))
        loss = loss + dl_ds * spk
        assume(abs(u - threshold) > 1e-9)
        u = beta * u + w * x - threshold * (u > threshold)
        du_dw = beta * du_dw + x
        gradient += dl_ds * (1 + k * abs(u - threshold)) ** -2 * du_dw
    (auto,) = torch.autograd.grad(loss, weight)
    assert auto.item() == pytest.approx(gradient, rel=1e-9, abs=1e-10)


@given(st.lists(st.tuples(CURRENT, st.floats(-2, 2)), min_size=1, max_size=10), BETA, THRESHOLD)
def test_the_backward_pass_of_a_run(
    pairs: list[tuple[float, float]], beta: float, threshold: float
) -> None:
    """eq:05-back: G[t], the gradient of I[t], from the spike at step t and from G[t+1]."""
    k = 5.0
    currents = torch.tensor([x for x, _ in pairs], dtype=torch.float64, requires_grad=True)
    mem, loss, overdrives = number(0.0), number(0.0), []
    for cur, (_, dl_ds) in zip(currents, pairs, strict=True):
        spk, mem = snn.lif_step(cur, mem, beta, threshold, surrogate.fast_sigmoid(k))
        overdrives.append(mem.item() - threshold)
        loss = loss + dl_ds * spk
    (auto,) = torch.autograd.grad(loss, currents)
    back, expected = 0.0, []
    for over, (_, dl_ds) in zip(reversed(overdrives), reversed(pairs), strict=True):
        back = dl_ds * (1 + k * abs(over)) ** -2 + beta * back
        expected.insert(0, back)
    assert auto.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-10)


def some_spikes(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    spk_rec = (torch.rand(7, 3, 4, generator=generator) < 0.4).double()
    return spk_rec, torch.randint(4, (3,), generator=generator)


@given(SEED)
def test_the_loss_on_the_rate(seed: int) -> None:
    """eq:ref-ce-rate: a cross entropy at each step, and their mean."""
    spk_rec, targets = some_spikes(seed)
    steps, batch, _ = spk_rec.shape
    total = 0.0
    for sample in range(batch):
        for t in range(steps):
            e = [math.exp(s) for s in spk_rec[t, sample].tolist()]
            total -= math.log(e[targets[sample]] / sum(e)) / steps
    assert SF.ce_rate_loss()(spk_rec, targets).item() == pytest.approx(total / batch, rel=1e-6)


@given(SEED)
def test_the_loss_on_the_count(seed: int) -> None:
    """eq:ref-ce-count: one cross entropy of the spike counts."""
    spk_rec, targets = some_spikes(seed)
    total = 0.0
    for sample in range(spk_rec.shape[1]):
        e = [math.exp(n) for n in spk_rec[:, sample].sum(0).tolist()]
        total -= math.log(e[targets[sample]] / sum(e))
    count = SF.ce_count_loss()(spk_rec, targets).item()
    assert count == pytest.approx(total / spk_rec.shape[1], rel=1e-6)
