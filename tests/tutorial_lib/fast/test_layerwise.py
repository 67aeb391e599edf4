"""Which networks run layer by layer, which are refused, and that no result ever differs."""

from __future__ import annotations

import itertools
import math
import random
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tutorial_lib import Leaky, simulation, surrogate, utils
from tutorial_lib import functional as SF
from tutorial_lib.fast import layerwise, lif, tracing
from tutorial_lib.fast.lif import lif_blocks, lif_sequence
from tutorial_lib.simulation import LEAST_SAMPLES, Simulation, forward_pass, record_spikes

G = surrogate.fast_sigmoid(5)
STEPS = 6
CHUNK = LEAST_SAMPLES + 4  # samples in a part, in this file


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    """Parts so small that a test's batch takes several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "FRAMES", CHUNK * STEPS)
        yield


def neurons(output: bool = False, **kwargs: Any) -> Leaky:
    kwargs = {"beta": 0.8, "threshold": 0.5, "spike_grad": G} | kwargs
    return Leaky(init_hidden=True, output=output, **kwargs)


class Base(nn.Module):
    """Three inputs, a hidden and an output layer of three neurons each."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.fc2 = nn.Linear(3, 3), nn.Linear(3, 3)
        self.lif, self.out = neurons(), neurons(output=True)
        self.setup()
        for p in self.parameters():
            p.data.mul_(3)

    def setup(self) -> None:
        """For what a test adds."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x))))


def layers_of(net: nn.Module) -> list[Leaky]:
    return [module for module in net.modules() if isinstance(module, Leaky)]


def everything(net: nn.Module, data: Tensor, **kwargs: Any) -> list[Tensor]:
    """Spikes, membranes, hidden states afterwards, gradients by the data and by each parameter."""
    data = data.clone().requires_grad_()
    spk_rec, mem_rec = forward_pass(net, STEPS, data, **kwargs)
    weight = torch.linspace(-1, 1, mem_rec.numel(), dtype=mem_rec.dtype).view_as(mem_rec)
    loss = SF.ce_rate_loss()(spk_rec, torch.zeros(spk_rec.shape[1], dtype=torch.long))
    loss = loss + (weight * mem_rec).sum()
    parameters = [p for p in net.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, [data, *parameters], materialize_grads=True)
    states = [layer.mem.detach() for layer in layers_of(net)]
    return [spk_rec.detach(), mem_rec.detach(), *states, *gradients]


def assert_schedules_equal(net: nn.Module, data: Tensor, **kwargs: Any) -> None:
    by_step = everything(net, data, schedule="step", **kwargs)
    by_layer = everything(net, data, schedule="layer", **kwargs)
    if by_step[0].shape[1] > 1:
        gradients = by_step[2 + len(layers_of(net)) :]
        assert by_step[0].sum() > 0 and sum(bool(x.any()) for x in gradients) >= 3
    assert torch.equal(by_step[0], by_layer[0])
    for a, b in zip(by_step, by_layer, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


# ---------------------------------------------------------------- what runs layer by layer


class Residual(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x))
        return self.out(self.fc2(h) + h - 0.5 * x)


class Unpacked(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk, mem = self.out(self.fc2(self.lif(self.fc(x))))
        return spk, mem


class Aside(Base):
    """A layer whose output goes nowhere, called after the last one."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        result = self.out(self.fc2(x))
        self.lif(self.fc(x))
        return result


class Shared(Base):
    """One linear layer in two places: before the neurons, where time stands still, and behind."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc(self.lif(self.fc(x))))


class Block(nn.Module):
    gain = 2.0

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.ModuleList([nn.Linear(3, 3), neurons(), nn.Linear(3, 3), nn.ReLU(True)])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x * self.scale * self.gain + skip


def half(x: Tensor) -> Tensor:
    return torch.sub(x, x / 2)


class Blocks(Base):
    """Modules in modules, a method, a loop, a condition, a helper function, functions of torch."""

    def setup(self) -> None:
        self.blocks = nn.ModuleDict({"a": Block(1.5), "b": Block(math.pi)})

    def encode(self, x: Tensor) -> Tensor:
        return torch.tanh(self.fc(x)) if self.training else x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.encode(x)
        for name in ("a", "b"):
            x = self.blocks[name](half(x), skip=x)
        parts = [self.fc2(F.relu(y)) for y in (self.lif(x), -x)]
        return self.out(parts[0].add(parts[1]))


class Stack(nn.Sequential):
    """A Sequential of the reader's own."""


