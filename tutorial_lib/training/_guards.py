"""What training and evaluation refuse: wrong objects, and numbers that are NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from operator import length_hint
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from .. import _checks
from ..utils import device_of

LossFunction = Callable[[Tensor, Tensor], Tensor]
Batches = Iterable[tuple[Tensor, Tensor]]
LARGEST_RATE = 1e30  # torch's own updates overflow somewhat above it


def check_run(net: nn.Module, loader: Batches, num_steps: int, time_varying: bool) -> torch.device:
    """Return the device of ``net``; raise for what neither :func:`train` nor ``evaluate`` takes."""
    _checks.at_least_one("num_steps", num_steps)
    _checks.flag("time_varying", time_varying)
    device = device_of(net)
    check_loader("loader", loader)
    check_weights(net, "before the run")
    return device


def autocasting(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager:
    """Mixed precision on ``device``; with None, nothing changes. Raises for another precision."""
    if dtype is None:
        return nullcontext()
    if dtype is not torch.bfloat16:
        raise ValueError(
            f"autocast must be torch.bfloat16 or None, got {dtype!r}. float16 would need its "
            "losses scaled, which this loop does not do."
        )
    return torch.autocast(device.type, dtype=dtype)


def check_loader(name: str, loader: Batches, *, often: bool = False) -> None:
    """Raise unless ``loader`` can be a source of batches, as ``often`` as it is asked."""
    if isinstance(loader, (Tensor, np.ndarray, str, Mapping)) or not isinstance(loader, Iterable):
        raise TypeError(
            f"{name} must yield batches (data, targets), got {type(loader).__name__}. "
            "A dataset becomes one with torch.utils.data.DataLoader(dataset, batch_size=128)."
        )
    if often and isinstance(loader, Iterator):
        raise TypeError(
            f"{name} is read several times, got {_checks.shown(loader)}, which can be read only "
            "once. Give the DataLoader itself, or list(...) of the batches."
        )
    if length_hint(loader, 1) == 0:
        raise no_batch(loader, name)


def no_batch(loader: Batches, name: str = "loader") -> ValueError:
    """The error for a source without batches."""
    return ValueError(
        f"{name} yields no batch, got {_checks.shown(loader)}. Is its dataset empty, or was it a "
        "generator that is used up?"
    )


def check_loss(loss_fn: LossFunction, reductions: tuple[str, ...]) -> None:
    """Raise unless ``loss_fn`` is a function whose reduction, if it names one, is allowed."""
    name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
    if isinstance(loss_fn, type):
        raise TypeError(f"loss_fn is the class {name} itself. Build a loss from it: {name}().")
    if type(loss_fn).__module__.startswith("torch.nn.modules") or loss_fn in vars(F).values():
        raise TypeError(
            f"loss_fn is torch's {name}, which knows no time, and a record is [T, B, C]. Take one "
            "of tutorial_lib.functional, such as ce_rate_loss(), or give it the counts: "
            "lambda spk_rec, targets: F.cross_entropy(spk_rec.sum(0), targets)."
        )
    if not callable(loss_fn):
        raise TypeError(f"loss_fn must be a function of (spk_rec, targets), got {loss_fn!r}.")
    found = getattr(loss_fn, "reduction", "mean")
    if found in ("mean", "sum", "none") and found not in reductions:
        raise ValueError(
            f"loss_fn has reduction={found!r}, but here its value must be a mean over the samples:"
            " batches and micro-batches of different sizes are put together. Build it with "
            "reduction='mean'."
        )


def check_loss_value(loss: Tensor) -> None:
    """Raise unless a loss is one number with a gradient."""
    if not isinstance(loss, Tensor):
        raise TypeError(
            f"loss_fn must return a tensor with a gradient, got {type(loss).__name__}. "
            "Leave out .item() and float(...)."
        )
    if loss.numel() != 1:
        raise ValueError(
            f"The loss must be one number, got the shape {list(loss.shape)}. "
            "Build the loss function with reduction='mean'."
        )
    if not loss.requires_grad:
        raise ValueError(
            "The loss has no gradient. Does loss_fn detach it, count with argmax or compare, or "
            "does the network run under torch.no_grad()?"
        )


def check_optimizer(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise unless ``optimizer`` is an optimizer over parameters of ``net``."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer must be a torch optimizer, got {type(optimizer).__name__}.")
    closure = signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise TypeError(
            f"optimizer must make a step from one gradient, got {type(optimizer).__name__}, which "
            "calls the loss again. Take torch.optim.Adam(net.parameters(), lr=1e-2)."
        )
    ours = {id(p) for p in net.parameters()}
    if not any(id(p) in ours for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "The optimizer holds none of this network's parameters. Build it after the network: "
            "torch.optim.Adam(net.parameters(), lr=1e-2)."
        )


def check_trainable(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Raise if an update could not change anything, or if the learning rate is not usable."""
    check_optimizer(net, optimizer)
    if not any(p.requires_grad for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "Every parameter of the optimizer is frozen (requires_grad is False), so nothing would "
            "be trained. Call .requires_grad_() on those to train."
        )
    for group in optimizer.param_groups:
        if not float(group.get("lr", 0)) <= LARGEST_RATE:
            raise ValueError(f"The optimizer's learning rate is {group['lr']}. Try 1e-2 or 1e-3.")


