"""A convolution with the max-pooling after it: equal to both in turn, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from tests.helpers import assert_schedules_equal
from tutorial_lib import Leaky, surrogate
from tutorial_lib.fast.convolution import conv_input, conv_max_pool2d
from tutorial_lib.fast.layerwise import Schedule
from tutorial_lib.fast.tracing import NotLayerwise
from tutorial_lib.simulation import Simulation, forward_pass

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
SIDES = st.tuples(st.integers(1, 13), st.integers(1, 13))
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@contextmanager
def processor(capability: str = "AVX512") -> Iterator[None]:
    """As on this processor: oneDNN's blocked layout works on every one, only slower on some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        yield


def results(run: Callable[[Tensor], Tensor], x: Tensor, conv: nn.Conv2d) -> list[Tensor] | str:
    """The output and the gradients of what needs them; or the error."""
    conv.zero_grad()
    x = x.detach().requires_grad_(x.requires_grad)
    try:
        out = run(x)
    except RuntimeError as error:  # any other kind is not torch's
        return str(error)
    if out.requires_grad:
        out.backward((torch.arange(out.numel()) % 7 - 3).to(out).view(out.shape))
    grads = [x.grad, *(p.grad for p in conv.parameters())]
    return [out.detach(), *(grad for grad in grads if grad is not None)]


@given(
    sides=SIDES,
    kernel=PAIRS,
    stride=st.sampled_from([1, 1, 2]),
    padding=st.sampled_from([0, 0, 1, "valid", "same"]),
    dilation=st.sampled_from([1, 1, 2]),
    padding_mode=st.sampled_from(["zeros", "circular"]),
    window=st.sampled_from([0, 1, 2, 3, (2, 3), (2,), (2, 2, 2)]),
    step=st.sampled_from([None, None, 1, 2, (2, 3)]),
    pool_padding=st.sampled_from([0, 0, 1]),
    pool_dilation=st.sampled_from([1, 1, 2]),
    ceil_mode=st.booleans(),
    channels=st.sampled_from([2, 2, 3]),
)
# Pixels that are needed only because of a stride, a padding, overlapping windows, or dilation.
@example((7, 7), (1, 1), 2, 0, 1, "zeros", 2, None, 0, 1, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", 2, 1, 0, 1, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", 2, None, 1, 1, False, 2)
@example((7, 7), (1, 1), 1, 1, 1, "zeros", 2, None, 0, 1, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", 2, None, 0, 2, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", 2, None, 0, 1, True, 2)
# What no convolution or pooling takes.
@example((3, 3), (3, 3), 1, 0, 1, "zeros", 2, None, 0, 1, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", 0, None, 0, 1, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", (2, 2, 2), None, 0, 1, False, 2)
@example((7, 7), (1, 1), 1, 0, 1, "zeros", 2, None, 0, 1, False, 3)
def test_equal_to_one_after_the_other(  # noqa: PLR0913
    sides: tuple[int, int],
    kernel: tuple[int, int],
    stride: int,
    padding: int | str,
    dilation: int,
    padding_mode: str,
    window: int | tuple[int, ...],
    step: int | tuple[int, int] | None,
    pool_padding: int,
    pool_dilation: int,
    ceil_mode: bool,
    channels: int,
) -> None:
    """Values, gradients and errors, for every setting of both."""
    if padding == "same" and stride > 1:
        padding = 0
    pool_padding = 0 if pool_dilation > 1 else pool_padding  # torch aborts with both on a pixel
    conv = nn.Conv2d(2, 3, kernel, stride, padding, dilation, padding_mode=padding_mode).double()
    pool = nn.MaxPool2d(window, step, pool_padding, pool_dilation, ceil_mode=ceil_mode)
    x = torch.randn(4, channels, *sides, dtype=torch.float64).requires_grad_()
    expected = results(lambda x: pool(conv(x)), x, conv)
    found = results(lambda x: conv_max_pool2d(x, conv, pool), x, conv)
    if isinstance(expected, str):
        assert found == expected
    else:
        torch.testing.assert_close(found, expected)


