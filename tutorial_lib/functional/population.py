"""Population coding: several output neurons vote for one class."""

from __future__ import annotations

from torch import Tensor

from .. import _checks
from ._loss import full_precision

__all__ = ["population_spikes"]


def population_spikes(spk_rec: Tensor, num_classes: int) -> Tensor:
    """Sum the spikes of each class's population at each step.

    Neurons ``0 .. N/K - 1`` belong to class 0, the next ``N/K`` to class 1, and so on, as in
    snnTorch.

    Args:
        spk_rec: spikes, ``[T, B, N]``.
        num_classes: number of classes K; N must be a multiple of it.

    Returns:
        Spikes per class and step, ``[T, B, K]``.

    Raises:
        TypeError, ValueError: if the record is malformed, or N is no multiple of ``num_classes``.
    """
    _checks.record("spk_rec", spk_rec)
    _checks.at_least_one("num_classes", num_classes)
    steps, batch, neurons = spk_rec.shape
    if neurons % num_classes:
        raise ValueError(
            f"spk_rec of shape {list(spk_rec.shape)} has {neurons} neurons, which num_classes = "
            f"{num_classes} classes cannot share equally. "
            f"Give the last layer a multiple of {num_classes} neurons."
        )
    return spk_rec.reshape(steps, batch, num_classes, neurons // num_classes).sum(-1)


def per_class(spk_rec: Tensor, num_classes: int | None) -> Tensor:
    """The spikes of each class's population; the record itself where ``num_classes`` is None."""
    if num_classes is None:
        return spk_rec
    return population_spikes(full_precision(spk_rec), num_classes)


def checked_num_classes(population_code: bool, num_classes: int | None) -> int | None:
    """``num_classes``, which a population code needs; None without a population code."""
    _checks.flag("population_code", population_code)
    if num_classes is None or num_classes is False:  # False: snnTorch's default
        if population_code:
            raise ValueError(
                "population_code=True needs num_classes, the number of classes; got "
                f"{num_classes!r}."
            )
        return None
    _checks.at_least_one("num_classes", num_classes)
    return num_classes if population_code else None
