"""Running networks over time: records, resets, hooks; `utils.reset`; the course's network."""

from __future__ import annotations

import math
import warnings

import pytest
import snntorch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tutorial_lib import Leaky, surrogate, utils
from tutorial_lib.networks import conv_net
from tutorial_lib.simulation import forward_pass, record_spikes

schedules = pytest.mark.parametrize("schedule", ["auto", "step", "layer"])


def small_net(beta: float = 0.8) -> nn.Sequential:
    """3 inputs, 5 hidden neurons (nested), 2 outputs, float64; it spikes."""
    inner = nn.Sequential(nn.Linear(3, 5), Leaky(beta, init_hidden=True))
    net = nn.Sequential(inner, nn.Linear(5, 2), Leaky(beta, init_hidden=True, output=True))
    with torch.no_grad():
        for linear in (inner[0], net[1]):
            linear.weight.normal_(0.5)
            linear.bias.fill_(0.5)
    return net.double()


def batch(size: int, features: int = 3) -> Tensor:
    return torch.randn(size, features, dtype=torch.float64)


def states(net: nn.Module) -> list[Tensor]:
    return [module.mem for module in net.modules() if isinstance(module, Leaky)]


class Explicit(nn.Module):
    """`small_net` with explicit states: the loop that the learner writes."""

    def __init__(self, net: nn.Sequential) -> None:
        super().__init__()
        (self.fc1, _), self.fc2, _ = net
        self.lif1, self.lif2 = Leaky(0.8).double(), Leaky(0.8).double()

    def forward(self, data: Tensor, num_steps: int) -> tuple[Tensor, ...]:
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        records: tuple[list[Tensor], ...] = ([], [], [])
        for _ in range(num_steps):
            spk1, mem1 = self.lif1(self.fc1(data), mem1)
            spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
            for record, value in zip(records, (spk1, spk2, mem2), strict=True):
                record.append(value)
        return tuple(torch.stack(record) for record in records)


# ---------------------------------------------------------------- reset


def test_reset_reaches_nested_layers_and_no_other_net() -> None:
    one, other = small_net(), small_net()
    for net in (one, other):
        net(batch(4))
    kept = [mem.clone() for mem in states(other)]
    utils.reset(one)
    assert [mem.shape for mem in states(one)] == [(), ()]
    assert all(mem == 0 for mem in states(one))
    assert all(torch.equal(a, b) for a, b in zip(states(other), kept, strict=True))


def test_reset_cuts_the_graph() -> None:
    """Without it, a second backward pass runs into the first one's freed graph."""
    net = small_net()
    for _ in range(2):
        utils.reset(net)
        net(batch(4))[0].sum().backward()
    net(batch(4))  # goes on from the old state
    with pytest.raises(RuntimeError, match="second time"):
        net(batch(4))[1].sum().backward()
        net(batch(4))[1].sum().backward()


def test_reset_takes_any_stateful_layer() -> None:
    class Counter(nn.Module):
        count = 3

        def reset_mem(self) -> None:
            self.count = 0

    net = nn.ModuleDict({"deep": nn.ModuleList([Counter()])})
    utils.reset(net)
    assert net["deep"][0].count == 0
    utils.reset(nn.Linear(2, 2))  # nothing to do
    with pytest.raises(TypeError, match=r"nn\.Module, got list"):
        utils.reset([net])


# ---------------------------------------------------------------- forward_pass


@schedules
@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 2**31))
def test_equal_to_the_explicit_loop(schedule: str, num_steps: int, size: int, seed: int) -> None:
    torch.manual_seed(seed)
    net = small_net()
    data = batch(size)
    spk1, spk2, mem2 = Explicit(net)(data, num_steps)
    spk_rec, mem_rec = forward_pass(net, num_steps, data, schedule=schedule)
    assert spk_rec.shape == mem_rec.shape == (num_steps, size, 2)
    assert torch.equal(spk_rec, spk2)
    torch.testing.assert_close(mem_rec, mem2, rtol=1e-12, atol=1e-12)
    recorded = record_spikes(net, num_steps, data, schedule=schedule)
    assert list(recorded) == ["0.1", "2"]
    assert torch.equal(recorded["0.1"], spk1)
    assert torch.equal(recorded["2"], spk2)
    weights = list(net.parameters())
    ours = torch.autograd.grad((spk_rec + mem_rec).sum(), weights)
    by_hand = torch.autograd.grad((spk2 + mem2).sum(), weights)
    for a, b in zip(ours, by_hand, strict=True):
        torch.testing.assert_close(a, b)


