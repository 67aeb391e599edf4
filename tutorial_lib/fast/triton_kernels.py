"""The loop over time on a GPU: one Triton kernel each way instead of some hundred small ones.

Imported only where it can run; :mod:`tutorial_lib.fast.lif` has the plain loop, which this
one must equal (tests compare the two on a GPU, and on a CPU in Triton's interpreter).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["backward_steps", "forward_steps"]

BLOCK = 256
MECHANISMS = {"subtract": 0, "zero": 1, "none": 2}
# Products and sums rounded one by one, as PyTorch does: fused, a spike could differ.
OPTIONS = {"enable_fp_fusion": False}


def forward_steps(
    cur: Tensor,
    mem: Tensor,
    spk: Tensor,
    beta: Tensor,
    threshold: Tensor,
    reset_mechanism: str,
    constant: bool,
) -> None:
    """Fill ``mem`` (``[T, ...]``, or ``[1, ...]`` for the last one only) and ``spk`` ``[T, ...]``.

    All tensors of one step are laid out in memory as ``mem[0]`` is; ``beta`` and ``threshold`` hold
    one number, or one per neuron of a step.
    """
    size = mem[0].numel()
    _forward[(triton.cdiv(size, BLOCK),)](
        _laid_out(cur, mem[0], constant), mem, spk,
        _per_neuron(beta, mem[0]), _per_neuron(threshold, mem[0]),
        size, len(spk), 0 if constant else size, size if len(mem) > 1 else 0,
        MECHANISM=MECHANISMS[reset_mechanism],
        ONE_BETA=beta.numel() == 1, ONE_THRESHOLD=threshold.numel() == 1, BLOCK=BLOCK,
        **OPTIONS,
    )  # fmt: skip


def backward_steps(
    grad: Tensor,
    mem: Tensor,
    surrogate_derivative: Tensor,
    beta: Tensor,
    threshold: Tensor,
    reset_mechanism: str,
    detach_reset: bool,
) -> None:
    """Turn ``grad`` ``[T, ...]``, laid out as ``mem``, into each membrane's gradient, in place."""
    size = mem[0].numel()
    _backward[(triton.cdiv(size, BLOCK),)](
        grad, mem, _laid_out(surrogate_derivative, mem[0], constant=False),
        _per_neuron(beta, mem[0]), _per_neuron(threshold, mem[0]),
        size, len(mem), (len(mem) - 1) * size,
        MECHANISM=MECHANISMS[reset_mechanism], DETACHED=detach_reset,
        ONE_BETA=beta.numel() == 1, ONE_THRESHOLD=threshold.numel() == 1, BLOCK=BLOCK,
        **OPTIONS,
    )  # fmt: skip


def _laid_out(cur: Tensor, step: Tensor, constant: bool) -> Tensor:
    """``cur`` with the strides of ``step``, so that one flat index serves all tensors."""
    wanted = step.stride() if constant else (step.numel(), *step.stride())
    if cur.stride() == wanted:
        return cur
    return torch.empty_strided(cur.shape, wanted, dtype=cur.dtype, device=cur.device).copy_(cur)


def _per_neuron(value: Tensor, step: Tensor) -> Tensor:
    return value if value.numel() == 1 else torch.empty_like(step).copy_(value.expand_as(step))


@triton.jit(do_not_specialize=["steps"])
def _forward(
    cur_ptr, mem_ptr, spk_ptr, beta_ptr, threshold_ptr, size, steps, cur_step, mem_step,
    MECHANISM: tl.constexpr, ONE_BETA: tl.constexpr, ONE_THRESHOLD: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    dtype: tl.constexpr = mem_ptr.dtype.element_ty
    beta = tl.load(beta_ptr + at * (0 if ONE_BETA else 1), mask=inside, other=0).to(dtype)
    threshold = tl.load(threshold_ptr + at * (0 if ONE_THRESHOLD else 1), mask=inside, other=1)
    threshold = threshold.to(dtype)
    mem = tl.zeros([BLOCK], dtype=dtype)
    spk = (mem > threshold).to(dtype)
    for _ in range(steps):
        cur = tl.load(cur_ptr + at, mask=inside, other=0).to(dtype)
        if MECHANISM == 1:
            mem = mem * (1 - spk)
        mem = mem * beta + cur
        if MECHANISM == 0:
            mem = mem - spk * threshold
        spk = (mem > threshold).to(dtype)
        tl.store(mem_ptr + at, mem, mask=inside)
        tl.store(spk_ptr + at, spk.to(spk_ptr.dtype.element_ty), mask=inside)
        cur_ptr += cur_step  # pointers, of 64 bits: t * size may need more than 32
        mem_ptr += mem_step
        spk_ptr += size


@triton.jit(do_not_specialize=["steps"])
def _backward(
    grad_ptr, mem_ptr, surrogate_ptr, beta_ptr, threshold_ptr, size, steps, end,
    MECHANISM: tl.constexpr, DETACHED: tl.constexpr,
    ONE_BETA: tl.constexpr, ONE_THRESHOLD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    dtype: tl.constexpr = grad_ptr.dtype.element_ty
    beta = tl.load(beta_ptr + at * (0 if ONE_BETA else 1), mask=inside, other=0).to(dtype)
    threshold = tl.load(threshold_ptr + at * (0 if ONE_THRESHOLD else 1), mask=inside, other=1)
    threshold = threshold.to(dtype)
    later = tl.zeros([BLOCK], dtype=dtype)
    grad_ptr += end  # to the last step
    mem_ptr += end
    surrogate_ptr += end
    for _ in range(steps):
        mem = tl.load(mem_ptr + at, mask=inside, other=0)
        through = later
        if MECHANISM == 1:
            through = later * (1 - (mem > threshold).to(dtype))
            if not DETACHED:
                surrogate_derivative = tl.load(surrogate_ptr + at, mask=inside, other=0)
                through = through - later * mem * surrogate_derivative
        through = through * beta
        if MECHANISM == 0 and not DETACHED:
            surrogate_derivative = tl.load(surrogate_ptr + at, mask=inside, other=0)
            through = through - later * surrogate_derivative * threshold
        later = tl.load(grad_ptr + at, mask=inside, other=0) + through
        tl.store(grad_ptr + at, later, mask=inside)
        grad_ptr -= size
        mem_ptr -= size
        surrogate_ptr -= size
