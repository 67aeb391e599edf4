"""The layer-by-layer schedule: every layer sees all time steps before the next one runs.

A network is traced once (:mod:`torch.fx`) into a list of operations. What is stateless runs with
time folded into the batch, in blocks that the cache holds; what does not depend on time runs once;
a layer of neurons runs its recurrence in one function. What cannot be run that way is recognized
here, with the reason.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from . import _plain_code
from ._lif_sequence import lif_sequence
from ._pooling import max_pool2d
from .neurons import Leaky, _align, membrane_dtype
from .surrogate import Surrogate

__all__ = ["NotLayerwise", "Plan"]

_STATELESS = (
    nn.Identity, nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus,
    nn.LayerNorm, nn.GroupNorm, nn.ZeroPad2d, nn.Upsample, nn.PixelShuffle,
)  # fmt: skip
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_EVALUATING = (*_DROPOUTS, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_FUNCTIONS = frozenset({
    F.conv1d, F.conv2d, F.max_pool1d, F.max_pool2d, F.avg_pool1d, F.avg_pool2d,
    F.adaptive_avg_pool2d, F.relu, torch.relu, torch.sigmoid, torch.tanh,
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg,
    torch.add, torch.sub, torch.mul, torch.flatten,
})  # fmt: skip
# What may return its input itself, or a view of it.
_ALIASES = (nn.Identity, nn.Flatten, *_DROPOUTS, torch.flatten, "flatten", "contiguous")
_METHODS = frozenset({"relu", "sigmoid", "tanh", "flatten", "add", "sub", "mul", "contiguous"})


# Numbers of a stage's widest input handled at a time on a CPU. What the stage makes of them, a few
# times as much, stays in the cache until the next operation reads it.
BLOCK = 2**20


class NotLayerwise(Exception):
    """Why a network cannot be run layer by layer."""


class _Tracer(fx.Tracer):
    def create_arg(self, a: Any) -> Any:
        if isinstance(a, Tensor):  # fx would make it an attribute of the network
            raise NotLayerwise("its forward() uses a tensor that is no result of its layers")
        return super().create_arg(a)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Leaky) or super().is_leaf_module(m, module_qualified_name)


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
        self.graph = _trace(net)
        self.output = _output_layer(self.graph, self.modules)
        self.over_time = _find_sequences(self.graph, self.modules, constant)
        layers = [node for node in self.graph.nodes if _is_neurons(node, self.modules)]
        self.neurons = {node.target for node in layers}
        if len({id(self.modules[node.target]) for node in layers}) < len(layers):
            raise NotLayerwise("one layer of neurons stands in two places")
        for node in self.graph.nodes:
            if reason := _obstacle(node, self.modules, self.output):
                raise NotLayerwise(reason)
        self.stages = self._find_stages()

    def _find_stages(self) -> list[list[fx.Node]]:
        """Operations in order: each layer of neurons alone, others in runs of the same kind.

        All operations of such a run either change over time or do not.
        """
        stages: list[list[fx.Node]] = []
        kind = None
        for node in self.graph.nodes:
            if node.op in ("placeholder", "output") or _is_item(node):
                continue
            alone = _is_neurons(node, self.modules)
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
            elif not _is_neurons(node, self.modules):
                values |= self._run_in_blocks(stage, values, num_steps)
            else:
                layer, cur = self.modules[node.target], _channels_last(values[node.args[0]])
                constant = node.args[0] not in self.over_time
                if not constant:
                    cur = cur.unflatten(0, (num_steps, -1))
                spk, mem = _run_neurons(layer, cur, num_steps, constant, node is self.output)
                last[layer] = (mem[-1] if node is self.output else mem).detach()
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
            if _is_in_place(node, self.modules):  # nobody else sees its input: see _obstacle
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
    """On a CPU, convolutions of many small maps run fastest with the channels last in memory."""
    if cur.ndim == 4 and cur.device.type == "cpu":
        return cur.contiguous(memory_format=torch.channels_last)
    return cur


def _run_neurons(
    layer: Leaky, cur: Tensor, num_steps: int, constant: bool, keep_mem: bool
) -> tuple[Tensor, Tensor]:
    step = cur if constant else cur[0]
    dtype = cur.dtype
    if dtype not in (torch.float16, torch.bfloat16):  # those are integrated in beta's precision
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


def _trace(net: nn.Module) -> fx.Graph:
    if isinstance(net, nn.parallel.DistributedDataParallel):
        raise NotLayerwise("it is wrapped in DistributedDataParallel; wrap the simulation instead")
    for name, module in net.named_modules():
        hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        if any(getattr(module, kind) for kind in hooks):
            raise NotLayerwise(f"module {name!r} has hooks, which expect one call per step")
    if reason := _plain_code.obstacle(net):
        raise NotLayerwise(reason)
    before = torch.get_rng_state()
    try:
        graph = _Tracer().trace(net)
    except NotLayerwise:
        raise
    except Exception as error:  # whatever the reader's forward() raises on a traced value
        raise NotLayerwise(f"its forward() cannot be traced ({error})") from error
    finally:
        drawn = not torch.equal(before, torch.get_rng_state())
        torch.set_rng_state(before)
    if drawn:
        raise NotLayerwise("its forward() draws random numbers")
    if sum(node.op == "placeholder" for node in graph.nodes) > 1:
        raise NotLayerwise("its forward() takes more than the data of a step")
    return graph


def _output_layer(graph: fx.Graph, modules: dict[str, nn.Module]) -> fx.Node:
    """The layer of neurons whose ``(spk, mem)`` the network returns."""
    (result,) = next(node for node in graph.nodes if node.op == "output").args
    if isinstance(result, tuple) and len(result) == 2:
        pairs = [(r.args if _is_item(r) else (None, None)) for r in result]
        if [index for _, index in pairs] == [0, 1] and pairs[0][0] is pairs[1][0]:
            result = pairs[0][0]
    layer = modules.get(result.target) if isinstance(result, fx.Node) else None
    if not (isinstance(layer, Leaky) and result.op == "call_module" and layer.output):
        raise NotLayerwise("it does not return the (spk, mem) of a layer of neurons")
    return result


def _is_item(value: Any) -> bool:
    return isinstance(value, fx.Node) and value.target is operator.getitem


def _find_sequences(
    graph: fx.Graph, modules: dict[str, nn.Module], constant: bool
) -> set[fx.Node]:
    """The operations whose result changes over time: neurons, and what lies behind them."""
    over_time: set[fx.Node] = set()
    for node in graph.nodes:
        starts = node.op == "placeholder" and not constant
        if starts or _is_neurons(node, modules) or over_time.intersection(node.all_input_nodes):
            over_time.add(node)
    return over_time


def _is_neurons(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(modules[node.target], Leaky)


def _is_in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return getattr(modules[node.target], "inplace", False)
    given = node.kwargs.get("inplace", node.args[1] if len(node.args) > 1 else False)
    return node.target is F.relu and bool(given)


def _is_seen_elsewhere(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a change of this result in place could be seen by anyone but its one user."""
    made_by = type(modules[node.target]) if node.op == "call_module" else node.target
    return node.op == "placeholder" or len(node.users) > 1 or made_by in _ALIASES