@schedules
def test_passes_do_not_leak_into_each_other(schedule: str) -> None:
    net, data = small_net(), batch(4)
    first = forward_pass(net, 8, data, schedule=schedule)
    assert first[0].sum() > 5  # the net does spike
    forward_pass(net, 3, batch(7), schedule=schedule)  # another batch size is fine
    second = forward_pass(net, 8, data, schedule=schedule)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_the_membrane_integrates_over_the_steps() -> None:
    lif = Leaky(0.5, init_hidden=True, output=True)
    spk_rec, mem_rec = forward_pass(lif, 3, torch.full((1, 1), 0.4))
    assert mem_rec.flatten().tolist() == pytest.approx([0.4, 0.6, 0.7])
    assert spk_rec.sum() == 0


# ---------------------------------------------------------------- record_spikes


@schedules
def test_recording_leaves_no_graph_no_hook_and_no_state(schedule: str) -> None:
    net, data = small_net(), batch(4)
    recorded = record_spikes(net, 5, data, schedule=schedule)
    assert not any(rec.requires_grad for rec in recorded.values())
    assert not any(module._forward_hooks for module in net.modules())
    assert [mem.shape for mem in states(net)] == [(), ()]


@schedules
def test_hooks_and_states_are_gone_after_an_error(schedule: str) -> None:
    net = small_net()
    net(batch(2))
    net[1] = nn.Linear(7, 2).double()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        record_spikes(net, 5, batch(4), schedule=schedule)
    assert not any(module._forward_hooks for module in net.modules())
    assert [mem.shape for mem in states(net)] == [(), ()]


def test_each_layer_is_called_once_per_step() -> None:
    class Odd(nn.Module):
        def __init__(self, calls: int) -> None:
            super().__init__()
            self.calls = calls
            self.lif = Leaky(0.5, init_hidden=True)
            self.out = Leaky(0.5, init_hidden=True, output=True)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            for _ in range(self.calls):
                x = self.lif(x)
            return self.out(x)

    assert set(record_spikes(Odd(1), 4, torch.ones(2, 3))) == {"lif", "out"}
    for calls, times in ((0, "0 times"), (2, "more than once")):
        with pytest.raises(ValueError, match=rf"'lif' is called {times} in a step"):
            record_spikes(Odd(calls), 4, torch.ones(2, 3))


# ---------------------------------------------------------------- errors


