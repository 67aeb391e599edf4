"""A network as a list of operations, each of which may run for all steps at once.

So of each it has to be known that it is stateless and treats every sample and step alike.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from .._runs import called_once, no_pair
from ..neurons import Leaky
from ..surrogate import Surrogate
from .convolution import conv_input, conv_max_pool2d
from .pooling import max_pool2d
from .tracing import NotLayerwise, traced

__all__ = ["check_sequential", "hooked", "operations"]

_STATELESS = (
    nn.Identity, nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d,
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus,
    nn.LayerNorm, nn.GroupNorm, nn.ZeroPad2d, nn.Upsample, nn.PixelShuffle,
)  # fmt: skip
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
# Stateless in evaluation mode only.
_EVALUATING = (*_DROPOUTS, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_KNOWN = {*_STATELESS, *_EVALUATING, nn.Flatten}
_FUNCTIONS = {
    F.max_pool1d, F.max_pool2d, F.avg_pool1d, F.avg_pool2d,
    F.adaptive_avg_pool2d, F.relu, torch.relu, torch.sigmoid, torch.tanh, operator.neg,
}  # fmt: skip
_METHODS = {"relu", "sigmoid", "tanh", "contiguous"}
_ELEMENTWISE = {
    operator.add, operator.sub, operator.mul, operator.truediv,
    torch.add, torch.sub, torch.mul, "add", "sub", "mul",
}  # fmt: skip
_IN_PLACE = {
    operator.iadd: operator.add, operator.isub: operator.sub,
    operator.imul: operator.mul, operator.itruediv: operator.truediv,
}  # fmt: skip
_FLATTEN = {torch.flatten, "flatten"}
# What may return its input itself, or a view of it.
_ALIASES = {nn.Identity, nn.Flatten, *_DROPOUTS, *_FLATTEN, "contiguous"}
_SHAPE = {getattr, "size", "dim", "numel", len}


def operations(net: nn.Module, trace: bool) -> fx.Graph:
    """Return what one call of ``net`` does, as operations in their order.

    In ``node.meta`` of each, "module" is the module that it calls, or None, and "run" the function
    that computes it. The last one, of the kind "output", has the output layer as its argument.

    Args:
        net: the network, its call one time step.
        trace: whether to trace a network that is no plain ``nn.Sequential`` of known layers.

    Raises:
        NotLayerwise: with the reason.
        ValueError, TypeError: for what is wrong in every schedule.
    """
    if isinstance(net, nn.parallel.DistributedDataParallel):
        raise NotLayerwise(
            "it is wrapped in DistributedDataParallel, whose call is one step. Wrap the whole run "
            "instead, DistributedDataParallel(Simulation(net, num_steps)), or step the network"
        )
    if (name := hooked(net)) is not None:
        raise NotLayerwise(f"module {name!r} has hooks, which expect one call per step")
    for name, module in net.named_modules():
        if "forward" in vars(module):
            raise NotLayerwise(f"the forward() of module {name!r} was replaced")
    graph = _chain(net)
    if graph is None and not trace:
        raise NotLayerwise("it is no nn.Sequential of layers that are known to be stateless")
    graph = graph or traced(net)
    modules, seen = dict(net.named_modules()), set()
    for node in graph.nodes:
        module = node.meta["module"] = modules[node.target] if node.op == "call_module" else None
        if isinstance(module, Leaky) and module.init_hidden:
            if module in seen:
                raise called_once(node.target)
            seen.add(module)
    output = _output_layer(graph)
    for node in graph.nodes:
        if reason := _obstacle(node, output):
            raise NotLayerwise(reason)
        node.meta["run"] = _runner(node)
    for node in graph.nodes:
        _pool_with(node)
    return graph


def check_sequential(net: nn.Module) -> None:
    """Raise TypeError for a plain ``nn.Sequential`` that is wrong in every schedule."""
    layers = _layers(net) or []
    names = {module: name for name, module in net.named_modules()}
    for number, layer in enumerate(layers):
        if type(layer) is Leaky and not layer.init_hidden:
            raise TypeError(
                f"Layer {names[layer]!r} is called without a membrane, as all layers of an "
                "nn.Sequential are. Build it with init_hidden=True: it then keeps its own."
            )
        if type(layer) is Leaky and layer.output and number < len(layers) - 1:
            raise TypeError(
                f"Layer {names[layer]!r} has output=True, so it passes a pair (spk, mem) on to the "
                "next layer. Build it without: only the last layer of a network takes output=True."
            )


def _layers(net: nn.Module) -> list[nn.Module] | None:
    """The layers of a plain ``nn.Sequential`` in order, nested ones included; None for others."""
    if type(net) is not nn.Sequential:
        return None
    layers: list[nn.Module] = []
    for child in net:
        inner = _layers(child)
        layers += [child] if inner is None else inner
    return layers


def hooked(net: nn.Module) -> str | None:
    """The name of a module of ``net`` that has hooks, None if none has."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    named = net.named_modules()
    return next((name for name, x in named if any(getattr(x, kind) for kind in hooks)), None)


