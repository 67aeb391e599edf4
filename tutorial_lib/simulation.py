"""Run a network over time and keep what it did."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor, nn

from . import _checks, fast, utils
from ._runs import called_once, check_membranes, check_settings, checked, no_pair
from .fast import Schedule
from .fast.machine import warn_of_slow_bf16
from .neurons import Leaky

__all__ = ["Schedule", "Simulation", "forward_pass", "record_spikes"]


def forward_pass(
    net: nn.Module,
    num_steps: int,
    data: Tensor,
    *,
    schedule: Schedule = "auto",
    time_varying: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run ``net`` over ``num_steps`` steps from rest; record the output layer.

    By default the same batch is injected as a current at each step (constant-current encoding). All
    hidden states of ``net`` are reset first, so passes never leak into each other; afterwards each
    layer holds its last membrane.

    The schedule "step" calls the network once per step. "layer" runs each layer over all steps
    before the next one: faster, in less memory, with the same spikes, and with the same membranes
    and gradients up to rounding. (One exception: where two inputs of a max-pooling are equal but
    for rounding, the two schedules may send the gradient to different ones of them.)

    Args:
        net: a network whose call is one time step and returns ``(spk, mem)``, such as an
            ``nn.Sequential`` that ends in ``Leaky(..., init_hidden=True, output=True)``.
        num_steps: number of time steps T, at least 1.
        data: one batch, ``[B, ...]``, shaped as the first layer wants it; with ``time_varying`` one
            batch per step, ``[T, B, ...]``.
        schedule: "auto" runs a plain ``nn.Sequential`` (nested ones included) of stateless layers
            and ``Leaky`` layer by layer, and steps every other network. "layer" takes a module of
            your own as well, if a trace (:mod:`torch.fx`) shows that it may: its ``forward()`` is
            then called once, with a stand-in for the data, not once per step. What it prints,
            counts or asks for in ordinary Python happens once, and a condition is decided once.
        time_varying: whether ``data`` has a time axis in front.

    Returns:
        ``(spk_rec, mem_rec)``: spikes and membranes of the output layer, each ``[T, B, C]``.

    Raises:
        TypeError: if ``net`` is no module, ``num_steps`` no integer, ``data`` no floating-point
            tensor, or the network's output no pair ``(spk, mem)``.
        ValueError: if ``num_steps`` is below 1 or too large to record, ``data`` is empty, not
            finite or does not fit the network or the steps, a layer of neurons is called twice in a
            step, membranes become NaN or infinite, or the schedule is unknown or impossible.
    """
    with checked(net, num_steps, data, time_varying) as num_steps:
        warn_of_slow_bf16(data)
        plan = fast.plan(net, schedule, time_varying)  # None: step by step
        utils.reset(net)
        if plan is not None:
            spk_rec, mem_rec = plan.run(num_steps, data)  # [T, B, C] each
        else:
            spk_rec, mem_rec = _step_by_step(net, num_steps, data, time_varying)
    check_membranes(net, mem_rec, data)
    return spk_rec, mem_rec


def _step_by_step(
    net: nn.Module, num_steps: int, data: Tensor, time_varying: bool
) -> tuple[Tensor, Tensor]:
    """The plain loop, which the layer-by-layer schedule must equal."""
    spk_rec, mem_rec = [], []
    for step, frame in enumerate(data if time_varying else [data] * num_steps):  # [B, ...]
        spk, mem = net(frame) if step > 0 else _first_step(net, frame)  # [B, C] each
        spk_rec.append(spk)
        mem_rec.append(mem)
    return torch.stack(spk_rec), torch.stack(mem_rec)  # [T, B, C] each


