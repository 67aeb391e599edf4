"""Run a network over time and keep what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from . import _checks, utils
from .fast.layerwise import Plan
from .fast.tracing import NotLayerwise
from .neurons import Leaky

__all__ = ["Schedule", "Simulation", "forward_pass", "record_spikes"]

Schedule = Literal["auto", "step", "layer"]
# Frames (samples times steps) at a time on a CPU, measured on the course's network: more of them
# are hardly faster and take more memory, of which half precision needs less. Of frames larger than
# this network's, so many fewer. With fewer samples than the least, the work on each step would be
# small against the cost of calling for it.
FRAMES, AUTOCAST_FRAMES, PIXELS, LEAST_SAMPLES = 4800, 6400, 28 * 28, 12


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

    Args:
        net: a network whose call is one time step and returns ``(spk, mem)``, such as an
            ``nn.Sequential`` that ends in ``Leaky(..., init_hidden=True, output=True)``.
        num_steps: number of time steps T, at least 1.
        data: one batch, ``[B, ...]``, shaped as the first layer wants it; with ``time_varying`` one
            batch per step, ``[T, B, ...]``.
        schedule: "step" calls the network once per step. "layer" runs each layer over all steps
            before the next one: the same spikes, membranes and gradients up to rounding, faster, in
            less memory. "auto" takes "layer" where the network allows it, else "step".
        time_varying: whether ``data`` has a time axis in front.

    Returns:
        ``(spk_rec, mem_rec)``: spikes and membranes of the output layer, each ``[T, B, C]``.

    Raises:
        TypeError: if ``net`` is no module, ``num_steps`` no integer, ``data`` no floating-point
            tensor, or the network's output no pair ``(spk, mem)``.
        ValueError: if ``num_steps`` is below 1, ``data`` is empty, contains NaN or has another
            number of steps, the schedule is unknown, or "layer" is impossible (with the reason).
    """
    check_run(net, num_steps, data, time_varying)
    plan = _plan(net, schedule, time_varying)
    utils.reset(net)
    if plan is not None:
        try:
            return _run_layerwise(plan, num_steps, data, time_varying)
        except NotLayerwise as reason:
            _refuse(schedule, reason)
    frames = data if time_varying else [data] * num_steps
    spk_rec, mem_rec = zip(*(_one_step(net, frame) for frame in frames), strict=True)
    return torch.stack(spk_rec), torch.stack(mem_rec)


