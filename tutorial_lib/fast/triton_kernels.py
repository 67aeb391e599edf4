"""The loop over time on a GPU: one Triton kernel each way instead of some hundred small ones.

Imported only where it can run; :mod:`tutorial_lib.fast.lif` has the plain loop, which this
one must equal (tests compare the two on a GPU, and on a CPU in Triton's interpreter).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["charge", "hand_back"]

BLOCK = 256
MECHANISMS = {"subtract": 0, "zero": 1, "none": 2}
# Products and sums rounded one by one, as PyTorch does: fused, a spike could differ.
OPTIONS = {"enable_fp_fusion": False}


def charge(
    cur: Tensor,
    mem: Tensor,
    spk: Tensor,
    decay: Tensor,
    level: Tensor,
    reset_mechanism: str,
    constant: bool,
) -> None:
    """Fill ``mem`` (``[T, ...]``, or ``[1, ...]`` for the last one only) and ``spk`` ``[T, ...]``.

    All tensors of one step are laid out in memory as ``mem[0]`` is; ``decay`` and ``level`` hold
    one number, or one per neuron of a step.
    """
    size = mem[0].numel()
    _charge[(triton.cdiv(size, BLOCK),)](
        _laid_out(cur, mem[0], constant), mem, spk,
        _per_neuron(decay, mem[0]), _per_neuron(level, mem[0]),
        size, len(spk), 0 if constant else size, size if len(mem) > 1 else 0,
        MECHANISM=MECHANISMS[reset_mechanism],
        ONE_DECAY=decay.numel() == 1, ONE_LEVEL=level.numel() == 1, BLOCK=BLOCK,
        **OPTIONS,
    )  # fmt: skip


def hand_back(
    grad: Tensor,
    mem: Tensor,
    slope: Tensor,
    decay: Tensor,
    level: Tensor,
    reset_mechanism: str,
    detach_reset: bool,
) -> None:
    """Turn ``grad`` ``[T, ...]``, laid out as ``mem``, into each membrane's gradient, in place."""
    size = mem[0].numel()
    _hand_back[(triton.cdiv(size, BLOCK),)](
        grad, mem, _laid_out(slope, mem[0], constant=False),
        _per_neuron(decay, mem[0]), _per_neuron(level, mem[0]),
        size, len(mem), (len(mem) - 1) * size,
        MECHANISM=MECHANISMS[reset_mechanism], DETACHED=detach_reset,
        ONE_DECAY=decay.numel() == 1, ONE_LEVEL=level.numel() == 1, BLOCK=BLOCK,
        **OPTIONS,
    )  # fmt: skip


def _laid_out(cur: Tensor, step: Tensor, constant: bool) -> Tensor:
    """``cur`` with the strides of ``step``, so that one flat index serves all tensors."""
    if constant:
        wanted = step.stride()
    else:
        wanted = (step.numel(), *step.stride())
    if cur.stride() == wanted:
        return cur
    return torch.empty_strided(cur.shape, wanted, dtype=cur.dtype, device=cur.device).copy_(cur)


def _per_neuron(value: Tensor, step: Tensor) -> Tensor:
    return value if value.numel() == 1 else torch.empty_like(step).copy_(value.expand_as(step))


@triton.jit(do_not_specialize=["steps"])
def _charge(
    cur, mem, spk, decay, level, size, steps, cur_step, mem_step,
    MECHANISM: tl.constexpr, ONE_DECAY: tl.constexpr, ONE_LEVEL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    dtype: tl.constexpr = mem.dtype.element_ty
    beta = tl.load(decay + at * (0 if ONE_DECAY else 1), mask=inside, other=0).to(dtype)
    theta = tl.load(level + at * (0 if ONE_LEVEL else 1), mask=inside, other=1).to(dtype)
    u = tl.zeros([BLOCK], dtype=dtype)
    fired = (u > theta).to(dtype)
    for _ in range(steps):
        current = tl.load(cur + at, mask=inside, other=0).to(dtype)
        if MECHANISM == 1:
            u = u * (1 - fired)
        u = u * beta + current
        if MECHANISM == 0:
            u = u - fired * theta
        fired = (u > theta).to(dtype)
        tl.store(mem + at, u, mask=inside)
        tl.store(spk + at, fired.to(spk.dtype.element_ty), mask=inside)
        cur += cur_step  # pointers, of 64 bits: t * size may need more than 32
        mem += mem_step
        spk += size


@triton.jit(do_not_specialize=["steps"])
def _hand_back(
    grad, mem, slope, decay, level, size, steps, end,
    MECHANISM: tl.constexpr, DETACHED: tl.constexpr,
    ONE_DECAY: tl.constexpr, ONE_LEVEL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    dtype: tl.constexpr = grad.dtype.element_ty
    beta = tl.load(decay + at * (0 if ONE_DECAY else 1), mask=inside, other=0).to(dtype)
    theta = tl.load(level + at * (0 if ONE_LEVEL else 1), mask=inside, other=1).to(dtype)
    later = tl.zeros([BLOCK], dtype=dtype)
    grad += end  # to the last step
    mem += end
    slope += end
    for _ in range(steps):
        u = tl.load(mem + at, mask=inside, other=0)
        through = later
        if MECHANISM == 1:
            through = later * (1 - (u > theta).to(dtype))
            if not DETACHED:
                s = tl.load(slope + at, mask=inside, other=0)
                through = through - later * u * s
        through = through * beta
        if MECHANISM == 0 and not DETACHED:
            s = tl.load(slope + at, mask=inside, other=0)
            through = through - later * s * theta
        later = tl.load(grad + at, mask=inside, other=0) + through
        tl.store(grad + at, later, mask=inside)
        grad -= size
        mem -= size
        slope -= size