def maps() -> nn.Sequential:
    """Images 3 x 4 x 4: padding, normalization within a sample, pooling; a Dropout that rests."""
    net = Stack(
        nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)),
        neurons(),
        nn.Sequential(nn.AvgPool2d(2), nn.Sequential(nn.Dropout2d(), nn.BatchNorm2d(4))),
        nn.Sequential(nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 3)),
        neurons(output=True),
    )
    net[2].eval()
    return net


def straight() -> nn.Sequential:
    """Neurons that see the data itself; learnable and per-neuron parameters."""
    beta = torch.tensor([0.5, 0.8, 0.9])
    first = neurons(beta=beta, learn_beta=True, threshold=0.3 * torch.ones(3), learn_threshold=True)
    return nn.Sequential(first, nn.Linear(3, 3), neurons(output=True, reset_mechanism="zero"))


RUNS = [Base, Residual, Unpacked, Aside, Shared, Blocks, maps, straight]


@pytest.mark.parametrize("time_varying", [False, True], ids=["constant", "time_varying"])
@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1])
@pytest.mark.parametrize("make", RUNS)
def test_what_runs_gives_equal_results(
    make: Callable[[], nn.Module], size: int, time_varying: bool
) -> None:
    """Spikes, membranes, hidden states, gradients, at batch sizes around that of a part."""
    net = make().double()
    shape = (size, 3, 4, 4) if make is maps else (size, 3)
    shape = (STEPS, *shape) if time_varying else shape
    data = 3 * torch.randn(shape, dtype=torch.float64)
    assert_schedules_equal(net, data, time_varying=time_varying)


@pytest.mark.parametrize("make", RUNS)
def test_what_runs_is_recorded_layer_by_layer(make: Callable[[], nn.Module]) -> None:
    net, size = make().double(), 2 * CHUNK + 1
    shape = (size, 3, 4, 4) if make is maps else (size, 3)
    data = 3 * torch.randn(shape, dtype=torch.float64)
    by_step, by_layer = (record_spikes(net, STEPS, data, schedule=s) for s in ("step", "layer"))
    assert by_step.keys() == by_layer.keys() and len(by_step) == len(layers_of(net))
    for name, spikes in by_step.items():
        assert spikes.shape[:2] == (STEPS, size)
        assert torch.equal(spikes, by_layer[name])


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


@st.composite
def nested(draw: st.DrawFn, depth: int = 2) -> nn.Sequential:
    """Sequentials in each other, some of them empty, some modules in two places."""
    shared = nn.Linear(3, 3)
    leaves = st.sampled_from([lambda: shared, nn.ReLU, neurons, lambda: nn.Linear(3, 3)])
    parts: list[nn.Module] = []
    for _ in range(draw(st.integers(0, 4))):
        deeper = depth and draw(st.booleans())
        parts.append(draw(nested(depth - 1)) if deeper else draw(leaves)())
    return nn.Sequential(*parts)


@given(nested())
def test_a_sequential_needs_no_trace(net: nn.Sequential) -> None:
    """The list of operations is the one that a trace finds."""
    found, traced = (
        [(n.op, n.target if n.op == "call_module" else "", list(map(str, n.args))) for n in g.nodes]
        for g in (tracing._chain(net), tracing._trace(net))
    )
    assert found == traced


@pytest.mark.parametrize(
    "make",
    [Base, maps, lambda: nn.Sequential(Base()), lambda: nn.Sequential(Stack()), neurons],
)
def test_what_is_no_plain_sequential_is_traced(make: Callable[[], nn.Module]) -> None:
    assert tracing._chain(make()) is None


