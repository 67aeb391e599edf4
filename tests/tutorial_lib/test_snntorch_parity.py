"""Whole networks against snnTorch 1.0.0, in both schedules, on the same weights.

snnTorch's neurons are given the surrogates of this library: its own, differently coded in places,
would test something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import snntorch
import torch
from hypothesis import given
from hypothesis import strategies as st
from snntorch import utils as peer_utils
from torch import Tensor, nn

import tutorial_lib
from tutorial_lib import functional as SF
from tutorial_lib import surrogate
from tutorial_lib.simulation import forward_pass

SURROGATES = [surrogate.fast_sigmoid(5), surrogate.atan(), surrogate.sigmoid(4)]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def network(
    leaky: Callable[..., nn.Module], settings: list[dict[str, Any]], weights: int, conv: bool
) -> nn.Sequential:
    """Two layers of neurons, dense or convolutional, on 1 x 6 x 6 images."""
    torch.manual_seed(weights)
    first = [nn.Conv2d(1, 4, 3), nn.MaxPool2d(2)] if conv else [nn.Flatten(), nn.Linear(36, 16)]
    net = nn.Sequential(
        *first,
        leaky(init_hidden=True, **settings[0]),
        nn.Flatten(),
        nn.Linear(16, 3),
        leaky(init_hidden=True, output=True, **settings[1]),
    )
    for layer in net:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            layer.weight.data.mul_(3)
    return net


def peers_pass(net: nn.Sequential, steps: int, data: Tensor) -> tuple[Tensor, Tensor]:
    """The loop of tutorial 6. It feeds the same image at each step, or one of them each."""
    peer_utils.reset(net)
    frames = data if data.ndim == 5 else [data] * steps
    spk_rec, mem_rec = zip(*(net(frame) for frame in frames), strict=True)
    return torch.stack(spk_rec), torch.stack(mem_rec)


def results(net: nn.Sequential, run: Callable, steps: int, data: Tensor) -> list[Tensor]:
    """Spikes, membranes, loss, gradients by the data and each parameter, by name."""
    data = data.clone().requires_grad_()
    spk_rec, mem_rec = run(net, steps, data)
    targets = torch.arange(spk_rec.shape[1], device=data.device) % 3
    loss = SF.ce_rate_loss()(spk_rec, targets) + SF.ce_max_membrane_loss()(mem_rec, targets)
    parameters = dict(sorted(net.named_parameters())).values()
    return [spk_rec, mem_rec, loss, *torch.autograd.grad(loss, [data, *parameters])]


@st.composite
def leaky_settings(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "beta": draw(st.sampled_from([0.3, 0.9, 1.0])),
        "threshold": draw(st.sampled_from([0.4, 1.0])),
        "spike_grad": draw(st.sampled_from(SURROGATES)),
        "reset_mechanism": draw(st.sampled_from(["subtract", "zero", "none"])),
        "learn_beta": draw(st.booleans()),
        "learn_threshold": draw(st.booleans()),
    }


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("schedule", ["step", "layer"])
@given(
    settings=st.lists(leaky_settings(), min_size=2, max_size=2),
    seed=st.integers(0, 2**31),
    size=st.sampled_from([1, 5, 18]),
    steps=st.integers(1, 9),
    conv=st.booleans(),
    time_varying=st.booleans(),
)
def test_equal_to_snntorch(  # noqa: PLR0913
    device: str,
    dtype: torch.dtype,
    schedule: str,
    settings: list[dict[str, Any]],
    seed: int,
    size: int,
    steps: int,
    conv: bool,
    time_varying: bool,
) -> None:
    """On a GPU in full float32: by default it lets convolutions round to 10 bits (TF32)."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    ours = network(tutorial_lib.Leaky, settings, seed, conv).to(device, dtype)
    peer = network(snntorch.Leaky, settings, seed, conv).to(device, dtype)
    weights = dict(peer.named_parameters())
    assert weights.keys() == dict(ours.named_parameters()).keys()
    assert all(torch.equal(a, weights[name]) for name, a in ours.named_parameters())
    shape = (steps, size, 1, 6, 6) if time_varying else (size, 1, 6, 6)
    data = torch.rand(shape, dtype=dtype, device=device)

    def run(net: nn.Module, steps: int, data: Tensor) -> tuple[Tensor, Tensor]:
        return forward_pass(net, steps, data, schedule=schedule, time_varying=time_varying)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.cudnn, "allow_tf32", False)
        found, expected = results(ours, run, steps, data), results(peer, peers_pass, steps, data)
    assert torch.equal(found[0], expected[0])
    for a, b in zip(found, expected, strict=True):
        scale = max(1.0, float(b.detach().abs().max()))
        torch.testing.assert_close(a, b.reshape(a.shape), rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
def test_the_comparison_is_not_of_silent_networks(mechanism: str) -> None:
    settings = [{"beta": 0.9, "threshold": 0.4, "reset_mechanism": mechanism}] * 2
    options = {"spike_grad": SURROGATES[0], "learn_beta": True, "learn_threshold": True}
    net = network(tutorial_lib.Leaky, [s | options for s in settings], 0, conv=True)
    spk_rec, _, _, *gradients = results(net, forward_pass, 9, torch.rand(18, 1, 6, 6))
    assert 0.05 < spk_rec.mean() < 0.95
    assert len(gradients) == 1 + 8 and all(g.abs().max() > 1e-6 for g in gradients)
