"""Small helpers for networks."""

from __future__ import annotations

from torch import nn

__all__ = ["reset"]


def reset(net: nn.Module) -> None:
    """Forget the hidden state of every stateful layer of ``net``, however deeply nested.

    A layer is stateful if it has a ``reset_mem()`` method, as :class:`tutorial_lib.Leaky` has.
    Layers of other networks keep their state.

    Raises:
        TypeError: if ``net`` is not an ``nn.Module``.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"reset takes a network (nn.Module), got {type(net).__name__}.")
    for module in net.modules():
        if callable(getattr(module, "reset_mem", None)):
            module.reset_mem()
