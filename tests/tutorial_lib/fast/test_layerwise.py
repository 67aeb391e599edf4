"""Layer by layer and step by step: equal spikes, membranes and gradients, in blocks of any size."""

from __future__ import annotations

import itertools
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.helpers import assert_schedules_equal, everything, leaky_layers, random_networks
from tutorial_lib import Leaky, surrogate
from tutorial_lib.fast import layerwise, lif
from tutorial_lib.fast.layerwise import LEAST_SAMPLES
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import forward_pass, record_spikes

G = surrogate.fast_sigmoid(5)
STEPS = 6
RULES = [*itertools.product(["subtract", "zero"], [True, False]), ("none", True)]


def neurons(output: bool = False, **kwargs: Any) -> Leaky:
    kwargs = {"beta": 0.8, "threshold": 0.5, "spike_grad": G} | kwargs
    return Leaky(init_hidden=True, output=output, **kwargs)


@contextmanager
def cut_up(frames: int, least: int, block: int, piece: int) -> Iterator[None]:
    """Run in parts, blocks and pieces of these sizes, instead of those that suit a cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layerwise, "FRAMES", frames)
        patch.setattr(layerwise, "LEAST_SAMPLES", least)
        patch.setattr(layerwise, "BLOCK", block)
        patch.setattr(lif, "BLOCK", piece)
        yield


# ---------------------------------------------------------------- equal to the plain loop


@pytest.mark.parametrize("rule", RULES)
@given(
    st.data(),
    st.integers(1, 6),
    st.sampled_from([1, 3, 17]),
    st.booleans(),
    st.sampled_from(["both", "spikes", "membranes", "first step"]),
    st.tuples(st.integers(1, 60), st.integers(1, 12), st.integers(1, 400), st.integers(1, 99)),
)
def test_random_networks(  # noqa: PLR0913
    rule: tuple[str, bool],
    drawn: st.DataObject,
    steps: int,
    size: int,
    time_varying: bool,
    loss: str,
    cuts: tuple[int, ...],
) -> None:
    """Records, states and gradients, wherever the batch and the time are cut."""
    net = drawn.draw(random_networks(reset_mechanism=rule[0], detach_reset=rule[1]))
    shape = (steps, size, 1, 6, 6) if time_varying else (size, 1, 6, 6)
    data = torch.randn(shape, dtype=torch.float64)
    with cut_up(*cuts):
        assert_schedules_equal(net, steps, data, loss=loss, time_varying=time_varying)
        by_layer = record_spikes(net, steps, data, schedule="layer", time_varying=time_varying)
    by_step = record_spikes(net, steps, data, schedule="step", time_varying=time_varying)
    assert list(by_step) == list(by_layer) and len(by_step) == 2
    for name, spikes in by_step.items():
        assert torch.equal(spikes, by_layer[name])


class Base(nn.Module):
    """Three inputs, a hidden and an output layer of three neurons each."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.fc2, self.fc3 = (nn.Linear(3, 3) for _ in range(3))
        self.lif, self.lif2, self.out = neurons(), neurons(), neurons(output=True)
        self.relu = nn.ReLU(inplace=True)
        for p in self.parameters():
            p.data.mul_(3)


class Residual(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif2(self.fc(self.lif(self.fc(x))))  # one linear layer at two places
        spk, mem = self.out(self.fc2(h).add(h) - 0.5 * x)
        return spk, mem


class Branches(Base):
    """A method, a loop, a condition, a layer whose output goes nowhere, ReLU in place."""

    def encode(self, x: Tensor) -> Tensor:
        return torch.tanh(self.fc(x)) if self.training else x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.encode(x)
        parts = [self.fc2(y) for y in (self.relu(self.lif(x)), F.relu(-x))]
        h = self.fc3(parts[0])
        h += F.relu(self.fc3(parts[1]), inplace=True)
        result = self.out(self.relu(h) - 0.3)
        self.lif2(parts[0])
        return result


class Maps(nn.Sequential):
    """A Sequential of the reader's own, with normalization and a Dropout that rests."""

    def __init__(self) -> None:
        super().__init__(
            nn.Sequential(nn.Flatten()),
            nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.Dropout(), nn.BatchNorm1d(3)),
            neurons(learn_beta=True),
            nn.Linear(3, 3),
            neurons(output=True),
        )
        self[1].eval()


OWN = [Residual, Branches, Maps]