class Ranks(Base):
    """Broadcasts over what is the batch axis of one operand: seen when it runs, not before."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x))
        return self.out(h.flatten(1) + h)


def test_operands_of_different_rank_are_not_mixed() -> None:
    net, data = Ranks().double(), 3 * torch.randn(1, 1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"'add' combines tensors of different rank.*'step'"):
        forward_pass(net, STEPS, data, schedule="layer")
    with pytest.raises(ValueError, match=r"different rank"):
        record_spikes(net, STEPS, data, schedule="layer")
    found, expected = (forward_pass(net, STEPS, data, schedule=s) for s in ("auto", "step"))
    assert expected[0].any() and all(map(torch.equal, found, expected))
    by_step, by_auto = (record_spikes(net, STEPS, data, schedule=s) for s in ("step", "auto"))
    assert all(torch.equal(by_auto[name], rec) for name, rec in by_step.items())


@pytest.mark.parametrize("only", [0, 1], ids=["spikes", "membranes"])
@pytest.mark.parametrize("make", [Base, straight])
def test_a_loss_of_spikes_or_of_membranes_alone(make: Callable[[], nn.Module], only: int) -> None:
    net, data = make().double(), 3 * torch.randn(CHUNK + 1, 3, dtype=torch.float64)
    found = []
    for schedule in ("step", "layer"):
        record = forward_pass(net, STEPS, data, schedule=schedule)[only]
        found.append(torch.autograd.grad(record.square().sum(), list(net.parameters())))
    assert sum(bool(x.any()) for x in found[0]) >= 3
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("size", [1, CHUNK + 1])
def test_the_state_is_no_part_of_the_record(size: int) -> None:
    net = Base()
    _, mem_rec = forward_pass(net, STEPS, torch.randn(size, 3), schedule="layer")
    last = net.out.mem.clone()
    mem_rec.data.zero_()
    assert last.any() and torch.equal(net.out.mem, last)
    assert net.out.mem.untyped_storage().nbytes() == 4 * size * 3


def test_the_input_may_be_a_view_of_any_layout() -> None:
    net = maps().double()
    data = torch.randn(5, 4, 4, 3, dtype=torch.float64).mul(3).permute(0, 3, 1, 2)
    assert_schedules_equal(net, data)
    assert_schedules_equal(net, data[:1].expand(5, -1, -1, -1))


# ---------------------------------------------------------------- what is refused

LOG: list[Tensor] = []
SCALE = torch.tensor(2.0)


def keep(x: Tensor) -> Tensor:
    LOG.append(x)
    return x


def variant(reason: str, **options: Any) -> Callable[[type], type]:
    def mark(cls: type) -> type:
        cls.reason = reason
        REFUSED.append(cls)
        for name, value in options.items():
            setattr(cls, name, value)
        return cls

    return mark


REFUSED: list[type[Base]] = []


@variant(r"keeps a state of its own.*'calls'")
class Counts(Base):
    def setup(self) -> None:
        self.calls = 0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        return self.out(self.fc2(self.lif(self.fc(x * self.calls))))


@variant(r"uses 'super', which may change from step to step")
class Inherits(Counts):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(-x)


@variant(r"keeps a state of its own.*'spikes'")
class KeepsList(Base):
    def setup(self) -> None:
        self.spikes: list[Tensor] = []

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x))
        self.spikes.append(h)
        return self.out(self.fc2(h))


@variant(r"keeps a state of its own.*'kept'")
class KeepsNested(Base):
    def setup(self) -> None:
        self.kept = defaultdict(list, recent=deque(maxlen=2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x))
        self.kept["spikes"].append(h)
        self.kept["recent"].append(h)
        return self.out(self.fc2(h))


@variant(r"uses the tensor 'calls' itself")
class CountsInABuffer(Base):
    def setup(self) -> None:
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.calls.add_(1)
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"keeps a state of its own.*'calls'")
class CountsInATensor(Base):
    def setup(self) -> None:
        self.calls = torch.zeros(())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        return self.out(self.fc2(self.lif(self.fc(x) * self.calls.item())))


@variant(r"keeps a state of its own.*'calls'")
class CountsInAnObject(Base):
    def setup(self) -> None:
        self.config = SimpleNamespace(calls=0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.config.calls += 1
        return self.out(self.fc2(self.lif(self.fc(x) * self.config.calls)))


@variant(r"uses 'next', which may|keeps a state of its own.*'counter'")
class CountsWithIterator(Base):
    def setup(self) -> None:
        self.counter = itertools.count()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) * next(self.counter))))


@variant(r"uses 'LOG', which may change from step to step")
class KeepsInAGlobal(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = keep(self.lif(self.fc(x)))
        return self.out(self.fc2(h))


@variant(r"has a default argument that may change")
class KeepsInADefault(Base):
    def note(self, x: Tensor, kept: list[Tensor] = LOG) -> Tensor:  # noqa: B006
        kept.append(x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.note(self.lif(self.fc(x)))))


def with_memory() -> type[Base]:
    calls = LOG

    @variant(r"uses 'calls', which may change from step to step")
    class KeepsInAClosure(Base):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            calls.append(self.fc(x))
            return self.out(self.fc2(self.lif(calls[-1] * len(calls))))

    return KeepsInAClosure


with_memory()


@variant(r"uses 'random', which may change from step to step")
class Chance(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) * (0.5 + random.random()))))


@variant(r"draws random numbers")
class TorchChance(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) * torch.rand(()).item())))


@variant(r"a tensor that is no result of its layers")
class Noise(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) + torch.randn(3, dtype=torch.float64))))


@variant(r"Dropout 'drop' in training mode draws anew at each step")
class Drops(Base):
    def setup(self) -> None:
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.drop(self.lif(self.fc(x)))))


@variant(r"BatchNorm1d 'norm' in training mode mixes samples")
class Normalizes(Base):
    def setup(self) -> None:
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.norm(self.fc2(self.lif(self.fc(x)))))


class OwnNorm(nn.BatchNorm1d):
    pass


@variant(r"OwnNorm is a variant of one of torch's layers")
class NormalizesItself(Base):
    def setup(self) -> None:
        self.norm = OwnNorm(3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.norm(self.fc2(self.lif(self.fc(x)))))


@variant(r"Softmax 'soft' is not known to be stateless")
class Unknown(Base):
    def setup(self) -> None:
        self.soft = nn.Softmax(0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.soft(self.fc2(self.lif(self.fc(x)))))


@variant(r"ELU 'elu' changes its input in place")
class InPlace(Base):
    def setup(self) -> None:
        self.elu = nn.ELU(inplace=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x)) - 0.5
        return self.out(self.fc2(self.elu(h)) + h)


@variant(r"ReLU 'relu' changes its input in place")
class ReluSeenAgain(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.fc2(self.lif(self.fc(x)))
        return self.out(F.relu(h, inplace=True) + h)


@variant(r"ReLU 'relu' changes its input in place")
class ReluOnAnAlias(Base):
    """What the output layer gets was changed meanwhile, behind a layer of neurons."""

    def setup(self) -> None:
        self.lif2, self.fc3 = neurons(), nn.Linear(3, 3)
        self.same, self.relu = nn.Identity(), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a = self.fc2(self.lif(self.fc(x)))
        b = self.same(a)
        c = self.lif2(b)
        self.relu(b)
        return self.out(self.fc3(c) + a)


@variant(r"changes values in place, with \+=")
class AddsInPlace(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x)) * 2
        k = h
        h += 1
        return self.out(self.fc2(h) + k)


@variant(r"changes values in place")
class SetsItem(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x)) * 2
        h[:, 0] = 0
        return self.out(self.fc2(h))


@variant(r"'sub_' may mix samples or steps")
class SubtractsInPlace(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x)) * 2
        h.sub_(1)
        return self.out(self.fc2(h))


@variant(r"one layer of neurons stands in two places")
class Twice(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.lif(self.fc2(self.lif(self.fc(x)))))


@variant(r"'view' may mix samples or steps")
class Reshapes(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x))).view(5, 3))


@variant(r"flatten\(\) includes the batch axis")
class FlattensAll(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x)).flatten()
        return self.out(self.fc2(self.fold(h)))

    def setup(self) -> None:
        self.fold = nn.Unflatten(0, (5, 3))


@variant(r"flatten\(-1\) counts from the last axis")
class FlattensFromTheEnd(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x)).flatten(-1)))


@variant(r"the layer 'lif' has an explicit state, or is called with a keyword")
class Keyword(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(input_=self.fc(x))))


@variant(r"the layer 'lif' has an explicit state")
class Explicit(Base):
    def setup(self) -> None:
        self.lif = Leaky(0.8, 0.5, G)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk, _ = self.lif(self.fc(x), self.fc(x))
        return self.out(self.fc2(spk))


class OwnLeaky(Leaky):
    def forward(self, cur: Tensor, mem: Tensor | None = None) -> Tensor:
        return super().forward(2 * cur, mem)


@variant(r"the layer 'lif' is a OwnLeaky, a Leaky with changes of its own")
class Subclass(Base):
    def setup(self) -> None:
        self.lif = OwnLeaky(0.8, 0.5, G, init_hidden=True)


@variant(r"the layer 'lif' has a spike function that is no Surrogate")
class OtherSpikes(Base):
    def setup(self) -> None:
        self.lif = neurons(spike_grad=lambda x: torch.sigmoid(9 * x))


@variant(r"the layer 'lif' has beta and threshold of different precision")
class MixedPrecision(Base):
    def setup(self) -> None:
        self.lif.threshold = torch.full((3,), 0.5)  # float32; the tests convert all else

    def _apply(self, fn: Callable, recurse: bool = True) -> nn.Module:
        super()._apply(fn, recurse)
        self.lif.threshold = self.lif.threshold.float()
        return self


@variant(r"the layer 'lif' returns its membrane, but is not the last")
class InnerMembrane(Base):
    def setup(self) -> None:
        self.lif = neurons(output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x))[1]))


@variant(r"its last layer of neurons feeds another layer")
class Behind(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk, mem = self.out(self.fc2(x))
        self.lif(spk)
        return spk, mem


@variant(r"does not return the \(spk, mem\) of a layer of neurons")
class Scales(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spk, mem = self.out(self.fc2(self.lif(self.fc(x))))
        return spk, 2 * mem


@variant(r"cannot be traced")
class Branches(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.lif(self.fc(x))
        if h.sum() > 4:
            h = -h
        return self.out(self.fc2(h))


@variant(r"uses 'isinstance', which may change")
class AsksForTheType(Base):
    """A traced value is no Tensor, so the trace would take the other branch."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(x, Tensor):
            x = -x
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"takes more than the data of a step")
class Default(Base):
    def forward(self, x: Tensor, scale: float | None = None) -> tuple[Tensor, Tensor]:
        h = self.fc(x) if scale is None else self.fc(x) * scale
        return self.out(self.fc2(self.lif(h)))


