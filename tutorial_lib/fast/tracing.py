"""The operations of a ``forward()`` that the reader wrote, by :mod:`torch.fx`.

It is called once, with a stand-in for its data. What it sets or appends meanwhile is undone.
"""

from __future__ import annotations

import copy
import operator
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..neurons import Leaky

__all__ = ["NotLayerwise", "traced"]


class NotLayerwise(ValueError):
    """Why a network cannot be run layer by layer, though step by step it can."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"This network cannot be run layer by layer: {reason}. Use schedule='step'."
        )


class _StandIn(fx.Proxy):
    """In place of a tensor. Of fx's own, ``x += y`` makes a new one, and ``x.data = y`` is lost."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in ("tracer", "node"):
            raise NotLayerwise(f"its forward() sets {name!r} of a tensor")
        super().__setattr__(name, value)


def _in_place(name: str) -> Any:
    target = getattr(operator, name)
    return lambda x, other: x.tracer.create_proxy("call_function", target, (x, other), {})


for _name in ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul",
              "iand", "ior", "ixor"):  # fmt: skip
    setattr(_StandIn, f"__{_name}__", _in_place(_name))


class _Tracer(fx.Tracer):
    proxy_buffer_attributes = True  # so that nothing is computed with the network's own tensors

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.modules, self.parameters = list(net.modules()), list(net.parameters())
        layers = [module for module in self.modules if isinstance(module, Leaky)]
        self.of_neurons = {id(x) for layer in layers for x in (layer.beta, layer.threshold)}
        self.outside = self.modes()

    def modes(self) -> dict[str, Any]:
        """What changes the meaning of an operation, without being one that is noted."""
        casts = [d for d in ("cpu", "cuda", "mps") if torch.is_autocast_enabled(d)]
        return {
            "whether gradients are kept, as torch.no_grad() does": (
                torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
            ),
            "autocast": [(device, torch.get_autocast_dtype(device)) for device in casts],
            "which parameters are learned": [p.requires_grad for p in self.parameters],
            "which layers are in training mode": [m.training for m in self.modules],
        }  # fmt: skip

    def create_node(self, kind: str, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        for what, now in self.modes().items():
            if now != self.outside[what]:
                name = getattr(target, "__name__", target)
                raise NotLayerwise(f"its forward() changes {what}, before {name!r}")
        return super().create_node(kind, target, *args, **kwargs)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _StandIn(node, self)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if id(attr_val) in self.of_neurons:  # read by a method of the layer, such as init_leaky()
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, Tensor):  # fx would make it an attribute of the network
            names = [n for m in self.root.modules() for n, x in vars(m).items() if x is a]
            used = ", ".join([*map(repr, names[:1]), "a tensor that no layer returned"])
            raise NotLayerwise(f"it keeps its own state: its forward() uses {used}")
        return super().create_arg(a)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Leaky) or super().is_leaf_module(m, module_qualified_name)


def traced(net: nn.Module) -> fx.Graph:
    """Return the operations of one call of ``net``, which stays as it was.

    Raises:
        NotLayerwise: if its ``forward()`` cannot be traced, or does more than wire layers.
    """
    before = torch.get_rng_state()
    learned = [(p, p.requires_grad) for p in net.parameters()]
    try:
        with _left_as_it_was(net):
            graph = _Tracer(net).trace(net)
    except NotLayerwise:
        raise
    except Exception as error:  # whatever the reader's forward() raises on a traced value
        raise NotLayerwise(f"its forward() cannot be traced ({error})") from error
    finally:
        drawn = not torch.equal(before, torch.get_rng_state())
        torch.set_rng_state(before)
        for parameter, flag in learned:
            parameter.requires_grad_(flag)
    if drawn:
        raise NotLayerwise("its forward() draws random numbers")
    if len(graph.find_nodes(op="placeholder")) > 1:
        raise NotLayerwise("its forward() takes more than the data of a step")
    return graph


@contextmanager
def _left_as_it_was(net: nn.Module) -> Iterator[None]:
    """Undo what a traced ``forward()`` sets or appends, and refuse it."""
    holders: list[tuple[str, Any]] = []
    for module in net.modules():
        holders.append(("", vars(module)))
        holders += [(n, x) for n, x in vars(module).items() if isinstance(x, (dict, list, deque))]
    copies = [copy.copy(holder) for _, holder in holders]
    changed = []
    try:
        yield
    finally:
        for (name, holder), before in zip(holders, copies, strict=True):
            now, then = _identities(holder), _identities(before)
            if now != then:
                key = next(iter(now.items() ^ then.items()))[0]
                changed.append(key if name.startswith("_") or not name else name)
                holder.clear()
                (holder.update if isinstance(holder, dict) else holder.extend)(before)
    if changed:
        raise NotLayerwise(f"it keeps its own state: its forward() changes {changed[0]!r}")


def _identities(holder: dict | list | deque) -> dict[Any, int]:
    items = holder.items() if isinstance(holder, dict) else enumerate(holder)
    return {key: id(value) for key, value in items}
