"""One call for all random number generators."""

from __future__ import annotations

import random

import numpy as np
import torch

from .. import _checks


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators.

    Raises:
        TypeError: if ``seed`` is no integer.
        ValueError: if it is not in [0, 2**32).
    """
    seed = _checks.seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
