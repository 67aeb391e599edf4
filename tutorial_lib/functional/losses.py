r"""Losses on spike counts and membrane potentials, and a penalty to add to them.

Here :math:`S_i[t]` is the spike and :math:`U_i[t]` the membrane of output neuron :math:`i` at step
:math:`t` of :math:`T`, :math:`y` the target class and :math:`C` the number of classes. Values and
gradients equal those of snnTorch 1.0.0; where they differ, the docstring says why.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import _checks
from ._loss import Loss, Reduction, full_precision
from .population import checked_num_classes, per_class

__all__ = [
    "ce_count_loss",
    "ce_max_membrane_loss",
    "ce_rate_loss",
    "l1_rate_sparsity",
    "mse_count_loss",
    "mse_membrane_loss",
]


class _SpikeLoss(Loss):
    """A loss on spikes, with one output neuron per class or several.

    Unlike in the temporal losses, it is not checked that the record holds spikes.
    """

    def __init__(
        self,
        population_code: bool = False,
        num_classes: int | None = None,
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        self.num_classes = checked_num_classes(population_code, num_classes)
        self.population_code = population_code

    def _per_class(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        spikes = full_precision(per_class(rec, self.num_classes))
        return spikes, self._labels(targets, *spikes.shape[1:])


class ce_rate_loss(_SpikeLoss):
    r"""Cross entropy of the spikes at each step, averaged over the steps.

    .. math:: L = -\frac1T \sum_t \log \frac{e^{S_y[t]}}{\sum_i e^{S_i[t]}}

    This is *not* the cross entropy of the spike count (:class:`ce_count_loss`). Spikes are 0 or 1,
    so the loss has a floor above zero: with :math:`C` classes a perfect network reaches
    :math:`\ln(1 + (C-1)/e)`, 1.461 for ten; a silent one gives :math:`\ln C`, 2.303.

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), "cross entropy spike rate".

    Args:
        population_code: several neurons per class; the loss is then taken on the spikes of each
            population per step (snnTorch 1.0.0 leaves the populations unsummed here).
        num_classes: number of classes, needed with ``population_code``.
        reduction, weight: see :class:`Loss`.
    """

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        spikes, targets = self._per_class(rec, targets)
        repeated = targets.repeat(len(spikes))
        per_step = F.cross_entropy(spikes.flatten(0, 1), repeated, reduction="none")
        return per_step.view(spikes.shape[:2]).mean(0), targets


class ce_count_loss(_SpikeLoss):
    r"""Cross entropy of the spike counts.

    .. math:: L = -\log \frac{e^{N_y}}{\sum_i e^{N_i}}, \qquad N_i = \sum_t S_i[t]

    Its floor falls towards zero as :math:`T` grows. Near silence, its gradient per spike is
    :math:`T` times that of :class:`ce_rate_loss`.

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), "cross entropy spike count".

    Args:
        population_code, num_classes: as for :class:`ce_rate_loss`; the spikes are summed.
        reduction, weight: see :class:`Loss`.
    """

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        spikes, targets = self._per_class(rec, targets)
        return F.cross_entropy(spikes.sum(0), targets, reduction="none"), targets


class ce_max_membrane_loss(Loss):
    r"""Cross entropy of the highest membrane potential over time.

    .. math:: L = -\log \frac{e^{M_y}}{\sum_i e^{M_i}}, \qquad M_i = \max_t U_i[t]

    Works before the first output spike, since silent neurons have membranes too.

    Source: the loss of SpyTorch (Neftci, Mostafa & Zenke 2019).

    Args:
        reduction, weight: see :class:`Loss`.
    """

    reads = "membranes"

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        targets = self._labels(targets, *rec.shape[1:])
        # max over dim keeps one index per neuron; amax would share the gradient among ties.
        highest = full_precision(rec).max(0).values
        return F.cross_entropy(highest, targets, reduction="none"), targets


class mse_count_loss(_SpikeLoss):
    r"""Mean squared distance of the spike counts to wanted counts, divided by the steps.

    .. math:: L = \frac{1}{TC} \sum_i (N_i - N_i^*)^2

    where :math:`N_i^*` is ``int(T * correct_rate)`` for the target class and
    ``int(T * incorrect_rate)`` for the others.

    Source: Shrestha & Orchard (2018), SLAYER, NeurIPS.

    Args:
        correct_rate: wanted share of steps with a spike for the target class, in [0, 1].
        incorrect_rate: the same for the other classes.
        population_code: several neurons per class, whose spikes are summed and whose wanted
            counts grow with the population.
        num_classes: number of classes, needed with ``population_code``.
        reduction, weight: see :class:`Loss`. (snnTorch 1.0.0 weights the wrong axis.)

    Raises:
        ValueError: for a rate outside [0, 1], or ``correct_rate`` below ``incorrect_rate``.
    """

    def __init__(
        self,
        correct_rate: float = 1,
        incorrect_rate: float = 0,
        population_code: bool = False,
        num_classes: int | None = None,
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(population_code, num_classes, reduction, weight)
        self.correct_rate = _checks.fraction("correct_rate", correct_rate)
        self.incorrect_rate = _checks.fraction("incorrect_rate", incorrect_rate)
        if self.correct_rate < self.incorrect_rate:
            raise ValueError(
                f"correct_rate must not be below incorrect_rate, got {correct_rate!r} and "
                f"{incorrect_rate!r}: the target class is to fire more than the others."
            )

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        spikes, targets = self._per_class(rec, targets)
        steps, _, classes = spikes.shape
        most = steps * (rec.shape[-1] // classes)
        on, off = int(most * self.correct_rate), int(most * self.incorrect_rate)
        wanted = on_off(targets, classes, on, off, spikes)
        return F.mse_loss(spikes.sum(0), wanted, reduction="none") / steps, targets


class mse_membrane_loss(Loss):
    r"""Mean squared distance of the membranes to wanted potentials, averaged over the steps.

    .. math:: L = \frac{1}{TC} \sum_{t,i} (U_i[t] - U_i^*[t])^2

    where :math:`U_i^*` is ``on_target`` for the target class and ``off_target`` for the others.

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), "mean square membrane".

    Args:
        time_var_targets: the target class changes over time: targets have the shape ``[T, B]``.
            No class weights then.
        on_target: wanted potential of the target class.
        off_target: wanted potential of the other classes. (snnTorch 1.0.0 clamps a negative one
            to 0.)
        reduction, weight: see :class:`Loss`. (snnTorch 1.0.0 weights the wrong axis.)

    Raises:
        ValueError: for ``weight`` together with ``time_var_targets``, or a potential that is not
            finite.
    """

    reads = "membranes"

    def __init__(
        self,
        time_var_targets: bool = False,
        on_target: float = 1,
        off_target: float = 0,
        reduction: Reduction = "mean",
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(reduction, weight)
        self.time_var_targets = _checks.flag("time_var_targets", time_var_targets)
        if time_var_targets and weight is not None:
            raise ValueError(
                "weight needs one target per sample, but time_var_targets is True: leave one out."
            )
        self.on_target = _checks.finite("on_target", on_target)
        self.off_target = _checks.finite("off_target", off_target)

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        steps, batch, classes = rec.shape
        if self.time_var_targets:
            if not isinstance(targets, Tensor) or targets.shape != (steps, batch):
                got = list(targets.shape) if isinstance(targets, Tensor) else type(targets).__name__
                raise ValueError(
                    f"time_var_targets=True takes class indices of shape [T, B] = "
                    f"[{steps}, {batch}], got {got}."
                )
            targets = _checks.labels(targets.flatten(), steps * batch, classes).view(steps, batch)
        else:
            targets = self._labels(targets, batch, classes)
        mem = full_precision(rec)
        wanted = on_off(targets, classes, self.on_target, self.off_target, mem)
        return F.mse_loss(mem, wanted.expand_as(mem), reduction="none").mean(0), targets


def on_off(targets: Tensor, num_classes: int, on: float, off: float, like: Tensor) -> Tensor:
    """``on`` at the target class and ``off`` elsewhere: shape ``[*targets.shape, C]``."""
    hot = F.one_hot(targets.long(), num_classes).bool()
    return torch.where(hot, on, off).to(like)


class l1_rate_sparsity:
    r"""A penalty on every spike, so that a network fires less: called like a function.

    .. math:: L = \lambda \sum_{t,b,i} S_{b,i}[t]

    Summed over steps, samples and neurons, as in snnTorch: it grows with the size of the batch.

    Args:
        Lambda: the factor :math:`\lambda`, 0 or more.

    Raises:
        ValueError: if ``Lambda`` is negative or not finite.
        TypeError: if it is no number.
    """

    def __init__(self, Lambda: float = 1e-5) -> None:
        self.Lambda = _checks.finite("Lambda", Lambda)
        if self.Lambda < 0:
            raise ValueError(
                f"Lambda must be 0 or more, got {Lambda!r}: a negative one would reward spikes."
            )

    def __call__(self, spk_out: Tensor) -> Tensor:
        """Return the penalty, a single number, of spikes ``[T, B, C]``.

        Raises:
            TypeError, ValueError: for a malformed record.
        """
        return self.Lambda * full_precision(_checks.spikes("spk_out", spk_out)).sum()

    def __repr__(self) -> str:
        return f"l1_rate_sparsity(Lambda={self.Lambda!r})"
