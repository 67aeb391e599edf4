"""On a GPU: the same results as on a CPU, with no loop over time. Skipped where there is none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from tests.helpers import dense_net, everything, fit, random_networks
from tutorial_lib import Leaky, data, networks, surrogate, training
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass, record_spikes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

G = surrogate.fast_sigmoid(5)
BF16 = torch.bfloat16


@given(
    random_networks(), st.integers(1, 6), st.sampled_from([1, 3, 33]), st.booleans()
)
def test_equal_to_the_cpu_in_both_schedules(
    net: nn.Module, steps: int, size: int, varying: bool
) -> None:
    shape = (steps, size, 1, 6, 6) if varying else (size, 1, 6, 6)
    images = torch.randn(shape, dtype=torch.float64)
    options = {"time_varying": varying}
    expected = everything(net, steps, images, schedule="step", **options)
    spikes = record_spikes(net, steps, images[0] if varying else images)
    net.cuda()
    for schedule in ("step", "layer"):
        found = everything(net, steps, images.cuda(), schedule=schedule, **options)
        assert torch.equal(found[0].cpu(), expected[0])
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a.cpu(), b, rtol=1e-10, atol=1e-10)
    there = record_spikes(net, steps, (images[0] if varying else images).cuda())
    assert all(torch.equal(there[name].cpu(), rec) for name, rec in spikes.items())


def kernels(steps: int, autocast: bool) -> int:
    """How many kernels one training step launches."""
    net = networks.conv_net(0.5, G).cuda()
    images = torch.rand(4, 1, 28, 28, device="cuda")
    targets = torch.arange(4, device="cuda")

    def step() -> None:
        with torch.autocast("cuda", BF16, enabled=autocast):
            loss = SF.ce_rate_loss()(forward_pass(net, steps, images)[0], targets)
        loss.backward()

    step()
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as seen:
        step()
        torch.cuda.synchronize()
    kinds = torch.autograd.DeviceType.CUDA
    return sum(event.device_type == kinds for event in seen.events())


@pytest.mark.parametrize("autocast", [False, True])
def test_no_loop_over_time(autocast: bool) -> None:
    """Each layer of neurons is one kernel each way, however many steps there are."""
    pytest.importorskip("triton", reason="the plain loop runs where Triton is missing")
    few, many = kernels(4, autocast), kernels(40, autocast)
    assert 20 < few and abs(many - few) < 20


@pytest.mark.parametrize("schedule", ["step", "layer"])
def test_membranes_stay_in_float32(schedule: str) -> None:
    net = networks.conv_net(0.9, G).cuda()
    with torch.autocast("cuda", BF16):
        images = torch.rand(3, 1, 28, 28, device="cuda")
        spk_rec, mem_rec = forward_pass(net, 4, images, schedule=schedule)
        assert spk_rec.dtype == BF16 and mem_rec.dtype == torch.float32
        assert all(m.mem.dtype == torch.float32 for m in net if isinstance(m, Leaky))
        loss = SF.ce_rate_loss()(spk_rec, torch.arange(3, device="cuda")) + mem_rec.square().mean()
    loss.backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("autocast", [None, BF16])
def test_training_on_a_gpu(autocast: torch.dtype | None) -> None:
    digits = data.load("digits", verbose=False)
    net = dense_net(784, 64, seed=1).cuda()
    order = torch.Generator().manual_seed(1)
    loader = DataLoader(digits.train, batch_size=100, shuffle=True, generator=order)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    fit(net, loader, 60, optimizer=optimizer, autocast=autocast)
    test = DataLoader(digits.test, batch_size=100)
    assert training.evaluate(net, test, 8, autocast=autocast).accuracy > 0.85
