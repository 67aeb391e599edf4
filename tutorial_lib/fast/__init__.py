"""The fast engine: every layer runs all time steps before the next one starts.

:func:`plan` is its door: :func:`tutorial_lib.simulation.forward_pass` asks it how a network can be
run. Behind it, ``operations`` takes a network apart (a reader's own class with ``tracing``),
``layerwise`` runs the parts, ``lif`` the neurons (on a GPU with ``triton_kernels``), and
``pooling`` the max-pooling. Beside it stand ``cuda_graph``, which replays a whole run on a GPU,
and ``machine``, which says where bfloat16 is slow and keeps freed memory.
"""

from __future__ import annotations

from .cuda_graph import CudaGraph
from .layerwise import Schedule, plan
from .machine import has_bf16_units, keep_freed_memory

__all__ = ["CudaGraph", "Schedule", "has_bf16_units", "keep_freed_memory", "plan"]