def _obstacle(node: fx.Node, modules: dict[str, nn.Module], output: fx.Node) -> str | None:
    """Why this operation cannot be run for all steps at once; None if it can."""
    if _is_in_place(node, modules):
        module = modules[node.target] if node.op == "call_module" else nn.ReLU()
        if type(module) is not nn.ReLU or _is_seen_elsewhere(node.all_input_nodes[0], modules):
            return f"{type(module).__name__} {node.name!r} changes its input in place"
    if node.op == "call_module":
        module = modules[node.target]
        if isinstance(module, Leaky):
            return _neurons_obstacle(node, module, output)
        if type(module) in _STATELESS or type(module) in _EVALUATING and not module.training:
            return None
        if type(module) is nn.Flatten:
            return None if module.start_dim >= 1 else f"{node.target!r} flattens the batch axis"
        if type(module) in _EVALUATING:
            norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
            does = "mixes samples" if norm else "draws anew at each step"
            return f"{type(module).__name__} {node.target!r} in training mode {does}"
        return f"{type(module).__name__} {node.target!r} is not known to be stateless"
    if node.op == "call_function" and _is_item(node):
        if node.args[0] is not output:
            return "a layer's membrane feeds another layer"
        return _output_obstacle(node)
    if node.op == "call_function" and node.target in _FUNCTIONS:
        return _flatten_obstacle(node, node.target is torch.flatten)
    if node.op == "call_method" and node.target in _METHODS:
        return _flatten_obstacle(node, node.target == "flatten")
    if node.op in ("placeholder", "output"):
        return None
    operation = getattr(node.target, "__name__", node.target)
    return f"the operation {operation!r} may mix samples or steps"


def _output_obstacle(node: fx.Node) -> str | None:
    used = any(user.op != "output" and not _is_item(user) for user in node.users)
    return "its last layer of neurons feeds another layer" if used else None


def _flatten_obstacle(node: fx.Node, flattens: bool) -> str | None:
    if not flattens:
        return None
    start = node.kwargs.get("start_dim", node.args[1] if len(node.args) > 1 else 0)
    if isinstance(start, int) and start < 0:
        return f"flatten({start}) counts from the last axis, and may reach the batch axis"
    return None if isinstance(start, int) and start >= 1 else "flatten() includes the batch axis"


def _neurons_obstacle(node: fx.Node, layer: Leaky, output: fx.Node) -> str | None:
    name = f"the layer {node.target!r}"
    if type(layer) is not Leaky:
        return f"{name} is a {type(layer).__name__}, a Leaky with changes of its own"
    if not layer.init_hidden or len(node.args) + len(node.kwargs) != 1:
        return f"{name} has an explicit state"
    if layer.output and node is not output:
        return f"{name} returns its membrane, but is not the last"
    if not isinstance(layer.spike_grad, Surrogate):
        return f"{name} has a spike function that is no Surrogate"
    if layer.beta.dtype != layer.threshold.dtype:
        return f"{name} has beta and threshold of different precision"
    return _output_obstacle(node) if node is output else None
