"""The layer-by-layer schedule: every layer sees all time steps before the next one runs.

A network is traced once into a list of operations (:mod:`tutorial_lib.fast.tracing` says whether
that is possible). What is stateless runs with time folded into the batch, in blocks that the cache
holds; what does not depend on time runs once; a layer of neurons runs its recurrence in one
function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..neurons import Leaky, align, membrane_dtype
from . import tracing
from .lif import block_sizes, lif_blocks, lif_sequence
from .pooling import max_pool2d
from .tracing import NotLayerwise, is_elementwise, is_in_place, is_item, is_neurons

__all__ = ["Plan"]

# Numbers of a stage's widest input handled at a time on a CPU. What the stage makes of them, a few
# times as much, stays in the cache until the next operation reads it. Time comes in blocks of so
# many too: from layer to layer they are handed on as they are, and never joined to one record.
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
        self.graph = tracing.trace(net)
        self.output = tracing.output_layer(self.graph, self.modules)
        self.over_time = tracing.find_sequences(self.graph, self.modules, constant)
        layers = [node for node in self.graph.nodes if is_neurons(node, self.modules)]
        self.neurons = {node.target for node in layers}
        if len({id(self.modules[node.target]) for node in layers}) < len(layers):
            raise NotLayerwise("one layer of neurons stands in two places")
        for node in self.graph.nodes:
            if reason := tracing.obstacle(node, self.modules, self.output):
                raise NotLayerwise(reason)
        self.stages = self._find_stages()
        self.spent = self._find_spent()

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

    def _find_spent(self) -> list[list[fx.Node]]:
        """For each stage the results that none after it needs."""
        last = {op: i for i, stage in enumerate(self.stages) for op in stage}
        spent: list[list[fx.Node]] = [[] for _ in self.stages]
        for node in self.graph.nodes:
            users = [last[user] for user in node.users if user in last]
            if users:
                spent[max(users)].append(node)
        return spent

    def run(
        self, num_steps: int, data: Tensor, watch: Callable[[str, Tensor], None] | None = None
    ) -> tuple[Tensor, Tensor, dict[Leaky, Tensor]]:
        """Return the output layer's spikes and membranes, and the last membrane of each layer.

        Args:
            num_steps: T.
            data: ``[B, ...]``, or ``[T, B, ...]`` if the plan was made for changing input.
            watch: called with the name and the spikes ``[T, B, ...]`` of each layer of neurons.

        Raises:
            NotLayerwise: if shapes show that steps or samples would be mixed.
        """
        start = next(node for node in self.graph.nodes if node.op == "placeholder")
        values: dict[fx.Node, Any] = {start: data}
        sizes: list[int] = []  # steps in each block of time, the same for all operations
        if start in self.over_time:
            sizes = block_sizes(num_steps, data[0], BLOCK)
            values[start] = [block.flatten(0, 1) for block in data.split(sizes)]
        last: dict[Leaky, Tensor] = {}
        for stage, spent in zip(self.stages, self.spent, strict=True):
            node = stage[0]
            if node not in self.over_time:
                values |= self._run_stateless(stage, values)
            elif not is_neurons(node, self.modules):
                values |= self._run_in_blocks(stage, values, sizes)
            else:
                layer, given = self.modules[node.target], values[node.args[0]]
                if node is self.output:
                    spk_rec, mem_rec = _run_output(layer, given, num_steps)
                    # A copy of its own: the record may be changed or given up.
                    last[layer], spk = mem_rec[-1].detach().clone(), [spk_rec]
                else:
                    sizes = sizes or block_sizes(num_steps, given, BLOCK)
                    spk, mem = _run_hidden(layer, given, sizes)
                    last[layer] = mem.detach()
                    values[node] = [block.flatten(0, 1) for block in spk]
                if watch is not None:
                    watch(node.target, _joined(spk))
                del given, spk
            for done in spent:
                values.pop(done, None)
        return spk_rec, mem_rec, last

    def _run_in_blocks(
        self, stage: list[fx.Node], values: dict[fx.Node, Any], sizes: list[int]
    ) -> dict[fx.Node, list[Tensor]]:
        """Run a stage for all steps, on a block of time and of rows at once.

        A row is one sample at one step. What a block needs stays in the cache on both passes.
        """
        given = {node: None for op in stage for node in op.all_input_nodes if node not in stage}
        results: dict[fx.Node, list[Tensor]] = {
            op: [] for op in stage if not op.users.keys() <= set(stage)
        }
        for number, size in enumerate(sizes):
            inputs = [
                values[node][number]
                if node in self.over_time
                else values[node].expand(size, *values[node].shape).flatten(0, 1)
                for node in given
            ]
            parts = [
                self._run_stateless(stage, dict(zip(given, rows, strict=True)))
                for rows in _split(inputs)
            ]
            for op, blocks in results.items():
                blocks.append(_joined([part[op] for part in parts]))
        return results

    def _run_stateless(
        self, stage: list[fx.Node], values: dict[fx.Node, Any]
    ) -> dict[fx.Node, Any]:
        """Run operations of a stage on what their inputs are, and return their results."""
        found = dict(values)
        for node in stage:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), found.__getitem__)
            if is_elementwise(node) and len({x.ndim for x in args if isinstance(x, Tensor)}) > 1:
                raise NotLayerwise(f"{node.name!r} combines tensors of different rank")
            if is_in_place(node, self.modules):  # nobody else sees its input: see tracing.obstacle
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


# A layer's currents: blocks of rows, or one tensor [B, ...] that is the same at every step.
_Currents = list[Tensor] | Tensor


def _run_hidden(
    layer: Leaky, given: _Currents, sizes: list[int]
) -> tuple[list[Tensor], Tensor]:
    """Spikes of each block ``[k, B, ...]``, and the last membrane."""
    constant = isinstance(given, Tensor)
    curs = [_channels_last(block) for block in ([given] if constant else given)]
    if not constant:
        curs = [cur.unflatten(0, (size, -1)) for cur, size in zip(curs, sizes, strict=True)]
    dtype, step = curs[0].dtype, curs[0] if constant else curs[0][0]
    settings = _settings(layer, step)
    spk, last = lif_blocks(_integrated(layer, curs), sizes, *settings, constant=constant)
    return [block.to(dtype) for block in spk], last


def _run_output(layer: Leaky, given: _Currents, num_steps: int) -> tuple[Tensor, Tensor]:
    """Spikes and membranes of all steps, ``[T, B, ...]``."""
    constant = isinstance(given, Tensor)
    cur = given if constant else _joined(given).unflatten(0, (num_steps, -1))
    settings = _settings(layer, cur if constant else cur[0])
    (given,) = _integrated(layer, [cur])
    spk, mem = lif_sequence(given, num_steps, *settings, constant=constant, keep_mem=True)
    return spk.to(cur.dtype), mem


def _integrated(layer: Leaky, curs: list[Tensor]) -> list[Tensor]:
    """The currents in the membrane's precision; half precision is converted piece by piece."""
    if curs[0].dtype in HALF:
        return curs
    return [cur.to(membrane_dtype(cur, layer.beta)) for cur in curs]


def _settings(layer: Leaky, step: Tensor) -> tuple:
    return (
        align("beta", layer.beta, step).clamp(0, 1),
        align("threshold", layer.threshold, step),
        layer.spike_grad,
        layer.reset_mechanism,
        layer.detach_reset,
    )


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if len(parts) > 1 else parts[0]
