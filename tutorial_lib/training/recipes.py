"""Recipes: named settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from .. import _checks
from ..fast import has_bf16_units

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """What decides the result of a training run, apart from data and seed.

    Attributes:
        beta: membrane decay per step, in [0, 1].
        slope: slope k of the fast sigmoid, the surrogate gradient.
        lr: learning rate of Adam.
        batch_size: samples per update, over all processes.
        num_steps: number of time steps T.
        precision: "fp32", or "bf16" for currents in bfloat16.

    Raises:
        TypeError, ValueError: for one of the wrong type or out of range.
    """

    beta: float
    slope: float
    lr: float
    batch_size: int
    num_steps: int
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        _checks.fraction("beta", self.beta)
        for name in ("slope", "lr"):
            _checks.positive(name, getattr(self, name))
        for name in ("batch_size", "num_steps"):
            _checks.at_least_one(name, getattr(self, name))
        _checks.choice("precision", self.precision, ("fp32", "bf16"))

    def on(self, device: torch.device) -> Recipe:
        """The recipe for ``device``: in float32 where a processor is slow in bfloat16."""
        if not isinstance(device, torch.device):
            raise TypeError(f"device must be a torch.device, got {device!r}: torch.device('cpu').")
        slow = device.type == "cpu" and not has_bf16_units()
        return replace(self, precision="fp32") if slow else self


RECIPES = {
    # the published settings of snnTorch's tutorial 6
    "tutorial6": Recipe(beta=0.5, slope=25.0, lr=1e-2, batch_size=128, num_steps=50),
}
