"""The layer-by-layer schedule: every layer sees all time steps before the next one runs.

What is stateless runs with time folded into the batch, in blocks that the cache holds; what does
not depend on time runs once; a layer of neurons runs its recurrence in one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, fx, nn

from .. import _checks
from ..neurons import Leaky
from ..utils import check_module
from .lif import block_sizes, lif_sequence
from .operations import check_sequential, operations
from .tracing import NotLayerwise

__all__ = ["Plan", "Schedule", "plan"]

Schedule = Literal["auto", "step", "layer"]

# Frames (samples times steps) at a time on a CPU, measured on the course's network: more of them
# are hardly faster and take more memory.
FRAMES = 4800
AUTOCAST_FRAMES = 6400  # half precision needs less memory
PIXELS = 28 * 28  # of a frame; of larger frames, fewer in proportion
LEAST_SAMPLES = 12  # with fewer, a step's work is small against the cost of calling for it
# Numbers that a stage's widest input may have in one block on a CPU. What the stage makes of them,
# a few times as much, stays in the cache until the next operation reads it. Time comes in blocks
# of this size too, which pass from layer to layer as they are and are never joined to one record.
BLOCK = 2**19


def plan(net: nn.Module, schedule: Schedule, time_varying: bool) -> Plan | None:
    """Return how to run ``net`` layer by layer, or None if it is to be stepped.

    Args:
        net: the network, its call one time step. It stays as it is.
        schedule: "auto" takes a plain ``nn.Sequential``, nested ones included, whose layers are
            known to be stateless; "layer" traces other networks.
        time_varying: whether the data has a time axis.

    Raises:
        NotLayerwise: a ValueError with the reason, if the schedule is "layer" and impossible.
        ValueError, TypeError: for an unknown schedule, and what is wrong in every schedule.
    """
    _checks.choice("schedule", schedule, get_args(Schedule))
    _checks.flag("time_varying", time_varying)
    check_module(net)
    check_sequential(net)
    if schedule == "step":
        return None
    try:
        return Plan(operations(net, trace=schedule == "layer"), time_varying)
    except NotLayerwise:
        if schedule == "layer":
            raise
        return None


@dataclass
class _Stage:
    """One layer of neurons, or stateless operations that all depend on time, or all do not."""

    nodes: list[fx.Node]
    over_time: bool  # whether the results change from step to step
    last_use: list[fx.Node]  # results that no later stage needs

    @property
    def neurons(self) -> Leaky | None:
        module = self.nodes[0].meta["module"]
        return module if isinstance(module, Leaky) else None


class Plan:
    """The operations of a network in stages.

    Args:
        graph: see :func:`tutorial_lib.fast.operations.operations`.
        time_varying: whether the data has a time axis.
    """

    def __init__(self, graph: fx.Graph, time_varying: bool) -> None:
        self.time_varying = time_varying
        (self.data,) = graph.find_nodes(op="placeholder")
        self.output = graph.output_node().args[0]
        self.stages: list[_Stage] = []
        over_time = {self.data} if time_varying else set()
        for node in graph.nodes:
            one_of_pair = self.output in node.all_input_nodes  # of (spk, mem)
            if one_of_pair or node.op not in ("call_module", "call_function", "call_method"):
                continue
            neurons = isinstance(node.meta["module"], Leaky)
            if neurons or over_time.intersection(node.all_input_nodes):
                over_time.add(node)
            changes = node in over_time
            before = self.stages[-1] if self.stages else None
            if neurons or before is None or before.neurons or before.over_time != changes:
                self.stages.append(_Stage([], changes, []))
            self.stages[-1].nodes.append(node)
        stage_of = {node: stage for stage in self.stages for node in stage.nodes}
        for node in graph.nodes:
            users = [self.stages.index(stage_of[user]) for user in node.users if user in stage_of]
            if users:
                self.stages[max(users)].last_use.append(node)

    @property
    def layers(self) -> dict[str, Leaky]:
        """The layers of neurons by name."""
        return {s.nodes[0].target: s.neurons for s in self.stages if s.neurons is not None}

    def run(
        self, num_steps: int, data: Tensor, spikes: dict[str, list[Tensor]] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the output's spikes and membranes ``[T, B, C]``; each layer keeps its last one.

        Args:
            num_steps: T.
            data: ``[B, ...]``, or ``[T, B, ...]`` if it varies over time.
            spikes: for each layer of neurons, by name, a list that its spikes ``[T, b, ...]`` are
                appended to, of b samples at a time.

        Raises:
            NotLayerwise: if shapes show that samples would be mixed.
        """
        parts = [self._run_part(num_steps, part, spikes) for part in self._parts(num_steps, data)]
        spk_rec, mem_rec, last = zip(*parts, strict=True)
        for layer in last[0]:
            layer.mem = _join([states[layer] for states in last])
        return _join(spk_rec, dim=1), _join(mem_rec, dim=1)

    def _parts(self, num_steps: int, data: Tensor) -> Sequence[Tensor]:
        """The batch in parts to run at once: on a CPU what its cache is best used by."""
        if data.device.type != "cpu":
            return [data]
        batch = int(self.time_varying)  # the axis of the samples
        frames = AUTOCAST_FRAMES if torch.is_autocast_enabled("cpu") else FRAMES
        pixels = max(PIXELS, data.shape[batch + 1 :].numel())
        return data.split(max(LEAST_SAMPLES, frames * PIXELS // (pixels * num_steps)), dim=batch)

    def _run_part(
        self, num_steps: int, data: Tensor, spikes: dict[str, list[Tensor]] | None
    ) -> tuple[Tensor, Tensor, dict[Leaky, Tensor]]:
        last: dict[Leaky, Tensor] = {}
        values: dict[fx.Node, Any] = {self.data: data}  # over time: a list of blocks [k * B, ...]
        sizes: list[int] = []  # k, the steps of each block
        if self.time_varying:
            sizes = block_sizes(num_steps, data[0], BLOCK)
            values[self.data] = [block.flatten(0, 1) for block in data.split(sizes)]
        for stage in self.stages:
            node = stage.nodes[0]
            if not stage.over_time:
                values |= _run_stateless(stage, values)
            elif stage.neurons is None:
                values |= _run_in_blocks(stage, values, sizes)
            else:
                cur, keep_mem = values[node.args[0]], node is self.output
                sizes = sizes or block_sizes(num_steps, cur, BLOCK)
                spk, mem, last[stage.neurons] = lif_sequence(
                    stage.neurons, cur, sizes, keep_mem=keep_mem
                )
                if keep_mem:
                    spk_rec, mem_rec = _join(spk), _join(mem)
                else:
                    values[node] = [block.flatten(0, 1) for block in spk]
                if spikes is not None:
                    spikes[node.target].append(_join(spk))
                del cur, spk, mem
            for done in stage.last_use:
                values.pop(done, None)
        return spk_rec, mem_rec, last


def _run_in_blocks(
    stage: _Stage, values: dict[fx.Node, Any], sizes: list[int]
) -> dict[fx.Node, list[Tensor]]:
    """Run a stage for all steps, on a block of time and of rows (one sample at one step) at once.

    What a block needs stays in the cache on both passes.
    """
    inside = set(stage.nodes)
    read = dict.fromkeys(x for node in stage.nodes for x in node.all_input_nodes)
    given = [node for node in read if node not in inside]
    results: dict[fx.Node, list[Tensor]] = {
        node: [] for node in stage.nodes if not node.users.keys() <= inside
    }
    for number, size in enumerate(sizes):
        inputs = [
            values[node][number]
            if isinstance(values[node], list)
            else values[node].expand(size, *values[node].shape).flatten(0, 1)
            for node in given
        ]
        parts = [
            _run_stateless(stage, dict(zip(given, rows, strict=True))) for rows in _rows(inputs)
        ]
        for node, blocks in results.items():
            blocks.append(_join([part[node] for part in parts]))
    return results


def _run_stateless(stage: _Stage, values: dict[fx.Node, Any]) -> dict[fx.Node, Any]:
    """Run operations of a stage on what their inputs are, and return their results."""
    found = dict(values)
    for node in stage.nodes:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), found.__getitem__)
        found[node] = node.meta["run"](*args, **kwargs)
    return {node: found[node] for node in stage.nodes}


def _rows(inputs: list[Tensor]) -> Iterable[Sequence[Tensor]]:
    """Blocks of rows: on a CPU as long as its cache holds them, on a GPU all."""
    size = max(1, BLOCK // max(1, *(value[0].numel() for value in inputs)))
    if len(inputs[0]) <= size or inputs[0].device.type != "cpu":
        return [inputs]
    return zip(*(value.split(size) for value in inputs), strict=True)


def _join(parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    return torch.cat(list(parts), dim) if len(parts) > 1 else parts[0]
