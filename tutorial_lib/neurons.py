"""A layer of leaky integrate-and-fire neurons: :func:`tutorial_lib.lif_step`, with state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import torch
from torch import Tensor, nn

from . import _checks, _graphs, _snntorch, surrogate
from ._parameters import align, out_of_range, parameter, values
from .lif import (
    ResetMechanism,
    SpikeFunction,
    check_spike_grad,
    lif_step,
    membrane_dtype,
    step,
)

__all__ = ["Leaky", "ResetMechanism", "SpikeFunction", "lif_step"]


class Leaky(nn.Module):
    r"""A layer of leaky integrate-and-fire neurons, with the arguments of snnTorch's ``Leaky``.

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

    The hidden membrane belongs to this instance alone and follows ``.to(...)``. It is neither a
    parameter nor a buffer: nothing that saves, averages or synchronizes a network touches it. A
    current of another shape never starts a new state silently. A program made by ``torch.export``
    keeps no state from call to call, so export a step with explicit state.

    ``state_dict()`` holds ``beta``, ``threshold`` and, under snnTorch's names, the settings that
    change results. It loads into snnTorch's ``Leaky``, and snnTorch's into this one; other
    settings than this layer's are an error.

    Args:
        beta: membrane decay per step, in [0, 1]. A number; a 1-D tensor with one value per feature
            or channel (axis 1 of the current); or a tensor of the shape of one sample.
        threshold: firing threshold, above 0, in units of the membrane potential. Same shapes.
        spike_grad: surrogate gradient; ``None`` means :class:`tutorial_lib.surrogate.atan`.
        init_hidden: keep the membrane inside the layer.
        learn_beta: make ``beta`` a parameter. It is clamped to [0, 1] on use.
        learn_threshold: make ``threshold`` a parameter.
        reset_mechanism: "subtract" (the default), "zero" or "none".
        output: with ``init_hidden``, return ``(spk, mem)`` instead of ``spk``.
        detach_reset: if True (snnTorch's behavior), no gradient flows through the reset.
        surrogate_disable, inhibition, state_quant: arguments of snnTorch's, accepted at their
            default values only. The error for another value says what to write instead.
        graded_spikes_factor, learn_graded_spikes_factor, reset_delay: likewise.

    Raises:
        ValueError: for a ``beta`` outside [0, 1], a ``threshold`` not above 0, NaN in either, an
            unknown ``reset_mechanism``, or another value than the default of the last group.
        TypeError: if ``spike_grad`` cannot be called, or a flag is not True or False.
    """

    mem: Tensor | None  # None only in and after nn.DataParallel
    graded_spikes_factor = 1.0  # snnTorch's; for state dicts, and at this value only

    def __init__(
        self,
        beta: float | Tensor,
        threshold: float | Tensor = 1.0,
        spike_grad: SpikeFunction | None = None,
        surrogate_disable: bool = False,
        init_hidden: bool = False,
        inhibition: bool = False,
        learn_beta: bool = False,
        learn_threshold: bool = False,
        reset_mechanism: ResetMechanism = "subtract",
        state_quant: bool = False,
        output: bool = False,
        graded_spikes_factor: float = 1.0,
        learn_graded_spikes_factor: bool = False,
        reset_delay: bool = True,
        *,
        detach_reset: bool = True,
    ) -> None:
        beta, threshold = parameter("beta", beta), parameter("threshold", threshold)
        _snntorch.check_defaults(
            surrogate_disable=surrogate_disable,
            inhibition=inhibition,
            state_quant=state_quant,
            graded_spikes_factor=graded_spikes_factor,
            learn_graded_spikes_factor=learn_graded_spikes_factor,
            reset_delay=reset_delay,
        )
        super().__init__()
        self.spike_grad = surrogate.atan() if spike_grad is None else spike_grad
        self.init_hidden, self.output = init_hidden, output
        self.reset_mechanism, self.detach_reset = reset_mechanism, detach_reset
        self._check_settings()
        for name, value, learn in (
            ("beta", beta, learn_beta),
            ("threshold", threshold, learn_threshold),
        ):
            if _checks.flag(f"learn_{name}", learn):
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        self.mem = self._rest()

    def init_leaky(self) -> Tensor:
        """Another name of :meth:`reset_mem`, for networks with explicit state."""
        return self.reset_mem()

    def reset_mem(self) -> Tensor:
        """Forget the membrane; return the initial one, a zero that takes a current's shape.

        Raises:
            ValueError: if learning took ``threshold`` to 0 or below, or either parameter to NaN, or
                a setting was changed to one that does not exist.
            TypeError: for a setting of the wrong type.
        """
        self._check_settings()
        for name in ("beta", "threshold"):
            if problem := out_of_range(name, getattr(self, name)):
                raise ValueError(
                    f"{problem}. An update took it there: NaN comes from the loss, the data or a "
                    "learning rate that is too large. A learned threshold stays above 0 with "
                    "lif.threshold.data.clamp_(min=0.01) after each step of the optimizer."
                )
        self.mem = self._rest()
        return self.mem

    def _check_settings(self) -> None:
        """They can be changed at any time, and would count in silence as something else."""
        _checks.choice("reset_mechanism", self.reset_mechanism, get_args(ResetMechanism))
        check_spike_grad(self.spike_grad)
        for name in ("init_hidden", "output", "detach_reset"):
            _checks.flag(name, getattr(self, name))
        for name in _snntorch.INSTEAD["Leaky"].keys() & vars(self).keys():
            raise ValueError(
                f"{name} = {_checks.shown(vars(self)[name])} was set, and changes nothing here. "
                f"{_snntorch.INSTEAD['Leaky'][name]}"
            )

    def _rest(self) -> Tensor:
        return torch.zeros((), dtype=self.beta.dtype, device=self.beta.device)

    def detach_mem(self) -> None:
        """Keep the membrane potential and cut the graph that led to it."""
        if self.mem is not None:
            self.mem = self.mem.detach()

    def forward(self, input_: Tensor, mem: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Advance all neurons by one step.

        Args:
            input_: input current, ``[B, ...]``.
            mem: membrane potential of the step before, same shape, or what ``init_leaky()`` gave,
                or one number ``[1]`` for all. Only without ``init_hidden``.

        Returns:
            ``(spk, mem)``, both of the shape of the current; with ``init_hidden`` and no ``output``
            only ``spk``.

        Raises:
            TypeError: if ``mem`` is given with ``init_hidden``, or missing without it, or if the
                current or ``mem`` is no tensor, or ``spike_grad`` returns none.
            ValueError: if the state has another shape or device than the current, or ``beta`` or
                ``threshold`` do not fit it.
            RuntimeError: if the hidden membrane was lost in a replica of ``nn.DataParallel``.
        """
        if not isinstance(input_, Tensor):
            raise TypeError(
                f"input_, the current, must be a tensor [B, ...], got {type(input_).__name__}. "
                "Convert it with torch.as_tensor(cur, dtype=torch.float32)."
            )
        if not (input_.is_floating_point() or input_.is_complex()):
            input_ = input_.to(self.beta.dtype)  # whole spikes would carry no gradient
        state = self._state(input_, mem)
        _graphs.guard_backward(state)  # only for a better error from a second backward()
        spk, new = step(
            input_.to(membrane_dtype(input_, self.beta)),
            state,
            align("beta", self.beta, input_),
            align("threshold", self.threshold, input_),
            self.spike_grad,
            self.reset_mechanism,
            self.detach_reset,
        )
        _graphs.watch_backward(new, state)
        spk = spk.to(input_.dtype)
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
            if not isinstance(self.mem, Tensor):
                raise RuntimeError(
                    f"The hidden membrane mem is {_checks.shown(self.mem)}: utils.reset(net) "
                    "starts anew. Under nn.DataParallel, which copies the network at each call and "
                    "drops the copies, membranes included, wrap the whole run, "
                    "nn.DataParallel(Simulation(net, num_steps)), or use DistributedDataParallel."
                )
            state, remedy = self.mem, "Call utils.reset(net) before a batch of another shape."
            at_rest = state.ndim == 0
        else:
            if mem is None:
                raise TypeError(
                    "The membrane is missing: start with mem = lif.init_leaky() and call "
                    "spk, mem = lif(cur, mem), or build the layer with init_hidden=True."
                )
            if not isinstance(mem, Tensor):
                raise TypeError(
                    f"mem, the membrane, must be a tensor, got {type(mem).__name__}. "
                    "Start with mem = lif.init_leaky()."
                )
            state = mem
            remedy = "Start again from mem = lif.init_leaky() for a batch of another shape."
            at_rest = state.shape in ((), (1,))
        if at_rest:
            return state.to(cur.device).reshape(()).expand(cur.shape)
        if state.shape != cur.shape:
            raise ValueError(
                f"The current input_ has the shape {list(cur.shape)}, the membrane mem still has "
                f"{list(state.shape)} from the step before. {remedy}"
            )
        if state.device != cur.device:
            raise ValueError(
                f"The current input_ is on {cur.device}, the membrane mem on {state.device}. "
                f"{remedy} Move net and data with .to(device) before that."
            )
        return state

    def extra_repr(self) -> str:
        parts = [f"beta={values(self.beta)}", f"threshold={values(self.threshold)}"]
        parts += [f"spike_grad={self.spike_grad}", f"reset_mechanism={self.reset_mechanism!r}"]
        flags = ("init_hidden", "output")
        return ", ".join(parts + [f"{flag}=True" for flag in flags if getattr(self, flag)])

    # What torch calls when it moves, copies, saves or compiles a module.

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Leaky:
        super()._apply(fn, recurse)
        if self.mem is not None:
            self.mem = fn(self.mem) if self.mem.ndim else self._rest()
        return self

    def __getstate__(self) -> dict:
        """Copies and pickles carry the membrane's values, not the graph that led to them."""
        state = self.__dict__.copy()
        if self.mem is not None:
            state["mem"] = self.mem.detach()
        return state

    def _replicate_for_data_parallel(self) -> Leaky:
        """A replica's membrane is lost after the call: neither it nor this layer goes on from it.

        A reset within the call, as :class:`tutorial_lib.simulation.Simulation` does, is fine.
        """
        if self.init_hidden:
            self.mem = None
        return super()._replicate_for_data_parallel()

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in _snntorch.SETTINGS:
            if name != "detach_reset" or not self.detach_reset:
                destination[prefix + name] = torch.as_tensor(getattr(self, name))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        _metadata, _strict, missing_keys, _unexpected_keys, error_msgs = args
        rest = dict(state_dict)
        given = {name: rest.pop(prefix + name, None) for name in _snntorch.SETTINGS}
        problems = _snntorch.differences(given, self.reset_mechanism, self.detach_reset)
        for name in ("beta", "threshold"):
            value = rest.get(prefix + name)
            if isinstance(value, Tensor) and (problem := out_of_range(name, value)):
                problems.append(problem)
        if problems:
            error_msgs += [f"{prefix}{problem}." for problem in problems]
            return
        if given["reset_mechanism_val"] is None:
            missing_keys.append(prefix + "reset_mechanism_val")
        super()._load_from_state_dict(rest, prefix, *args)

    @property
    def reset_mechanism_val(self) -> Tensor:
        """The reset mechanism as snnTorch numbers it, and as a state dict holds it."""
        return torch.tensor(_snntorch.RESETS.index(self.reset_mechanism))

    def __prepare_scriptable__(self) -> None:
        raise NotImplementedError(
            "TorchScript does not know surrogate gradients. Use torch.compile(net) for speed; to "
            "pass a network on, torch.export.export(step, (cur, mem)) or torch.jit.trace."
        )

    # Names that snnTorch has: on the class, Missing below raises the error; on an instance, Python
    # then calls __getattr__, and nn.Module's would raise another one.
    def __getattr__(self, name: str) -> Tensor | nn.Module:
        if name in _snntorch.INSTEAD["Leaky"]:
            raise _snntorch.missing("Leaky", name, "Leaky")
        return super().__getattr__(name)


for _name in _snntorch.INSTEAD["Leaky"].keys() - vars(Leaky):
    setattr(Leaky, _name, _snntorch.Missing("Leaky", _name))
