"""The fast engine: every layer runs all time steps before the next one starts.

:func:`plan` is its door: :func:`tutorial_lib.simulation.forward_pass` asks it how a network can be
run. Behind it, ``operations`` takes a network apart (a reader's own class with ``tracing``),
``layerwise`` runs the parts, ``lif`` the neurons (on a GPU with ``triton_kernels``), and
``pooling`` the max-pooling. Beside it stand ``cuda_graph``, which replays a whole run on a GPU,
``processor``, which says where bfloat16 is slow, and ``allocator``, which keeps freed memory.
"""

from __future__ import annotations

from .allocator import keep_freed_memory
from .cuda_graph import CudaGraph
from .layerwise import Schedule, plan
from .processor import has_bf16_units

__all__ = ["CudaGraph", "Schedule", "has_bf16_units", "keep_freed_memory", "plan"]
