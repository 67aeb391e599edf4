"""A word of help when ``backward()`` runs a second time through a membrane that was not reset.

A membrane carries the graph of all steps before it. After ``backward()`` that graph is freed, and
the next ``backward()`` through the same membrane fails, with an error that knows nothing of
neurons. What is here finds the case and says what to do; nothing else changes.
"""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

_NODES = 50  # how far to look for a node that keeps tensors: a layer or two


def guard_backward(mem: Tensor) -> None:
    """Let ``backward()`` raise our error where it would go through a freed graph of ``mem``."""
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and mem.requires_grad):
        return
    if getattr(mem, "_backward_passed", None) and _is_freed(mem):
        mem.register_hook(_explain)


def watch_backward(new: Tensor, mem: Tensor) -> None:
    """Let ``new``, computed from ``mem``, know when a ``backward()`` reached its graph's start."""
    if torch.compiler.is_compiling() or not new.requires_grad:
        return
    if mem.requires_grad:
        new._backward_passed = getattr(mem, "_backward_passed", None)
    else:  # the graph starts here
        passed: list[bool] = []
        new._backward_passed = passed
        new.register_hook(lambda _grad: passed.append(True))


def _explain(_grad: Tensor) -> None:
    raise RuntimeError(
        "This backward() would go a second time through time steps whose graph is freed: the "
        "membrane still carries the graph of the previous run. Call utils.reset(net) before each "
        "run (or start from mem = lif.init_leaky()); to go on from the last membrane, cut its "
        "graph with utils.detach(net) (or mem = mem.detach())."
    )


def _is_freed(mem: Tensor) -> bool:
    """Whether the first node below ``mem`` that keeps tensors for backward() has let go of them."""
    nodes = deque([mem.grad_fn])
    for _ in range(_NODES):
        if not nodes:
            break
        node = nodes.popleft()
        for name in dir(node):
            if name.startswith("_saved") or name == "saved_tensors":
                try:
                    kept = getattr(node, name)
                except RuntimeError:
                    return True
                if isinstance(kept, Tensor):
                    return False
        nodes.extend(below for below, _ in node.next_functions if below is not None)
    return False
