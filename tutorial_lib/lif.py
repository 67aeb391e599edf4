"""One time step of the leaky integrate-and-fire neuron, as pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from . import _checks, surrogate

__all__ = ["ResetMechanism", "SpikeFunction", "lif_step"]

ResetMechanism = Literal["subtract", "zero", "none"]
SpikeFunction = Callable[[Tensor], Tensor]


def lif_step(
    cur: Tensor,
    mem: Tensor,
    beta: Tensor | float,
    threshold: Tensor | float = 1.0,
    spike_grad: SpikeFunction | None = None,
    reset_mechanism: ResetMechanism = "subtract",
    detach_reset: bool = True,
) -> tuple[Tensor, Tensor]:
    r"""One time step of the leaky integrate-and-fire neuron. Pure: nothing is stored.

    With the reset :math:`R[t] = \Theta(U[t-1] - \theta)`, the spikes of the step before,

    .. math::

        \text{subtract:}\quad U[t] &= \beta U[t-1] + I[t] - R[t]\,\theta \\
        \text{zero:}\quad     U[t] &= \beta\,(1 - R[t])\,U[t-1] + I[t] \\
        \text{none:}\quad     U[t] &= \beta U[t-1] + I[t] \\
        S[t] &= \Theta(U[t] - \theta)

    The returned membrane is the one before the reset, so it may exceed the threshold; the reset
    acts at the next step. A spike needs :math:`U > \theta`, strictly.

    Source: Eshraghian et al. (2023), Proc. IEEE 111(9), equations as snnTorch 1.0.0 computes them.

    Args:
        cur: input current :math:`I[t]`, any shape.
        mem: membrane potential :math:`U[t-1]`, a shape that broadcasts to that of ``cur``.
        beta: decay per step :math:`\beta`, clamped to [0, 1], broadcasts to ``cur``.
        threshold: :math:`\theta`, broadcasts to ``cur``.
        spike_grad: the spike function of the overdrive; ``None`` means ``surrogate.atan()``.
        reset_mechanism: "subtract", "zero" or "none".
        detach_reset: if True, no gradient flows through :math:`R[t]`.

    Returns:
        ``(spk, mem)``: :math:`S[t]` and :math:`U[t]`, both of the shape of ``cur``.

    Raises:
        ValueError: for an unknown ``reset_mechanism``, a shape that does not broadcast to that of
            ``cur``, or a ``beta`` or ``threshold`` that is NaN or infinite.
        TypeError: for an argument of the wrong type, or if ``spike_grad`` returns no tensor of the
            shape of its argument.
    """
    _checks.choice("reset_mechanism", reset_mechanism, get_args(ResetMechanism))
    _checks.flag("detach_reset", detach_reset)
    check_spike_grad(spike_grad)
    _checks.tensor("cur", cur, meta=True)
    _fits("mem", _checks.tensor("mem", mem, meta=True), cur)
    for name, value in (("beta", beta), ("threshold", threshold)):
        if isinstance(value, Tensor):
            _fits(name, _checks.tensor(name, value, meta=True), cur)
        else:
            _checks.finite(name, value)
    return step(cur, mem, beta, threshold, spike_grad, reset_mechanism, detach_reset)


def step(
    cur: Tensor,
    mem: Tensor,
    beta: Tensor | float,
    threshold: Tensor | float,
    spike_grad: SpikeFunction | None,
    reset_mechanism: ResetMechanism,
    detach_reset: bool,
) -> tuple[Tensor, Tensor]:
    """:func:`lif_step` itself, of arguments that were checked: a layer does so once."""
    spike_grad = surrogate.atan() if spike_grad is None else spike_grad
    beta = beta.clamp(0, 1) if isinstance(beta, Tensor) else min(max(beta, 0.0), 1.0)
    reset = None
    if reset_mechanism != "none":
        overdrive = mem - threshold
        reset = _fire(spike_grad, overdrive.detach() if detach_reset else overdrive)
    mem = membrane_update(cur, mem, reset, beta, threshold, reset_mechanism)
    return _fire(spike_grad, mem - threshold), mem


def _fits(name: str, value: Tensor, cur: Tensor) -> None:
    if not _checks.fits(value, cur):
        raise ValueError(
            f"{name} must broadcast to the shape of cur, {list(cur.shape)}, got "
            f"{list(value.shape)}. Give one number, or the shape of cur."
        )


def check_spike_grad(spike_grad: SpikeFunction | None) -> None:
    """Raise a TypeError for what cannot be called, and for a class in place of an instance."""
    if isinstance(spike_grad, type):
        raise TypeError(
            f"spike_grad is the class {spike_grad.__name__} itself. Make an instance of it, such "
            "as surrogate.fast_sigmoid(slope=25)."
        )
    if spike_grad is not None and not callable(spike_grad):
        raise TypeError(
            f"spike_grad must be a function such as surrogate.fast_sigmoid(slope=25), "
            f"got {spike_grad!r}."
        )


def _fire(spike_grad: SpikeFunction, overdrive: Tensor) -> Tensor:
    spk = spike_grad(overdrive)
    if isinstance(spk, Tensor) and spk.shape == overdrive.shape:
        return spk
    got = list(spk.shape) if isinstance(spk, Tensor) else type(spk).__name__
    raise TypeError(
        f"spike_grad must return the spikes, a tensor of the shape {list(overdrive.shape)} of the "
        f"overdrive, got {got} from {spike_grad!r}. Does the function end in return?"
    )


def membrane_update(
    cur: Tensor,
    mem: Tensor,
    reset: Tensor | None,
    beta: Tensor | float,
    threshold: Tensor | float,
    reset_mechanism: ResetMechanism,
    out: Tensor | None = None,
) -> Tensor:
    r"""The update rule itself: :math:`U[t]` from :math:`I[t]`, :math:`U[t-1]` and :math:`R[t]`.

    The one place where it stands: :func:`lif_step` calls it, and the layer-by-layer schedule.

    Args:
        cur, mem, threshold, reset_mechanism: as for :func:`lif_step`.
        reset: :math:`R[t]`, the spikes of the step before; unused with "none".
        beta: :math:`\beta`, in [0, 1].
        out: a tensor of the shape of ``cur`` that takes the result; no gradients then.

    Returns:
        The membrane :math:`U[t]`, of the shape of ``cur``.
    """
    if reset_mechanism == "zero":
        mem = torch.mul(mem, 1 - reset, out=out)
    mem = torch.mul(mem, beta, out=out)
    mem = torch.add(mem, cur, out=out)
    if reset_mechanism != "subtract":
        return mem
    if isinstance(threshold, Tensor):
        return torch.addcmul(mem, reset, threshold, value=-1, out=out)
    return torch.sub(mem, reset, alpha=threshold, out=out)


def membrane_dtype(cur: Tensor, beta: Tensor) -> torch.dtype:
    """Precision of the membrane: float32 under autocast, where the current alone is in half."""
    if cur.dtype in (torch.float16, torch.bfloat16) or not cur.is_floating_point():
        return beta.dtype
    return cur.dtype if beta.ndim == 0 else torch.promote_types(cur.dtype, beta.dtype)