@needs_onednn
@given(
    sides=st.tuples(st.integers(7, 13), st.integers(7, 13)),  # a window of three fits
    samples=st.integers(0, 3),
    channels=st.integers(1, 4),
    maps=st.sampled_from([1, 3, 12, 17]),
    kernel=PAIRS,
    dilation=st.sampled_from([1, 2]),
    window=PAIRS,
    bias=st.booleans(),
    learns=st.booleans(),
    layout=st.sampled_from(["plain", "channels last", "transposed"]),
)
def test_few_channels_equal_in_the_blocked_layout(  # noqa: PLR0913
    sides: tuple[int, int],
    samples: int,
    channels: int,
    maps: int,
    kernel: tuple[int, int],
    dilation: int,
    window: tuple[int, int],
    bias: bool,
    learns: bool,
    layout: str,
) -> None:
    """Values and gradients, where oneDNN's own tensors are used and where they are not.

    Small whole numbers, so sums are exact and many maxima are tied.
    """
    conv = nn.Conv2d(channels, maps, kernel, dilation=dilation, bias=bias)
    with torch.no_grad():
        for p in conv.parameters():
            p.copy_(torch.randint(-2, 3, p.shape))
    conv.weight.requires_grad_(learns)
    x = torch.randint(0, 3, (samples, channels, *sides)).float()
    if layout == "transposed":
        x = x.transpose(2, 3)
    elif layout == "channels last":
        last = {"memory_format": torch.channels_last}
        conv, x = conv.to(**last), x.to(**last)
    pool = nn.MaxPool2d(window)
    with processor():
        found = results(lambda x: conv_max_pool2d(x, conv, pool), x, conv)
        expected = results(lambda x: pool(conv(x)), x, conv)
    torch.testing.assert_close(found, expected)


def layouts(run: Callable[[], object]) -> list[bool]:
    """For each input of a convolution whether it is one of oneDNN's own tensors."""
    seen: list[bool] = []
    forward = nn.Conv2d.forward
    with pytest.MonkeyPatch.context() as patch:
        noting = lambda layer, x: seen.append(x.is_mkldnn) or forward(layer, x)  # noqa: E731
        patch.setattr(nn.Conv2d, "forward", noting)
        run()
    return seen


