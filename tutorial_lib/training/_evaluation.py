"""Accuracy over a whole dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .. import functional as SF
from ..simulation import forward_pass
from ..utils import mode
from ._guards import Batches, LossFunction, autocasting, check_loss, check_run, unpacked


@dataclass
class Evaluation:
    """What a network does on a whole dataset.

    Attributes:
        accuracy: share of samples whose target has the highest spike count (ties to the lowest
            class).
        decision_rate: share of samples with one class ahead of all others. The rest are silent or
            tied.
        loss: mean loss per sample; None if no loss function was given.
        num_samples: number of samples, all of the loader.
        targets: class indices ``[N]``, in the loader's order.
        predictions: winning classes ``[N]``, -1 for silence or a tie.
    """

    accuracy: float
    decision_rate: float
    loss: float | None
    num_samples: int
    targets: Tensor = field(repr=False)
    predictions: Tensor = field(repr=False)


def evaluate(
    net: nn.Module,
    loader: Batches,
    num_steps: int,
    loss_fn: LossFunction | None = None,
    *,
    time_varying: bool = False,
    autocast: torch.dtype | None = None,
) -> Evaluation:
    """Run ``net`` over every sample of ``loader``, in evaluation mode and without gradients.

    No batch is dropped, whatever its size; the mode of each layer is as before afterwards.

    Args:
        net, num_steps, time_varying, autocast: as for :func:`train`.
        loader: batches ``(data [B, ...], targets [B])``.
        loss_fn: a loss of ``(spk_rec, targets)`` with mean reduction, or None.

    Returns:
        An :class:`Evaluation`.

    Raises:
        ValueError: if the loader yields nothing or batches whose data and targets do not fit, a
            weight or the loss is NaN or infinite, or ``num_steps`` is below 1.
        TypeError: for an argument or a batch of the wrong type.
    """
    device = check_run(net, loader, num_steps, time_varying)
    if loss_fn is not None:
        check_loss(loss_fn, ("mean",))
    precision = autocasting(device, autocast)
    batches = unpacked(loader, device, num_steps, time_varying, endless=False)
    all_targets, all_predictions = [], []
    hits = loss_sum = 0.0
    with mode(net, training=False), torch.no_grad(), precision:
        for data, targets in batches:
            spk_rec, _ = forward_pass(net, num_steps, data, time_varying=time_varying)
            hits += float(SF.accuracy_rate(spk_rec, targets)) * len(targets)
            if loss_fn is not None:
                loss_sum += float(loss_fn(spk_rec, targets)) * len(targets)
            all_targets.append(targets.cpu())
            all_predictions.append(SF.predict_rate(spk_rec).cpu())
    if not math.isfinite(loss_sum):
        raise ValueError("The loss is not finite. Look for NaN and infinities in the data.")
    targets, predictions = torch.cat(all_targets), torch.cat(all_predictions)
    return Evaluation(
        accuracy=hits / len(targets),
        decision_rate=float((predictions >= 0).double().mean()),
        loss=None if loss_fn is None else loss_sum / len(targets),
        num_samples=len(targets),
        targets=targets,
        predictions=predictions,
    )
