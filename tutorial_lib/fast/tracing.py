"""Which networks can be run layer by layer, and why not the others.

A network is traced (:mod:`torch.fx`) into a list of operations. Of each one it has to be known that
it is stateless, treats every sample and step alike, and changes nothing that others see.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ..neurons import Leaky
from ..surrogate import Surrogate
from . import plain_code

__all__ = [
    "NotLayerwise", "find_sequences", "hooked", "is_elementwise", "is_in_place", "is_item",
    "is_neurons", "obstacle", "output_layer", "trace",
]  # fmt: skip

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
_ELEMENTWISE = frozenset({
    operator.add, operator.sub, operator.mul, operator.truediv,
    torch.add, torch.sub, torch.mul, "add", "sub", "mul",
})  # fmt: skip
# What may return its input itself, or a view of it.
_ALIASES = (nn.Identity, nn.Flatten, *_DROPOUTS, torch.flatten, "flatten", "contiguous")
_METHODS = frozenset({"relu", "sigmoid", "tanh", "flatten", "add", "sub", "mul", "contiguous"})


class NotLayerwise(Exception):
    """Why a network cannot be run layer by layer."""


class _Tracer(fx.Tracer):
    def create_arg(self, a: Any) -> Any:
        if isinstance(a, Tensor):  # fx would make it an attribute of the network
            raise NotLayerwise("its forward() uses a tensor that is no result of its layers")
        return super().create_arg(a)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Leaky) or super().is_leaf_module(m, module_qualified_name)


def trace(net: nn.Module) -> fx.Graph:
    """The operations of one call of ``net``; NotLayerwise if they cannot be had."""
    if isinstance(net, nn.parallel.DistributedDataParallel):
        raise NotLayerwise("it is wrapped in DistributedDataParallel; wrap the simulation instead")
    if (name := hooked(net)) is not None:
        raise NotLayerwise(f"module {name!r} has hooks, which expect one call per step")
    if reason := plain_code.obstacle(net):
        raise NotLayerwise(reason)
    return _chain(net) or _trace(net)


def hooked(net: nn.Module) -> str | None:
    """The name of a module of ``net`` that has hooks, None if none has."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    for name, module in net.named_modules():
        if any(getattr(module, kind) for kind in hooks):
            return name
    return None


def _chain(net: nn.Module) -> fx.Graph | None:
    """What a trace of nn.Sequential finds, nested ones included, at a tenth of the cost.

    None for other networks.
    """
    names = {module: name for name, module in net.named_modules()}
    graph = fx.Graph()

    def append(module: nn.Module, value: fx.Node) -> fx.Node | None:
        if type(module) is nn.Sequential:
            for child in module:
                value = value and append(child, value)
            return value
        if isinstance(module, (nn.Sequential, nn.ModuleList, nn.ModuleDict)):
            return None
        if isinstance(module, Leaky) or type(module).__module__.startswith("torch.nn."):
            return graph.call_module(names[module], (value,))
        return None

    if type(net) is nn.Sequential and (result := append(net, graph.placeholder("input"))):
        graph.output(result)
        return graph
    return None


def _trace(net: nn.Module) -> fx.Graph:
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


def output_layer(graph: fx.Graph, modules: dict[str, nn.Module]) -> fx.Node:
    """The layer of neurons whose ``(spk, mem)`` the network returns."""
    (result,) = next(node for node in graph.nodes if node.op == "output").args
    if isinstance(result, tuple) and len(result) == 2:
        pairs = [(r.args if is_item(r) else (None, None)) for r in result]
        if [index for _, index in pairs] == [0, 1] and pairs[0][0] is pairs[1][0]:
            result = pairs[0][0]
    layer = modules.get(result.target) if isinstance(result, fx.Node) else None
    if not (isinstance(layer, Leaky) and result.op == "call_module" and layer.output):
        raise NotLayerwise("it does not return the (spk, mem) of a layer of neurons")
    return result


def is_item(value: Any) -> bool:
    """Whether this takes one part out of a tuple."""
    return isinstance(value, fx.Node) and value.target is operator.getitem


def find_sequences(
    graph: fx.Graph, modules: dict[str, nn.Module], constant: bool
) -> set[fx.Node]:
    """The operations whose result changes over time: neurons, and what lies behind them."""
    over_time: set[fx.Node] = set()
    for node in graph.nodes:
        starts = node.op == "placeholder" and not constant
        if starts or is_neurons(node, modules) or over_time.intersection(node.all_input_nodes):
            over_time.add(node)
    return over_time


def is_neurons(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether this operation is a layer of neurons."""
    return node.op == "call_module" and isinstance(modules[node.target], Leaky)


def is_elementwise(node: fx.Node) -> bool:
    """Whether this operation combines its operands, of which there may be two, number by number."""
    return node.target in _ELEMENTWISE


def is_in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether this operation writes its result over its input."""
    if node.op == "call_module":
        return getattr(modules[node.target], "inplace", False)
    given = node.kwargs.get("inplace", node.args[1] if len(node.args) > 1 else False)
    return node.target is F.relu and bool(given)


def _is_seen_elsewhere(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a change of this result in place could be seen by anyone but its one user."""
    made_by = type(modules[node.target]) if node.op == "call_module" else node.target
    return node.op == "placeholder" or len(node.users) > 1 or made_by in _ALIASES


def obstacle(node: fx.Node, modules: dict[str, nn.Module], output: fx.Node) -> str | None:
    """Why this operation cannot be run for all steps at once; None if it can."""
    if is_in_place(node, modules):
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
    if node.op == "call_function" and is_item(node):
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
    used = any(user.op != "output" and not is_item(user) for user in node.users)
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
    if not layer.init_hidden or len(node.args) != 1 or node.kwargs:
        return f"{name} has an explicit state, or is called with a keyword"
    if layer.output and node is not output:
        return f"{name} returns its membrane, but is not the last"
    if not isinstance(layer.spike_grad, Surrogate):
        return f"{name} has a spike function that is no Surrogate"
    if layer.beta.dtype != layer.threshold.dtype:
        return f"{name} has beta and threshold of different precision"
    return _output_obstacle(node) if node is output else None
