"""Recipes: named settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import lr_scheduler

from .. import _checks, networks, surrogate
from .. import functional as SF
from ..fast import has_bf16_units
from ..utils import check_module
from ._augmentation import Augmentation

__all__ = ["RECIPES", "Recipe"]


def _not_negative(name: str, value: float) -> float:
    if _checks.finite(name, value) < 0:
        raise ValueError(f"{name} must be at least 0, got {value}.")
    return float(value)


def _zoom(name: str, value: float) -> float:
    if not 0 <= _checks.finite(name, value) < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}.")
    return float(value)


def _setting(check: Any, what: str, **default: Any) -> Any:
    """A field with the check of its value, and what the command's help says of it."""
    return field(metadata={"check": check, "help": what}, **default)


def _one_of(options: tuple[str, ...], what: str, default: str) -> Any:
    described = {"check": partial(_checks.choice, options=options), "help": what}
    return field(metadata={**described, "options": options}, default=default)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What decides the result of a training run, apart from data and seed.

    Attributes:
        beta: membrane decay per step, in [0, 1].
        slope: slope k of the fast sigmoid, the surrogate gradient.
        gain: factor on the weights that torch draws (biases stay as they are), above 0.
        loss: name of a loss in :data:`tutorial_lib.functional.LOSSES`.
        lr: learning rate of AdamW, which without weight decay is Adam.
        lr_schedule: "constant"; "one_cycle" (up for a fifth of the epochs, then down to nothing:
            :class:`torch.optim.lr_scheduler.OneCycleLR`); or "steps" (divided by ten after half
            and after three quarters of them).
        schedule_epochs: passes over the training set that the schedule stretches over.
        weight_decay: of AdamW, at least 0.
        rotation: largest angle by which an image is turned at random, in degrees.
        zoom: largest share by which its height and its width are changed at random, below 1.
        shift: largest distance by which it is moved at random along each axis, in pixels.
        batch_size: samples per update, over all processes.
        num_steps: number of time steps T.
        precision: "fp32", or "bf16" for currents in bfloat16.

    Raises:
        TypeError, ValueError: for one of the wrong type or out of range.
    """

    lr: float = _setting(_checks.positive, "learning rate of AdamW")
    beta: float = _setting(_checks.fraction, "membrane decay per step", default=0.5)
    slope: float = _setting(_checks.positive, "of the fast sigmoid", default=25.0)
    gain: float = _setting(_checks.positive, "factor on the weights at the start", default=1.0)
    loss: str = _one_of(tuple(SF.LOSSES), "of the output", "ce_rate_loss")
    lr_schedule: Literal["constant", "one_cycle", "steps"] = _one_of(
        ("constant", "one_cycle", "steps"), "of the learning rate over the epochs", "constant"
    )
    schedule_epochs: int = _setting(_checks.at_least_one, "that it stretches over", default=1)
    weight_decay: float = _setting(_not_negative, "of AdamW", default=0.0)
    rotation: float = _setting(_not_negative, "random, of each image, in degrees", default=0.0)
    zoom: float = _setting(_zoom, "random, of each image, as a share", default=0.0)
    shift: float = _setting(_not_negative, "random, of each image, in pixels", default=0.0)
    batch_size: int = _setting(_checks.at_least_one, "over all processes", default=128)
    num_steps: int = _setting(_checks.at_least_one, "time steps", default=50)
    precision: Literal["fp32", "bf16"] = _one_of(("fp32", "bf16"), "of the currents", "fp32")

    def __post_init__(self) -> None:
        for setting in fields(self):
            setting.metadata["check"](setting.name, getattr(self, setting.name))

    def on(self, device: torch.device) -> Recipe:
        """The recipe for ``device``: in float32 where a processor is slow in bfloat16."""
        if not isinstance(device, torch.device):
            raise TypeError(f"device must be a torch.device, got {device!r}: torch.device('cpu').")
        slow = device.type == "cpu" and not has_bf16_units()
        return replace(self, precision="fp32") if slow else self

    def network(self) -> nn.Sequential:
        """A new :func:`~tutorial_lib.networks.conv_net`, drawn from torch's global generator."""
        net = networks.conv_net(self.beta, surrogate.fast_sigmoid(self.slope))
        with torch.no_grad():
            for name, parameter in net.named_parameters():
                if name.endswith("weight"):
                    parameter *= self.gain
        return net

    def optimizer(self, net: nn.Module) -> torch.optim.AdamW:
        """A new optimizer over the parameters of ``net``.

        Raises:
            TypeError: if ``net`` is no module.
            ValueError: if it has no parameters.
        """
        if not list(check_module(net).parameters()):
            raise ValueError(f"net must have parameters to learn, got {net!r} without any.")
        return torch.optim.AdamW(net.parameters(), self.lr, weight_decay=self.weight_decay)

    def scheduler(
        self, optimizer: torch.optim.Optimizer, num_iterations: int
    ) -> lr_scheduler.LRScheduler:
        """A scheduler of its learning rate over ``num_iterations`` updates, those of all epochs.

        Raises:
            TypeError: if ``optimizer`` is none of torch's, or ``num_iterations`` no integer.
            ValueError: if ``num_iterations`` is below 1.
        """
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer must be one of torch, got {_checks.shown(optimizer)}.")
        num_iterations = _checks.at_least_one("num_iterations", num_iterations)
        if self.lr_schedule == "one_cycle":
            return lr_scheduler.OneCycleLR(
                optimizer, self.lr, num_iterations, pct_start=0.2, cycle_momentum=False
            )
        parts = (num_iterations // 2, num_iterations * 3 // 4)
        milestones = parts if self.lr_schedule == "steps" else ()
        return lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)

    def augmentation(self) -> Augmentation | None:
        """What moves the training images, or None if nothing does."""
        if self.rotation or self.zoom or self.shift:
            return Augmentation(self.rotation, self.zoom, self.shift)
        return None


RECIPES = {
    # the published settings of snnTorch's tutorial 6
    "tutorial6": Recipe(beta=0.5, slope=25.0, lr=1e-2, batch_size=128, num_steps=50),
    # chosen on validation images, among those of book/accuracy.md
    "best": Recipe(
        beta=0.5, slope=5.0, gain=3.0, loss="ce_count_loss", lr=5e-3, lr_schedule="one_cycle",
        schedule_epochs=16, weight_decay=0.01, rotation=10.0, zoom=0.1, shift=2.0, num_steps=6,
        precision="bf16",
    ),
}  # fmt: skip
