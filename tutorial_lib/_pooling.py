"""Max-pooling that keeps no more for its backward pass than where each maximum stood."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["max_pool2d"]

BLOCK = 2**18  # numbers of the input handled at a time on a CPU, whose cache holds them


def max_pool2d(x: Tensor, pool: nn.MaxPool2d) -> Tensor:
    """Return ``pool(x)``, equal in value and gradient, in less memory.

    PyTorch keeps the whole input and a 64-bit position per output. The backward pass reads the
    input's shape alone, and a position fits into 16 bits for maps of up to 32,767 pixels. With all
    time steps in one batch, that is half of what training keeps.

    Args:
        x: ``[N, C, H, W]``.
        pool: the module to stand in for.
    """
    if pool.return_indices or not (torch.is_grad_enabled() and x.requires_grad and x.ndim == 4):
        return pool(x)
    settings = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
    return _MaxPool2d.apply(x, settings)


class _MaxPool2d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, settings: tuple) -> Tensor:
        pixels = x.shape[-2] * x.shape[-1]
        options = [_pair(value) for value in settings]
        shape = torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="meta")
        like, _ = torch.ops.aten.max_pool2d_with_indices(shape, *options)
        out = torch.empty_strided(like.shape, like.stride(), dtype=x.dtype, device=x.device)
        where = torch.empty_like(out, dtype=torch.int16 if pixels < 2**15 else torch.int32)
        at = torch.empty_like(out[: _rows(x)], dtype=torch.int64)
        for part, best, positions in zip(*(t.split(len(at)) for t in (x, out, where)), strict=True):
            found = at[: len(part)]
            torch.ops.aten.max_pool2d_with_indices.out(part, *options, out=best, indices=found)
            positions.copy_(found)
        ctx.save_for_backward(where)
        ctx.like = (x.shape, x.dtype, x.device)
        ctx.layout, ctx.options = _layout(x), options
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (where,) = ctx.saved_tensors
        shape, dtype, device = ctx.like
        x = torch.empty(shape, dtype=dtype, device=device, memory_format=ctx.layout)
        rows = _rows(x)
        for into, given, positions in zip(*(t.split(rows) for t in (x, grad, where)), strict=True):
            # The input itself is not read, only its shape and layout: the result takes its place.
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                given, into, *ctx.options, positions.long(), grad_input=into
            )
        return x, None


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _rows(x: Tensor) -> int:
    """How many samples to handle at a time: on a CPU, what its cache holds; on a GPU, all."""
    return max(1, BLOCK // x[0].numel()) if x.device.type == "cpu" else max(1, len(x))


def _pair(value: Any) -> Any:
    return [value, value] if type(value) is int else value
