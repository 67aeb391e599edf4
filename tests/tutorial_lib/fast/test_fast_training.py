"""Training in both schedules, in mixed precision, and within bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.data import DataLoader

from tests.helpers import dense_net
from tutorial_lib import Leaky, data, networks, surrogate, training
from tutorial_lib import functional as SF
from tutorial_lib.fast.layerwise import AUTOCAST_FRAMES
from tutorial_lib.fast.lif import lif_sequence
from tutorial_lib.simulation import forward_pass

G = surrogate.fast_sigmoid(5)
BF16 = torch.bfloat16


@pytest.fixture(scope="module")
def digits() -> data.Digits:
    return data.load("digits", verbose=False)


def fit(
    net: nn.Module, batches: Any, iterations: int, steps: int, lr: float = 1e-2, **kwargs: Any
) -> training.History:
    return training.train(
        net,
        batches,
        torch.optim.Adam(net.parameters(), lr=lr),
        SF.ce_rate_loss(),
        steps,
        num_iterations=iterations,
        progress=False,
        **kwargs,
    )


# ---------------------------------------------------------------- one curve in both schedules


def curve(digits: data.Digits, schedule: str, dtype: torch.dtype) -> list[float]:
    """Loss over 200 updates; batches of 48 samples are three parts each.

    Training such a net is chaotic: rounding grows from update to update, the faster the larger
    the learning rate, until a spike flips. With this one it does not get so far in float64.
    """
    net = dense_net(784, 20, seed=3).to(dtype)
    batches = [
        (images.to(dtype), targets) for images, targets in data.loaders(digits, 48).train
    ]

    def simulate(images: Tensor) -> tuple[Tensor, Tensor]:
        return forward_pass(net, 6, images, schedule=schedule)

    return fit(net, batches, 200, 6, lr=1e-3, simulate=simulate).loss


def test_200_updates_follow_one_curve(digits: data.Digits) -> None:
    by_step, by_layer = (curve(digits, s, torch.float64) for s in ("step", "layer"))
    assert by_step[-1] < by_step[0] - 0.5
    assert by_layer == pytest.approx(by_step, rel=1e-9)


def test_200_updates_follow_one_curve_in_single_precision(digits: data.Digits) -> None:
    """Equal at first; near each other after rounding has flipped a spike."""
    by_step, by_layer = (curve(digits, s, torch.float32) for s in ("step", "layer"))
    assert by_layer[:10] == pytest.approx(by_step[:10], rel=1e-5)
    apart = torch.tensor(by_step) - torch.tensor(by_layer)
    assert apart.abs().mean() < 0.03 and apart[-20:].mean().abs() < 0.03


# ---------------------------------------------------------------- mixed precision


@pytest.mark.parametrize("schedule", ["step", "layer"])
@pytest.mark.parametrize("gradient", [False, True])
def test_membranes_stay_in_float32(schedule: str, gradient: bool) -> None:
    net = networks.conv_net(0.9, G)
    data = torch.rand(3, 1, 28, 28)
    with torch.autocast("cpu", BF16), torch.set_grad_enabled(gradient):
        spk_rec, mem_rec = forward_pass(net, 4, data, schedule=schedule)
        assert spk_rec.dtype == BF16 and mem_rec.dtype == torch.float32
        assert all(m.mem.dtype == torch.float32 for m in net if isinstance(m, Leaky))
        if not gradient:
            return
        loss = SF.ce_rate_loss()(spk_rec, torch.arange(3)) + mem_rec.square().mean()
    loss.backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in net.parameters())


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm())


@given(st.integers(0, 2**31), st.sampled_from(["subtract", "zero", "none"]))
def test_close_to_full_precision_in_both_schedules(seed: int, mechanism: str) -> None:
    """Below the threshold, where no spike can flip: rounding to 8 bits, integrated."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(12, 8),
        Leaky(0.8, 50.0, G, init_hidden=True, output=True, reset_mechanism=mechanism),
    )
    data = torch.randn(AUTOCAST_FRAMES // 8 + 3, 12)
    _, full = forward_pass(net, 8, data)
    expected = torch.autograd.grad(full.square().mean(), list(net.parameters()))
    results = []
    for schedule in ("step", "layer"):
        with torch.autocast("cpu", BF16):
            _, mem_rec = forward_pass(net, 8, data, schedule=schedule)
        found = torch.autograd.grad(mem_rec.square().mean(), list(net.parameters()))
        results.append([mem_rec, *found])
    for by_step, by_layer, exact in zip(*results, [full, *expected], strict=True):
        assert 0 < relative(by_step, exact) < 0.02
        assert relative(by_layer, by_step) < 0.01


@pytest.mark.parametrize("schedule", ["step", "layer"])
def test_accuracy_in_mixed_precision(digits: data.Digits, schedule: str) -> None:
    """A short training reaches about the same with matrix products in bfloat16."""
    found = {}
    for autocast in (None, BF16):
        net = dense_net(784, 64, seed=1)
        order = torch.Generator().manual_seed(1)
        loader = DataLoader(digits.train, batch_size=100, shuffle=True, generator=order)

        def simulate(images: Tensor, net: nn.Module = net) -> tuple[Tensor, Tensor]:
            return forward_pass(net, 8, images, schedule=schedule)

        history = fit(net, loader, 60, 8, lr=5e-3, autocast=autocast, simulate=simulate)
        test = DataLoader(digits.test, batch_size=100)
        found[autocast] = training.evaluate(net, test, 8, autocast=autocast).accuracy
        assert history.loss[-1] < history.loss[0] - 0.5
    assert found[None] > 0.88
    assert found[BF16] > found[None] - 0.06


# ---------------------------------------------------------------- memory


@contextmanager
def counting(kept: list[Tensor]) -> Iterator[None]:
    with saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        yield


@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@pytest.mark.parametrize("constant", [False, True])
def test_a_layer_keeps_its_membrane_and_nothing_else(mechanism: str, constant: bool) -> None:
    layer = Leaky(
        0.8, 0.5, G, reset_mechanism=mechanism, detach_reset=False, learn_beta=True,
        learn_threshold=True,
    )  # fmt: skip
    cur = torch.randn(4, 5, requires_grad=True)
    kept: list[Tensor] = []
    with counting(kept):
        lif_sequence(layer, cur if constant else [cur.repeat(7, 1)], [7], keep_mem=False)
    assert [tuple(t.shape) for t in kept if t.ndim] == [(7, 4, 5)]  # besides beta and threshold


class Allocations(torch.utils._python_dispatch.TorchDispatchMode):
    """All tensors that operations return. They are held, so that no memory is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Tensor] = []

    def sizes(self) -> list[int]:
        """Bytes of each storage."""
        storages = [t.untyped_storage() for t in self.made]
        return list({s.data_ptr(): s.nbytes() for s in storages}.values())

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.made.append(out)
        return out


@pytest.mark.parametrize(("gradient", "records"), [(False, 1), (True, 2)])
def test_without_a_gradient_no_membrane_is_recorded(gradient: bool, records: int) -> None:
    """The one record of a hidden layer is its spikes; a gradient needs the membranes as well."""
    net = nn.Sequential(*dense_net(12, 64)[1:])
    with torch.set_grad_enabled(gradient), Allocations() as run:
        forward_pass(net, 9, torch.rand(4, 12), schedule="layer")
    assert run.sizes().count(4 * 9 * 4 * 64) == records
    assert max(run.sizes()) == 4 * 9 * 4 * 64


def bytes_kept(run: Callable[[], object]) -> int:
    """Storages that the graph of a run holds, parameters and data aside."""
    kept: list[Tensor] = []
    with counting(kept):
        run()
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    return sum(storages.values())


def test_what_the_course_network_keeps_per_image_and_step() -> None:
    """Membranes, spikes and pooled positions; far less than step by step."""
    net, steps = networks.conv_net(0.9, G), 10
    neurons = 12 * 12 * 12 + 64 * 4 * 4

    def kept(schedule: str, size: int) -> int:
        data = torch.rand(size, 1, 28, 28)
        return bytes_kept(lambda: forward_pass(net, steps, data, schedule=schedule))

    by_layer = (kept("layer", 8) - kept("layer", 4)) / 4 / steps
    by_step = (kept("step", 8) - kept("step", 4)) / 4 / steps
    assert 4 * neurons < by_layer < 10 * neurons + 1000
    assert by_layer < by_step / 3


# ---------------------------------------------------------------- micro-batches


@given(
    size=st.integers(1, 12),
    micro_batch=st.integers(1, 13),
    loss=st.sampled_from([SF.ce_rate_loss(), SF.ce_count_loss(), SF.mse_count_loss(0.8, 0.2)]),
)
def test_micro_batches_make_the_same_updates(size: int, micro_batch: int, loss: Any) -> None:
    """Three updates, whatever does not divide; no part is larger than asked for."""
    batches = [(torch.rand(size, 1, 3, 4, dtype=torch.float64), torch.arange(size) % 10)] * 3
    nets, seen = [dense_net(12, 16).double() for _ in range(2)], []

    def simulate(images: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(len(images))
        return forward_pass(nets[1], 5, images)

    histories = [
        training.train(
            net,
            batches,
            torch.optim.SGD(net.parameters(), lr=0.5),
            loss,
            5,
            num_iterations=3,
            progress=False,
            **kwargs,
        )
        for net, kwargs in zip(
            nets, [{}, {"micro_batch": micro_batch, "simulate": simulate}], strict=True
        )
    ]
    full, rest = divmod(size, micro_batch)
    assert seen == ([micro_batch] * full + [rest] * bool(rest)) * 3
    assert histories[1].loss == pytest.approx(histories[0].loss, rel=1e-9)
    assert histories[1].accuracy == pytest.approx(histories[0].accuracy)
    before = dense_net(12, 16).double()
    for a, b, start in zip(*(net.parameters() for net in [*nets, before]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
        assert not torch.equal(b, start)


def test_micro_batches_bound_what_is_kept() -> None:
    net, batch = dense_net(784, 32), (torch.rand(24, 1, 28, 28), torch.arange(24) % 10)
    peaks = []

    def simulate(images: Tensor) -> tuple[Tensor, Tensor]:
        records: list[tuple[Tensor, Tensor]] = []
        peaks[-1] = max(
            peaks[-1], bytes_kept(lambda: records.append(forward_pass(net, 20, images)))
        )
        return records[0]

    for micro_batch in (None, 4):
        peaks.append(0)
        fit(net, [batch], 1, 20, micro_batch=micro_batch, simulate=simulate)
    fixed = bytes_kept(lambda: forward_pass(net, 1, batch[0][:1]))  # weights, mostly
    assert (peaks[0] - fixed) / (peaks[1] - fixed) > 5
