"""Max-pooling for training over many steps: equal to torch's, and what it keeps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from tutorial_lib.fast.pooling import max_pool2d

FORMATS = [torch.contiguous_format, torch.channels_last]
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(3, 9), st.integers(3, 9)),
    kernel=st.one_of(st.integers(1, 3), PAIRS, st.just((2,))),
    stride=st.sampled_from([None, 1, 2, 3, (1, 2), (2,)]),
    padding=st.sampled_from([0, 1]),
    dilation=st.sampled_from([1, 2, (1, 1), (1,)]),
    ceil_mode=st.booleans(),
    memory_format=st.sampled_from(FORMATS),
    transposed=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.bfloat16]),
)
def test_equal_to_torchs(  # noqa: PLR0913
    shape: tuple[int, ...],
    kernel: int | tuple[int, int],
    stride: int | tuple[int, int] | None,
    padding: int,
    dilation: int,
    ceil_mode: bool,
    memory_format: torch.memory_format,
    transposed: bool,
    dtype: torch.dtype,
) -> None:
    """Values, gradients and layout, with overlapping windows, ties, and every setting."""
    smallest = kernel if isinstance(kernel, int) else min(kernel)
    assume(padding <= smallest // 2)
    pool = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil_mode)
    x = torch.randint(-3, 4, shape).to(dtype).contiguous(memory_format=memory_format)
    if transposed:
        x = x.transpose(2, 3)
    results = []
    for run in (pool, lambda x: max_pool2d(x, pool)):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        try:
            out = run(leaf * 1)
        except RuntimeError as error:  # a window larger than the map
            assert "Output size is too small" in str(error)
            results.append(None)
            continue
        weight = torch.linspace(-1, 1, out.numel(), dtype=dtype).view(out.shape)
        (grad,) = torch.autograd.grad((out * weight).sum(), [leaf])
        results.append((out, grad))
    assert (results[0] is None) == (results[1] is None)
    assume(results[0] is not None)
    (out, grad), (ours, our_grad) = results
    assert torch.equal(out, ours) and out.stride() == ours.stride()
    torch.testing.assert_close(our_grad, grad)
    if min(shape) > 1:  # else strides say nothing
        assert our_grad.stride() == grad.stride()


def saved_bytes(run: object, x: Tensor) -> int:
    kept: list[Tensor] = []
    with saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        run(x)
    return sum(t.numel() * t.element_size() for t in kept)


@pytest.mark.parametrize(("side", "size"), [(8, 1), (16, 1), (18, 2), (180, 2), (182, 4)])
def test_keeps_few_bytes_an_output(side: int, size: int) -> None:
    pool, x = nn.MaxPool2d(2), torch.randn(2, 1, side, side, requires_grad=True)
    outputs = x.numel() // 4
    assert saved_bytes(lambda x: max_pool2d(x, pool), x) == size * outputs
    assert saved_bytes(pool, x) >= 4 * x.numel() + 8 * outputs


@pytest.mark.parametrize("stride", [None, 1])
@pytest.mark.parametrize("side", [16, 17, 181, 182, 400])
def test_the_last_position(side: int, stride: int | None) -> None:
    """16 x 16 pixels are the last whose positions fit into 8 bits, 181 x 181 into 16."""
    x = torch.zeros(1, 1, side, side, requires_grad=True)
    with torch.no_grad():
        x[..., -1, -1] = 1
    max_pool2d(x, nn.MaxPool2d(side, stride)).sum().backward()
    assert x.grad[..., -1, -1] == 1 and x.grad.sum() == 1


def test_without_a_gradient_it_is_the_module_itself() -> None:
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    with torch.no_grad():
        assert not max_pool2d(x, nn.MaxPool2d(2)).requires_grad
    assert max_pool2d(x[0], nn.MaxPool2d(2)).shape == (3, 2, 2)


@pytest.mark.parametrize("memory_format", FORMATS)
def test_deterministic_algorithms_suffice(memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    x, pool = torch.randn(3, 2, 8, 8).contiguous(memory_format=memory_format), nn.MaxPool2d(2)
    grads = []
    for strict in (False, True):
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_()
        torch.use_deterministic_algorithms(strict)
        try:
            max_pool2d(leaf, pool).square().sum().backward()
        finally:
            torch.use_deterministic_algorithms(False)
        grads.append(leaf.grad)
    assert torch.equal(*grads) and grads[0].any()
