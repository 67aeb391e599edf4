"""What a run over time is given, and what it leaves: checks of both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from . import _checks
from .neurons import Leaky

__all__ = ["called_once", "check_data", "check_membranes", "check_settings", "checked", "no_pair"]

MOST_STEPS = 10**6
_CONVOLUTIONS = {nn.Conv1d: ("L",), nn.Conv2d: ("H", "W"), nn.Conv3d: ("D", "H", "W")}
_PASSED = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


@contextmanager
def checked(net: nn.Module, num_steps: int, data: Tensor, time_varying: bool) -> Iterator[int]:
    """Raise for what is wrong before a run starts; add to torch's errors what is known of them.

    Gives ``num_steps``, as Python's own integer.
    """
    num_steps = check_settings(num_steps, time_varying)
    _check_run(net, num_steps, data, time_varying)
    try:
        yield num_steps
    except RuntimeError as error:
        if reason := _misfit(net, num_steps, data, time_varying):
            raise ValueError(f"The network cannot run on this data: {error}. {reason}") from error
        raise


def check_settings(num_steps: int, time_varying: bool) -> int:
    """Return ``num_steps`` if it is in range: every step is recorded."""
    _checks.flag("time_varying", time_varying)
    return _checks.at_least_one("num_steps", num_steps, at_most=MOST_STEPS)


def _check_run(net: nn.Module, num_steps: int, data: Tensor, time_varying: bool) -> None:
    check_data(data)
    if data.ndim < 2 or data.numel() == 0:
        raise ValueError(
            f"data must be a batch [B, ...] that is not empty, got the shape {list(data.shape)}. "
            "A single sample becomes a batch with data.unsqueeze(0)."
        )
    if time_varying and (data.ndim < 3 or len(data) != num_steps):
        raise ValueError(
            f"Time-varying data must have the shape [T, B, ...] with T = num_steps = {num_steps}, "
            f"got {list(data.shape)}. Constant images [B, ...] go without time_varying=True."
        )
    # Only here is the first layer registered surely the first called: see _misfit.
    if type(net) is nn.Sequential and (reason := _misfit(net, num_steps, data, time_varying)):
        raise ValueError(reason)


def check_data(data: Tensor) -> None:
    """Raise TypeError or ValueError if this is no tensor of finite floating-point numbers."""
    _checks.tensor("data", data, "images of bytes become one with images.float() / 255")
    if not _checks.being_recorded(data) and not _finite(data):
        raise ValueError(
            "data contains NaN or infinity: clean it first, for instance with torch.nan_to_num."
        )


@torch.no_grad()
def _finite(values: Tensor) -> bool:
    """Whether no number is NaN or infinite.

    A finite sum tells, in a tenth of the time; a sum that overflows tells nothing.
    """
    return bool(torch.isfinite(values.sum())) or bool(torch.isfinite(values).all())


def _misfit(net: nn.Module, num_steps: int, data: Tensor, time_varying: bool) -> str | None:
    """Why the first layer of ``net`` with weights cannot take ``data``; None if nothing is known.

    The first is the first registered, which in an ``nn.Sequential`` is the first called.
    """
    if any(module._forward_pre_hooks for module in net.modules()):
        return None  # they may change the data
    step = data[0] if time_varying else data
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Flatten) and step.ndim > 1:
            step = step.flatten(layer.start_dim, layer.end_dim)
        elif not isinstance(layer, _PASSED) and not any(layer.children()):
            said = f"The first layer {name!r}, {layer}, takes "
            return _misfit_of_layer(said, layer, step, None if time_varying else num_steps)
    return None


def _misfit_of_layer(
    said: str, layer: nn.Module, step: Tensor, num_steps: int | None
) -> str | None:
    shape = list(step.shape)
    weight = getattr(layer, "weight", None)
    axes = _CONVOLUTIONS.get(type(layer), ())
    if not isinstance(weight, Tensor) or not (axes or type(layer) is nn.Linear):
        return None
    if weight.device != step.device:
        return f"{said}data on {weight.device}, got {step.device}. Move net and data with .to(...)."
    dtypes = {weight.dtype, step.dtype}
    cast = torch.is_autocast_enabled(step.device.type) and torch.float64 not in dtypes
    if len(dtypes) > 1 and not cast:
        return f"{said}{weight.dtype}, got {step.dtype}. Convert with data.to({weight.dtype})."
    inputs = layer.in_channels if axes else layer.in_features
    rank = 2 + len(axes)

    def fits(shape: list[int]) -> bool:
        return len(shape) == rank and shape[1] == inputs if axes else shape[-1] == inputs

    # Frames [T, B, features] would pass as [B, positions, features]: the number of steps tells.
    timed = num_steps is not None and len(shape) > rank and fits(shape[1:])
    if fits(shape) and not (timed and shape[0] == num_steps):
        return None
    said = f"{said}[{', '.join(['B', str(inputs), *axes])}], got {shape}. "
    if timed:
        said += "Is the first axis time, [T, B, ...]? Then pass time_varying=True."
        return said if axes else f"{said} If not, make each position a sample: data.flatten(0, 1)."
    if axes and len(shape) == rank - 1:
        return said + (
            "A single sample becomes a batch with data.unsqueeze(0)."
            if shape[0] == inputs and inputs > 1
            else "data.unsqueeze(1) adds the axis of the channels, unsqueeze(0) that of the batch."
        )
    if axes and len(shape) == 2:
        return said + f"Flat images become maps with data.reshape(len(data), {inputs}, ...)."
    if not axes and math.prod(shape[1:]) == inputs:
        return said + "Put an nn.Flatten() in front of it, or pass data.flatten(1)."
    return said + "Give the data this shape, or build the layer for the data."


def called_once(name: str, calls: int | None = None) -> ValueError:
    """The error for a layer with one membrane that stands in several places, or in none."""
    times = "more than once" if calls is None else f"{calls} times"
    return ValueError(
        f"Layer {name!r} is called {times} in a step, but a layer of neurons has one "
        "membrane, so it is called once per step. Give each place in the network its own "
        "Leaky, and remove those that are not used."
    )


def no_pair(got: str) -> TypeError:
    """The error for a step that does not return ``(spk, mem)``."""
    return TypeError(
        f"net must return (spk, mem) at each step, got {got}. "
        "Build its last layer as Leaky(..., init_hidden=True, output=True)."
    )


@torch.no_grad()
def check_membranes(net: nn.Module, mem_rec: Tensor, data: Tensor) -> None:
    """Raise if a membrane is NaN or infinite after a run, which its spikes do not tell.

    Such a membrane stays so, whatever comes, so the last step tells of all.

    Raises:
        ValueError: with the layer, the parameter that is to blame if one is, and what to try.
    """
    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, Leaky) and m.init_hidden]
    last = [(f"of layer {name!r}", layer.mem) for name, layer in layers]
    last.append(("of the output", mem_rec[-1]))
    if _checks.being_recorded(mem_rec):
        return
    for where, mem in last:
        if not _finite(mem):
            bad = [n for n, p in net.named_parameters() if not bool(torch.isfinite(p).all())]
            cause = (
                f"The parameter {bad[0]!r} is not finite: an update went wrong. Go back to weights "
                "from before it, and try a smaller learning rate or a surrogate that is less steep."
                if bad
                else "Do currents overflow? Scale weights or data down: data reaches "
                f"{data.abs().max():.3g}."
            )
            raise ValueError(f"The membranes {where} contain NaN or infinity. {cause}")