class Simulation(nn.Module):
    """A network together with its run over time: one call is one :func:`forward_pass`.

    For wrappers that want a module whose call is everything, DistributedDataParallel for one.

    Args:
        net, num_steps, schedule: as for :func:`forward_pass`.
    """

    def __init__(self, net: nn.Module, num_steps: int, schedule: Schedule = "auto") -> None:
        super().__init__()
        self.net = net
        self.num_steps = num_steps
        self.schedule = schedule

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(spk_rec, mem_rec)``, each ``[T, B, C]``, of constant ``data`` ``[B, ...]``."""
        return forward_pass(self.net, self.num_steps, data, schedule=self.schedule)


@torch.no_grad()
def record_spikes(
    net: nn.Module, num_steps: int, data: Tensor, *, schedule: Schedule = "auto"
) -> dict[str, Tensor]:
    """Run ``net`` as :func:`forward_pass` does and record the spikes of *every* layer of neurons.

    All hidden states are reset before and after.

    Args:
        net, num_steps, data, schedule: as for :func:`forward_pass`.

    Returns:
        Spikes by layer name (as in ``net.named_modules()``), in the order of the network, each
        ``[T, B, ...]``. No gradients are kept.

    Raises:
        TypeError, ValueError: as :func:`forward_pass`; ValueError if ``net`` has no Leaky layer, or
            does not call each of them once per step.
    """
    check_run(net, num_steps, data)
    layers = {name: module for name, module in net.named_modules() if isinstance(module, Leaky)}
    if not layers:
        raise ValueError(
            f"{type(net).__name__} has no Leaky layer to record. Did you pass the whole network?"
        )
    plan = _plan(net, schedule, time_varying=False)
    utils.reset(net)
    try:
        if plan is not None and plan.neurons == layers.keys():
            try:
                runs = [_layerwise_spikes(plan, num_steps, x) for x in _parts(data, num_steps)]
                return {name: torch.cat([run[name] for run in runs], dim=1) for name in layers}
            except NotLayerwise as reason:
                _refuse(schedule, reason)
        return _stepwise_spikes(net, layers, num_steps, data)
    finally:
        utils.reset(net)


def _layerwise_spikes(plan: Plan, num_steps: int, data: Tensor) -> dict[str, Tensor]:
    spikes: dict[str, Tensor] = {}
    plan.run(num_steps, data, watch=spikes.__setitem__)
    return spikes


def _stepwise_spikes(
    net: nn.Module, layers: dict[str, Leaky], num_steps: int, data: Tensor
) -> dict[str, Tensor]:
    steps: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str):  # noqa: ANN202
        def hook(_layer: nn.Module, _inputs: tuple, output: Tensor | tuple[Tensor, Tensor]) -> None:
            steps[name].append(output[0] if isinstance(output, tuple) else output)

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        for _ in range(num_steps):
            _one_step(net, data)
    finally:
        for hook in hooks:
            hook.remove()
    for name, spikes in steps.items():
        if len(spikes) != num_steps:
            raise ValueError(
                f"Layer {name!r} was called {len(spikes)} times in {num_steps} steps, but a layer "
                "of neurons is called once per step. Give each place in the network a Leaky of its "
                "own, and remove those that are not used."
            )
    return {name: torch.stack(spikes) for name, spikes in steps.items()}


def _plan(net: nn.Module, schedule: Schedule, time_varying: bool) -> Plan | None:
    """The plan of the layer-by-layer schedule, or None for the step-by-step one."""
    if schedule not in get_args(Schedule):
        raise ValueError(f"schedule must be one of {get_args(Schedule)}, got {schedule!r}.")
    if schedule == "step":
        return None
    try:
        return Plan(net, constant=not time_varying)
    except NotLayerwise as reason:
        _refuse(schedule, reason)
        return None


def _refuse(schedule: Schedule, reason: NotLayerwise) -> None:
    """Raise if the reader asked for what is impossible; else the steps are taken one by one."""
    if schedule == "layer":
        raise ValueError(
            f"This network cannot be run layer by layer: {reason}. Use schedule='step'."
        ) from reason


def _parts(data: Tensor, num_steps: int, axis: int = 0) -> tuple[Tensor, ...]:
    """The batch in parts to run at once: on a CPU of so many frames, on a GPU all."""
    if data.device.type != "cpu":
        return (data,)
    frames = AUTOCAST_FRAMES if torch.is_autocast_enabled("cpu") else FRAMES
    pixels = max(PIXELS, data.shape[axis + 1 :].numel())
    samples = frames * PIXELS // (pixels * num_steps)
    return data.split(max(LEAST_SAMPLES, samples), dim=axis)


def _run_layerwise(
    plan: Plan, num_steps: int, data: Tensor, time_varying: bool
) -> tuple[Tensor, Tensor]:
    """Run a plan over parts of the batch that stay in the cache, and join the records."""
    axis = int(time_varying)
    runs = [plan.run(num_steps, part) for part in _parts(data, num_steps, axis)]
    spk_rec, mem_rec, last = zip(*runs, strict=True)
    for layer in last[0]:
        layer.mem = _joined([states[layer] for states in last], dim=0)
    return _joined(spk_rec, dim=1), _joined(mem_rec, dim=1)


def _joined(parts: Sequence[Tensor], dim: int) -> Tensor:
    return torch.cat(parts, dim) if len(parts) > 1 else parts[0]


def check_run(
    net: nn.Module, num_steps: int, data: Tensor, time_varying: bool = False
) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be an nn.Module, got {type(net).__name__}.")
    _checks.at_least_one("num_steps", num_steps)
    if not isinstance(data, Tensor) or not data.is_floating_point():
        kind = data.dtype if isinstance(data, Tensor) else type(data).__name__
        raise TypeError(
            f"data must be a floating-point tensor [B, ...], got {kind}. "
            "Images of bytes become one with images.float() / 255."
        )
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
    # While a program or a CUDA graph is recorded nothing is computed that could be looked at.
    recording = data.is_cuda and torch.cuda.is_current_stream_capturing()
    if not (recording or torch.compiler.is_compiling()) and bool(torch.isnan(data).any()):
        raise ValueError("data contains NaN: clean it first, for instance with torch.nan_to_num.")


def _one_step(net: nn.Module, data: Tensor) -> tuple[Tensor, Tensor]:
    out = net(data)
    if isinstance(out, tuple) and len(out) == 2:
        return out
    got = f"a tensor of shape {list(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
    raise TypeError(
        f"A step of the network must return (spk, mem), got {got}. "
        "Build its last layer as Leaky(..., init_hidden=True, output=True)."
    )
