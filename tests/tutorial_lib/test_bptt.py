r"""Backpropagation through time of a two-layer net, derived by hand, against autograd.

Per layer, with theta the threshold, x = U - theta and g(x) the surrogate slope, the forward pass is

    subtract:  U[t] = b U[t-1] + I[t] - R[t] theta          R[t] = H(U[t-1] - theta)
    zero:      U[t] = b (1 - R[t]) U[t-1] + I[t]            S[t] = H(U[t] - theta)
    none:      U[t] = b U[t-1] + I[t]

so that, writing D[t] = dL/dU[t] and E[t] = dL/dS[t] (what comes from above),

    D[t] = E[t] g(x[t]) + (dL/dU[t] from above) + D[t+1] J[t],        J[t] = dU[t+1]/dU[t]

    J[t]       detached          attached, additional
    subtract:  b                 - theta g(x[t])
    zero:      b (1 - R[t+1])    - b U[t] g(x[t])
    none:      b                 0

    dL/dI[t] = D[t],   dL/db = sum D[t] U[t-1] (zero: times 1 - R[t]),
    dL/dtheta = sum -E[t] g(x[t]) - D[t] R[t] [subtract]
                + (attached) D[t] g(x[t-1]) theta [subtract], D[t] g(x[t-1]) b U[t-1] [zero].

The loss is the cross entropy of the spikes at each step plus a linear readout of the membranes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from tutorial_lib import Leaky, surrogate
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass

Array = NDArray[np.float64]
SLOPE = 4.0
RESETS = ["subtract", "zero", "none"]


def surrogate_slope(x: Array) -> Array:
    return 1 / (1 + SLOPE * np.abs(x)) ** 2


@dataclass
class LayerByHand:
    """One layer of neurons: forward and backward recursion in NumPy. Records are ``[T, B, N]``."""

    beta: float
    threshold: float
    mechanism: str
    detach: bool

    def forward(self, current: Array) -> Array:
        mem = np.zeros_like(current[0])
        self.mem, self.reset = np.empty_like(current), np.empty_like(current)
        for t, cur in enumerate(current):
            self.reset[t] = mem > self.threshold
            if self.mechanism == "subtract":
                mem = self.beta * mem + cur - self.reset[t] * self.threshold
            elif self.mechanism == "zero":
                mem = self.beta * (1 - self.reset[t]) * mem + cur
            else:
                mem = self.beta * mem + cur
            self.mem[t] = mem
        return (self.mem > self.threshold).astype(np.float64)

    def backward(self, from_spikes: Array, from_mem: Array) -> tuple[Array, float, float]:
        """Gradients of the current ``[T, B, N]``, of beta and of the threshold."""
        steps = len(self.mem)
        slope = surrogate_slope(self.mem - self.threshold)
        grad = np.zeros_like(self.mem)
        grad_beta = grad_threshold = 0.0
        later = np.zeros_like(self.mem[0])
        for t in reversed(range(steps)):
            if t + 1 < steps:
                jump = np.full_like(later, self.beta)
                if self.mechanism == "zero":
                    jump *= 1 - self.reset[t + 1]
                if not self.detach and self.mechanism == "subtract":
                    jump -= self.threshold * slope[t]
                if not self.detach and self.mechanism == "zero":
                    jump -= self.beta * self.mem[t] * slope[t]
                later = later * jump
            grad[t] = later = from_spikes[t] * slope[t] + from_mem[t] + later
            before = self.mem[t - 1] if t else np.zeros_like(later)
            slope_before = slope[t - 1] if t else surrogate_slope(before - self.threshold)
            kept = before * (1 - self.reset[t]) if self.mechanism == "zero" else before
            grad_beta += (later * kept).sum()
            grad_threshold -= (from_spikes[t] * slope[t]).sum()
            if self.mechanism == "subtract":
                grad_threshold -= (later * self.reset[t]).sum()
                if not self.detach:
                    grad_threshold += (later * slope_before).sum() * self.threshold
            if self.mechanism == "zero" and not self.detach:
                grad_threshold += (later * slope_before * before).sum() * self.beta
        return grad, grad_beta, grad_threshold


def loss_by_hand(spikes: Array, targets: Array) -> tuple[float, Array]:
    """Cross entropy of the spikes at each step, its mean, and its gradient (p - y) / (T B)."""
    steps, batch, _ = spikes.shape
    p = np.exp(spikes) / np.exp(spikes).sum(-1, keepdims=True)
    rows = np.arange(batch)
    loss = -np.log(p[:, rows, targets]).mean()
    grad = p.copy()
    grad[:, rows, targets] -= 1
    return loss, grad / (steps * batch)


@pytest.mark.parametrize("detach", [True, False], ids=["detached", "attached"])
@pytest.mark.parametrize("mechanism", RESETS)
@given(st.integers(0, 2**31), st.integers(1, 9), st.sampled_from(["explicit", "hidden", "layer"]))
def test_two_layer_net(mechanism: str, detach: bool, seed: int, steps: int, how: str) -> None:
    rng = np.random.default_rng(seed)
    batch, features, width, classes = 3, 4, 6, 5
    data = rng.normal(0.5, 1.5, (steps, batch, features))
    w1, w2 = rng.normal(0, 0.8, (width, features)), rng.normal(0, 0.8, (classes, width))
    targets = rng.integers(0, classes, batch)
    readout = rng.normal(0, 0.1, (steps, batch, classes))
    betas, thresholds = rng.uniform(0.05, 0.95, 2), rng.uniform(0.3, 1.2, 2)

    # By hand.
    one, two = (LayerByHand(betas[i], thresholds[i], mechanism, detach) for i in range(2))
    spk1 = one.forward(data @ w1.T)
    spk2 = two.forward(spk1 @ w2.T)
    loss, from_spikes = loss_by_hand(spk2, targets)
    loss += (readout * two.mem).sum()
    grad2, *parameters2 = two.backward(from_spikes, readout)
    grad1, *parameters1 = one.backward(grad2 @ w2, np.zeros_like(spk1))
    by_hand = [
        np.einsum("tbi,tbj->ij", grad1, data),
        np.einsum("tbi,tbj->ij", grad2, spk1),
        *parameters1,
        *parameters2,
        grad1 @ w1,
    ]

    # By autograd.
    x, weight1, weight2 = (torch.tensor(a, requires_grad=True) for a in (data, w1, w2))
    layers = [
        Leaky(
            torch.tensor(betas[i]),
            torch.tensor(thresholds[i]),
            surrogate.fast_sigmoid(SLOPE),
            init_hidden=how != "explicit",
            output=how != "explicit" and i == 1,
            reset_mechanism=mechanism,
            learn_beta=True,
            learn_threshold=True,
            detach_reset=detach,
        )
        for i in range(2)
    ]
    if how == "explicit":
        steps_out = []
        mem1, mem2 = (layer.init_leaky() for layer in layers)
        for step in x:
            spk, mem1 = layers[0](step @ weight1.T, mem1)
            spk, mem2 = layers[1](spk @ weight2.T, mem2)
            steps_out.append((spk, mem2))
        spk_rec, mem_rec = (torch.stack(rec) for rec in zip(*steps_out, strict=True))
    else:
        fc1, fc2 = (nn.Linear(*w.T.shape, bias=False, dtype=torch.float64) for w in (w1, w2))
        fc1.weight, fc2.weight = nn.Parameter(weight1), nn.Parameter(weight2)
        weight1, weight2 = fc1.weight, fc2.weight
        net = nn.Sequential(fc1, layers[0], fc2, layers[1])
        schedule = "layer" if how == "layer" else "step"
        spk_rec, mem_rec = forward_pass(net, steps, x, schedule=schedule, time_varying=True)
    total = SF.ce_rate_loss()(spk_rec, torch.tensor(targets))
    total = total + (torch.tensor(readout) * mem_rec).sum()
    leaves = [weight1, weight2, layers[0].beta, layers[0].threshold, layers[1].beta]
    gradients = torch.autograd.grad(total, [*leaves, layers[1].threshold, x])

    assert np.array_equal(spk_rec.detach().numpy(), spk2)
    assert total.item() == pytest.approx(loss, rel=1e-12)
    for auto, hand in zip(gradients, by_hand, strict=True):
        torch.testing.assert_close(auto, torch.as_tensor(hand), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("mechanism", ["subtract", "zero"])
def test_detaching_the_reset_changes_the_gradient(mechanism: str) -> None:
    """So the test above tells the two apart."""
    rng = np.random.default_rng(0)
    current, upstream = rng.normal(0.5, 1.5, (8, 3, 4)), rng.normal(0, 1, (8, 3, 4))
    gradients = []
    for detach in (True, False):
        layer = LayerByHand(0.9, 1.0, mechanism, detach)
        layer.forward(current)
        gradients.append(layer.backward(upstream, np.zeros_like(upstream))[0])
    assert np.abs(gradients[0] - gradients[1]).max() > 0.1


def test_a_silent_output_gives_no_gradient_to_its_weights_but_a_slope_below() -> None:
    """Dead and silent are two things: with no spikes below, the weight's gradient is exactly 0."""
    weight = torch.full((2, 3), 0.1, requires_grad=True)
    lif, upstream = Leaky(0.5, spike_grad=surrogate.fast_sigmoid()), torch.ones(4, 2)
    for below, dead in ((torch.zeros(4, 3), True), (torch.ones(4, 3), False)):
        spk, _ = lif(below @ weight.T, lif.init_leaky())
        assert spk.sum() == 0
        (gradient,) = torch.autograd.grad(spk, weight, upstream)
        assert bool((gradient == 0).all()) is dead
