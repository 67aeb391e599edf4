"""How far membranes are from threshold: formulas against random spikes, the ledger by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.helpers import small_net, weights
from tutorial_lib import Leaky, initialization, simulation, surrogate
from tutorial_lib import functional as SF

SEED = st.integers(0, 2**31)
ERRORS = 6  # standard errors that a sample may be off: 1 in 500 million if it is normal


@st.composite
def layers(draw: st.DrawFn) -> tuple[nn.Module, Tensor]:
    """A random layer with weights, and rates of its inputs ``[1, ...]``."""
    torch.manual_seed(draw(SEED))
    bias = draw(st.booleans())
    if draw(st.booleans()):
        layer, shape = nn.Linear(draw(st.integers(1, 12)), 3, bias=bias), None
        shape = (1, layer.in_features)
    else:
        layer, shape = nn.Conv2d(2, 2, 3, bias=bias, padding=draw(st.integers(0, 1))), (1, 2, 4, 3)
    rates = 0.05 + 0.9 * torch.rand(shape, dtype=torch.float64)
    sure = torch.rand(shape) < 0.2  # some inputs fire always, or never
    return layer.double(), torch.where(sure, rates.round(), rates)


def fourth_cumulant(layer: nn.Module, rates: Tensor, beta: float) -> Tensor:
    """Of the membranes: that of independent terms adds up, each weight to the fourth power."""
    variance = rates * (1 - rates)
    fourth = copy.deepcopy(layer)
    with torch.no_grad():
        fourth.weight.pow_(4)
        if fourth.bias is not None:
            fourth.bias.zero_()
        return fourth(variance * (1 - 6 * variance)) / (1 - beta**4)


@settings(max_examples=25)
@given(layers(), st.floats(0, 0.9), SEED)
def test_xi_is_that_of_random_spikes(
    made: tuple[nn.Module, Tensor], beta: float, seed: int
) -> None:
    """eq:06-mean, eq:06-spread: mean and variance of 2,000 membranes, each within its error.

    A sample of N with variance v and fourth cumulant c has a mean with the variance v / N, and a
    variance with the variance (c + 2 v^2) / N. After n steps from rest, beta^n is still missing.
    """
    layer, rates = made
    mean, std = initialization.membrane_statistics(layer, rates, beta)
    samples, steps = 2000, 2 + math.ceil(math.log(1e-6) / math.log(max(beta, 1e-3)))
    neurons = Leaky(torch.tensor(beta, dtype=torch.float64), reset_mechanism="none")
    generator, mem = torch.Generator().manual_seed(seed), neurons.init_leaky()
    with torch.no_grad():
        for _ in range(steps):
            spikes = torch.rand(samples, *rates.shape[1:], generator=generator) < rates
            _, mem = neurons(layer(spikes.double()), mem)
    variance = std.square()
    error = ERRORS * std / math.sqrt(samples) + 1e-5 * (1 + mean.abs())
    assert ((mem.mean(0) - mean[0]).abs() <= error[0]).all()
    spread = (fourth_cumulant(layer, rates, beta) + 2 * variance.square()) / samples
    error = ERRORS * spread.clamp_min(0).sqrt() + 1e-5 * (1 + variance)
    assert ((mem.var(0) - variance[0]).abs() <= error[0]).all()


def by_hand(net: nn.Sequential, num_steps: int, data: Tensor) -> list[tuple[float, float, float]]:
    """xi, prediction and share of silent neurons of each layer, from the network step by step."""
    currents: dict[nn.Module, list[Tensor]] = {m: [] for m in net if isinstance(m, Leaky)}
    for module in currents:
        module.register_forward_pre_hook(lambda m, args: currents[m].append(args[0].detach()))
    record = simulation.record_spikes(net, num_steps, data, schedule="step")
    found = []
    for (layer, steps), spk in zip(currents.items(), record.values(), strict=True):
        cur, beta, theta = torch.stack(steps), layer.beta.item(), layer.threshold.item()
        mean = cur.mean(0) / (1 - beta)
        std = cur.std(0, correction=0) / math.sqrt(1 - beta**2)
        spread = math.sqrt(mean.var(correction=0) + std.square().mean())
        single = [
            0.5 * math.erfc((theta - m) / s / math.sqrt(2)) if s > 1e-6 else float(m > theta)
            for m, s in zip(mean.flatten().tolist(), std.flatten().tolist(), strict=True)
        ]
        silent = (spk.flatten(2).sum((0, 1)) == 0).double().mean().item()
        found.append(((theta - mean.mean().item()) / spread, sum(single) / len(single), silent))
    return found


@settings(max_examples=20)
@given(SEED, st.floats(0.1, 0.95), st.floats(0.3, 2.0), st.floats(0.5, 4.0))
def test_the_ledger_is_what_hooks_and_autograd_find(
    seed: int, beta: float, threshold: float, gain: float
) -> None:
    """eq:06-xi: and share above threshold, spikes, silent neurons, norms of gradients."""
    torch.manual_seed(seed)
    net = small_net(beta=beta, threshold=threshold)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(gain)
    data, targets, before = 2 * torch.rand(5, 6), torch.arange(5) % 3, weights(net)
    ledger = initialization.silence_ledger(net, 12, data, targets, SF.ce_rate_loss())
    assert torch.equal(weights(net), before) and all(p.grad is None for p in net.parameters())
    record = simulation.record_spikes(net, 12, data)
    assert [row.name for row in ledger.rows] == list(record)
    SF.ce_rate_loss()(simulation.forward_pass(net, 12, data)[0], targets).backward()
    assert [row.gradient for row in ledger.rows] == pytest.approx(
        [net[place].weight.grad.norm().item() for place in (0, 2)], rel=1e-4, abs=1e-9
    )
    expected = by_hand(net, 12, data)
    for row, spk, (xi, predicted, silent) in zip(
        ledger.rows, record.values(), expected, strict=True
    ):
        assert row.measured == pytest.approx(spk.mean().item(), abs=1e-6)
        assert row.never == pytest.approx(silent)
        assert row.xi == pytest.approx(xi, rel=1e-3, abs=1e-3)
        assert row.predicted == pytest.approx(predicted, abs=1e-3)
    first = ledger.rows[0]  # constant currents: what is above threshold is sure
    assert first.measured <= first.predicted


def three_neurons() -> nn.Sequential:
    """Three neurons with the constant currents 1.5, 0.6 and 0.3."""
    net = nn.Sequential(nn.Linear(1, 3, bias=False), Leaky(0.5, init_hidden=True, output=True))
    net[0].weight.data.copy_(torch.tensor([[1.5], [0.6], [0.3]]))
    return net


def test_the_ledger_against_counts_by_hand() -> None:
    """In five steps, 1.5 always fires; 0.6 goes .6, .9, 1.05, .125, .6625; 0.3 stays below .6."""
    loss = SF.ce_count_loss()
    (row,) = initialization.silence_ledger(
        three_neurons(), 5, torch.ones(1, 1), torch.tensor([2]), loss
    ).rows
    assert row.measured == pytest.approx((5 + 1 + 0) / 15) and row.never == pytest.approx(1 / 3)
    assert row.predicted == pytest.approx(2 / 3)  # 3 and 1.2 are above 1, 0.6 is not
    assert row.xi == pytest.approx((1 - 1.6) / torch.tensor([3.0, 1.2, 0.6]).std(correction=0))


@settings(max_examples=20)
@given(SEED, st.floats(0.1, 3.0), st.floats(0.0, 0.9), st.booleans())
def test_scaling_sets_xi_by_one_factor_per_layer(
    seed: int, xi: float, beta: float, convolution: bool
) -> None:
    torch.manual_seed(seed)
    if convolution:
        neurons = {"beta": beta, "init_hidden": True}
        net = nn.Sequential(
            nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), Leaky(**neurons)),
            nn.Flatten(), nn.Linear(27, 4), nn.ReLU(), Leaky(threshold=0.7, output=True, **neurons),
        )  # fmt: skip
        data = torch.rand(6, 1, 8, 8)
    else:
        net, data = small_net(beta=beta), 2 * torch.rand(6, 6)
    old = [p.detach().clone() for p in net.parameters()]
    try:
        factors = initialization.scale_to_threshold(net, 20, data, xi)
    except ValueError as error:  # membranes too far below 0: the network is as it was
        assert "No factor brings layer" in str(error)
        assert all(map(torch.equal, net.parameters(), old))
        return
    for new, was, factor in zip(
        net.parameters(), old, [f for f in factors.values() for _ in range(2)], strict=True
    ):
        torch.testing.assert_close(new, factor * was)
    targets = torch.zeros(6, dtype=torch.long)
    rows = initialization.silence_ledger(net, 20, data, targets, SF.ce_rate_loss()).rows
    assert [row.name for row in rows] == list(factors)
    assert [row.xi for row in rows] == pytest.approx([xi] * 2, rel=0.02, abs=0.02)


def test_data_over_time_is_taken_as_it_comes() -> None:
    """A ledger of spikes agrees with the formula for their rates, within what chance allows."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(30, 1), Leaky(0.8, init_hidden=True, output=True))
    rates, steps, batch = 0.1 + 0.8 * torch.rand(1, 30), 400, 20
    spikes = (torch.rand(steps, batch, 30) < rates).float()
    targets = torch.zeros(batch, dtype=torch.long)
    (row,) = initialization.silence_ledger(
        net, steps, spikes, targets, SF.ce_rate_loss(), time_varying=True
    ).rows
    mean, std = (x.item() for x in initialization.membrane_statistics(net[0], rates, 0.8))
    of_mean = std * math.sqrt((1 - 0.8**2) / (steps * batch)) / (1 - 0.8)
    lowered = std * math.sqrt((1 - 0.8**2) / steps) / (1 - 0.8)  # the samples' own means differ
    spread = math.sqrt(std**2 + lowered**2)
    of_spread = spread / math.sqrt(2 * steps * batch) + lowered**2 / std
    assert abs(row.xi - (1 - mean) / spread) < ERRORS * (
        of_mean / std + abs(1 - mean) * of_spread / std**2
    )