def looking(look: Callable[[Tensor], object]) -> Callable[..., object]:
    """The method of a mode that looks at every result."""

    def run(
        _: object, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        out = func(*args, **(kwargs or {}))
        tree_map_only(Tensor, look, out)
        return out

    return run


class Storages(TorchDispatchMode):
    """Looks at where every result lies in memory, as debuggers do."""

    __torch_dispatch__ = looking(Tensor.untyped_storage)


@needs_onednn
def test_blocked_layout_where_it_pays_and_nobody_looks() -> None:
    """Not where the input needs gradients, for many channels, nor where somebody looks.

    The result has the channels last, as the layers after it want it.
    """
    pool, x = nn.MaxPool2d(2), torch.rand(2, 2, 12, 12)

    def blocked(x: Tensor, conv: nn.Conv2d, capability: str = "AVX512") -> bool:
        out: list[Tensor] = []
        with processor(capability):
            (used,) = layouts(lambda: out.append(conv_max_pool2d(x, conv, pool)))
        out[0].sum().backward()
        other = conv.padding_mode != "zeros" or x.ndim < 4 or conv.stride != (1, 1)
        assert other or out[0].is_contiguous(memory_format=torch.channels_last)
        return used

    conv = nn.Conv2d(2, 3, 3)
    assert blocked(x, conv)
    assert blocked(torch.rand(2, 3, 8, 8), nn.Conv2d(3, 3, 3))
    assert not blocked(x, conv, "AVX2")
    assert not blocked(x, nn.Conv2d(2, 3, 3, padding_mode="circular"))
    assert not blocked(x, nn.Conv2d(2, 3, 3, stride=2))
    assert not blocked(x.clone().requires_grad_(), conv)
    assert not blocked(torch.rand(2, 4, 8, 8), nn.Conv2d(4, 3, 3))
    assert not blocked(x, nn.Conv2d(2, 4, 3, groups=2))
    assert not blocked(torch.rand(2, 3, 8), nn.Conv2d(2, 3, 2))  # a single sample, three rows high
    assert not blocked(x.double(), nn.Conv2d(2, 3, 3).double())
    with torch.autocast("cpu", torch.bfloat16):
        assert not blocked(x, conv)
    with saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        assert not blocked(x, conv)
    with torch.backends.mkldnn.flags(enabled=False):
        assert not blocked(x, conv)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        assert not blocked(x, conv)
    with Storages():
        assert not blocked(x, conv)
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert not blocked(x, conv)
    finally:
        hook.remove()


class Kind(Tensor):
    """A tensor of another class."""


class Numbers(TorchFunctionMode):
    """Looks at the numbers of every result."""

    __torch_function__ = looking(Tensor.tolist)


@needs_onednn
@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_onednns_own_tensors_stay_inside() -> None:
    """Anomaly detection, hooks, modes and other classes see ordinary tensors, on both passes."""
    x, conv, pool = torch.rand(2, 1, 9, 9), nn.Conv2d(1, 3, 3), nn.MaxPool2d(2)

    def run(x: Tensor) -> Tensor:
        with processor():
            return conv_max_pool2d(x, conv, pool)

    def backward(x: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(run(x).square().sum(), conv.parameters()))

    expected = backward(x)
    assert layouts(lambda: run(x)) == [True]
    with torch.autograd.detect_anomaly(check_nan=True):
        torch.testing.assert_close(backward(x), expected)
    out = run(x).square().sum()
    with torch.autograd.detect_anomaly():
        torch.testing.assert_close(list(torch.autograd.grad(out, conv.parameters())), expected)
    torch.testing.assert_close(backward(x.as_subclass(Kind)), expected)
    with Numbers():
        torch.testing.assert_close(backward(x), expected)

    seen: list[Tensor | None] = []
    out = run(x).square().sum()
    nodes = [out.grad_fn]
    for node in nodes:
        node.register_hook(lambda given, got: seen.extend([*given, *got]))
        nodes += [after for after, _ in node.next_functions if after is not None]
    out.backward()
    assert seen and not any(t.is_mkldnn for t in seen if t is not None)


def test_a_stride_along_the_rows_of_narrow_maps() -> None:
    """With the channels last, oneDNN reads beyond its memory there (torch 2.13): another layout.

    Without it, this fails or ends the process.
    """
    narrow = [
        (nn.Conv2d(1, 12, (1, 4), stride=(1, 2)), (16, 1, 6, 5)),
        (nn.Conv2d(1, 12, (1, 7), stride=(1, 2)), (16, 1, 6, 8)),
        (nn.Conv2d(1, 12, (1, 4), stride=(1, 2), dilation=(1, 2)), (16, 1, 6, 8)),
        (nn.Conv2d(1, 12, (5, 4), stride=(1, 3), padding=(1, 2)), (16, 1, 7, 1)),
        (nn.Conv2d(2, 12, (3, 1), stride=(2, 3), padding=(0, 2)), (4, 2, 9, 1)),
        (nn.Conv2d(1, 12, (4, 1), stride=(2, 3), padding=(1, 2)), (4, 1, 8, 1)),
        (nn.ConvTranspose2d(2, 1, (1, 5), stride=(1, 3), dilation=(2, 1)), (16, 2, 3, 1)),
    ]
    for conv, shape in narrow:
        x = torch.rand(shape)
        for images in (x, x.to(memory_format=torch.channels_last)):
            images.requires_grad_()
            found = results(lambda x, conv=conv: conv(conv_input(x, conv)), images, conv)
            exact = deepcopy(conv).double()
            expected = results(exact, x.detach().double().requires_grad_(), exact)
            torch.testing.assert_close(found, [t.float() for t in expected])


@needs_onednn
@given(
    sides=SIDES,
    kernel=PAIRS,
    stride=PAIRS,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    channels=st.integers(1, 2),
    window=st.sampled_from([None, 1, 2, (2, 1)]),
    maps=st.sampled_from([1, 12]),
    transposed=st.booleans(),
)
@example((6, 5), (1, 4), (1, 2), (0, 0), 1, None, 12, False)
@example((6, 5), (1, 4), (1, 2), (0, 0), 1, (2, 1), 12, False)
@example((3, 1), (1, 5), (1, 3), (0, 0), 2, None, 1, True)
def test_schedules_agree_for_maps_of_every_shape(  # noqa: PLR0913
    sides: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    channels: int,
    window: int | tuple[int, int] | None,
    maps: int,
    transposed: bool,
) -> None:
    """In float32, whose kernels differ from those of float64, and of data in either order.

    No neuron fires.
    """
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    neurons = {"beta": 0.8, "threshold": 100.0, "init_hidden": True}
    layers = [kind(channels, maps, kernel, stride, padding)]
    layers += [nn.MaxPool2d(window)] if window is not None else []
    net = nn.Sequential(*layers, Leaky(**neurons, output=True))
    data = torch.rand(3, 16, channels, *sides)

    def membranes(x: Tensor, schedule: Schedule) -> Tensor:
        return forward_pass(net, 3, x, schedule=schedule, time_varying=True)[1]

    try:
        out = membranes(data, "step")
    except RuntimeError:
        assume(False)  # torch does not take these
    assume(out.numel() > 0)
    for learns in (True, False):
        expected = results(lambda x: membranes(x, "step"), data.requires_grad_(learns), net[0])
        last = data.detach().movedim(2, -1).contiguous().movedim(-1, 2).requires_grad_(learns)
        with processor():
            found = results(lambda x: membranes(x, "layer"), last, net[0])
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)


