r"""The leaky integrate-and-fire neuron: a pure step, and the module around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from . import surrogate

__all__ = ["Leaky", "ResetMechanism", "align", "lif_step", "membrane_dtype", "membrane_update"]

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
    r"""One time step of the leaky integrate-and-fire neuron. Pure: nothing stored, nothing checked.

    With overdrive spikes :math:`R[t] = \Theta(U[t-1] - \theta)` from the step before,

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
    """
    fire = surrogate.atan() if spike_grad is None else spike_grad
    beta = beta.clamp(0, 1) if isinstance(beta, Tensor) else min(max(beta, 0.0), 1.0)
    reset = None
    if reset_mechanism != "none":
        overdrive = mem - threshold
        reset = fire(overdrive.detach() if detach_reset else overdrive)
    mem = membrane_update(cur, mem, reset, beta, threshold, reset_mechanism)
    return fire(mem - threshold), mem


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
    half = cur.dtype in (torch.float16, torch.bfloat16)
    return beta.dtype if half else torch.result_type(cur, beta)


class Leaky(nn.Module):
    r"""A layer of leaky integrate-and-fire neurons; call-compatible with snnTorch's ``Leaky``.

    The update is :func:`lif_step`. State can be explicit::

        lif = Leaky(beta=0.5)
        mem = lif.init_leaky()
        for step in range(num_steps):
            spk, mem = lif(cur, mem)

    or hidden, so that the layer fits into ``nn.Sequential``::

        lif = Leaky(beta=0.5, init_hidden=True)
        utils.reset(net)            # before each new batch
        for step in range(num_steps):
            spk = lif(cur)          # with output=True: spk, mem = lif(cur)

    The state belongs to this instance alone, follows ``.to(...)``, and is not part of
    ``state_dict()``. A current of another shape never starts a new state silently.

    Args:
        beta: membrane decay per step, in [0, 1]. A number; a 1-D tensor with one value per feature
            or channel (axis 1 of the current); or a tensor of the shape of one sample.
        threshold: firing threshold, above 0, in units of the membrane potential. Same shapes.
        spike_grad: surrogate gradient; ``None`` means :class:`tutorial_lib.surrogate.atan`.
        init_hidden: keep the membrane inside the layer.
        output: with ``init_hidden``, return ``(spk, mem)`` instead of ``spk``.
        reset_mechanism: "subtract" (the default), "zero" or "none".
        learn_beta: make ``beta`` a parameter. It is clamped to [0, 1] on use.
        learn_threshold: make ``threshold`` a parameter.
        detach_reset: if True (snnTorch's behavior), no gradient flows through the reset.

    Raises:
        ValueError: for a ``beta`` outside [0, 1], a ``threshold`` not above 0, NaN in either,
            or an unknown ``reset_mechanism``.
        TypeError: if ``spike_grad`` cannot be called.
    """

    mem: Tensor

    def __init__(
        self,
        beta: float | Tensor,
        threshold: float | Tensor = 1.0,
        spike_grad: SpikeFunction | None = None,
        *,
        init_hidden: bool = False,
        output: bool = False,
        reset_mechanism: ResetMechanism = "subtract",
        learn_beta: bool = False,
        learn_threshold: bool = False,
        detach_reset: bool = True,
    ) -> None:
        beta, threshold = _parameter("beta", beta), _parameter("threshold", threshold)
        if not bool(((beta >= 0) & (beta <= 1)).all()):
            raise ValueError(
                f"beta must lie between 0 and 1, got {_values(beta)}. It is the share of the "
                "membrane potential that is left after one step, exp(-dt/tau)."
            )
        if not bool(((threshold > 0) & torch.isfinite(threshold)).all()):
            raise ValueError(f"threshold must be finite and above 0, got {_values(threshold)}.")
        if reset_mechanism not in get_args(ResetMechanism):
            raise ValueError(
                f"reset_mechanism must be one of {get_args(ResetMechanism)}, "
                f"got {reset_mechanism!r}."
            )
        if spike_grad is not None and not callable(spike_grad):
            raise TypeError(
                f"spike_grad must be a function such as surrogate.fast_sigmoid(slope=25), "
                f"got {spike_grad!r}."
            )
        super().__init__()
        self.spike_grad = surrogate.atan() if spike_grad is None else spike_grad
        self.init_hidden = init_hidden
        self.output = output
        self.reset_mechanism = reset_mechanism
        self.detach_reset = detach_reset
        for name, value, learn in (
            ("beta", beta, learn_beta),
            ("threshold", threshold, learn_threshold),
        ):
            if learn:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.register_buffer("mem", torch.zeros(()), persistent=False)

    def init_leaky(self) -> Tensor:
        """Return the initial membrane: a zero that takes the shape of the first current.

        The hidden state, if there is one, is set to it as well.
        """
        return self.reset_mem()

    def reset_mem(self) -> Tensor:
        """Forget the membrane potential; return the initial one (snnTorch's newer name)."""
        self.mem = torch.zeros((), dtype=self.beta.dtype, device=self.beta.device)
        return self.mem

    def forward(
        self, cur: Tensor, mem: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Advance all neurons by one step.

        Args:
            cur: input current, ``[B, ...]``.
            mem: membrane potential of the step before, same shape, or what ``init_leaky()`` gave.
                Only without ``init_hidden``.

        Returns:
            ``(spk, mem)``, both of the shape of ``cur``; with ``init_hidden`` and no ``output``
            only ``spk``.

        Raises:
            TypeError: if ``mem`` is given with ``init_hidden``, or missing without it, or if
                ``cur`` or ``mem`` is no tensor.
            ValueError: if the state has another shape or device than ``cur``, or ``beta`` or
                ``threshold`` do not fit it.
        """
        if not isinstance(cur, Tensor):
            raise TypeError(
                f"The current must be a tensor [B, ...], got {type(cur).__name__}. "
                "Convert it with torch.as_tensor(cur, dtype=torch.float32)."
            )
        state = self._state(cur, mem)
        spk, new = lif_step(
            cur.to(membrane_dtype(cur, self.beta)),
            state,
            align("beta", self.beta, cur),
            align("threshold", self.threshold, cur),
            self.spike_grad,
            self.reset_mechanism,
            self.detach_reset,
        )
        spk = spk.to(cur.dtype)
        if not self.init_hidden:
            return spk, new
        self.mem = new
        return (spk, new) if self.output else spk

    def _state(self, cur: Tensor, mem: Tensor | None) -> Tensor:
        if self.init_hidden:
            if mem is not None:
                raise TypeError(
                    "This layer keeps its own membrane (init_hidden=True): call it as lif(cur), "
                    "or build it without init_hidden to pass mem yourself."
                )
            state, remedy = self.mem, "Call utils.reset(net) before a batch of another shape."
        else:
            if mem is None:
                raise TypeError(
                    "The membrane is missing: start with mem = lif.init_leaky() and call "
                    "spk, mem = lif(cur, mem), or build the layer with init_hidden=True."
                )
            if not isinstance(mem, Tensor):
                raise TypeError(
                    f"The membrane must be a tensor, got {type(mem).__name__}. "
                    "Start with mem = lif.init_leaky()."
                )
            state = mem
            remedy = "Start again from mem = lif.init_leaky() for a batch of another shape."
        if state.ndim and state.shape != cur.shape:
            raise ValueError(
                f"The current has the shape {list(cur.shape)}, the membrane still has "
                f"{list(state.shape)} from the step before. {remedy}"
            )
        if state.ndim and state.device != cur.device:
            raise ValueError(
                f"The current is on {cur.device}, the membrane on {state.device}. {remedy} "
                "Move net and data with .to(device) before that."
            )
        return state

    def extra_repr(self) -> str:
        parts = [f"beta={_values(self.beta)}", f"threshold={_values(self.threshold)}"]
        parts += [f"spike_grad={self.spike_grad}", f"reset_mechanism={self.reset_mechanism!r}"]
        flags = ("init_hidden", "output")
        return ", ".join(parts + [f"{flag}=True" for flag in flags if getattr(self, flag)])

    def __getstate__(self) -> dict:
        """Copies and pickles carry the membrane's values, not the graph that led to them."""
        state = self.__dict__.copy()
        state["_buffers"] = {**self._buffers, "mem": self.mem.detach()}
        return state


def _parameter(name: str, value: float | Tensor) -> Tensor:
    try:
        tensor = torch.as_tensor(value).detach().clone()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be a number or a tensor, got {value!r}.") from error
    if tensor.numel() == 0:
        raise ValueError(
            f"{name} is empty: its shape is {list(tensor.shape)}. "
            "Give a number, or one per channel."
        )
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    if bool(torch.isnan(tensor).any()):
        raise ValueError(f"{name} contains NaN: {_values(tensor)}.")
    return tensor


def _values(tensor: Tensor) -> str:
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
    try:
        fits = torch.broadcast_shapes(value.shape, cur.shape) == cur.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} has the shape {list(value.shape)}, which does not fit a current of shape "
            f"{list(cur.shape)}. Give one number, one value per channel or feature "
            f"([{cur.shape[1] if cur.ndim > 1 else cur.shape[0]}]), or one per neuron "
            f"({list(cur.shape[1:])})."
        )
    return value
