"""Losses and accuracies on records of spikes or membranes, shape ``[T, B, C]``.

Called as in snnTorch: ``loss_fn = ce_rate_loss(); loss = loss_fn(spk_rec, targets)``.
"""

from __future__ import annotations

from ._reduction import Loss
from .accuracy import (
    accuracy_rate,
    accuracy_temporal,
    decision_rate,
    decision_step,
    predict_rate,
)
from .losses import (
    ce_count_loss,
    ce_max_membrane_loss,
    ce_rate_loss,
    mse_count_loss,
    mse_membrane_loss,
)
from .population import population_spikes
from .temporal import ce_temporal_loss, first_spike_time, mse_temporal_loss

__all__ = [
    "Loss",
    "accuracy_rate",
    "accuracy_temporal",
    "ce_count_loss",
    "ce_max_membrane_loss",
    "ce_rate_loss",
    "ce_temporal_loss",
    "decision_rate",
    "decision_step",
    "first_spike_time",
    "mse_count_loss",
    "mse_membrane_loss",
    "mse_temporal_loss",
    "population_spikes",
    "predict_rate",
]