@needs_onednn
def test_compiled_run_is_the_run() -> None:
    """Compilers cannot follow oneDNN's own tensors."""
    neurons = {"beta": 0.8, "spike_grad": surrogate.fast_sigmoid(5), "init_hidden": True}
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 3),
        Leaky(**neurons, output=True),
    )  # fmt: skip
    simulation, images = Simulation(net, 4), torch.rand(5, 1, 15, 15)
    with processor():
        compiled = torch.compile(simulation, backend="aot_eager")(images)
        torch.testing.assert_close(compiled, simulation(images))


@needs_onednn
@pytest.mark.parametrize(
    "where", ["weight", "bias", "pixel", "infinite pixels", "no parameter", "product"]
)
def test_not_a_number_is_not_passed_over(where: str) -> None:
    """The maxima of the blocked layout would: a diverged network would look like a silent one."""
    conv, pool, x = nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), torch.rand(2, 1, 8, 8)
    if where == "no parameter":
        weight = conv.weight.detach().clone()
        weight[0] = torch.nan
        del conv.weight
        conv.weight = weight
    elif where == "product":
        conv.weight.data[0] = torch.tensor([3e38, -3e38, 0]).repeat(3, 1)
        x *= 10
    elif where == "pixel":
        x[0, 0, 4, 4] = torch.nan
    elif where == "infinite pixels":  # a sum of both is no number
        x[0, 0, 4, 4:6] = torch.tensor([torch.inf, -torch.inf])
    else:
        getattr(conv, where).data[0] = torch.nan
    with processor():
        found = conv_max_pool2d(x, conv, pool)
    assert not found.isfinite().all()
    torch.testing.assert_close(found, pool(conv(x)), equal_nan=True)


@needs_onednn
@pytest.mark.parametrize("sign", [1, -1])
def test_minus_infinity_is_not_passed_over(sign: int) -> None:
    conv, pool, x = nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), torch.full((1, 1, 6, 6), 1000.0 * sign)
    conv.weight.data.fill_(-3e35 * sign)
    x[0, 0, 0, 0] = 0
    with processor():
        assert torch.equal(conv_max_pool2d(x, conv, pool), torch.full((1, 2, 2, 2), -torch.inf))


@needs_onednn
def test_weights_that_changed_before_the_backward_pass_get_torchs_error() -> None:
    conv = nn.Conv2d(1, 2, 3)
    with processor():
        out = conv_max_pool2d(torch.rand(1, 1, 6, 6), conv, nn.MaxPool2d(2))
    with torch.no_grad():
        conv.weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize(
    ("schedule", "error", "said"),
    [
        ("step", TypeError, "must be a tensor.*got tuple"),
        ("auto", TypeError, "must be a tensor.*got tuple"),
        ("layer", NotLayerwise, "'1' returns positions as well"),
    ],
)
def test_a_pooling_that_returns_positions(schedule: str, error: type[Exception], said: str) -> None:
    neurons = {"beta": 0.8, "init_hidden": True}
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.MaxPool2d(2, return_indices=True), Leaky(**neurons),
        nn.Flatten(), Leaky(**neurons, output=True),
    )  # fmt: skip
    with processor(), pytest.raises(error, match=said):
        forward_pass(net, 3, torch.rand(2, 1, 8, 8), schedule=schedule)


