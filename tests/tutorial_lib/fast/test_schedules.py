"""Step by step and layer by layer: the same spikes, membranes and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tutorial_lib import Leaky, surrogate
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import forward_pass, record_spikes

SURROGATES = [surrogate.fast_sigmoid(5), surrogate.atan(), surrogate.triangular()]


@st.composite
def networks(draw: st.DrawFn) -> nn.Sequential:
    """Two layers of neurons with random settings, float64, dense or convolutional."""
    torch.manual_seed(draw(st.integers(0, 2**31)))

    def neurons(size: int, output: bool = False) -> Leaky:
        per_channel = draw(st.booleans())
        shape = (size,) if per_channel else ()
        return Leaky(
            torch.empty(shape, dtype=torch.float64).uniform_(0, 1),
            torch.empty(shape, dtype=torch.float64).uniform_(0.3, 1.2),
            draw(st.sampled_from(SURROGATES)),
            init_hidden=True,
            output=output,
            reset_mechanism=draw(st.sampled_from(["subtract", "zero", "none"])),
            learn_beta=draw(st.booleans()),
            learn_threshold=draw(st.booleans()),
            detach_reset=draw(st.booleans()),
        )

    if draw(st.booleans()):
        net = nn.Sequential(nn.Linear(36, 5), neurons(5), nn.Linear(5, 3), neurons(3, output=True))
        net.insert(0, nn.Flatten())
    else:
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.MaxPool2d(2),
            neurons(4),
            nn.Flatten(),
            nn.Linear(16, 3),
            neurons(3, output=True),
        )
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(3)
    return net.double()


@given(networks(), st.integers(1, 6), st.sampled_from([1, 3, 33]), st.booleans())
def test_both_schedules_are_equal(
    net: nn.Module, steps: int, size: int, time_varying: bool
) -> None:
    """33 samples are more than one part of the batch."""
    shape = (steps, size, 1, 6, 6) if time_varying else (size, 1, 6, 6)
    data = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    results, last = [], []
    for schedule in ("step", "layer"):
        kwargs = {"schedule": schedule, "time_varying": time_varying}
        spk_rec, mem_rec = forward_pass(net, steps, data, **kwargs)
        assert spk_rec.shape == mem_rec.shape == (steps, size, 3)
        weight = torch.linspace(-1, 1, spk_rec.numel(), dtype=torch.float64).view_as(spk_rec)
        loss = (weight * spk_rec).sum() + (weight.flip(0) * mem_rec).sum()
        gradients = torch.autograd.grad(loss, [data, *net.parameters()])
        results.append([spk_rec, mem_rec, *gradients])
        last.append([layer.mem for layer in net if isinstance(layer, Leaky)])
    assert torch.equal(results[0][0], results[1][0])
    for a, b in zip(results[0] + last[0], results[1] + last[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


@given(networks(), st.integers(1, 5), st.sampled_from([2, 33]))
def test_both_schedules_record_the_same_spikes(net: nn.Module, steps: int, size: int) -> None:
    data = torch.randn(size, 1, 6, 6, dtype=torch.float64)
    by_step = record_spikes(net, steps, data, schedule="step")
    by_layer = record_spikes(net, steps, data, schedule="layer")
    assert list(by_step) == list(by_layer) and len(by_step) == 2
    for name, spikes in by_step.items():
        assert torch.equal(spikes, by_layer[name])
    assert torch.equal(by_step[name], forward_pass(net, steps, data, schedule="layer")[0])


def test_auto_takes_the_layers_where_it_can() -> None:
    """The first convolution sees a constant image, so layer by layer it runs once."""
    calls = []
    original = nn.Conv2d.forward
    net, data = conv_net(), torch.rand(2, 1, 28, 28)

    def counting(self: nn.Conv2d, x: Tensor) -> Tensor:
        calls.append(len(x))
        return original(self, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Conv2d, "forward", counting)
        forward_pass(net, 4, data)
        assert calls == [2, 8]
        calls.clear()
        forward_pass(net, 4, data, schedule="step")
        assert calls == [2, 2] * 4


class Odd(nn.Module):
    """Keeps count of its calls, so it must be called once per step."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.lif = Leaky(0.5, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        return self.lif(x)


def output() -> Leaky:
    return Leaky(0.5, init_hidden=True, output=True)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (Odd(), r"keeps a state of its own"),
        (nn.Sequential(nn.Dropout(), output()), r"Dropout '0' in training mode"),
        (nn.Sequential(nn.BatchNorm1d(3), output()), r"BatchNorm1d '0' in training mode"),
        (nn.Sequential(nn.Softmax(-1), output()), r"Softmax '0' is not known to be stateless"),
        (nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (2, 3)), output()), r"flattens the batch"),
        (nn.Sequential(Leaky(0.5, 1.0, torch.sign, init_hidden=True), output()), r"Surrogate"),
    ],
)
def test_what_cannot_be_run_layer_by_layer(net: nn.Module, reason: str) -> None:
    data = torch.rand(2, 3)
    with pytest.raises(ValueError, match=rf"layer by layer: .*{reason}.*Use schedule='step'"):
        forward_pass(net, 3, data, schedule="layer")
    if isinstance(net, Odd):
        assert net.calls == 0  # trying left it as it was
    torch.manual_seed(0)
    by_auto = forward_pass(net, 3, data)
    torch.manual_seed(0)
    for a, b in zip(by_auto, forward_pass(net, 3, data, schedule="step"), strict=True):
        assert torch.equal(a, b)
    if isinstance(net, Odd):
        assert net.calls == 6


def test_bad_input() -> None:
    net, data = nn.Sequential(nn.Linear(3, 2), output()), torch.rand(4, 2, 3)
    with pytest.raises(ValueError, match=r"schedule must be one of .*'auto'.* got 'fast'"):
        forward_pass(net, 4, data[0], schedule="fast")
    for steps, bad in ((5, data), (2, data[0])):
        with pytest.raises(ValueError, match=rf"\[T, B, \.\.\.\] with T = num_steps = {steps}"):
            forward_pass(net, steps, bad, time_varying=True)
