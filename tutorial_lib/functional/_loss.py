"""What all losses share: the checks before, and the reduction to the value that is returned."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from .. import _checks

Reduction = Literal["mean", "sum", "none"]


class Loss:
    """A loss of a record ``[T, B, C]`` and targets ``[B]``; called like a function.

    A cross entropy has one value per sample, ``[B]``; a squared error one per sample and class,
    ``[B, C]``. Time is summed up or averaged in each of them.

    Args:
        reduction: what is returned of these values, as in torch: their "mean" (the default), their
            "sum", or with "none" all of them.
        weight: one factor per class, shape ``[C]``, multiplied onto the values of each sample. The
            mean is over the values, as in snnTorch, not over the weights, as in
            ``F.cross_entropy``. (With "sum", snnTorch 1.0.0 forgets to sum weighted losses.)

    Raises:
        ValueError: for an unknown ``reduction``, or a ``weight`` that is not one finite,
            non-negative number per class, one of them above 0.
        TypeError: for a ``weight`` of anything else than real numbers.
    """

    reads: ClassVar[Literal["spikes", "membranes"]] = "spikes"
    """What the record holds: spikes, or membrane potentials."""

    def __init__(self, reduction: Reduction = "mean", weight: Tensor | None = None) -> None:
        self.reduction = _checks.choice("reduction", reduction, get_args(Reduction))
        self.weight = None if weight is None else _class_weight(weight)

    def __call__(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a record.

        Args:
            spk_out: record of the output, ``[T, B, C]``: spikes, or for a loss on membranes their
                potentials. The name is snnTorch's.
            targets: class indices, ``[B]``, unless an argument of the loss says otherwise.

        Raises:
            TypeError, ValueError: for a malformed record, or targets that do not fit it.
        """
        return self._reduce(*self._values(_checks.record("spk_out", spk_out), targets))

    def _values(self, rec: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Values ``[B]`` or ``[..., B, C]`` of a checked record, and the checked targets."""
        raise TypeError(
            f"{type(self).__name__} itself computes nothing: take a loss such as ce_rate_loss()."
        )

    def _labels(self, targets: Tensor, batch: int, num_classes: int) -> Tensor:
        """Check the class indices, and the number of weights."""
        if self.weight is not None and len(self.weight) != num_classes:
            raise ValueError(
                f"weight has {len(self.weight)} entries, but there are {num_classes} classes: "
                "give one per class."
            )
        return _checks.labels(targets, batch, num_classes)

    def _reduce(self, values: Tensor, targets: Tensor) -> Tensor:
        if self.weight is not None:
            factor = self.weight.to(values)[targets]
            values = values * (factor if values.ndim == 1 else factor.unsqueeze(-1))
        if self.reduction == "none":
            return values
        return values.mean() if self.reduction == "mean" else values.sum()

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


def _class_weight(weight: Tensor) -> Tensor:
    given = _checks.reals("weight", weight, "be a dense tensor of one real number per class")
    given = given.to(torch.get_default_dtype())
    usable = given.ndim == 1 and bool((torch.isfinite(given) & (given >= 0)).all())
    if not usable or not bool((given > 0).any()):
        raise ValueError(
            "weight must hold one finite number >= 0 per class, shape [C], and not only zeros, "
            f"got shape {list(given.shape)}: {_checks.shown(weight)}."
        )
    return given


def full_precision(rec: Tensor) -> Tensor:
    """Half-precision records are summed and soft-maxed in float32."""
    return rec.float() if rec.dtype in (torch.float16, torch.bfloat16) else rec
