"""The training loop, evaluation over whole datasets, seeds and checkpoints."""

from __future__ import annotations

from ._batches import seed_everything
from ._checkpoints import load_checkpoint, save_checkpoint
from ._evaluation import Evaluation, evaluate
from ._history import History
from ._loop import train

__all__ = [
    "Evaluation",
    "History",
    "evaluate",
    "load_checkpoint",
    "save_checkpoint",
    "seed_everything",
    "train",
]
