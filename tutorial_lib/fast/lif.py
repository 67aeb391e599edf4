r"""All time steps of a layer of neurons in one autograd function.

:func:`~tutorial_lib.neurons.membrane_update` is the update; here it runs over all steps, without a
graph.
The backward pass is the recursion that backpropagation through time takes, written out. What is
kept between the two is the membrane alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ..neurons import ResetMechanism, membrane_dtype, membrane_update
from ..surrogate import Surrogate

__all__ = ["block_sizes", "lif_blocks", "lif_sequence"]

BLOCK = 2**19  # membranes handled at a time on a CPU, whose cache holds them: two MiB


def lif_sequence(
    cur: Tensor,
    num_steps: int,
    beta: Tensor,
    threshold: Tensor,
    spike_grad: Surrogate,
    reset_mechanism: ResetMechanism = "subtract",
    detach_reset: bool = True,
    *,
    constant: bool,
    keep_mem: bool,
) -> tuple[Tensor, Tensor]:
    """Run a layer from rest over ``num_steps`` steps: :func:`lif_step` in a loop, but no graph.

    Args:
        cur: currents ``[T, B, ...]``, or with ``constant`` one current ``[B, ...]`` for all steps.
        num_steps: T.
        beta: decay, already clamped to [0, 1]; broadcasts to one step's current.
        threshold: broadcasts to one step's current.
        spike_grad, reset_mechanism, detach_reset: as for :func:`lif_step`.
        constant: whether ``cur`` has no time axis.
        keep_mem: whether the membrane of every step is wanted as an output.

    Returns:
        ``(spk, mem)``: spikes ``[T, B, ...]`` in the dtype of ``cur``; membranes ``[T, B, ...]``,
        or with ``keep_mem=False`` the last one, ``[B, ...]``, without gradient. Half-precision
        currents are integrated in the precision of ``beta``.
    """
    settings = ([num_steps], spike_grad, reset_mechanism, detach_reset, constant, keep_mem)
    last, mem, spk = _LifSequence.apply(settings, beta, threshold, cur)
    return spk, (mem if keep_mem else last)


def lif_blocks(
    curs: Sequence[Tensor],
    sizes: Sequence[int],
    beta: Tensor,
    threshold: Tensor,
    spike_grad: Surrogate,
    reset_mechanism: ResetMechanism = "subtract",
    detach_reset: bool = True,
    *,
    constant: bool,
) -> tuple[list[Tensor], Tensor]:
    """:func:`lif_sequence` with time in blocks, which are never joined to one record.

    Args:
        curs: currents ``[k, B, ...]`` of each block, or with ``constant`` a single ``[B, ...]``.
        sizes: k, the number of steps, of each block.
        beta, threshold, spike_grad, reset_mechanism, detach_reset, constant: as there.

    Returns:
        The spikes of each block, and the last membrane, ``[B, ...]``, without gradient.
    """
    settings = (sizes, spike_grad, reset_mechanism, detach_reset, constant, False)
    last, _, *spk = _LifSequence.apply(settings, beta, threshold, *curs)
    return spk, last


def block_sizes(num_steps: int, step: Tensor, numbers: int) -> list[int]:
    """Steps of each block, about equal: on a CPU of at most so many ``numbers``, else all.

    Args:
        num_steps: T.
        step: the values of one step.
        numbers: how many of them a block may hold; it holds one step at least.
    """
    if step.device.type != "cpu" or _kernels(step):
        return [num_steps]
    most = min(max(numbers // max(step.numel(), 1), 1), num_steps)
    count = -(-num_steps // most)
    return [num_steps // count + (i < num_steps % count) for i in range(count)]


class _LifSequence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, settings: tuple, beta: Tensor, threshold: Tensor, *curs: Tensor
    ) -> tuple[Tensor | None, ...]:
        sizes, spike_grad, reset_mechanism, detach_reset, constant, keep_mem = settings
        first = curs[0] if constant else curs[0][0]
        dtype = membrane_dtype(first, beta)
        needs_grad = any(ctx.needs_input_grad)
        spk = [_record(first, size, first.dtype) for size in sizes]
        if needs_grad or keep_mem:
            mem = [_record(first, size, dtype) for size in sizes]
        else:
            mem = [_record(first, 1, dtype)] * len(sizes)
        old = None
        for cur, *block in zip(curs * len(sizes) if constant else curs, mem, spk, strict=True):
            _charge_all(cur, old, *block, beta, threshold, reset_mechanism, constant)
            old = block[0][-1]
        last = old.clone() if needs_grad or keep_mem else old
        if needs_grad:
            ctx.save_for_backward(beta, threshold, *mem)
            ctx.settings = (spike_grad, reset_mechanism, detach_reset, constant)
            ctx.cur_dtype = first.dtype
        ctx.mark_non_differentiable(last)
        ctx.set_materialize_grads(False)
        return last, mem[0] if keep_mem else None, *spk

    @staticmethod
    def backward(  # noqa: ANN205
        ctx: Any, _last: None, grad_mem: Tensor | None, *grad_spks: Tensor | None
    ):
        if torch.is_grad_enabled():  # once_differentiable would leave paths around this function
            raise RuntimeError(
                "The layer-by-layer schedule has first derivatives only. For create_graph=True, "
                "run the network with schedule='step'."
            )
        beta, threshold, *mems = ctx.saved_tensors
        spike_grad, reset_mechanism, detach_reset, constant = ctx.settings
        want_beta, want_threshold, want_cur = ctx.needs_input_grad[1:4]
        grad_beta = torch.zeros_like(beta) if want_beta else None
        grad_threshold = torch.zeros_like(threshold) if want_threshold else None
        grad_curs: list[Tensor | None] = [None] * (1 if constant else len(mems))
        later = None
        for number, steps in _blocks(mems):
            mem, grad_spk = mems[number], grad_spks[number]
            u = mem[steps]
            # grad[t] becomes dL/dU[t]: what arrives at step t, plus what step t + 1 hands back.
            slope = spike_grad.derivative(u - threshold)
            grad = torch.empty_like(u)  # laid out as mem is
            if grad_spk is None:
                grad.zero_()
            else:
                torch.mul(slope, grad_spk[steps], out=grad)
            if want_threshold:
                grad_threshold -= _sum_to(grad, threshold)
            if grad_mem is not None:
                grad += grad_mem[steps]
            _hand_back_all(grad, later, u, slope, beta, threshold, reset_mechanism, detach_reset)
            later = grad[0]
            if want_beta or want_threshold:
                before = _shifted(mems, number, steps)
                fired = (before > threshold).to(mem.dtype)
            if want_beta:
                kept = before * (1 - fired) if reset_mechanism == "zero" else before
                grad_beta += _sum_to(grad * kept, beta)
            if want_threshold and reset_mechanism == "subtract":
                grad_threshold -= _sum_to(grad * fired, threshold)
            if want_threshold and not detach_reset and reset_mechanism != "none":
                scale = threshold if reset_mechanism == "subtract" else beta * before
                attached = grad * scale * spike_grad.derivative(before - threshold)
                grad_threshold += _sum_to(attached, threshold)
            if want_cur and constant:
                grad_curs[0] = _add_up(grad_curs[0], grad)
            elif want_cur and len(grad) == len(mem):
                grad_curs[number] = grad.to(ctx.cur_dtype)
            elif want_cur:
                if grad_curs[number] is None:
                    grad_curs[number] = torch.empty_like(mem, dtype=ctx.cur_dtype)
                grad_curs[number][steps] = grad
        if want_cur and constant:
            grad_curs[0] = grad_curs[0].to(ctx.cur_dtype)
        return None, grad_beta, grad_threshold, *grad_curs


def _blocks(records: Sequence[Tensor]) -> Iterator[tuple[int, slice]]:
    """Time from the last step down, as long a piece at a time as a CPU's cache holds, else all.

    Each is the number of a record, and steps of it.
    """
    for number in reversed(range(len(records))):
        end = len(records[number])
        for size in block_sizes(end, records[number][0], BLOCK):
            yield number, slice(end - size, end)
            end -= size


def _add_up(total: Tensor | None, grad: Tensor) -> Tensor:
    """Add the sum over time to ``total``; on a CPU step by step, each still in the cache."""
    if grad.device.type != "cpu":
        return grad.sum(0) if total is None else total + grad.sum(0)
    if total is None:
        total = torch.zeros_like(grad[0])
    for part in grad.unbind(0):
        total += part
    return total


def _shifted(mems: Sequence[Tensor], number: int, steps: slice) -> Tensor:
    """The membranes one step before ``steps`` of one record; the run starts from rest."""
    mem = mems[number]
    if steps.start > 0:
        return mem[steps.start - 1 : steps.stop - 1]
    first = mems[number - 1][-1:] if number > 0 else torch.zeros_like(mem[:1])
    return torch.cat([first, mem[: steps.stop - 1]])


def _charge_all(  # noqa: PLR0913
    cur: Tensor,
    old: Tensor | None,
    mem: Tensor,
    spk: Tensor,
    beta: Tensor,
    threshold: Tensor,
    reset_mechanism: ResetMechanism,
    constant: bool,
) -> None:
    """Fill ``mem`` (``[T, ...]``, or ``[1, ...]`` for the last one) and ``spk`` ``[T, ...]``.

    ``old`` is the membrane of the step before the first one, None at rest.
    """
    if old is None and (kernels := _kernels(mem)):
        kernels.charge(cur, mem, spk, beta, threshold, reset_mechanism, constant)
        return
    decay, level = _scalar(beta), _scalar(threshold)
    old = torch.zeros_like(mem[0]) if old is None else old
    fired = torch.gt(old, level, out=torch.empty_like(old))
    records = mem.unbind(0) if len(mem) == len(spk) else mem.unbind(0) * len(spk)
    for _, steps in reversed(list(_blocks([spk]))):
        # Half precision is converted block by block; other currents and spikes are not copied.
        given = cur.to(mem.dtype) if constant else cur[steps].to(mem.dtype)
        given = [given] * (steps.stop - steps.start) if constant else given.unbind(0)
        direct = spk.dtype == mem.dtype
        spikes = spk[steps] if direct else _record(old, steps.stop - steps.start, mem.dtype)
        for now, new, fires in zip(given, records[steps], spikes.unbind(0), strict=True):
            membrane_update(now, old, fired, decay, level, reset_mechanism, out=new)
            fired = torch.gt(new, level, out=fires)
            old = new
        if not direct:
            spk[steps] = spikes


def _hand_back_all(  # noqa: PLR0913
    grad: Tensor,
    later: Tensor | None,
    mem: Tensor,
    slope: Tensor,
    beta: Tensor,
    threshold: Tensor,
    reset_mechanism: ResetMechanism,
    detach_reset: bool,
) -> None:
    """Add to each step of ``grad`` what the step after it hands back, from the last one down.

    ``later`` is the gradient of the step after the last one, None at the end of the run.
    """
    if later is None and (kernels := _kernels(mem)):
        kernels.hand_back(grad, mem, slope, beta, threshold, reset_mechanism, detach_reset)
        return
    settings = (_scalar(beta), _scalar(threshold), reset_mechanism, detach_reset)
    for now, *state in zip(*(reversed(x.unbind(0)) for x in (grad, mem, slope)), strict=True):
        if later is not None:
            _hand_back(now, later, *state, *settings)
        later = now


def _kernels(mem: Tensor) -> Any:
    """The Triton kernels where they can run: on a GPU, or in Triton's interpreter."""
    if not mem.is_cuda and os.environ.get("TRITON_INTERPRET") != "1":
        return None
    try:
        from . import triton_kernels
    except ImportError:
        return None
    return triton_kernels