def _chain(net: nn.Module) -> fx.Graph | None:
    """The operations of a plain ``nn.Sequential`` of known layers; None for other networks."""
    layers = _layers(net)
    if layers is None or not all(type(x) in _KNOWN or isinstance(x, Leaky) for x in layers):
        return None
    names = {module: name for name, module in net.named_modules()}
    graph = fx.Graph()
    value = graph.placeholder("data")
    for layer in layers:
        value = graph.call_module(names[layer], (value,))
    graph.output(value)
    return graph


def _output_layer(graph: fx.Graph) -> fx.Node:
    """Find the neurons whose (spk, mem) the network returns; make them the graph's only output."""
    end = graph.output_node()
    (result,) = end.args
    if isinstance(result, tuple) and len(result) == 2:
        pairs = [(r.args if _is_item(r) else (None, None)) for r in result]
        if [index for _, index in pairs] == [0, 1] and pairs[0][0] is pairs[1][0]:
            result = pairs[0][0]
    layer = result.meta.get("module") if isinstance(result, fx.Node) else None
    if type(layer) in _KNOWN or isinstance(layer, Leaky) and layer.init_hidden and not layer.output:
        raise no_pair(f"a tensor from layer {result.target!r} ({type(layer).__name__})")
    if not (isinstance(layer, Leaky) and layer.output):
        raise NotLayerwise("it does not return the (spk, mem) of a layer of neurons")
    end.args = (result,)
    return result


def _is_item(value: Any) -> bool:
    """Whether this takes one part out of a tuple."""
    return isinstance(value, fx.Node) and value.target is operator.getitem


def _runner(node: fx.Node) -> Callable[..., Any]:
    """What computes this operation from its arguments."""
    module = node.meta["module"]
    # Nobody else sees the input of what works in place: see _in_place_obstacle.
    operation = _IN_PLACE.get(node.target, node.target)
    if _is_in_place(node) and operation is node.target:
        return lambda x, *_, **__: torch.relu(x)
    if type(module) is nn.MaxPool2d and not node.kwargs:
        return lambda x: max_pool2d(x, module)
    if type(module) in (nn.Conv2d, nn.ConvTranspose2d):
        return lambda input, *size, **named: module(conv_input(input, module), *size, **named)
    if module is not None:
        return module
    run = getattr(Tensor, operation) if node.op == "call_method" else operation

    def elementwise(*args: Any, **kwargs: Any) -> Tensor:
        # Broadcasting may reach the axis of the samples, which holds all steps here.
        if len({x.ndim for x in args if isinstance(x, Tensor)}) > 1:
            raise NotLayerwise(f"{node.name!r} combines tensors of different rank")
        out = run(*args, **kwargs)
        return out if operation is node.target else out.to(args[0].dtype)

    return elementwise if operation in _ELEMENTWISE else run


def _pool_with(node: fx.Node) -> None:
    """Let a convolution also do the max-pooling that alone reads its result."""
    conv, users = node.meta["module"], list(node.users)
    if type(conv) is not nn.Conv2d or len(users) != 1 or node.kwargs or users[0].kwargs:
        return
    pool = users[0].meta["module"]
    if type(pool) is nn.MaxPool2d:
        node.meta["run"] = partial(conv_max_pool2d, conv=conv, pool=pool)
        users[0].meta["run"] = lambda x: x