class Simulation(nn.Module):
    """A network together with its run over time: one call is one :func:`forward_pass`.

    For wrappers that want a module whose call is everything: DistributedDataParallel, for one, or
    :class:`~tutorial_lib.fast.CudaGraph`.

    Args:
        net, num_steps, schedule, time_varying: as for :func:`forward_pass`.

    Raises:
        TypeError, ValueError: for one of the wrong type or out of range.
    """

    def __init__(
        self,
        net: nn.Module,
        num_steps: int,
        schedule: Schedule = "auto",
        *,
        time_varying: bool = False,
    ) -> None:
        super().__init__()
        self.net = utils.check_module(net)
        self.num_steps = check_settings(num_steps, time_varying)
        self.schedule = _checks.choice("schedule", schedule, get_args(Schedule))
        self.time_varying = time_varying

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(spk_rec, mem_rec)``, each ``[T, B, C]``."""
        options = {"schedule": self.schedule, "time_varying": self.time_varying}
        return forward_pass(self.net, self.num_steps, data, **options)


def record_spikes(
    net: nn.Module,
    num_steps: int,
    data: Tensor,
    *,
    schedule: Schedule = "auto",
    time_varying: bool = False,
) -> dict[str, Tensor]:
    """Run ``net`` as :func:`forward_pass` does and record the spikes of *every* layer of neurons.

    All hidden states are reset before and after.

    Args:
        net, num_steps, data, schedule, time_varying: as for :func:`forward_pass`.

    Returns:
        Spikes by layer name (as in ``net.named_modules()``), in the order of the network, each
        ``[T, B, ...]``. No gradients are kept.

    Raises:
        TypeError, ValueError: as :func:`forward_pass`; ValueError if ``net`` has no Leaky layer, or
            does not call each of them once per step.
    """
    with torch.no_grad(), checked(net, num_steps, data, time_varying) as num_steps:
        modules = utils.check_module(net).named_modules()
        layers = {name: layer for name, layer in modules if isinstance(layer, Leaky)}
        if not layers:
            raise ValueError(
                f"net, a {type(net).__name__}, has no tutorial_lib.Leaky to record. Did you pass "
                "the whole network, and is its Leaky the one of tutorial_lib?"
            )
        warn_of_slow_bf16(data)
        plan = fast.plan(net, schedule, time_varying)
        utils.reset(net)
        spikes: dict[str, list[Tensor]] = {name: [] for name in layers}
        try:
            if plan is not None and plan.layers.keys() == layers.keys():
                _, mem_rec = plan.run(num_steps, data, spikes)
                check_membranes(net, mem_rec, data)
                return {name: torch.cat(parts, dim=1) for name, parts in spikes.items()}

            def keep(name: str, _layer: nn.Module, _given: tuple, out: Any) -> None:
                spikes[name].append(out[0] if isinstance(out, tuple) else out)

            with ExitStack() as hooks:
                for name, layer in layers.items():
                    hooks.enter_context(layer.register_forward_hook(partial(keep, name)))
                _, mem_rec = _step_by_step(net, num_steps, data, time_varying)
            check_membranes(net, mem_rec, data)
        finally:
            utils.reset(net)
    for name, steps in spikes.items():
        if len(steps) != num_steps:
            raise called_once(name, len(steps) // num_steps)
    return {name: torch.stack(steps) for name, steps in spikes.items()}


def _first_step(net: nn.Module, data: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``net(data)``, and see that it is a step, in which each membrane is used once."""
    called: set[nn.Module] = set()

    def once(name: str, layer: nn.Module, _given: tuple) -> None:
        if layer in called:
            raise called_once(name)
        called.add(layer)

    # Of a compiled network, its hooks would be compiled too.
    compiled = torch.compiler.is_compiling() or hasattr(net, "_orig_mod")
    with ExitStack() as hooks:
        for name, layer in () if compiled else net.named_modules():
            if isinstance(layer, Leaky) and layer.init_hidden:
                hooks.enter_context(layer.register_forward_pre_hook(partial(once, name)))
        out = net(data)
    if isinstance(out, tuple) and len(out) == 2 and all(isinstance(x, Tensor) for x in out):
        if out[0].ndim > 2 and len(out[0]) != len(data) == out[0].shape[1]:
            raise ValueError(
                f"net, a {type(net).__name__}, returned spikes of shape {list(out[0].shape)} for a "
                f"batch of {len(data)}: its call is a whole run over time, [T, B, ...], and must "
                "be one step. Take the loop over time out of its forward()."
            )
        return out
    got = f"a tensor of shape {list(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
    if isinstance(out, tuple):
        got = f"({', '.join(type(x).__name__ for x in out)})"
    raise no_pair(f"{got} from {type(net).__name__}")
