"""Accuracy of spiking outputs, how often there is a decision at all, and when it falls."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import _checks
from .population import checked_num_classes, per_class
from .temporal import first_spike_time

__all__ = ["accuracy_rate", "accuracy_temporal", "decision_rate", "decision_step", "predict_rate"]


def accuracy_rate(
    spk_out: Tensor,
    targets: Tensor,
    population_code: bool = False,
    num_classes: int | None = None,
) -> np.float64:
    """Share of samples whose target neuron has the highest spike count.

    As in snnTorch, a tie goes to the lowest class among the tied, and silence to class 0: a network
    that never fires scores the share of class 0. Read it beside :func:`decision_rate`.

    Args:
        spk_out: spikes, ``[T, B, C]`` (or ``[T, B, N]`` with ``population_code``).
        targets: class indices, ``[B]``.
        population_code: several neurons per class, whose spikes are summed.
        num_classes: number of classes, needed with ``population_code``.

    Returns:
        The accuracy, between 0 and 1: a float, with NumPy's methods such as ``.item()``.

    Raises:
        TypeError, ValueError: for a malformed record, or targets that do not fit it.
    """
    spikes = _per_class("spk_out", spk_out, population_code, num_classes)
    targets = _checks.labels(targets, *spikes.shape[1:])
    return _share(spikes.float().sum(0).argmax(-1) == targets)


def accuracy_temporal(spk_out: Tensor, targets: Tensor) -> np.float64:
    """Share of samples whose target neuron fires first.

    As in snnTorch, a neuron that never fires counts as firing at the last step, and a tie goes to
    the lowest class among the tied.

    Args:
        spk_out: spikes, ``[T, B, C]``.
        targets: class indices, ``[B]``.

    Returns:
        The accuracy, as :func:`accuracy_rate` does, whose errors it raises as well.
    """
    _checks.spikes("spk_out", spk_out)
    targets = _checks.labels(targets, *spk_out.shape[1:])
    return _share(first_spike_time(spk_out).argmin(-1) == targets)


def predict_rate(
    spk_rec: Tensor, population_code: bool = False, num_classes: int | None = None
) -> Tensor:
    """Class with the highest spike count, or -1 where there is none: silence or a tie.

    Args:
        spk_rec, population_code, num_classes: as ``spk_out`` and so on of :func:`accuracy_rate`.

    Returns:
        Class indices or -1, int64, ``[B]``.

    Raises:
        TypeError, ValueError: for a malformed record.
    """
    count = _per_class("spk_rec", spk_rec, population_code, num_classes).float().sum(0)
    highest = count.amax(-1, keepdim=True)
    unique = (count == highest).sum(-1) == 1
    # A single output neuron that stays silent has a unique maximum, but decides nothing.
    return count.argmax(-1).masked_fill(~unique | (highest.squeeze(-1) == 0), -1)


def decision_rate(
    spk_rec: Tensor, population_code: bool = False, num_classes: int | None = None
) -> np.float64:
    """Share of samples with a decision: one class has more spikes than every other.

    The rest are silent or tied; :func:`accuracy_rate` still gives them a class.

    Args:
        spk_rec, population_code, num_classes: as for :func:`predict_rate`, whose errors it raises.

    Returns:
        A share between 0 and 1.
    """
    return _share(predict_rate(spk_rec, population_code, num_classes) >= 0)


def decision_step(
    spk_rec: Tensor, population_code: bool = False, num_classes: int | None = None
) -> Tensor:
    r"""Step from which the winner is ahead of every other class until the end.

    With the counts :math:`N_i[t]` up to step t and the winner w of :func:`predict_rate`, this
    is the first t from which :math:`N_w > \max_{i \neq w} N_i` holds until the end. It is known
    only in hindsight.

    Args:
        spk_rec, population_code, num_classes: as for :func:`predict_rate`.

    Returns:
        Steps counted from 1 to T, int64, ``[B]``: 3 means that three steps were needed. -1 where
        there is no decision.

    Raises:
        TypeError, ValueError: for a malformed record.
    """
    winner = predict_rate(spk_rec, population_code, num_classes)
    counts = _per_class("spk_rec", spk_rec, population_code, num_classes).float().cumsum(0)
    index = winner.clamp(min=0).expand(len(counts), -1).unsqueeze(-1)
    # The winner's own count is struck out; where there is no other class, silence is the rival.
    rivals = counts.scatter(2, index, -1).amax(-1).clamp(min=0)
    behind = counts.gather(2, index).squeeze(-1) <= rivals
    steps = torch.arange(1, len(counts) + 1, device=counts.device).unsqueeze(1)
    return ((steps * behind).amax(0) + 1).masked_fill(winner < 0, -1)


def _per_class(name: str, rec: Tensor, population_code: bool, num_classes: int | None) -> Tensor:
    num_classes = checked_num_classes(population_code, num_classes)
    return per_class(_checks.spikes(name, rec), num_classes)


def _share(hits: Tensor) -> np.float64:
    return np.float64(hits.double().mean().item())
