"""The layer-by-layer schedule: every layer sees all time steps before the next one runs.

A network is traced once into a list of operations (:mod:`tutorial_lib._tracing` says whether that
is possible). What is stateless runs with time folded into the batch, in blocks that the cache
holds; what does not depend on time runs once; a layer of neurons runs its recurrence in one
function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from . import _tracing
from ._lif_sequence import lif_sequence
from ._pooling import max_pool2d
from ._tracing import NotLayerwise, is_in_place, is_item, is_neurons
from .neurons import Leaky, _align, membrane_dtype

__all__ = ["Plan"]

# Numbers of a stage's widest input handled at a time on a CPU. What the stage makes of them, a few
# times as much, stays in the cache until the next operation reads it.
BLOCK = 2**20
HALF = (torch.float16, torch.bfloat16)


class Plan:
    """A traced network that runs ``num_steps`` steps of one batch, layer by layer.

    Args:
        net: the network, its call one time step.
        constant: whether the input is the same at every step.

    Raises:
        NotLayerwise: with the reason.
    """

    def __init__(self, net: nn.Module, constant: bool) -> None:
        self.modules = dict(net.named_modules())
        self.graph = _tracing.trace(net)
        self.output = _tracing.output_layer(self.graph, self.modules)
        self.over_time = _tracing.find_sequences(self.graph, self.modules, constant)
        layers = [node for node in self.graph.nodes if is_neurons(node, self.modules)]
        self.neurons = {node.target for node in layers}
        if len({id(self.modules[node.target]) for node in layers}) < len(layers):
            raise NotLayerwise("one layer of neurons stands in two places")
        for node in self.graph.nodes:
            if reason := _tracing.obstacle(node, self.modules, self.output):
                raise NotLayerwise(reason)
        self.stages = self._find_stages()

    def _find_stages(self) -> list[list[fx.Node]]:
        """Operations in order: each layer of neurons alone, others in runs of the same kind.

        All operations of such a run either change over time or do not.
        """
        stages: list[list[fx.Node]] = []
        kind = None
        for node in self.graph.nodes:
            if node.op in ("placeholder", "output") or is_item(node):
                continue
            alone = is_neurons(node, self.modules)
            if alone or kind != (node in self.over_time):
                stages.append([])
            stages[-1].append(node)
            kind = None if alone else node in self.over_time
        return stages

    def run(
        self, num_steps: int, data: Tensor, watch: Callable[[str, Tensor], None] | None = None
    ) -> tuple[Tensor, Tensor, dict[Leaky, Tensor]]:
        """Return the output layer's spikes and membranes, and the last membrane of each layer.

        Args:
            num_steps: T.
            data: ``[B, ...]``, or ``[T, B, ...]`` if the plan was made for changing input.
            watch: called with the name and the spikes ``[T, B, ...]`` of each layer of neurons.
        """
        start = next(node for node in self.graph.nodes if node.op == "placeholder")
        frames = data.flatten(0, 1) if start in self.over_time else data
        values: dict[fx.Node, Any] = {start: frames}
        last: dict[Leaky, Tensor] = {}
        for stage in self.stages:
            node = stage[0]
            if node not in self.over_time:
                values |= self._run_stateless(stage, values)
            elif not is_neurons(node, self.modules):
                values |= self._run_in_blocks(stage, values, num_steps)
            else:
                layer, cur = self.modules[node.target], _channels_last(values[node.args[0]])
                constant = node.args[0] not in self.over_time
                if not constant:
                    cur = cur.unflatten(0, (num_steps, -1))
                spk, mem = _run_neurons(layer, cur, num_steps, constant, node is self.output)
                # A copy of its own: the record may be changed or given up.
                last[layer] = mem[-1].detach().clone() if node is self.output else mem.detach()
                values[node] = spk.flatten(0, 1)
                if watch is not None:
                    watch(node.target, spk)
                if node is self.output:
                    spk_rec, mem_rec = spk, mem
        return spk_rec, mem_rec, last

    def _run_in_blocks(
        self, stage: list[fx.Node], values: dict[fx.Node, Any], num_steps: int
    ) -> dict[fx.Node, Tensor]:
        """Run a stage for all steps, on a block of rows at a time.

        A row is one sample at one step. What a block needs stays in the cache on both passes.
        """
        given = {node: None for op in stage for node in op.all_input_nodes if node not in stage}
        inputs = [values[node] for node in given]
        for i, node in enumerate(given):
            if node not in self.over_time:
                inputs[i] = inputs[i].expand(num_steps, *inputs[i].shape).flatten(0, 1)
        results = [op for op in stage if not op.users.keys() <= set(stage)]
        parts: list[list[Tensor]] = [[] for _ in results]
        for blocks in _split(inputs):
            done = self._run_stateless(stage, dict(zip(given, blocks, strict=True)))
            for part, op in zip(parts, results, strict=True):
                part.append(done[op])
        joined = (torch.cat(part) if len(part) > 1 else part[0] for part in parts)
        return dict(zip(results, joined, strict=True))

    def _run_stateless(
        self, stage: list[fx.Node], values: dict[fx.Node, Any]
    ) -> dict[fx.Node, Any]:
        """Run operations of a stage on what their inputs are, and return their results."""
        found = dict(values)
        for node in stage:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), found.__getitem__)
            if is_in_place(node, self.modules):  # nobody else sees its input: see _tracing.obstacle
                found[node] = torch.relu(args[0])
            elif node.op == "call_module":
                module = self.modules[node.target]
                pools = type(module) is nn.MaxPool2d and not kwargs
                found[node] = max_pool2d(*args, module) if pools else module(*args, **kwargs)
            elif node.op == "call_method":
                found[node] = getattr(args[0], node.target)(*args[1:], **kwargs)
            else:
                found[node] = node.target(*args, **kwargs)
        return {node: found[node] for node in stage}


def _split(inputs: list[Tensor]) -> Iterable[Sequence[Tensor]]:
    """Blocks of rows: on a CPU as long as its cache holds them, on a GPU all."""
    size = max(1, BLOCK // max(1, *(value[0].numel() for value in inputs)))
    if len(inputs[0]) <= size or inputs[0].device.type != "cpu":
        return [inputs]
    return zip(*(value.split(size) for value in inputs), strict=True)


def _channels_last(cur: Tensor) -> Tensor:
    """The order in memory in which convolutions of many small maps run fastest.

    On a CPU with the channels last. On a GPU too in half precision, and where cuDNN may measure
    (``torch.backends.cudnn.benchmark``): its tensor cores want them last. Unmeasured, in float32,
    it takes fast Fourier transforms, in either order (measured on one H100).
    """
    on_gpu = cur.device.type != "cpu"
    if cur.ndim != 4 or on_gpu and cur.dtype not in HALF and not torch.backends.cudnn.benchmark:
        return cur
    return cur.contiguous(memory_format=torch.channels_last)


def _run_neurons(
    layer: Leaky, cur: Tensor, num_steps: int, constant: bool, keep_mem: bool
) -> tuple[Tensor, Tensor]:
    step = cur if constant else cur[0]
    dtype = cur.dtype
    if dtype not in HALF:  # those are integrated in beta's precision
        cur = cur.to(membrane_dtype(cur, layer.beta))
    spk, mem = lif_sequence(
        cur,
        num_steps,
        _align("beta", layer.beta, step).clamp(0, 1),
        _align("threshold", layer.threshold, step),
        layer.spike_grad,
        layer.reset_mechanism,
        layer.detach_reset,
        constant=constant,
        keep_mem=keep_mem,
    )
    return spk.to(dtype), mem
