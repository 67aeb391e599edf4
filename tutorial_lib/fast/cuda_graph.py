"""The run of a network over time, recorded as a CUDA graph and replayed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .. import utils
from .._runs import check_data, check_membranes
from ..neurons import Leaky
from .operations import hooked

__all__ = ["CudaGraph"]


class CudaGraph:
    """A network's run over time that a GPU replays at one call, forward and backward.

    A large GPU finishes an operation of a small network before Python has called the next one. The
    first call records all operations (:func:`torch.cuda.make_graphed_callables`), later ones
    replay them, with the results and gradients of :func:`~tutorial_lib.simulation.forward_pass`.

    What differs from the first call is not replayed, but run as usual: a batch of another shape or
    type, other modules in training mode, another autocast, other parameters, buffers or settings
    of the neurons, no gradient wanted. So is everything on a CPU, and a network with hooks. Python
    code in a ``forward()`` runs in the recording only, so other changes of the network go
    unnoticed: make a new CudaGraph after them.

    Args:
        simulation: a :class:`~tutorial_lib.simulation.Simulation`.

    Raises:
        TypeError: if it is none.
    """

    def __init__(self, simulation: nn.Module) -> None:
        if not (isinstance(simulation, nn.Module) and hasattr(simulation, "num_steps")):
            raise TypeError(
                "simulation must be a whole run over time, CudaGraph(Simulation(net, num_steps)), "
                f"got {type(simulation).__name__}."
            )
        self.simulation = simulation
        self.layers = [module for module in simulation.modules() if isinstance(module, Leaky)]
        self.recorded: tuple | None = None  # of what: see _conditions
        self.runs = 0
        self.had_backward = False  # whether the latest run's backward pass is done

    def __call__(self, data: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(spk_rec, mem_rec)``, each ``[T, B, C]``, of constant ``data`` ``[B, ...]``.

        Raises:
            TypeError, ValueError: as :func:`~tutorial_lib.simulation.forward_pass`.
            RuntimeError: from ``backward()``, if the graph was replayed again, or the parameters
                were changed, before it, and from a second one of the same run.
        """
        run = self.simulation
        check_data(data)
        if not _can_record(data) or hooked(run) is not None:
            return run(data)
        if self.recorded is None:
            self._record(data)
        if self.recorded != self._conditions(data):
            return run(data)
        return self._replay(data)

    def _conditions(self, data: Tensor) -> tuple:
        """What has to be the same for a replay."""
        run = self.simulation
        parameters = [(p.data_ptr(), p.requires_grad) for p in run.parameters()]
        buffers = [buffer.data_ptr() for buffer in run.buffers()]
        modes = [module.training for module in run.modules()]
        rules = [(x.spike_grad, x.reset_mechanism, x.detach_reset) for x in self.layers]
        autocast = (torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda"))
        given = (data.shape, data.dtype, data.device, autocast)
        settings = [value for name, value in vars(run).items() if not name.startswith("_")]
        return *given, *settings, parameters, buffers, modes, rules

    def _versions(self) -> list[int]:
        """How often each parameter was written."""
        return [p._version for p in self.simulation.parameters()]

    def _record(self, data: Tensor) -> None:
        utils.reset(self.simulation)
        named = dict(self.simulation.named_parameters())

        def run(data: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
            values = dict(zip(named, parameters, strict=True))
            records = torch.func.functional_call(self.simulation, values, (data,))
            return *records, *(layer.mem.detach() for layer in self.layers)

        # New tensors over the same memory: the graph sees what an optimizer writes, and
        # the parameters themselves are in no graph of autograd's when the recording is over.
        inputs = [p.detach().requires_grad_(p.requires_grad) for p in named.values()]
        enabled, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
        autocast = torch.autocast("cuda", dtype, enabled, cache_enabled=False)
        # The graph holds their addresses only. Its warm-up must not count, in a running mean say.
        self.buffers = list(self.simulation.buffers())
        with _kept(self.buffers), _measuring(), autocast:
            self.graph = torch.cuda.make_graphed_callables(
                run, (data.clone(), *inputs), allow_unused_input=True
            )
        self.recorded = self._conditions(data)

    def _replay(self, data: Tensor) -> tuple[Tensor, Tensor]:
        parameters = (_OwnGradient.apply(p) for p in self.simulation.parameters())
        self.runs, self.had_backward = self.runs + 1, False
        spk_rec, mem_rec, *states = self.graph(data, *parameters)
        for layer, state in zip(self.layers, states, strict=True):
            layer.mem = state.detach().clone()
        check_membranes(self.simulation, mem_rec, data)
        return _OwnRecords.apply(self, spk_rec, mem_rec)


def _can_record(data: Tensor) -> bool:
    return data.is_cuda and torch.is_grad_enabled() and not data.requires_grad


@contextmanager
def _measuring() -> Iterator[None]:
    """Let cuDNN measure which of its algorithms is fastest, as the shapes will not change."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with warnings.catch_warnings():
            # PyTorch's own recording causes it, by its warm-up on another stream.
            warnings.filterwarnings("ignore", "The AccumulateGrad node's stream", UserWarning)
            yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def _kept(buffers: list[Tensor]) -> Iterator[None]:
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)


class _OwnGradient(torch.autograd.Function):
    """The same value; its gradient in new memory, not the graph's, which is written again.

    Without it, a second ``backward()`` would replace what the first one left in ``.grad``.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.clone()


class _OwnRecords(torch.autograd.Function):
    """The records in new memory; one gradient, while the graph holds their run."""

    @staticmethod
    def forward(
        ctx: Any, owner: CudaGraph, spk_rec: Tensor, mem_rec: Tensor
    ) -> tuple[Tensor, Tensor]:
        ctx.owner, ctx.run, ctx.versions = owner, owner.runs, owner._versions()
        return spk_rec.clone(), mem_rec.clone()

    @staticmethod
    def backward(ctx: Any, grad_spk: Tensor, grad_mem: Tensor) -> tuple[None, Tensor, Tensor]:
        owner = ctx.owner
        if ctx.run != owner.runs or owner.had_backward:
            raise RuntimeError(
                "The CUDA graph holds its latest run alone, for one backward(): there was another "
                "run, or a backward(), before this one. Call backward() once after each forward "
                "pass, or use forward_pass()."
            )
        if ctx.versions != owner._versions():
            raise RuntimeError(
                "Parameters were changed between a run of the CUDA graph and its backward(). Call "
                "backward() before optimizer.step() and before weights are loaded."
            )
        owner.had_backward = True
        return None, grad_spk, grad_mem
