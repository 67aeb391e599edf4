"""Max-pooling that keeps no more for its backward pass than where each maximum stood."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["max_pool2d"]


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
        kernel, stride, padding, dilation, ceil = settings
        out, where = F.max_pool2d(x, kernel, stride, padding, dilation, ceil, return_indices=True)
        pixels = x.shape[-2] * x.shape[-1]
        ctx.save_for_backward(where.to(torch.int16 if pixels < 2**15 else torch.int32))
        ctx.like = (x.shape, x.dtype, x.device)
        ctx.channels_last = x.is_contiguous(memory_format=torch.channels_last)
        ctx.settings = settings
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (where,) = ctx.saved_tensors
        shape, dtype, device = ctx.like
        layout = torch.channels_last if ctx.channels_last else torch.contiguous_format
        # Never written or read: only its shape and layout matter, so it takes no memory.
        x = torch.empty(shape, dtype=dtype, device=device, memory_format=layout)
        kernel, stride, padding, dilation, ceil = (_pair(value) for value in ctx.settings)
        return torch.ops.aten.max_pool2d_with_indices_backward(
            grad, x, kernel, stride, padding, dilation, ceil, where.long()
        ), None


def _pair(value: Any) -> Any:
    return [value, value] if type(value) is int else value