@schedules
@pytest.mark.parametrize("run", [forward_pass, record_spikes])
def test_a_threshold_out_of_range_is_reported_before_any_work(
    run: object, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, work = small_net(), []
    linear = nn.functional.linear
    monkeypatch.setattr(nn.functional, "linear", lambda *x: work.append(1) or linear(*x))
    net[2].threshold.fill_(-1)
    with pytest.raises(ValueError, match="Layer '2': threshold must be finite and above 0"):
        run(net, 5, batch(4), schedule=schedule)
    assert not work
    net[2].threshold.fill_(1)
    run(net, 5, batch(4), schedule=schedule)
    assert work


@pytest.mark.parametrize("run", [forward_pass, record_spikes])
def test_bad_input(run: object) -> None:
    net, data = small_net(), batch(4)
    cases = [
        ((lambda x: x, 5, data), TypeError, r"nn\.Module, got function"),
        ((net, 0, data), ValueError, r"num_steps must be at least 1, got 0"),
        ((net, 2.5, data), TypeError, r"num_steps must be an integer, got 2\.5"),
        ((net, True, data), TypeError, r"num_steps must be an integer, got True"),
        ((net, 5, data.tolist()), TypeError, r"floating-point tensor, got list"),
        ((net, 5, data.byte()), TypeError, r"got torch\.uint8.*float\(\) / 255"),
        ((net, 5, torch.randn(3)), ValueError, r"shape \[3\].*unsqueeze\(0\)"),
        ((net, 5, torch.randn(0, 3)), ValueError, r"not empty.*\[0, 3\]"),
        ((net, 5, torch.full((4, 3), math.nan)), ValueError, r"contains NaN.*nan_to_num"),
        ((net, 5, torch.full((4, 3), -math.inf)), ValueError, r"or infinity.*nan_to_num"),
        ((net, 5, data.to("meta")), TypeError, r"with values, got .* on meta"),
        ((net, 10**30, data), ValueError, r"num_steps must be at most"),
        ((net, 10**7, data), ValueError, r"num_steps must be at most 1,000,000, got 10000000"),
    ]
    net(data)
    before = [mem.clone() for mem in states(net)]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            run(*arguments)
    assert all(torch.equal(a, b) for a, b in zip(states(net), before, strict=True))


IMAGES, FRAMES = (1, 28, 28), (5, 4, 1, 28, 28)
MISFITS = [  # of images [4, 1, 28, 28]: what is given instead, and what to do
    (torch.rand(4, 28, 28), r"takes \[B, 1, H, W\], got \[4, 28, 28\].*unsqueeze\(1\) adds"),
    (torch.rand(1, 28, 28), r"got \[1, 28, 28\].*unsqueeze\(0\) that of the batch"),
    (torch.rand(4, 784), r"got \[4, 784\].*data\.reshape\(len\(data\), 1, \.\.\.\)"),
    (torch.rand(4, 3, 28, 28), r"got \[4, 3, 28, 28\]\. Give the data this shape"),
    (torch.rand(4, 1, 28, 28).double(), r"takes torch\.float32, got torch\.float64.*\.to\("),
    (torch.rand(FRAMES), r"got \[5, 4, 1, 28, 28\]. Is the first axis time.*time_varying=True"),
]


@schedules
@pytest.mark.parametrize(("data", "message"), MISFITS)
def test_images_that_do_not_fit_the_first_layer(data: Tensor, message: str, schedule: str) -> None:
    for run in (forward_pass, record_spikes):
        with pytest.raises(ValueError, match=message):
            run(conv_net(), 5, data, schedule=schedule)


@schedules
def test_features_that_do_not_fit_the_first_layer(schedule: str) -> None:
    """Frames [T, B, features] would pass as positions: the number of steps tells."""
    dense = nn.Sequential(nn.Linear(784, 2), Leaky(0.5, init_hidden=True, output=True))
    options = {"schedule": schedule}
    with pytest.raises(ValueError, match=r"takes \[B, 784\], got \[4, 28, 28\].*flatten\(1\)"):
        forward_pass(dense, 5, torch.rand(4, 28, 28), **options)
    with pytest.raises(ValueError, match=r"got \[5, 4, 784\].*time_varying=True.*flatten\(0, 1\)"):
        forward_pass(dense, 5, torch.rand(5, 4, 784), **options)
    assert forward_pass(dense, 6, torch.rand(5, 4, 784), **options)[0].shape == (6, 5, 4, 2)
    flat = nn.Sequential(nn.Flatten(), *dense)
    assert forward_pass(flat, 5, torch.rand(4, 28, 28), **options)[0].shape == (5, 4, 2)
    with pytest.raises(ValueError, match=r"'1'.*takes \[B, 784\], got \[4, 81\]"):
        forward_pass(flat, 5, torch.rand(4, 9, 9), **options)
    with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a processor without units for it
        data = 9 * torch.rand(4, 28, 28).bfloat16()
        assert forward_pass(flat, 5, data, **options)[1].any()


def test_a_module_of_ones_own_gets_the_reason_beside_torchs_error() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = conv_net()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.net(x)

    with pytest.raises(ValueError, match=r"cannot run.*Expected 3D.*got \[5, 4, 1.*time_varying"):
        forward_pass(Own(), 5, torch.rand(FRAMES))


def test_a_step_must_return_spikes_and_membranes() -> None:
    class Step(nn.Module):
        def __init__(self, out: object) -> None:
            super().__init__()
            self.lif, self.out = Leaky(0.5, init_hidden=True), out

        def forward(self, x: Tensor) -> object:
            return self.lif(x) if self.out is Tensor else self.out

    for out, got in (
        (Tensor, r"a tensor of shape \[4, 3\]"),
        ((torch.ones(2), None), r"\(Tensor, NoneType\)"),
        (None, "NoneType"),
        ((torch.ones(2),), r"\(Tensor\)"),
    ):
        for run in (forward_pass, record_spikes):
            with pytest.raises(TypeError, match=rf"\(spk, mem\).*, got {got} from Step.*output=T"):
                run(Step(out), 5, torch.randn(4, 3))


def test_a_network_with_the_loop_over_time_inside_is_refused() -> None:
    """As in snnTorch's tutorial 5. A run of it would take T times T steps, without a word."""

    class WholeRun(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif = Leaky(0.5)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            mem, steps = self.lif.init_leaky(), []
            for _ in range(7):
                spk, mem = self.lif(x, mem)
                steps.append((spk, mem))
            return tuple(map(torch.stack, zip(*steps, strict=True)))

    with pytest.raises(ValueError, match=r"\[7, 4, 3\].*batch of 4.*whole run.*one step"):
        forward_pass(WholeRun(), 5, torch.randn(4, 3))


@schedules
def test_what_is_not_finite_does_not_pass_for_silence(schedule: str) -> None:
    """Its spikes are those of a quiet network."""
    data = torch.rand(3, 1, 28, 28)
    for layer, value in ((0, math.nan), (3, math.inf), (7, -math.inf)):
        net = conv_net()
        with torch.no_grad():
            net[layer].weight[0] = value
        message = rf"of layer '\d'.*NaN.*'{layer}\.weight' is not finite.*smaller learning rate"
        with pytest.raises(ValueError, match=message):
            forward_pass(net, 2, data, schedule=schedule)
    with pytest.raises(ValueError, match=r"currents overflow.*Scale"):
        forward_pass(conv_net(), 2, 3e38 * data, schedule=schedule)
    large = forward_pass(conv_net(), 2, 1e36 * data, schedule=schedule)
    assert large[1].isfinite().all()  # though their sum is not


@schedules
def test_a_sum_that_overflows_is_no_infinity_in_the_data(schedule: str) -> None:
    """And infinities that would cancel are found."""
    net = nn.Sequential(nn.Linear(2, 2), Leaky(0.5, init_hidden=True, output=True))
    nn.init.zeros_(net[0].weight)
    data = torch.full((4, 2), 3e38)
    assert forward_pass(net, 2, data, schedule=schedule)[1].isfinite().all()
    data[0, 0], data[1, 0] = math.inf, -math.inf
    with pytest.raises(ValueError, match="data contains NaN or infinity"):
        forward_pass(net, 2, data, schedule=schedule)


def test_nothing_to_record() -> None:
    peers = nn.Sequential(snntorch.Leaky(0.5, init_hidden=True, output=True))
    for net, kind in ((nn.Linear(3, 2), "Linear"), (peers, "Sequential")):
        with pytest.raises(ValueError, match=rf"net, a {kind}, has no tutorial_lib\.Leaky"):
            record_spikes(net, 5, torch.randn(4, 3))


# ---------------------------------------------------------------- the course's network


def test_the_course_network() -> None:
    net = conv_net()
    parameters = {name: p.numel() for name, p in net.named_parameters()}
    sizes = [parameters[f"{i}.weight"] + parameters[f"{i}.bias"] for i in (0, 3, 7)]
    assert sizes == [312, 19_264, 10_250]
    assert sum(parameters.values()) == 29_826
    recorded = record_spikes(net, 2, torch.rand(3, 1, 28, 28))
    shapes = [tuple(rec.shape[1:]) for rec in recorded.values()]
    assert shapes == [(3, 12, 12, 12), (3, 64, 4, 4), (3, 10)]
    for rec in forward_pass(net, 2, torch.rand(3, 1, 28, 28)):
        assert rec.shape == (2, 3, 10)


def test_the_course_network_hands_its_settings_to_every_layer() -> None:
    g = surrogate.fast_sigmoid(50)
    net = conv_net(0.9, g, threshold=0.7, reset_mechanism="zero", detach_reset=False)
    layers = [module for module in net if isinstance(module, Leaky)]
    assert len(layers) == 3
    for layer in layers:
        assert layer.beta.item() == pytest.approx(0.9)
        assert layer.threshold.item() == pytest.approx(0.7)
        assert layer.spike_grad == g
        assert (layer.reset_mechanism, layer.detach_reset) == ("zero", False)
        assert layer.init_hidden
    assert [layer.output for layer in layers] == [False, False, True]
    defaults = [module for module in conv_net() if isinstance(module, Leaky)]
    assert {layer.beta.item() for layer in defaults} == {0.5}
    assert {layer.spike_grad for layer in defaults} == {surrogate.atan()}
    assert {layer.detach_reset for layer in defaults} == {True}


def test_two_networks_with_one_seed_are_equal_and_share_nothing() -> None:
    nets = []
    for _ in range(2):
        torch.manual_seed(5)
        nets.append(conv_net())
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.data_ptr() != b.data_ptr()


@pytest.mark.parametrize(("height", "width"), [(28, 28), (34, 34), (16, 17), (31, 20)])
def test_the_network_takes_images_of_other_shapes(height: int, width: int) -> None:
    net = conv_net(input_shape=(2, height, width), num_classes=3)
    spk, mem = net(torch.rand(4, 2, height, width))
    assert spk.shape == mem.shape == (4, 3)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 15, 28), "at least 16 pixels"),
        ((28, 28), "must be a tuple"),
        ([1, 28, 28], "must be a tuple"),
        ((0, 28, 28), "number of channels in input_shape"),
        ((1, 28.0, 28), "height in input_shape"),
    ],
)
def test_other_shapes_of_images_are_refused(shape: object, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        conv_net(input_shape=shape)