@needs_onednn
@pytest.mark.parametrize("schedule", ["step", "layer"])
def test_what_diverges_before_the_convolution_is_said(schedule: str) -> None:
    """Without gradients too, where a later convolution may run in the blocked layout."""
    norm = nn.LayerNorm([1, 18, 18])
    norm.weight.data[0, 4, 4] = torch.nan
    last = Leaky(0.8, init_hidden=True, output=True)
    head = nn.Sequential(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(64, 3))
    net = nn.Sequential(norm, nn.Conv2d(1, 4, 3), head, last)
    with processor(), torch.no_grad(), pytest.raises(ValueError, match="0.weight"):
        forward_pass(net, 4, torch.rand(2, 1, 18, 18), schedule=schedule)


class Transposed(nn.Module):
    """A transposed convolution that is told the size of its output."""

    def __init__(self, by_keyword: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(1, 2, 3, stride=2)
        self.out = Leaky(0.8, threshold=100.0, init_hidden=True, output=True)
        self.by_keyword = by_keyword

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.by_keyword:
            return self.out(self.up(x, output_size=[12, 12]))
        return self.out(self.up(x, [12, 12]))


@pytest.mark.parametrize("by_keyword", [False, True])
def test_a_transposed_convolution_may_be_told_its_size(by_keyword: bool) -> None:
    net, images = Transposed(by_keyword), torch.rand(2, 1, 5, 5)
    _, mem = forward_pass(net, 3, images, schedule="layer")
    assert mem.shape == (3, 2, 2, 12, 12)
    torch.testing.assert_close(mem, forward_pass(net, 3, images, schedule="step")[1])


class Net(nn.Module):
    """A convolution that a pooling reads and, if said so, a linear layer, too; or by keyword."""

    def __init__(self, read_twice: bool, keywords: str = "") -> None:
        super().__init__()
        neurons = {"beta": 0.8, "spike_grad": surrogate.fast_sigmoid(5), "init_hidden": True}
        self.conv, self.pool = nn.Conv2d(1, 2, 5), nn.MaxPool2d(2)
        self.fc, self.direct = nn.Linear(50, 3), nn.Linear(242, 3) if read_twice else None
        self.lif, self.out = Leaky(**neurons), Leaky(**neurons, output=True)
        self.keywords = keywords

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.conv(input=x) if self.keywords == "conv" else self.conv(x)
        pooled = self.pool(input=maps) if self.keywords == "pool" else self.pool(maps)
        cur = self.fc(self.lif(pooled).flatten(1))
        if self.direct is not None:
            cur = cur + self.direct(maps.flatten(1))
        return self.out(cur)


@pytest.mark.parametrize(
    ("net", "side"),
    [(Net(False), 10), (Net(True), 11), (Net(False, "conv"), 11), (Net(False, "pool"), 11)],
)
def test_schedule_leaves_out_what_no_window_covers(net: nn.Module, side: int) -> None:
    """Of 11 by 11 maps, 10 by 10 are pooled; all are needed where something else reads them.

    And the channels stand last, although the only one of the images might stand anywhere.
    """
    seen: list[Tensor] = []
    forward = nn.Conv2d.forward

    def watched(layer: nn.Conv2d, input: Tensor) -> Tensor:  # by this keyword, too
        seen.append(forward(layer, input))
        return seen[-1]

    net = net.double()
    images = torch.rand(4, 3, 1, 15, 15, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Conv2d, "forward", watched)
        forward_pass(net, 4, images, schedule="layer", time_varying=True)
    assert {maps.shape[-2:] for maps in seen} == {(side, side)}
    assert all(maps.is_contiguous(memory_format=torch.channels_last) for maps in seen)
    assert_schedules_equal(net, 4, images, time_varying=True)
