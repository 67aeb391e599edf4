"""Accuracy of spiking outputs, and how often there is a decision at all."""

from __future__ import annotations

from torch import Tensor

from .. import _checks
from .population import per_class
from .temporal import first_spike_time

__all__ = ["accuracy_rate", "accuracy_temporal", "decision_rate", "predict_rate"]


def accuracy_rate(
    spk_rec: Tensor,
    targets: Tensor,
    population_code: bool = False,
    num_classes: int | None = None,
) -> float:
    """Share of samples whose target neuron has the highest spike count.

    As in snnTorch, a tie goes to the lowest class among the tied, and silence to class 0: a network
    that never fires scores the share of class 0. Read it beside :func:`decision_rate`.

    Args:
        spk_rec: spikes, ``[T, B, C]`` (or ``[T, B, N]`` with ``population_code``).
        targets: class indices, ``[B]``.
        population_code: several neurons per class, whose spikes are summed.
        num_classes: number of classes, needed with ``population_code``.

    Returns:
        The accuracy, between 0 and 1.

    Raises:
        TypeError, ValueError: for a malformed record, or targets that do not fit it.
    """
    spikes = per_class(spk_rec, population_code, num_classes)
    targets = _checks.labels(targets, *spikes.shape[1:])
    return _share(spikes.float().sum(0).argmax(-1) == targets)


def accuracy_temporal(spk_rec: Tensor, targets: Tensor) -> float:
    """Share of samples whose target neuron fires first.

    As in snnTorch, a neuron that never fires counts as firing at the last step, and a tie goes to
    the lowest class among the tied.

    Args:
        spk_rec: spikes, ``[T, B, C]``.
        targets: class indices, ``[B]``.

    Returns:
        The accuracy, between 0 and 1.

    Raises:
        TypeError, ValueError: for a malformed record, or targets that do not fit it.
    """
    _checks.record("spk_rec", spk_rec)
    targets = _checks.labels(targets, *spk_rec.shape[1:])
    return _share(first_spike_time(spk_rec).argmin(-1) == targets)


def predict_rate(
    spk_rec: Tensor, population_code: bool = False, num_classes: int | None = None
) -> Tensor:
    """Class with the highest spike count, or -1 where there is none: silence or a tie.

    Args:
        spk_rec: spikes, ``[T, B, C]`` (or ``[T, B, N]`` with ``population_code``).
        population_code: several neurons per class, whose spikes are summed.
        num_classes: number of classes, needed with ``population_code``.

    Returns:
        Class indices or -1, int64, ``[B]``.

    Raises:
        TypeError, ValueError: for a malformed record.
    """
    count = per_class(spk_rec, population_code, num_classes).float().sum(0)
    highest = count.amax(-1, keepdim=True)
    unique = (count == highest).sum(-1) == 1
    # A single output neuron that stays silent has a unique maximum, but decides nothing.
    return count.argmax(-1).masked_fill(~unique | (highest.squeeze(-1) == 0), -1)


def decision_rate(
    spk_rec: Tensor, population_code: bool = False, num_classes: int | None = None
) -> float:
    """Share of samples with a decision: one class has more spikes than every other.

    The rest are silent or tied; :func:`accuracy_rate` still gives them a class.

    Args:
        spk_rec, population_code, num_classes: as for :func:`predict_rate`.

    Returns:
        A share between 0 and 1.

    Raises:
        TypeError, ValueError: for a malformed record.
    """
    return _share(predict_rate(spk_rec, population_code, num_classes) >= 0)


def _share(hits: Tensor) -> float:
    return float(hits.double().mean())
