r"""All time steps of a layer of neurons in one autograd function.

:func:`~tutorial_lib.lif.membrane_update` is the update; here it runs over all steps, without a
graph. The backward pass is the recursion that backpropagation through time takes, from the last
step down,

.. math::

    \frac{dL}{dU[t]} = s_t \frac{dL}{dS[t]} + \text{(direct } \tfrac{dL}{dU[t]}\text{)}
                       + J_t \frac{dL}{dU[t+1]}, \qquad
    J_t = \begin{cases}
        \beta & \text{none} \\
        \beta - \theta s_t & \text{subtract} \\
        \beta\,(1 - R[t+1] - U[t]\, s_t) & \text{zero}
    \end{cases}

with the surrogate derivative :math:`s_t` at :math:`U[t] - \theta`; with ``detach_reset``,
:math:`J_t` is without its terms in :math:`s_t`. What is kept between the two passes is the membrane
alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .._parameters import align
from ..lif import ResetMechanism, membrane_dtype, membrane_update
from ..neurons import Leaky

__all__ = ["block_sizes", "channels_last", "lif_sequence"]

BLOCK = 2**19  # membranes handled at a time on a CPU, whose cache holds them: two MiB
HALF = (torch.float16, torch.bfloat16)


def lif_sequence(
    layer: Leaky, cur: Tensor | Sequence[Tensor], sizes: Sequence[int], *, keep_mem: bool
) -> tuple[Sequence[Tensor], Sequence[Tensor], Tensor]:
    """Run a layer from rest over all steps, which come in blocks: :func:`lif_step` in a loop.

    Args:
        layer: its parameters and rules are read; its own membrane is left as it is.
        cur: the currents, a block ``[k * B, ...]`` each; or one ``[B, ...]`` for all steps.
        sizes: k, the number of steps, of each block.
        keep_mem: whether the membrane of every step is wanted.

    Returns:
        ``(spk, mem, last)``: spikes of each block ``[k, B, ...]`` in the dtype of ``cur``; with
        ``keep_mem`` the membranes of each block ``[k, B, ...]``, else nothing; the last membrane
        ``[B, ...]``, without gradient. Currents of half precision are integrated in the precision
        of ``beta``.
    """
    constant = isinstance(cur, Tensor)
    curs = [channels_last(block) for block in ([cur] if constant else cur)]
    if not constant:
        curs = [block.unflatten(0, (k, -1)) for block, k in zip(curs, sizes, strict=True)]
    step = curs[0] if constant else curs[0][0]
    beta = align("beta", layer.beta, step).clamp(0, 1)
    threshold = align("threshold", layer.threshold, step)
    if step.dtype not in HALF:  # half precision is converted piece by piece
        curs = [block.to(membrane_dtype(step, layer.beta)) for block in curs]
    settings = (sizes, layer, constant, keep_mem)
    last, *records = _LifSequence.apply(settings, beta, threshold, *curs)
    mem, spk = records[: -len(sizes)], records[-len(sizes) :]
    return [block.to(step.dtype) for block in spk], mem, last


def channels_last(cur: Tensor) -> Tensor:
    """The order in memory in which convolutions of many small maps run fastest.

    On a CPU with the channels last. On a GPU too in half precision, and where cuDNN may measure
    (``torch.backends.cudnn.benchmark``): its tensor cores want them last. Unmeasured, in float32,
    it takes fast Fourier transforms, in either order (measured on one H100).
    """
    on_gpu = cur.device.type != "cpu"
    if cur.ndim != 4 or on_gpu and cur.dtype not in HALF and not torch.backends.cudnn.benchmark:
        return cur
    return cur.to(memory_format=torch.channels_last)  # contiguous() would leave a single channel


def block_sizes(num_steps: int, step: Tensor, numbers: int) -> list[int]:
    """Steps of each block, about equal: on a CPU of at most ``numbers`` numbers, else all.

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
        sizes, layer, constant, keep_mem = settings
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
            _forward_steps(cur, old, *block, beta, threshold, layer.reset_mechanism, constant)
            old = block[0][-1]
        last = old.clone() if needs_grad or keep_mem else old
        if needs_grad:
            ctx.save_for_backward(beta, threshold, *mem)
            ctx.rule = (layer.spike_grad, layer.reset_mechanism, layer.detach_reset)
            ctx.cur_dtype, ctx.constant = first.dtype, constant
        ctx.mark_non_differentiable(last)
        ctx.set_materialize_grads(False)
        return last, *(mem if keep_mem else []), *spk

    @staticmethod
    def backward(ctx: Any, _last: None, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # once_differentiable would leave paths around this function
            raise RuntimeError(
                "The layer-by-layer schedule has first derivatives only. For create_graph=True, "
                "run the network with schedule='step'."
            )
        beta, threshold, *mems = ctx.saved_tensors
        (spike_grad, reset_mechanism, detach_reset), constant = ctx.rule, ctx.constant
        grad_spks = grads[-len(mems) :]
        grad_mems = grads[: -len(mems)] or [None] * len(mems)
        want_beta, want_threshold, want_cur = ctx.needs_input_grad[1:4]
        grad_beta = torch.zeros_like(beta) if want_beta else None
        grad_threshold = torch.zeros_like(threshold) if want_threshold else None
        grad_curs: list[Tensor | None] = [None] * (1 if constant else len(mems))
        later = None
        for number, steps in _blocks(mems):
            grad_spk, grad_mem = grad_spks[number], grad_mems[number]
            mem = mems[number][steps]
            # grad[t] becomes dL/dU[t]: what arrives at t, plus what comes back from t + 1.
            surrogate_derivative = spike_grad.derivative(mem - threshold)
            grad = torch.empty_like(mem)  # laid out as mem is
            if grad_spk is None:
                grad.zero_()
            else:
                torch.mul(surrogate_derivative, grad_spk[steps], out=grad)
            if want_threshold:
                grad_threshold -= _sum_to(grad, threshold)
            if grad_mem is not None:
                grad += grad_mem[steps]
            _backward_steps(
                grad, later, mem, surrogate_derivative,
                beta, threshold, reset_mechanism, detach_reset,
            )  # fmt: skip
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
            elif want_cur and len(grad) == len(mems[number]):
                grad_curs[number] = grad.to(ctx.cur_dtype)
            elif want_cur:
                if grad_curs[number] is None:
                    grad_curs[number] = torch.empty_like(mems[number], dtype=ctx.cur_dtype)
                grad_curs[number][steps] = grad
        if want_cur and constant:
            grad_curs[0] = grad_curs[0].to(ctx.cur_dtype)
        return None, grad_beta, grad_threshold, *grad_curs


def _blocks(records: Sequence[Tensor]) -> Iterator[tuple[int, slice]]:
    """Pieces of time from the last step down: the number of a record, and steps of it."""
    for number in reversed(range(len(records))):
        end = len(records[number])
        for size in block_sizes(end, records[number][0], BLOCK):
            yield number, slice(end - size, end)
            end -= size


def _add_up(total: Tensor | None, grad: Tensor) -> Tensor:
    """Add the sum over time to ``total``; on a CPU step by step, each still in the cache."""
    if grad.device.type != "cpu":
        return grad.sum(0) if total is None else total + grad.sum(0)
    total = torch.zeros_like(grad[0]) if total is None else total
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


def _forward_steps(  # noqa: PLR0913
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
        kernels.forward_steps(cur, mem, spk, beta, threshold, reset_mechanism, constant)
        return
    beta, threshold = _scalar(beta), _scalar(threshold)
    old = torch.zeros_like(mem[0]) if old is None else old
    fired = torch.gt(old, threshold, out=torch.empty_like(old))
    records = mem.unbind(0) if len(mem) == len(spk) else mem.unbind(0) * len(spk)
    for _, steps in reversed(list(_blocks([spk]))):
        # Half precision is converted block by block; other currents and spikes are not copied.
        given = cur.to(mem.dtype) if constant else cur[steps].to(mem.dtype)
        given = [given] * (steps.stop - steps.start) if constant else given.unbind(0)
        direct = spk.dtype == mem.dtype
        spikes = spk[steps] if direct else _record(old, steps.stop - steps.start, mem.dtype)
        for now, new, fires in zip(given, records[steps], spikes.unbind(0), strict=True):
            membrane_update(now, old, fired, beta, threshold, reset_mechanism, out=new)
            fired = torch.gt(new, threshold, out=fires)
            old = new
        if not direct:
            spk[steps] = spikes


def _backward_steps(  # noqa: PLR0913
    grad: Tensor,
    later: Tensor | None,
    mem: Tensor,
    surrogate_derivative: Tensor,
    beta: Tensor,
    threshold: Tensor,
    reset_mechanism: ResetMechanism,
    detach_reset: bool,
) -> None:
    """Add ``J[t] * grad[t+1]`` to each step of ``grad``, from the last one down.

    ``later`` is the gradient of the step after the last one, None at the end of the run.
    """
    if later is None and (kernels := _kernels(mem)):
        kernels.backward_steps(
            grad, mem, surrogate_derivative, beta, threshold, reset_mechanism, detach_reset
        )
        return
    beta, threshold = _scalar(beta), _scalar(threshold)
    records = (grad, mem, surrogate_derivative)
    for now, old, slope in zip(*(reversed(x.unbind(0)) for x in records), strict=True):
        if later is not None:
            kept = later
            if reset_mechanism == "zero":
                kept = later * (old <= threshold)
                if not detach_reset:
                    kept -= later * old * slope
            if isinstance(beta, float):
                now.add_(kept, alpha=beta)
            else:
                now.addcmul_(kept, beta)
            if reset_mechanism == "subtract" and not detach_reset:
                now -= later * slope * threshold
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
