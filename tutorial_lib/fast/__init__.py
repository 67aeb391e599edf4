"""The fast engine: every layer runs all time steps before the next one starts.

:func:`tutorial_lib.simulation.forward_pass` asks :func:`plan` how a network can be run. Behind it,
``operations`` (with ``tracing``) takes the network apart, ``layerwise`` runs the parts, ``lif``
the neurons among them (on a GPU with ``triton_kernels``), ``pooling`` the max-pooling, and
``convolution`` a convolution together with the max-pooling after it.
"""

from __future__ import annotations

from .cuda_graph import CudaGraph
from .layerwise import Schedule, plan
from .machine import has_bf16_units, keep_freed_memory

__all__ = ["CudaGraph", "Schedule", "has_bf16_units", "keep_freed_memory", "plan"]
