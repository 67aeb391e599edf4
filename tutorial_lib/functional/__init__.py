"""Losses and accuracies on records of spikes or membranes, shape ``[T, B, C]``.

Called as in snnTorch: ``loss_fn = ce_rate_loss(); loss = loss_fn(spk_rec, targets)``.
"""

from __future__ import annotations

from .. import _snntorch
from . import accuracy, losses, population, temporal
from ._loss import Loss
from .accuracy import *  # noqa: F403
from .losses import *  # noqa: F403
from .population import *  # noqa: F403
from .temporal import *  # noqa: F403

__all__ = ["LOSSES", "Loss"]
__all__ += accuracy.__all__
__all__ += losses.__all__
__all__ += population.__all__
__all__ += temporal.__all__

LOSSES: dict[str, type[Loss]] = {
    name: getattr(module, name)
    for module in (losses, temporal)
    for name in module.__all__
    if isinstance(kind := getattr(module, name), type) and issubclass(kind, Loss)
}
"""Every loss of the library by its name; each can be built without arguments."""


def __getattr__(name: str) -> object:
    raise _snntorch.missing("functional", name, __name__)
