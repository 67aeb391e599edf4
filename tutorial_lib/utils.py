"""Small helpers for networks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from . import _snntorch

__all__ = ["detach", "reset"]


def reset(net: nn.Module) -> None:
    """Forget the hidden state of every stateful layer of ``net``, however deeply nested.

    A layer is stateful if it has a ``reset_mem()`` method, as :class:`tutorial_lib.Leaky` has.
    Layers of other networks keep their state.

    Raises:
        TypeError: if ``net`` is not an ``nn.Module``.
        ValueError: if learning took a parameter of a layer out of its range; with the layer's name.
    """
    for name, module in _modules("reset", net):
        if callable(getattr(module, "reset_mem", None)):
            try:
                module.reset_mem()
            except ValueError as error:
                raise ValueError(f"Layer {name!r}: {error}" if name else str(error)) from error


def detach(net: nn.Module) -> None:
    """Keep the hidden state of every stateful layer of ``net``; cut the graph that led to it.

    For truncated backpropagation through time: after each ``backward()``, in place of a reset.

    Raises:
        TypeError: if ``net`` is not an ``nn.Module``.
    """
    for _, module in _modules("detach", net):
        if callable(getattr(module, "detach_mem", None)):
            module.detach_mem()


def _modules(caller: str, net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if not isinstance(net, nn.Module):
        raise TypeError(f"{caller} takes a network (nn.Module), got {type(net).__name__}.")
    return net.named_modules()


def __getattr__(name: str) -> object:
    raise _snntorch.missing("utils", name, __name__)
