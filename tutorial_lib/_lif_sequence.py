r"""All time steps of a layer of neurons in one autograd function.

:func:`tutorial_lib.neurons.lif_charge` is the update; here it runs over all steps without a graph.
The backward pass is the recursion that backpropagation through time takes, written out. What is
kept between the two is the membrane alone.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from .neurons import ResetMechanism, lif_charge, membrane_dtype
from .surrogate import Surrogate

__all__ = ["lif_sequence"]

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
    settings = (spike_grad, reset_mechanism, detach_reset, constant, keep_mem)
    spk, mem, last = _LifSequence.apply(cur, beta, threshold, num_steps, *settings)
    return spk, (mem if keep_mem else last)


class _LifSequence(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0913
        ctx: Any,
        cur: Tensor,
        beta: Tensor,
        threshold: Tensor,
        num_steps: int,
        spike_grad: Surrogate,
        reset_mechanism: ResetMechanism,
        detach_reset: bool,
        constant: bool,
        keep_mem: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        first = cur if constant else cur[0]
        dtype = membrane_dtype(cur, beta)
        needs_grad = any(ctx.needs_input_grad[:3])
        spk = _record(first, num_steps, cur.dtype)
        rows = num_steps if needs_grad or keep_mem else 1
        mem = _record(first, rows, dtype)
        _charge_all(cur, mem, spk, beta, threshold, reset_mechanism, constant)
        last = mem[-1].clone() if rows > 1 else mem[0]
        if needs_grad:
            ctx.save_for_backward(mem, beta, threshold)
            ctx.settings = (spike_grad, reset_mechanism, detach_reset, constant)
            ctx.cur_dtype = cur.dtype
        ctx.mark_non_differentiable(last)
        ctx.set_materialize_grads(False)
        return spk, mem if keep_mem else None, last

    @staticmethod
    def backward(  # noqa: ANN205
        ctx: Any, grad_spk: Tensor | None, grad_mem: Tensor | None, _last: None
    ):
        if torch.is_grad_enabled():  # once_differentiable would leave paths around this function
            raise RuntimeError(
                "The layer-by-layer schedule has first derivatives only. For create_graph=True, "
                "run the network with schedule='step'."
            )
        mem, beta, threshold = ctx.saved_tensors
        spike_grad, reset_mechanism, detach_reset, constant = ctx.settings
        want_cur, want_beta, want_threshold = ctx.needs_input_grad[:3]
        grad_beta = torch.zeros_like(beta) if want_beta else None
        grad_threshold = torch.zeros_like(threshold) if want_threshold else None
        grad_cur = later = None
        for steps in _blocks(mem):
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
                before = _shifted(mem, steps)
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
                grad_cur = _add_up(grad_cur, grad)
            elif want_cur and len(grad) == len(mem):
                grad_cur = grad
            elif want_cur:
                if grad_cur is None:
                    grad_cur = torch.empty_like(mem, dtype=ctx.cur_dtype)
                grad_cur[steps] = grad
        return (
            grad_cur.to(ctx.cur_dtype) if want_cur else None, grad_beta, grad_threshold, *[None] * 6
        )  # fmt: skip


def _blocks(record: Tensor) -> list[slice]:
    """Time in blocks, from the last one down: on a CPU as long as its cache holds, else all."""
    steps = size = len(record)
    if record.device.type == "cpu" and not _kernels(record):
        size = min(max(BLOCK // max(record[0].numel(), 1), 1), steps)
    return [slice(max(end - size, 0), end) for end in range(steps, 0, -size)]


def _add_up(total: Tensor | None, grad: Tensor) -> Tensor:
    """Add the sum over time to ``total``; on a CPU step by step, each still in the cache."""
    if grad.device.type != "cpu":
        return grad.sum(0) if total is None else total + grad.sum(0)
    if total is None:
        total = torch.zeros_like(grad[0])
    for part in grad.unbind(0):
        total += part
    return total


def _shifted(mem: Tensor, steps: slice) -> Tensor:
    """The membranes one step before ``steps``; the run starts from rest."""
    if steps.start > 0:
        return mem[steps.start - 1 : steps.stop - 1]
    return torch.cat([torch.zeros_like(mem[:1]), mem[: steps.stop - 1]])


def _charge_all(
    cur: Tensor,
    mem: Tensor,
    spk: Tensor,
    beta: Tensor,
    threshold: Tensor,
    reset_mechanism: ResetMechanism,
    constant: bool,
) -> None:
    """Fill ``mem`` (``[T, ...]``, or ``[1, ...]`` for the last one) and ``spk`` ``[T, ...]``."""
    if kernels := _kernels(mem):
        kernels.charge(cur, mem, spk, beta, threshold, reset_mechanism, constant)
        return
    decay, level = _scalar(beta), _scalar(threshold)
    old = torch.zeros_like(mem[0])
    fired = torch.gt(old, level, out=torch.empty_like(old))
    records = mem.unbind(0) if len(mem) > 1 else mem.unbind(0) * len(spk)
    for steps in reversed(_blocks(spk)):
        # Half precision is converted block by block; other currents and spikes are not copied.
        given = cur.to(mem.dtype) if constant else cur[steps].to(mem.dtype)
        given = [given] * (steps.stop - steps.start) if constant else given.unbind(0)
        direct = spk.dtype == mem.dtype
        spikes = spk[steps] if direct else _record(old, steps.stop - steps.start, mem.dtype)
        for now, new, fires in zip(given, records[steps], spikes.unbind(0), strict=True):
            lif_charge(now, old, fired, decay, level, reset_mechanism, out=new)
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
    if kernels := _kernels(mem):
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
        from . import _lif_triton
    except ImportError:
        return None
    return _lif_triton


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
    """Add ``later * dU[t+1]/dU[t]`` to ``grad`` in place: the derivative of :func:`lif_charge`."""
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