def norm_between() -> nn.Sequential:
    net = small_net()
    return nn.Sequential(net[0], nn.BatchNorm1d(16).eval(), *net[1:])


def tied() -> nn.Sequential:
    layer, neurons = nn.Linear(6, 6), {"beta": 0.5, "init_hidden": True}
    return nn.Sequential(layer, Leaky(**neurons), layer, Leaky(**neurons, output=True))


def far_below() -> nn.Sequential:
    net = small_net()
    nn.init.constant_(net[2].bias, -50.0)
    return net


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (far_below, "No factor brings layer '3' to xi = 1"),
        (lambda: small_net(beta=1.0), "Layer '1' has beta = 1: without a leak"),
        (norm_between, "is not proportional to the weights"),
        (tied, "share their weights"),
        (lambda: nn.Sequential(Leaky(0.5, init_hidden=True, output=True)), "has no nn.Linear"),
        (lambda: simulation.Simulation(small_net(), 3), "must be a plain nn.Sequential"),
    ],
)
def test_a_network_that_cannot_be_scaled_stays_as_it_is(
    make: Callable[[], nn.Module], words: str
) -> None:
    net = make()
    before = [p.detach().clone() for p in net.parameters()]
    with pytest.raises(ValueError, match=words):
        initialization.scale_to_threshold(net, 5, torch.rand(4, 6))
    assert all(map(torch.equal, net.parameters(), before))


