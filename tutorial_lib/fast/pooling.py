"""Max-pooling that keeps no more for its backward pass than where each maximum stood."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["max_pool2d", "pair"]


def max_pool2d(x: Tensor, pool: nn.MaxPool2d) -> Tensor:
    """Return ``pool(x)``, equal in value and gradient, in less memory.

    PyTorch keeps the whole input and a 64-bit position per output. But the backward pass reads the
    input's shape alone, and a position fits into 8 or 16 bits for maps of up to 32,768 pixels.

    Args:
        x: ``[N, C, H, W]``.
        pool: the module to stand in for.
    """
    if not (torch.is_grad_enabled() and x.requires_grad and x.ndim == 4):
        return pool(x)
    pairs = map(pair, (pool.kernel_size, pool.stride, pool.padding, pool.dilation))
    return _MaxPool2d.apply(x, (*pairs, pool.ceil_mode))


class _MaxPool2d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, settings: tuple) -> Tensor:
        ctx.options = kernel, stride, _, dilation, _ = settings
        ctx.apart = dilation == [1, 1] and kernel[0] <= stride[0] and kernel[1] <= stride[1]
        out, positions = torch.ops.aten.max_pool2d_with_indices(x, *ctx.options)
        pixels = x.shape[-2:].numel()
        small = torch.int16 if pixels <= 2**15 else torch.int32
        ctx.save_for_backward(positions.to(torch.uint8 if pixels <= 2**8 else small))
        ctx.like = (x.shape, x.dtype, x.device)
        last = x.is_contiguous(memory_format=torch.channels_last)
        ctx.layout = torch.channels_last if last else torch.contiguous_format
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (where,) = ctx.saved_tensors
        shape, dtype, device = ctx.like
        # No two windows share a pixel: each gradient has its own pixel, none are added.
        # In general max_unpool2d may meet a place twice, so torch refuses it in deterministic mode.
        # Of maps with the channels last, it makes others on a GPU: no gain there.
        moved = ctx.layout is torch.channels_last and grad.is_cuda
        if ctx.apart and not moved and not torch.are_deterministic_algorithms_enabled():
            grad = grad.contiguous(memory_format=ctx.layout)
            return torch.ops.aten.max_unpool2d(grad, where.long(), shape[-2:]), None
        x = torch.empty(shape, dtype=dtype, device=device, memory_format=ctx.layout)
        # The input itself is not read, only its shape and layout: the result takes its place.
        torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
            grad, x, *ctx.options, where.long(), grad_input=x
        )
        return x, None


def pair(value: Any) -> list[int]:
    """A setting for both axes, as torch reads it: a number, or a sequence of one or two."""
    numbers = [int(n) for n in (value if isinstance(value, (tuple, list)) else [value])]
    return numbers * 2 if len(numbers) == 1 else numbers
