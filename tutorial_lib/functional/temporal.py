r"""Losses on the time of the first spikes.

The time of a spike has no derivative with respect to the spikes. As in snnTorch, the backward pass
uses the sign estimator :math:`dt_i / dS_i[t_i] = -1` at the spike that set the time (at the last
step for a neuron that never fired) and 0 elsewhere: more drive, earlier spike.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import _checks
from ._loss import Loss, Reduction, full_precision
from .losses import on_off

__all__ = ["ce_temporal_loss", "first_spike_time", "mse_temporal_loss"]

Inverse = Literal["negate", "reciprocal"]
TIMES = "hold times in steps, real numbers"


class _SpikeTimes(torch.autograd.Function):
    """Times of the first F spikes, ``[F, B, C]``; a missing spike counts as at the last step."""

    @staticmethod
    def forward(ctx, spk_rec: Tensor, num_spikes: int) -> Tensor:  # noqa: ANN001
        steps = spk_rec.shape[0]
        fired = spk_rec != 0
        nth = fired.cumsum(0)
        step = torch.arange(steps, device=spk_rec.device).view(-1, 1, 1)
        found = (torch.where(fired & (nth == n + 1), step, steps - 1) for n in range(num_spikes))
        times = torch.stack([each.amin(0) for each in found])
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
    return _SpikeTimes.apply(full_precision(_checks.spikes("spk_rec", spk_rec)), 1)[0]


class _TemporalLoss(Loss):
    def __call__(self, spk_rec: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of spikes ``[T, B, C]``, 0 or 1; the rest is as in :class:`Loss`."""
        return self._reduce(*self._values(_checks.spikes("spk_rec", spk_rec), targets))


class ce_temporal_loss(_TemporalLoss):
    r"""Cross entropy of inverted first-spike times: the target class is to fire first.

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
        inverse: Inverse = "negate",
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        self.inverse = _checks.choice("inverse", inverse, get_args(Inverse))

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        targets = self._labels(targets, *rec.shape[1:])
        (time,) = _SpikeTimes.apply(full_precision(rec), 1)
        logits = -time if self.inverse == "negate" else 1 / (time + 1)
        return F.cross_entropy(logits, targets, reduction="none"), targets


class mse_temporal_loss(_TemporalLoss):
    r"""Mean squared distance of spike times to wanted times, both as shares of T.

    .. math:: L = \frac{1}{FC} \sum_{n,i} \left(\frac{t_{n,i} - t^*_{n,i}}{T}\right)^2

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), "mean square latency".

    Args:
        target_is_time: targets are wanted times in steps, ``[B, C]`` (``[C]`` for all samples
            alike, ``[F, B, C]`` with ``multi_spike``), instead of class indices ``[B]``. Negative
            times count from the end.
        on_target: wanted time of the target class; with ``multi_spike`` a sequence of F times.
        off_target: wanted time of the other classes; -1 is the last step. (snnTorch 1.0.0 clamps
            its default of -1 to 0, so that every class is wanted at the first step.)
        tolerance: a distance below this many steps counts as none.
        multi_spike: compare the first F spikes instead of the first one. (snnTorch 1.0.0 erases
            the spikes of *all* neurons at each time it has found; ours does not.)
        reduction, weight: see :class:`Loss`; with ``multi_spike`` there is one value per spike,
            sample and class, ``[F, B, C]``. No ``weight`` with ``target_is_time``. (snnTorch 1.0.0
            weights the wrong axis.)

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
        self.target_is_time = _checks.flag("target_is_time", target_is_time)
        self.multi_spike = _checks.flag("multi_spike", multi_spike)
        self.tolerance = _checks.finite("tolerance", tolerance)
        if self.tolerance < 0:
            raise ValueError(f"tolerance must be 0 or more steps, got {tolerance!r}.")
        if target_is_time and weight is not None:
            raise ValueError(
                "weight needs class indices as targets, but target_is_time is True: leave one out."
            )
        self.on_target = _wanted("on_target", on_target)
        self.off_target = _wanted("off_target", off_target)
        on, off = len(self.on_target), len(self.off_target)
        if on != off:
            raise ValueError(
                f"on_target and off_target must have the same length, got {on} and {off}."
            )
        if on > 1 and not multi_spike:
            raise ValueError(
                f"on_target has {on} times; set multi_spike=True to compare several spikes."
            )

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        steps, batch, classes = rec.shape
        spikes = full_precision(rec)  # bfloat16 cannot tell the steps 257 and 258 apart
        if self.target_is_time:
            wanted = self._times(targets, batch, classes)
        else:
            targets = self._labels(targets, batch, classes)
            pairs = zip(self.on_target, self.off_target, strict=True)
            wanted = torch.stack([on_off(targets, classes, *pair, spikes) for pair in pairs])
        wanted = torch.where(wanted < 0, wanted + steps, wanted)
        if not bool(((wanted >= 0) & (wanted <= steps - 1)).all()):
            raise ValueError(
                f"Wanted spike times must lie within the {steps} steps of the record, got times "
                f"from {wanted.min().item():g} to {wanted.max().item():g}."
            )
        times = _SpikeTimes.apply(spikes, len(wanted))
        distance = times - wanted.to(times)
        # Below the tolerance: no distance, no gradient.
        distance = distance.masked_fill(distance.abs() < self.tolerance, 0)
        values = (distance / steps).square()
        return (values if self.multi_spike else values[0]), targets

    def _times(self, targets: Tensor, batch: int, classes: int) -> Tensor:
        times = _checks.reals("targets", targets, TIMES)
        if times.ndim == 1:  # [C], for all samples alike
            times = times.expand(batch, -1)
        if times.ndim == 2:
            times = times.unsqueeze(0)
        if times.ndim != 3 or times.shape[1:] != (batch, classes) or not len(times):
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


def _wanted(name: str, times: int | list[int] | Tensor) -> list[float]:
    wanted = _checks.reals(name, times, TIMES).reshape(-1).tolist()
    if not wanted or not all(math.isfinite(time) for time in wanted):
        raise ValueError(
            f"{name} must be a time in steps, or several with multi_spike, got {times!r}."
        )
    return wanted