def unpacked(
    loader: Batches, device: torch.device, num_steps: int, time_varying: bool, *, endless: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Each batch's ``(data, targets)``, checked, on ``device``; if ``endless``, pass after pass."""
    while True:
        batch = None
        for batch in loader:
            yield _unpacked(batch, device, num_steps, time_varying)
        if batch is None:
            raise no_batch(loader)
        if not endless:
            return


def _unpacked(
    batch: Any, device: torch.device, num_steps: int, time_varying: bool
) -> tuple[Tensor, Tensor]:
    if not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        kind = f"{len(batch)} parts" if isinstance(batch, (tuple, list)) else type(batch).__name__
        raise TypeError(f"A batch of the loader must be a pair (data, targets), got {kind}.")
    for name, part in zip(("data", "targets"), batch, strict=True):
        if not isinstance(part, Tensor):
            raise TypeError(
                f"The {name} of a batch must be a tensor, got {type(part).__name__}. "
                "Convert them with torch.as_tensor(...)."
            )
    data, targets = batch
    axis = int(time_varying)
    if targets.ndim == 0 or data.ndim <= axis or 0 in (len(targets), data.shape[axis]):
        raise ValueError(
            f"A batch of the loader holds no samples: its data has the shape {list(data.shape)}, "
            f"its targets {list(targets.shape)}. Is the batch size of the loader at least 1?"
        )
    if data.shape[axis] != len(targets):
        hint = "Pair each sample with one target."
        if time_varying and len(data) == len(targets) and data.shape[1] == num_steps:
            hint = "Time comes first, [T, B, ...]: turn the batch with data.transpose(0, 1)."
        elif time_varying:
            hint = "With time_varying=True it is [T, B, ...], the samples along its second axis."
        elif data.ndim > 1 and data.shape[1] == len(targets):
            hint = "Data with a time axis in front, [T, B, ...], needs time_varying=True."
        raise ValueError(
            f"A batch of the loader has {data.shape[axis]} samples and {len(targets)} targets: its "
            f"data has the shape {list(data.shape)}. {hint}"
        )
    return data.to(device), targets.to(device)


def check_weights(net: nn.Module, context: str) -> None:
    """Raise ValueError if a parameter of ``net`` is NaN or infinite."""
    if (name := _first_not_finite(net.named_parameters())) is not None:
        raise ValueError(
            f"The parameter {name!r} is not finite (NaN or infinite) {context}. Load the last good "
            "checkpoint or build the network anew, then try a smaller learning rate."
        )


def check_gradients(net: nn.Module, loss: float, iteration: int) -> None:
    """Raise ValueError if the loss or a gradient is NaN or infinite; nothing is updated yet."""
    remedy = (
        f"The weights are those after iteration {iteration - 1}. Try a smaller learning rate, or "
        "look for NaN and infinities in the data."
    )
    if not math.isfinite(loss):
        raise ValueError(f"The loss is {loss} at iteration {iteration}. {remedy}")
    gradients = ((name, p.grad) for name, p in net.named_parameters() if p.grad is not None)
    if (name := _first_not_finite(gradients)) is not None:
        raise ValueError(
            f"The gradient of {name!r} is not finite (NaN or infinite) at iteration {iteration}, "
            f"where the loss is {loss:.4g}. {remedy} A surrogate gradient of smaller slope helps "
            "where the gradient grows from step to step."
        )


def _first_not_finite(named: Iterator[tuple[str, Tensor]]) -> str | None:
    """The first name whose tensor holds NaN or infinity: one norm of all, then a search."""
    lazy = nn.parameter.UninitializedParameter
    tensors = {name: x for name, x in named if not isinstance(x, lazy)}
    largest = get_total_norm(tensors.values(), norm_type=math.inf)
    if bool(torch.isfinite(largest)):
        return None
    return next(name for name, x in tensors.items() if not bool(torch.isfinite(x).all()))
