r"""Losses on the time of the first spikes.

The time of a spike has no derivative with respect to the spikes. As in snnTorch, the backward pass
uses the sign estimator :math:`dt_i / dS_i[t_i] = -1` at the spike that set the time (at the last
step for a neuron that never fired) and 0 elsewhere: more drive, earlier spike.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import _checks
from ._reduction import Loss, Reduction, full_precision
from .losses import on_off

__all__ = ["ce_temporal_loss", "first_spike_time", "mse_temporal_loss"]


class _SpikeTimes(torch.autograd.Function):
    """Times of the first F spikes, ``[F, B, C]``; a missing spike counts as at the last step."""

    @staticmethod
    def forward(ctx, spk_rec: Tensor, num_spikes: int) -> Tensor:  # noqa: ANN001
        steps = spk_rec.shape[0]
        fired = spk_rec != 0
        nth = fired.cumsum(0)
        step = torch.arange(steps, device=spk_rec.device).view(-1, 1, 1)
        times = torch.stack(
            [
                torch.where(fired & (nth == n), step, steps - 1).amin(0)
                for n in range(1, num_spikes + 1)
            ]
        )
        ctx.save_for_backward(times)
        ctx.steps = steps
        return times.to(spk_rec.dtype)

    @staticmethod
    def backward(ctx, grad_output: Tensor) -> tuple[Tensor, None]:  # noqa: ANN001
        (times,) = ctx.saved_tensors
        grad = grad_output.new_zeros(ctx.steps, *grad_output.shape[1:])
        return grad.scatter_add_(0, times, -grad_output), None


def first_spike_time(spk_rec: Tensor) -> Tensor:
    """Step of each neuron's first spike; the last step for a neuron that never fires.

    Args:
        spk_rec: spikes, ``[T, B, C]``.

    Returns:
        Times in steps from 0 to T - 1, ``[B, C]``, with the gradient of the sign estimator.

    Raises:
        TypeError, ValueError: for a malformed record.
    """
    return _SpikeTimes.apply(full_precision(_checks.record("spk_rec", spk_rec)), 1)[0]


class ce_temporal_loss(Loss):
    r"""Cross entropy of inverted first-spike times: the target class shall fire first.

    .. math:: L = -\log \frac{e^{f(t_y)}}{\sum_i e^{f(t_i)}}, \qquad
              f(t) = -t \;\text{("negate")} \quad\text{or}\quad \frac{1}{t+1}\;\text{("reciprocal")}

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), "cross entropy latency".

    Args:
        inverse: "negate" or "reciprocal".
        reduction, weight: see :class:`Loss`. snnTorch divides by the sum of the weights here,
            unlike in its other losses; ours does as the others.

    Raises:
        ValueError: for an unknown ``inverse``.
    """

    def __init__(
        self,
        inverse: Literal["negate", "reciprocal"] = "negate",
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
    ) -> None:
        if inverse not in ("negate", "reciprocal"):
            raise ValueError(f"inverse must be 'negate' or 'reciprocal', got {inverse!r}.")
        super().__init__(reduction, weight)
        self.inverse = inverse

    def __call__(self, spk_rec: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of spikes ``[T, B, C]`` and class indices ``[B]``.

        Raises:
            TypeError, ValueError: for a malformed record, or targets that do not fit it.
        """
        _checks.record("spk_rec", spk_rec)
        targets = _checks.labels(targets, *spk_rec.shape[1:])
        time = first_spike_time(spk_rec)
        logits = -time if self.inverse == "negate" else 1 / (time + 1)
        per_sample = F.cross_entropy(logits, targets, reduction="none")
        return self.reduce(per_sample, targets, spk_rec.shape[-1])


