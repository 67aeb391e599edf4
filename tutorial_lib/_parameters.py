"""``beta`` and ``threshold`` of neurons: made from what was given, and held in their range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from . import _checks


def parameter(name: str, value: float | Tensor) -> Tensor:
    """Return a floating-point copy of a number or tensor, which must be in range."""
    wanted = "be a real number or a dense tensor of them"
    tensor = _checks.reals(name, value, wanted).detach().clone()
    if tensor.numel() == 0:
        raise ValueError(
            f"{name} is empty: its shape is {list(tensor.shape)}. "
            "Give a number, or one per channel."
        )
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    if problem := out_of_range(name, tensor):
        raise ValueError(f"{problem}.")
    if name == "beta" and not tensor.is_meta and not bool(((tensor >= 0) & (tensor <= 1)).all()):
        raise ValueError(
            f"beta must lie between 0 and 1, got {values(tensor)}. It is the share of the "
            "membrane potential that is left after one step, exp(-dt/tau)."
        )
    return tensor


def out_of_range(name: str, value: Tensor) -> str | None:
    """What is wrong with a parameter in use; of ``beta`` only NaN, as it is clamped on use."""
    if value.is_meta or _checks.being_recorded(value):
        return None
    value = value.detach()
    low, high = [value.item()] * 2 if value.numel() == 1 else [v.item() for v in value.aminmax()]
    if math.isnan(low):
        return f"{name} contains NaN: {values(value)}"
    if name == "threshold" and not 0 < low <= high < math.inf:
        return f"threshold must be finite and above 0, got {values(value)}"
    return None


def values(tensor: Tensor) -> str:
    """A number, or the shape and range of several, for a message."""
    if tensor.is_meta:
        return f"a {list(tensor.shape)} tensor without values"
    if tensor.numel() == 1:
        return f"{tensor.item():g}"
    return f"a {list(tensor.shape)} tensor from {tensor.min().item():g} to {tensor.max().item():g}"


def align(name: str, value: Tensor, cur: Tensor) -> Tensor:
    """Shape ``beta`` or ``threshold`` so that it broadcasts to one step's current ``[B, ...]``.

    One value per feature or channel runs along axis 1.

    Raises:
        ValueError: if it does not fit, with ``name``.
    """
    if value.numel() == 1:
        return value.reshape(())
    if value.ndim == 1 and cur.ndim > 2:
        value = value.reshape(-1, *[1] * (cur.ndim - 2))
    if not _checks.fits(value, cur):
        raise ValueError(
            f"{name} has the shape {list(value.shape)}, which does not fit a current of shape "
            f"{list(cur.shape)}. Give one number, one value per channel or feature "
            f"([{cur.shape[1] if cur.ndim > 1 else cur.shape[0]}]), or one per neuron "
            f"({list(cur.shape[1:])})."
        )
    return value
