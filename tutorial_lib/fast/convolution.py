"""Convolutions: the order of their input in memory, and one with the max-pooling after it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .lif import channels_last
from .pooling import max_pool2d, pair

__all__ = ["conv_input", "conv_max_pool2d"]

FEW_CHANNELS = 3  # the most for which oneDNN has kernels of a first layer
SAFE = 1e37  # far from where float32 ends


def conv_input(x: Tensor, conv: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    """Return ``x`` in the order in memory in which ``conv`` is fast, and right.

    With the channels last and a stride along the rows, oneDNN may read beyond its memory where one
    column comes out, or more only by padding: wrong numbers, or a crash (torch 2.13, a processor
    with AVX-512). So a row must hold at least four windows then, without its padding.
    (Where it does not, the weights must not have their channels last either.)

    Args:
        x: ``[N, C, H, W]``.
        conv: the layer that it goes into.
    """
    transposed, columns, stride = isinstance(conv, nn.ConvTranspose2d), x.shape[-1], conv.stride[1]
    extent = conv.dilation[1] * (conv.kernel_size[1] - 1) + 1
    if transposed:  # the backward pass of a convolution of what comes out
        columns = (columns - 1) * stride + extent - 2 * conv.padding[1]
    if x.device.type == "cpu" and stride > 1 and columns < extent + 3 * stride:
        # contiguous() would leave a single channel, or single pixels, in either order.
        return x.clone(memory_format=torch.contiguous_format)
    return x if transposed else channels_last(x)


def conv_max_pool2d(x: Tensor, conv: nn.Conv2d, pool: nn.MaxPool2d) -> Tensor:
    """Return ``pool(conv(x))``, with less work where windows lie side by side without padding.

    Windows of two by two leave out the last row and column of a map of odd size: the convolution
    does not compute them. And where few channels come in, both run in oneDNN's blocked layout, not
    with the channels last. Autograd then keeps the convolution's result, but both train 1.2 to 1.9
    times as fast (12 and 32 maps, filters of 3 by 3 and 5 by 5, on a processor with AVX-512; with
    AVX2 alone it would be slower, as filters of 1 by 1 are).

    Args:
        x: ``[N, C, H, W]``.
        conv: the convolution.
        pool: the pooling.
    """
    window = pair(pool.kernel_size)
    pooling = (pair(pool.stride), pair(pool.padding), pair(pool.dilation), pool.ceil_mode)
    side_by_side = pooling == (window, [0, 0], [1, 1], False)
    if not side_by_side or conv.stride != (1, 1) or conv.padding != (0, 0) or x.ndim != 4:
        return max_pool2d(conv(conv_input(x, conv)), pool)
    sides = zip(x.shape[2:], pair(conv.dilation), conv.weight.shape[2:], strict=True)
    size = [n - d * (k - 1) for n, d, k in sides]
    fits = len(window) == 2 and all(0 < k <= n for n, k in zip(size, window, strict=True))
    if not fits or x.shape[1] != conv.in_channels:
        return pool(conv(x))  # torch says what is wrong
    down, right = (n % k for n, k in zip(size, window, strict=True))
    if down or right:
        x = F.pad(x, (0, -right, 0, -down))
    if _blocked_layout_pays(x, conv):
        return _BlockedLayout.apply(x, conv.weight, conv.bias, conv, pool)
    return max_pool2d(conv(conv_input(x, conv)), pool)


class _BlockedLayout(torch.autograd.Function):
    """Both on oneDNN's own tensors. Few operations can read those, so they stay in here."""

    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        conv: nn.Conv2d,
        pool: nn.MaxPool2d,
    ) -> Tensor:
        with torch._C.DisableTorchFunction():
            blocked = x.to_mkldnn()
            maps = conv(blocked)
            if any(ctx.needs_input_grad) and not torch.is_inference_mode_enabled():
                with torch.enable_grad():  # else where the maxima stood is not kept
                    out = pool(maps.requires_grad_()).detach()
            else:
                out = pool(maps)
            ctx.save_for_backward(weight, blocked, maps.detach(), out)
            ctx.dilation, ctx.window = conv.dilation, pair(pool.kernel_size)
            return channels_last(out.to_dense())

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, blocked, maps, out = ctx.saved_tensors
        with torch._C.DisableTorchFunction():
            grad_maps = torch.ops.aten.mkldnn_max_pool2d_backward(
                grad.to_mkldnn(), out, maps, ctx.window, ctx.window
            )
            _, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
                grad_maps, blocked, weight, weight.shape[:1], (1, 1), (0, 0), ctx.dilation,
                False, (0, 0), 1, (False, *ctx.needs_input_grad[1:3]),
            )  # fmt: skip
        return None, grad_weight, grad_bias, None, None


def _blocked_layout_pays(x: Tensor, conv: nn.Conv2d) -> bool:
    return (
        x.shape[1] <= FEW_CHANNELS
        and x.numel() > 0
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and not x.requires_grad
        and x.dtype == conv.weight.dtype == torch.float32
        and x.device.type == "cpu"
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and not torch.is_autocast_enabled("cpu")
        and not _watched()
        and _in_range(x, conv)
    )


def _in_range(x: Tensor, conv: nn.Conv2d) -> bool:
    """Whether all that ``conv`` makes is finite: oneDNN's maxima pass over what is not."""
    low, high = x.aminmax()
    parameters = [p.detach() for p in (conv.weight, conv.bias) if p is not None]
    return bool(torch.maximum(-low, high) * sum(p.abs().sum() for p in parameters) < SAFE)


def _watched() -> bool:
    """Whether somebody looks at modules or tensors between operations."""
    return (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._autograd._top_saved_tensors_default_hooks(False) is not None
        or nn.modules.module._has_any_global_hook()
    )