@pytest.mark.parametrize("make", OWN)
@given(st.integers(1, 17), st.booleans(), st.integers(1, 400))
def test_modules_of_the_readers_own(
    make: Callable[[], nn.Module], size: int, time_varying: bool, block: int
) -> None:
    net = make().double()
    data = 3 * torch.randn((STEPS, size, 3) if time_varying else (size, 3), dtype=torch.float64)
    with cut_up(STEPS * 5, 5, block, 30):
        assert_schedules_equal(net, STEPS, data, time_varying=time_varying)


@pytest.mark.parametrize("stride", [2, 1])
def test_ties_of_max_pooling_fall_alike(stride: int) -> None:
    """Pooled spikes and sums of them are full of ties, which no rounding decides."""
    pool = nn.MaxPool2d(2, stride)
    net = nn.Sequential(
        neurons(), pool, nn.Conv2d(1, 2, 3), pool, neurons(), nn.Flatten(), nn.LazyLinear(2),
        neurons(output=True),
    )  # fmt: skip
    with torch.no_grad():
        forward_pass(net, 1, torch.rand(1, 1, 10, 10))
        for parameter in net.parameters():  # numbers whose sums are exact
            parameter.copy_(torch.randint(-4, 5, parameter.shape) / 4)
    data = torch.randint(-4, 9, (9, 1, 10, 10)) / 8
    assert_schedules_equal(net, STEPS, data, rtol=1e-5)


def test_the_input_may_be_a_view_of_any_layout() -> None:
    net = conv_net(0.9, G, threshold=0.2).double()
    data = torch.rand(5, 28, 28, 1, dtype=torch.float64).permute(0, 3, 1, 2)
    assert_schedules_equal(net, STEPS, data)
    assert_schedules_equal(net, STEPS, data[:1].expand(5, -1, -1, -1))


def test_precision_of_membranes_is_that_of_the_step_schedule() -> None:
    """NumPy's numbers are float64: a single one does not widen the membrane, an array does."""
    for value in (0.8, np.float64(0.8), np.array([0.8]), np.full(3, 0.8)):
        array = value if isinstance(value, np.ndarray) else np.float64(0.5)
        options = {"beta": value, "threshold": array if array.ndim else 0.5}
        net = nn.Sequential(nn.Linear(3, 3), neurons(**options), neurons(output=True, **options))
        data = torch.randn(4, 3) * 3
        by_step, by_auto = (forward_pass(net, 5, data, schedule=s) for s in ("step", "auto"))
        for a, b in zip(by_step, by_auto, strict=True):
            assert a.dtype == b.dtype
            torch.testing.assert_close(a, b)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_an_empty_layer_of_neurons() -> None:
    net = nn.Sequential(nn.Linear(3, 0), neurons(), nn.Linear(0, 2), neurons(output=True))
    data = torch.randn(4, 3)
    by_step, by_layer = (forward_pass(net, STEPS, data, schedule=s) for s in ("step", "layer"))
    assert torch.equal(by_step[0], by_layer[0]) and torch.equal(by_step[1], by_layer[1])
    by_layer[1].sum().backward()
    assert net[2].bias.grad.any()


# ---------------------------------------------------------------- gradients and states


def test_two_runs_and_two_backward_passes_are_equal_to_the_bit() -> None:
    net, data = conv_net(0.9, G, threshold=0.2), torch.rand(9, 1, 28, 28)
    first, second = (everything(net, STEPS, data, schedule="layer") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    loss = sum(record.square().sum() for record in forward_pass(net, STEPS, data))
    for a, b in zip(
        torch.autograd.grad(loss, list(net.parameters()), retain_graph=True),
        torch.autograd.grad(loss, list(net.parameters())),
        strict=True,
    ):
        assert torch.equal(a, b)


def test_a_second_derivative_is_refused_never_wrong() -> None:
    """Even where some path leads around the neurons: from the data's gradient to a weight."""
    net, data = Residual().double(), 3 * torch.randn(5, 3, dtype=torch.float64)
    data.requires_grad_()
    _, mem_rec = forward_pass(net, STEPS, data, schedule="layer")
    with pytest.raises(RuntimeError, match=r"first derivatives only.*schedule='step'"):
        torch.autograd.grad(mem_rec.square().sum(), [data], create_graph=True)
    _, mem_rec = forward_pass(net, STEPS, data, schedule="step")
    (slope,) = torch.autograd.grad(mem_rec.square().sum(), [data], create_graph=True)
    assert torch.autograd.grad(slope.square().sum(), [net.fc.weight])[0].abs().sum() > 0


def test_frozen_parameters_get_no_gradient_and_change_no_other() -> None:
    net, data = Maps().double(), 3 * torch.randn(5, 3, dtype=torch.float64)
    whole = everything(net, STEPS, data, schedule="layer")
    names = [name for name, _ in net.named_parameters()]
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name == "3.weight")
    part = everything(net, STEPS, data, schedule="layer")
    start = 2 + len(leaky_layers(net)) + 1
    assert len(part) == start + 1
    expected = whole[start + names.index("3.weight")]
    torch.testing.assert_close(part[start], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1, LEAST_SAMPLES + 1])