class mse_temporal_loss(Loss):
    r"""Mean squared distance of spike times to wanted times, both as shares of T.

    .. math:: L = \frac{1}{FC} \sum_{n,i} \left(\frac{t_{n,i} - t^*_{n,i}}{T}\right)^2

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), "mean square latency".

    Args:
        target_is_time: targets are wanted times in steps, ``[B, C]`` (or ``[F, B, C]`` with
            ``multi_spike``), instead of class indices ``[B]``. Negative times count from the end.
        on_target: wanted time of the target class; with ``multi_spike`` a sequence of F times.
        off_target: wanted time of the other classes; -1 is the last step. (snnTorch 1.0.0 clamps
            its default of -1 to 0, so that every class is wanted at the first step.)
        tolerance: a distance below this many steps counts as none.
        multi_spike: compare the first F spikes instead of the first one. (snnTorch 1.0.0 erases
            the spikes of *all* neurons at each time it has found; ours does not.)
        reduction, weight: see :class:`Loss`. No ``weight`` with ``target_is_time``. Spikes and
            classes are always averaged; snnTorch sums them with "sum", keeps them with "none", and
            weights the wrong axis.

    Raises:
        ValueError: for a negative ``tolerance``, sequences of different length, or ``weight``
            together with ``target_is_time``.
    """

    def __init__(
        self,
        target_is_time: bool = False,
        on_target: int | list[int] | Tensor = 0,
        off_target: int | list[int] | Tensor = -1,
        tolerance: float = 0,
        multi_spike: bool = False,
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        if not tolerance >= 0:
            raise ValueError(f"tolerance must be 0 or more steps, got {tolerance!r}.")
        if target_is_time and weight is not None:
            raise ValueError("weight needs class indices as targets, but target_is_time is True.")
        on = torch.as_tensor(on_target).reshape(-1)
        off = torch.as_tensor(off_target).reshape(-1)
        if len(on) != len(off):
            raise ValueError(
                f"on_target and off_target must have the same length, got {len(on)} and {len(off)}."
            )
        if len(on) > 1 and not multi_spike:
            raise ValueError(
                f"on_target has {len(on)} times; set multi_spike=True to compare several spikes."
            )
        self.target_is_time = target_is_time
        self.on_target = on.tolist()
        self.off_target = off.tolist()
        self.tolerance = tolerance
        self.multi_spike = multi_spike

    def __call__(self, spk_rec: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of spikes ``[T, B, C]`` and targets (class indices ``[B]`` or times).

        Raises:
            TypeError, ValueError: for a malformed record, or targets that do not fit it.
        """
        _checks.record("spk_rec", spk_rec)
        steps, batch, classes = spk_rec.shape
        spikes = full_precision(spk_rec)  # bfloat16 cannot tell the steps 257 and 258 apart
        if self.target_is_time:
            wanted = self._times(targets, batch, classes)
        else:
            targets = _checks.labels(targets, batch, classes)
            pairs = zip(self.on_target, self.off_target, strict=True)
            wanted = torch.stack([on_off(targets, classes, *pair, spikes) for pair in pairs])
        wanted = torch.where(wanted < 0, wanted + steps, wanted)
        if not bool(((wanted >= 0) & (wanted <= steps - 1)).all()):
            raise ValueError(
                f"Wanted spike times must lie within the {steps} steps of the record, got times "
                f"from {wanted.min().item():g} to {wanted.max().item():g}."
            )
        times = _SpikeTimes.apply(spikes, len(wanted))
        wanted = wanted.to(times)
        distance = times - wanted
        # Forward zero, backward the gradient of a distance of zero: nothing.
        distance = torch.where(distance.abs() < self.tolerance, distance * 0, distance)
        per_sample = (distance / steps).square().mean((0, -1))
        return self.reduce(per_sample, targets, classes)

    def _times(self, targets: Tensor, batch: int, classes: int) -> Tensor:
        times = torch.as_tensor(targets)
        if times.ndim == 1:
            times = times.expand(batch, -1)
        if times.ndim == 2:
            times = times.unsqueeze(0)
        if times.ndim != 3 or times.shape[1:] != (batch, classes):
            want = "[F, B, C]" if self.multi_spike else "[B, C]"
            raise ValueError(
                f"Wanted times must have the shape {want} with B = {batch}, C = {classes}, got "
                f"{list(torch.as_tensor(targets).shape)}."
            )
        if len(times) > 1 and not self.multi_spike:
            raise ValueError(
                f"Wanted times are given for {len(times)} spikes; set multi_spike=True to use them."
            )
        return times.to(torch.get_default_dtype())