def _hand_back(  # noqa: PLR0913
    grad: Tensor,
    later: Tensor,
    mem: Tensor,
    slope: Tensor,
    decay: Tensor | float,
    level: Tensor | float,
    reset_mechanism: ResetMechanism,
    detach_reset: bool,
) -> None:
    """Add ``later * dU[t+1]/dU[t]`` to ``grad`` in place: that of :func:`membrane_update`."""
    if reset_mechanism == "zero":
        kept = later * (mem <= level)
        if not detach_reset:
            kept -= later * mem * slope
        later = kept
    if isinstance(decay, float):
        grad.add_(later, alpha=decay)
    else:
        grad.addcmul_(later, decay)
    if reset_mechanism == "subtract" and not detach_reset:
        grad -= later * slope * level


def _record(like: Tensor, rows: int, dtype: torch.dtype) -> Tensor:
    """Room for ``rows`` steps, each laid out in memory as ``like`` is (channels-last stays so)."""
    dense = torch.empty_like(like, dtype=dtype)
    return dense.new_empty_strided((rows, *like.shape), (dense.numel(), *dense.stride()))


def _scalar(value: Tensor) -> Tensor | float:
    """A single number as a Python float: it costs no broadcast in the loop."""
    return value.item() if value.ndim == 0 and value.device.type == "cpu" else value.detach()


def _sum_to(grad: Tensor, like: Tensor) -> Tensor:
    """Sum over time and over the axes along which ``like`` was broadcast."""
    return grad.sum(0).sum_to_size(like.shape).to(like.dtype)