def _is_in_place(node: fx.Node) -> bool:
    """Whether this operation writes its result over its input."""
    if node.op == "call_module":
        return getattr(node.meta["module"], "inplace", False)
    if node.target in _IN_PLACE:
        return True
    given = node.kwargs.get("inplace", node.args[1] if len(node.args) > 1 else False)
    return node.target is F.relu and bool(given)


def _obstacle(node: fx.Node, output: fx.Node) -> str | None:
    """Why this operation cannot be run for all steps at once; None if it can."""
    module, target = node.meta["module"], node.target
    if node.op in ("placeholder", "output"):
        return None
    if isinstance(module, Leaky):
        return _neurons_obstacle(node, module, output)
    if _is_in_place(node) and (reason := _in_place_obstacle(node)):
        return reason
    if module is not None:
        return _module_obstacle(target, module)
    if node.op == "get_attr":
        return f"its forward() uses the tensor {target!r} itself"
    if _is_item(node) and getattr(node.args[0].meta["module"], "output", False):
        inner = node.args[0] is not output
        return "a layer's membrane feeds another layer" if inner else _output_obstacle(node)
    if target in _FLATTEN:
        return _flatten_obstacle(node)
    name = getattr(target, "__name__", target)
    if "out" in node.kwargs:
        return f"the operation {name!r} writes its result into a tensor, out"
    if target in _FUNCTIONS | _METHODS | _ELEMENTWISE | _IN_PLACE.keys():
        return None
    if target in _SHAPE:
        asked = repr(node.args[1]) if target is getattr else f"{name}()"
        return f"its forward() asks for {asked} of a tensor, which holds many steps here"
    return f"the operation {name!r} is not known to treat samples and steps alike"


def _module_obstacle(name: str, module: nn.Module) -> str | None:
    kind = type(module)
    if getattr(module, "return_indices", False):
        return f"{name!r} returns positions as well"
    if kind in _STATELESS or kind in _EVALUATING and not module.training:
        return None
    if kind is nn.Flatten:
        return None if module.start_dim >= 1 else f"{name!r} flattens the batch axis"
    if kind in _EVALUATING:
        does = "draws anew at each step" if kind in _DROPOUTS else "mixes samples"
        return f"{kind.__name__} {name!r} in training mode {does}"
    return f"{kind.__name__} {name!r} is not known to be stateless"


def _in_place_obstacle(node: fx.Node) -> str | None:
    source = node.all_input_nodes[0]
    kind = type(node.meta["module"] or nn.ReLU())  # or F.relu, += and their like
    alias = source.target in _ALIASES or type(source.meta["module"]) in _ALIASES
    if kind is nn.ReLU and source.op != "placeholder" and len(source.users) == 1 and not alias:
        return None
    name = "the operation" if node.target in _IN_PLACE else kind.__name__
    return f"{name} {node.name!r} changes its input in place, where something else uses it"


def _flatten_obstacle(node: fx.Node) -> str | None:
    start = node.kwargs.get("start_dim", node.args[1] if len(node.args) > 1 else 0)
    if isinstance(start, int) and start < 0:
        return f"flatten({start}) counts from the last axis, and may reach the batch axis"
    return None if isinstance(start, int) and start >= 1 else "flatten() includes the batch axis"


def _neurons_obstacle(node: fx.Node, layer: Leaky, output: fx.Node) -> str | None:
    name = f"the layer {node.target!r}"
    if type(layer) is not Leaky:
        return f"{name} is a {type(layer).__name__}, a Leaky that was changed"
    if not layer.init_hidden or len(node.args) != 1 or node.kwargs:
        return f"{name} has an explicit state, or is called with a keyword"
    if layer.output and node is not output:
        return f"{name} returns its membrane, but is not the last"
    if not isinstance(layer.spike_grad, Surrogate):
        return f"{name} has a spike function that is no Surrogate"
    if layer.beta.dtype != layer.threshold.dtype:
        return f"{name} has beta and threshold of different precision"
    return _output_obstacle(node) if node is output else None


def _output_obstacle(node: fx.Node) -> str | None:
    used = any(user.op != "output" and not _is_item(user) for user in node.users)
    return "its last layer of neurons feeds another layer" if used else None
