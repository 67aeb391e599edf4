"""What all losses share: from one value per sample to the value that is returned."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Reduction = Literal["mean", "sum", "none"]


class Loss:
    """A loss of a record ``[T, B, C]`` and targets ``[B]``; called like a function.

    Args:
        reduction: "mean" over the batch (default), "sum", or "none" for one value per sample.
        weight: one factor per class, shape ``[C]``, multiplied onto each sample's loss. The mean is
            over the samples, as in snnTorch, not over the weights, as in ``F.cross_entropy``.
            (With "sum", snnTorch 1.0.0 forgets to sum weighted losses.)

    Raises:
        ValueError: for an unknown ``reduction``, or a ``weight`` that is not one finite,
            non-negative number per class.
    """

    def __init__(self, reduction: Reduction = "mean", weight: Tensor | None = None) -> None:
        if reduction not in get_args(Reduction):
            raise ValueError(f"reduction must be one of {get_args(Reduction)}, got {reduction!r}.")
        if weight is not None:
            weight = torch.as_tensor(weight, dtype=torch.get_default_dtype())
            if weight.ndim != 1 or not bool((torch.isfinite(weight) & (weight >= 0)).all()):
                raise ValueError(
                    "weight must hold one finite number >= 0 per class, shape [C], got shape "
                    f"{list(weight.shape)}: {weight.tolist()}."
                )
        self.reduction = reduction
        self.weight = weight

    def reduce(self, per_sample: Tensor, targets: Tensor, num_classes: int) -> Tensor:
        """Weight ``per_sample`` ``[..., B]`` by class, average leading axes, reduce the batch."""
        if self.weight is not None:
            if len(self.weight) != num_classes:
                raise ValueError(
                    f"weight has {len(self.weight)} entries, but there are {num_classes} classes."
                )
            per_sample = per_sample * self.weight.to(per_sample)[targets]
        if per_sample.ndim > 1:
            per_sample = per_sample.flatten(0, -2).mean(0)
        if self.reduction == "none":
            return per_sample
        return per_sample.mean() if self.reduction == "mean" else per_sample.sum()

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


def full_precision(rec: Tensor) -> Tensor:
    """Half-precision records are summed and soft-maxed in float32."""
    return rec.float() if rec.dtype in (torch.float16, torch.bfloat16) else rec
