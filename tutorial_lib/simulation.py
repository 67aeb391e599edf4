"""Run a network over time and keep what it did."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from . import _checks, utils
from .neurons import Leaky

__all__ = ["forward_pass", "record_spikes"]


def forward_pass(net: nn.Module, num_steps: int, data: Tensor) -> tuple[Tensor, Tensor]:
    """Show ``data`` to ``net`` at every one of ``num_steps`` steps; record the output layer.

    The same batch is injected as a current at each step (constant-current encoding). All hidden
    states of ``net`` are reset first, so passes never leak into each other.

    Args:
        net: a network whose call is one time step and returns ``(spk, mem)``, such as an
            ``nn.Sequential`` that ends in ``Leaky(..., init_hidden=True, output=True)``.
        num_steps: number of time steps T, at least 1.
        data: one batch, ``[B, ...]``, shaped as the first layer wants it.

    Returns:
        ``(spk_rec, mem_rec)``: spikes and membranes of the output layer, each ``[T, B, C]``.

    Raises:
        TypeError: if ``net`` is no module, ``num_steps`` no integer, ``data`` no floating-point
            tensor, or the network's output no pair ``(spk, mem)``.
        ValueError: if ``num_steps`` is below 1, or ``data`` is empty or contains NaN.
    """
    _check_run(net, num_steps, data)
    utils.reset(net)
    steps = [_one_step(net, data) for _ in range(num_steps)]
    spk_rec, mem_rec = zip(*steps, strict=True)
    return torch.stack(spk_rec), torch.stack(mem_rec)


@torch.no_grad()
def record_spikes(net: nn.Module, num_steps: int, data: Tensor) -> dict[str, Tensor]:
    """Run ``net`` as :func:`forward_pass` does and record the spikes of *every* layer of neurons.

    Args:
        net, num_steps, data: as for :func:`forward_pass`.

    Returns:
        Spikes by layer name (as in ``net.named_modules()``), in the order of the network, each
        ``[T, B, ...]``. No gradients are kept.

    Raises:
        TypeError, ValueError: as :func:`forward_pass`; ValueError if ``net`` has no Leaky layer.
    """
    _check_run(net, num_steps, data)
    layers = {name: module for name, module in net.named_modules() if isinstance(module, Leaky)}
    if not layers:
        raise ValueError(
            f"{type(net).__name__} has no Leaky layer to record. Did you pass the whole network?"
        )
    steps: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str):  # noqa: ANN202
        def hook(_module: nn.Module, _inputs: tuple, output: Tensor | tuple[Tensor, Tensor]) -> None:
            steps[name].append(output[0] if isinstance(output, tuple) else output)

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        utils.reset(net)
        for _ in range(num_steps):
            _one_step(net, data)
    finally:
        for hook in hooks:
            hook.remove()
        utils.reset(net)
    return {name: torch.stack(spikes) for name, spikes in steps.items()}


def _check_run(net: nn.Module, num_steps: int, data: Tensor) -> None:
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
    if bool(torch.isnan(data).any()):
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