def test_the_state_is_no_part_of_the_record(size: int) -> None:
    net = nn.Sequential(nn.Linear(3, 3), neurons(output=True))
    _, mem_rec = forward_pass(net, STEPS, torch.randn(size, 3), schedule="layer")
    last = net[1].mem.clone()
    mem_rec.data.zero_()
    assert last.any() and torch.equal(net[1].mem, last)
    assert net[1].mem.untyped_storage().nbytes() == 4 * size * 3


# ---------------------------------------------------------------- what is held when


@contextmanager
def noted(note: Callable[[nn.Linear, Tensor], None]) -> Iterator[None]:
    """Call ``note`` with each linear layer and its input."""
    original = nn.Linear.forward
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Linear, "forward", lambda m, x: note(m, x) or original(m, x))
        yield


@pytest.mark.parametrize(
    ("block", "rows"), [(7, [2, 1] * 6), (9, [3] * 6), (18, [6, 6, 6]), (41, [9, 9]), (54, [18])]
)
def test_a_block_holds_as_many_steps_as_fit(block: int, rows: list[int]) -> None:
    """Nine numbers a step. Blocks are about equal; a step that does not fit is cut by rows."""
    net = nn.Sequential(nn.Linear(3, 3), neurons(), nn.Linear(3, 3), neurons(output=True))
    sizes: list[int] = []
    with cut_up(10**6, 99, block, 99), noted(lambda _, x: sizes.append(len(x))):
        forward_pass(net, STEPS, torch.randn(3, 3))
    assert sizes == [3, *rows]


def test_parts_of_large_frames_are_smaller() -> None:
    """As many numbers at a time as of the course's images, but the least number of samples."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(4 * 784, 2), neurons(output=True))
    for frames, first in ((80 * STEPS, 20), (0, LEAST_SAMPLES)):
        sizes: list[int] = []
        with (
            cut_up(frames, LEAST_SAMPLES, 10**6, 10**6),
            noted(lambda _, x: sizes.append(len(x))),  # noqa: B023
            torch.no_grad(),
        ):
            forward_pass(net, STEPS, torch.randn(50, 4, 28, 28))
        assert sizes[0] == first and sum(sizes) == 50


@pytest.mark.parametrize("block", [10**6, 9])
def test_currents_are_given_up_once_their_layer_has_run(block: int) -> None:
    """Without a gradient nothing holds them."""
    net = nn.Sequential(
        nn.Linear(3, 3), neurons(), nn.Linear(3, 3), neurons(), nn.Linear(3, 3), neurons(True)
    )
    made: dict[nn.Module, list[weakref.ref]] = defaultdict(list)
    original = nn.Linear.forward

    def noting(layer: nn.Linear, x: Tensor) -> Tensor:
        if layer is net[4]:
            assert made[net[2]] and all(ref() is None for ref in made[net[2]])
        out = original(layer, x)
        made[layer].append(weakref.ref(out))
        return out

    with cut_up(10**6, 99, block, 99), pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(nn.Linear, "forward", noting)
        forward_pass(net, STEPS, torch.randn(3, 3))
    assert len(made[net[4]]) == (1 if block > 9 else STEPS)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_a_membrane_exactly_at_threshold_does_not_fire(reset: str) -> None:
    """It is not reset either, so its gradient goes on through time as in the plain loop."""
    found = []
    for schedule in ("step", "layer"):
        neurons = Leaky(0.5, 1.0, init_hidden=True, output=True, reset_mechanism=reset)
        net = nn.Sequential(nn.Linear(1, 1, bias=False), neurons)
        nn.init.ones_(net[0].weight)
        spk_rec, mem_rec = forward_pass(net, 3, torch.ones(1, 1), schedule=schedule)
        assert mem_rec[0].item() == 1 and spk_rec[0].item() == 0
        mem_rec.sum().backward()
        found.append(net[0].weight.grad.item())
    assert found[0] == found[1]