def test_frozen_weights_and_a_loss_without_a_gradient_are_refused() -> None:
    net, data, targets = small_net(), torch.rand(4, 6), torch.zeros(4, dtype=torch.long)
    with pytest.raises(TypeError, match="must return a number that depends on spk_rec"):
        initialization.silence_ledger(net, 5, data, targets, lambda spk, _: spk.detach().sum())
    net[2].weight.requires_grad_(False)
    with pytest.raises(ValueError, match="before layer '3' have requires_grad=False"):
        initialization.silence_ledger(net, 5, data, targets, SF.ce_rate_loss())


def test_table_and_plot_hold_the_numbers() -> None:
    torch.manual_seed(1)
    net = small_net(spike_grad=surrogate.fast_sigmoid(25))
    net[2].weight.data.zero_()
    data, targets = 2 * torch.rand(5, 6), torch.arange(5) % 3
    ledger = initialization.silence_ledger(net, 12, data, targets, SF.ce_rate_loss())
    head, *lines = str(ledger).splitlines()
    assert head.split() == "layer xi predicted measured never fire gradient norm".split()
    for line, row in zip(lines, ledger.rows, strict=True):
        name, xi, predicted, measured, never, gradient = line.split()
        assert name == row.name and float(xi) == pytest.approx(row.xi, abs=0.006)
        assert float(predicted[:-1]) == pytest.approx(100 * row.predicted, abs=0.006)
        assert float(measured[:-1]) == pytest.approx(100 * row.measured, abs=0.006)
        assert float(never[:-1]) == pytest.approx(100 * row.never, abs=0.6)
        assert float(gradient) == pytest.approx(row.gradient, rel=0.06)
    ax = ledger.plot()
    for line in ax.lines:
        rates = [getattr(row, line.get_label()) for row in ledger.rows]
        assert list(line.get_xdata()) == [max(rate, 1e-6) for rate in rates]
    assert ledger.rows[1].measured == 0 and len(ax.lines) == 2