@variant(r"has a block that would not run as written")
class NoGradient(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            h = self.fc(x)
        return self.out(self.fc2(self.lif(h)))


@variant(r"forward\(\), which is decorated")
class Decorated(Base):
    @torch.no_grad()
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"uses 'print', which may change")
class Prints(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        print("a step")
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"reset_mem\(\) of a layer of neurons")
class Resets(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.lif.reset_mem()
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"uses 'utils', which may change")
class ResetsAll(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        utils.reset(self)
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"calls eval\(\) of a module")
class Switches(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.fc.eval()
        return self.out(self.fc2(self.lif(self.fc(x))))


@variant(r"uses a tensor that is no result of its layers")
class ReadsMembrane(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) - 0.1 * self.lif.mem)))


@variant(r"uses the tensor 'gain' itself")
class OwnParameter(Base):
    def setup(self) -> None:
        self.gain = nn.Parameter(torch.tensor(0.4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) * self.gain)))


@variant(r"uses 'SCALE', which may change")
class GlobalTensor(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.out(self.fc2(self.lif(self.fc(x) * SCALE)))


@variant(r"changes how modules are called")
class OwnCall(Base):
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().__call__(-x)


@variant(r"the forward\(\) of module 'fc' was replaced")
class Replaced(Base):
    def setup(self) -> None:
        original = self.fc.forward
        self.fc.forward = lambda x: original(-x)


@variant(r"module 'fc' has hooks, which expect one call per step")
class Hooked(Base):
    def setup(self) -> None:
        self.calls: list[int] = []
        self.fc.register_forward_hook(lambda *_: self.calls.append(1))


@variant(r"module 'fc' has hooks")
class PreHooked(Base):
    def setup(self) -> None:
        self.calls: list[int] = []
        self.fc.register_forward_pre_hook(lambda *_: self.calls.append(1))


@variant(r"module 'lif' has hooks")
class BackwardHooked(Base):
    def setup(self) -> None:
        self.calls: list[int] = []
        self.lif.register_full_backward_hook(lambda *_: self.calls.append(1))


@variant(r"Parametrized.* is not known to be stateless|changes how modules are called|variant")
class WeightNorm(Base):
    def setup(self) -> None:
        nn.utils.parametrizations.weight_norm(self.fc)


def state_of(net: nn.Module) -> list[Any]:
    """All that a network holds, containers and tensors by value, other things by identity."""

    def value(x: Any) -> Any:
        if isinstance(x, Tensor):
            return x.tolist()
        if isinstance(x, (list, tuple, deque)):
            return [type(x), *(value(item) for item in x)]
        if isinstance(x, dict):
            return [type(x), *((key, value(item)) for key, item in x.items())]
        if isinstance(x, itertools.count):
            return repr(x)
        return value(vars(x)) if isinstance(x, SimpleNamespace) else id(x)

    return [value(vars(module)) for module in net.modules()]


def generators() -> list[Any]:
    return [random.getstate(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()]


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    random.seed(0)
    torch.manual_seed(0)
    LOG.clear()
    return make().double()


@pytest.mark.parametrize("make", REFUSED)
def test_refused_with_its_reason_and_left_as_it_was(make: type[Base]) -> None:
    net = seeded(make)
    data = 3 * torch.randn(5, 3, dtype=torch.float64)
    net(data)  # it has a past, which must stay
    before = state_of(net), generators(), len(LOG)
    with pytest.raises(ValueError, match=rf"layer by layer: .*{make.reason}.*schedule='step'"):
        forward_pass(net, STEPS, data, schedule="layer")
    assert (state_of(net), generators(), len(LOG)) == before


@pytest.mark.parametrize("make", REFUSED)
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_refused_nets_are_stepped_instead(
    make: type[Base], capsys: pytest.CaptureFixture[str]
) -> None:
    """Results, gradients, and what the net keeps, prints and draws: all as stepped."""
    data = 3 * torch.randn(5, 3, dtype=torch.float64)
    found = []
    for schedule in ("step", "auto"):
        net = seeded(make)
        spk_rec, mem_rec = forward_pass(net, STEPS, data, schedule=schedule)
        gradients: list[Any] = []
        if mem_rec.requires_grad:
            loss = spk_rec.sum() + mem_rec.square().sum()
            wanted = [p for p in net.parameters() if p.requires_grad]
            gradients = list(torch.autograd.grad(loss, wanted, materialize_grads=True))
        kept = [x.tolist() for x in LOG]
        states = [buffer.tolist() for buffer in net.buffers()]
        own = {
            key: len(value) if isinstance(value, (list, dict)) else repr(value)
            for key, value in vars(net).items()
            if not key.startswith("_")
        }
        results = [x.tolist() for x in (spk_rec, mem_rec, *gradients)]
        found.append([results, kept, states, own, generators(), capsys.readouterr().out])
    for by_step, by_auto in zip(*found, strict=True):
        assert by_step == by_auto
    if make is KeepsList:
        assert len(net.spikes) == STEPS


def test_a_wrapped_net_is_refused() -> None:
    """Made without its constructor, which would want a process group."""
    net = nn.parallel.DistributedDataParallel.__new__(nn.parallel.DistributedDataParallel)
    nn.Module.__init__(net)
    net.module = Base()
    with pytest.raises(ValueError, match=r"DistributedDataParallel; wrap the simulation instead"):
        forward_pass(net, 3, torch.rand(2, 3), schedule="layer")
    data = torch.rand(2, 3)
    direct = forward_pass(net.module, 3, data)
    for a, b in zip(Simulation(net.module, 3)(data), direct, strict=True):
        assert torch.equal(a, b)


def test_the_mode_decides_about_dropout() -> None:
    net, data = seeded(Drops), torch.randn(5, 3, dtype=torch.float64)
    net.eval()
    assert_schedules_equal(net, 3 * data)


def test_hooks_that_are_gone_do_not_matter() -> None:
    net = Base().double()
    net.fc.register_forward_hook(lambda *_: None).remove()
    assert_schedules_equal(net, 3 * torch.randn(5, 3, dtype=torch.float64))


# ---------------------------------------------------------------- gradients


def test_two_runs_are_equal_to_the_bit() -> None:
    net, data = maps(), 3 * torch.randn(2 * CHUNK + 1, 3, 4, 4)
    first, second = (everything(net, data, schedule="layer") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_backward_may_be_called_again_on_a_kept_graph() -> None:
    net, data = Base().double(), 3 * torch.randn(5, 3, dtype=torch.float64)
    spk_rec, mem_rec = forward_pass(net, STEPS, data, schedule="layer")
    loss = spk_rec.sum() + mem_rec.square().sum()
    first = torch.autograd.grad(loss, list(net.parameters()), retain_graph=True)
    second = torch.autograd.grad(loss, list(net.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_second_derivative_is_refused_never_wrong() -> None:
    """Even where some path leads around the neurons: from the data's gradient to a weight."""
    net, data = Base().double(), 3 * torch.randn(5, 3, dtype=torch.float64)
    data.requires_grad_()
    _, mem_rec = forward_pass(net, STEPS, data, schedule="layer")
    with pytest.raises(RuntimeError, match=r"first derivatives only.*schedule='step'"):
        torch.autograd.grad(mem_rec.square().sum(), [data], create_graph=True)
    _, mem_rec = forward_pass(net, STEPS, data, schedule="step")
    (slope,) = torch.autograd.grad(mem_rec.square().sum(), [data], create_graph=True)
    assert torch.autograd.grad(slope.square().sum(), [net.fc.weight])[0].abs().sum() > 0


def test_frozen_parameters_get_no_gradient_and_change_no_other() -> None:
    net, data = straight().double(), 3 * torch.randn(5, 3, dtype=torch.float64)
    whole = everything(net, data, schedule="layer")
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name == "1.weight")
    part = everything(net, data, schedule="layer")
    index = [name for name, _ in net.named_parameters()].index("1.weight")
    start = 2 + len(layers_of(net)) + 1
    assert len(part) == start + 1
    torch.testing.assert_close(part[start], whole[start + index], rtol=1e-12, atol=1e-12)


@given(
    size=st.integers(1, 3 * CHUNK),
    part=st.sampled_from([1, 2, CHUNK, 1000]),
    least=st.sampled_from([1, LEAST_SAMPLES]),
    time_varying=st.booleans(),
)
def test_the_size_of_a_part_changes_nothing(
    size: int, part: int, least: int, time_varying: bool
) -> None:
    net, run = maps().double(), {"schedule": "layer", "time_varying": time_varying}
    shape = (STEPS, size, 3, 4, 4) if time_varying else (size, 3, 4, 4)
    data = 3 * torch.randn(shape, dtype=torch.float64)
    expected = everything(net, data, **run)
    sizes = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "FRAMES", part * STEPS + 1)
        patch.setattr(simulation, "LEAST_SAMPLES", least)
        original = nn.Linear.forward
        patch.setattr(nn.Linear, "forward", lambda m, x: sizes.append(len(x)) or original(m, x))
        found = everything(net, data, **run)
    assert max(sizes) == STEPS * min(max(part, least), size)
    assert sum(sizes) == STEPS * size
    assert torch.equal(found[0], expected[0])
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


class InPlaceRelu(Base):
    """ReLU in place where nobody else sees its input, as nets from elsewhere have it."""

    def setup(self) -> None:
        self.fc3, self.lif2, self.relu = nn.Linear(3, 3), neurons(), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.fc2(self.lif(self.relu(self.fc(x)))), inplace=True)
        return self.out(self.fc3(self.relu(self.lif2(h))))


@pytest.mark.parametrize("time_varying", [False, True], ids=["constant", "time_varying"])
@pytest.mark.parametrize("make", [*RUNS, InPlaceRelu])
@given(size=st.integers(1, 9), block=st.integers(1, 400))
def test_the_size_of_a_block_changes_nothing(
    make: Callable[[], nn.Module], time_varying: bool, size: int, block: int
) -> None:
    net = make().double()
    shape = (size, 3, 4, 4) if make is maps else (size, 3)
    data = 3 * torch.randn((STEPS, *shape) if time_varying else shape, dtype=torch.float64)
    run = {"schedule": "layer", "time_varying": time_varying}
    expected = everything(net, data, **run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layerwise, "BLOCK", block)
        found = everything(net, data, **run)
    assert torch.equal(found[0], expected[0])
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("block", "rows"), [(7, [2, 1] * 6), (9, [3] * 6), (18, [6, 6, 6]), (41, [9, 9]), (54, [18])]
)
def test_a_block_holds_as_many_steps_as_fit(
    block: int, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine numbers a step. Blocks are about equal; a step that does not fit is cut by rows."""
    net, sizes = Base().double(), []
    monkeypatch.setattr(layerwise, "BLOCK", block)
    original = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda m, x: sizes.append(len(x)) or original(m, x))
    forward_pass(net, STEPS, torch.randn(3, 3, dtype=torch.float64), schedule="layer")
    assert sizes == [3, *rows]


@pytest.mark.parametrize("block", [10**6, 9])
def test_what_is_spent_is_given_up(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a gradient nothing holds a current once its layer has run."""
    net = nn.Sequential(
        nn.Linear(3, 3), neurons(), nn.Linear(3, 3), neurons(), nn.Linear(3, 3), neurons(True)
    )
    monkeypatch.setattr(layerwise, "BLOCK", block)
    made: dict[nn.Module, list[weakref.ref]] = defaultdict(list)
    original = nn.Linear.forward

    def noting(layer: nn.Linear, x: Tensor) -> Tensor:
        if layer is net[4]:
            assert made[net[2]] and all(ref() is None for ref in made[net[2]])
        out = original(layer, x)
        made[layer].append(weakref.ref(out))
        return out

    monkeypatch.setattr(nn.Linear, "forward", noting)
    with torch.no_grad():
        forward_pass(net, STEPS, torch.randn(3, 3), schedule="layer")
    assert len(made[net[4]]) == (1 if block > 9 else STEPS)


@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    detach=st.booleans(),
    constant=st.booleans(),
    cut=st.booleans(),
    piece=st.integers(1, 60),
    seed=st.integers(0, 2**31),
)
def test_neurons_in_blocks_of_time(  # noqa: PLR0913
    mechanism: str,
    sizes: list[int],
    detach: bool,
    constant: bool,
    cut: bool,
    piece: int,
    seed: int,
) -> None:
    """The same spikes and gradients as in one record; blocks that get no gradient included."""
    torch.manual_seed(seed)
    steps, options = sum(sizes), {"dtype": torch.float64}
    beta = torch.rand((), **options).requires_grad_()
    threshold = torch.empty(4, **options).uniform_(0.2, 1).requires_grad_()
    cur = torch.randn((3, 4) if constant else (steps, 3, 4), **options).requires_grad_()
    rule = (beta, threshold, G, mechanism, detach)
    whole, last = lif_sequence(cur, steps, *rule, constant=constant, keep_mem=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lif, "BLOCK", piece)
        curs = [cur] if constant else cur.split(sizes)
        blocks, last_of_blocks = lif_blocks(curs, sizes, *rule, constant=constant)
        assert [len(block) for block in blocks] == sizes
        assert torch.equal(torch.cat(blocks), whole) and torch.equal(last_of_blocks, last)
        weight = torch.randn(whole.shape, **options)
        if cut:
            weight[-sizes[-1] :] = 0
        loss = (weight * whole).sum()
        parts = zip(weight.split(sizes), blocks, strict=True)
        parts = [(w * block).sum() for w, block in parts if w.any()]
        inputs = [cur, beta, threshold]
        expected = torch.autograd.grad(loss, inputs)
        found = torch.autograd.grad(sum(parts), inputs) if parts else expected
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("first", [nn.Flatten(), nn.Dropout(), None])
def test_data_that_would_be_changed_in_place_is_refused(first: nn.Module | None) -> None:
    layers = [nn.ReLU(inplace=True), nn.Linear(6, 3), neurons(output=True)]
    net = nn.Sequential(*filter(None, [first]), *layers).eval()
    with pytest.raises(ValueError, match=r"ReLU '_\d' changes its input in place"):
        forward_pass(net, STEPS, torch.randn(5, 6), schedule="layer")


def test_parts_of_large_frames_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many numbers at a time as of the course's images, but the least number of samples."""
    net, sizes = nn.Sequential(nn.Flatten(), nn.Linear(4 * 784, 2), neurons(output=True)), []
    original = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda m, x: sizes.append(len(x)) or original(m, x))
    for frames, first in ((80 * STEPS, 20), (0, LEAST_SAMPLES)):
        monkeypatch.setattr(simulation, "FRAMES", frames)
        sizes.clear()
        with torch.no_grad():
            forward_pass(net, STEPS, torch.randn(50, 4, 28, 28), schedule="layer")
        assert sizes[0] == first and sum(sizes) == 50


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_an_empty_layer_of_neurons_is_no_obstacle() -> None:
    net = nn.Sequential(nn.Linear(3, 0), neurons(), nn.Linear(0, 2), neurons(output=True))
    data = torch.randn(4, 3)
    by_step, by_layer = (forward_pass(net, STEPS, data, schedule=s) for s in ("step", "layer"))
    assert torch.equal(by_step[0], by_layer[0]) and torch.equal(by_step[1], by_layer[1])
    by_layer[1].sum().backward()
    assert net[2].bias.grad.any()
