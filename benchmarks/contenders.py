"""The contenders: the network of tutorial 6 in each library, on the same weights and data.

Each contender is a function that runs the network over T steps and returns the output spikes
``[T, B, 10]``; the floor runs the matrix work alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

BETA, SLOPE, LEARNING_RATE = 0.5, 25, 1e-2


@dataclass
class Contender:
    """A network, and how it runs over time."""

    name: str
    net: nn.Module
    run: Callable[[Tensor, int], Tensor]
    autocast: torch.dtype | None = None

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=LEARNING_RATE)

    def train(self, data: Tensor, targets: Tensor, steps: int) -> None:
        """One training step: forward, loss per step, backward, Adam."""
        from tutorial_lib import functional as SF

        with self._precision(data):
            spikes = self.run(data, steps)
            loss = SF.ce_rate_loss()(spikes, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def evaluate(self, data: Tensor, targets: Tensor, steps: int) -> None:
        """One evaluation batch: forward and accuracy."""
        from tutorial_lib import functional as SF

        with self._precision(data):
            SF.accuracy_rate(self.run(data, steps).float(), targets)

    def _precision(self, data: Tensor) -> torch.autocast:
        enabled = self.autocast is not None
        return torch.autocast(data.device.type, self.autocast, enabled=enabled)


class Floor(Contender):
    """The convolutions and the linear layer alone: the first once, the others for all steps.

    On event frames ``[T, B, ...]`` the first for all steps, too. In the faster of the two memory
    layouts: with the channels last on a CPU, not on a GPU.
    """

    def train(self, data: Tensor, targets: Tensor, steps: int) -> None:
        self.optimizer.zero_grad()
        for layer, given in self._work(data, steps):
            given.grad = None
            result = layer(given.requires_grad_(layer is not self.net[0]))
            result.backward(torch.ones_like(result))
        self.optimizer.step()

    @torch.no_grad()
    def evaluate(self, data: Tensor, targets: Tensor, steps: int) -> None:
        for layer, given in self._work(data, steps):
            layer(given)

    def _work(self, data: Tensor, steps: int) -> list[tuple[nn.Module, Tensor]]:
        given = (data.shape, steps)
        if given not in self.inputs:
            frames = data.ndim > 4
            rows = len(data) * (data.shape[1] if frames else steps)
            layout = _layout(data.device)
            first = data.flatten(0, 1).contiguous(memory_format=layout) if frames else data
            side = (data.shape[-1] - 4) // 2  # convolved and pooled
            maps = data.new_zeros(rows, 12, side, side).contiguous(memory_format=layout)
            self.inputs[given] = first, maps, data.new_zeros(rows, self.net[7].in_features)
        return list(zip((self.net[0], self.net[3], self.net[7]), self.inputs[given], strict=True))

    @property
    def inputs(self) -> dict[tuple[torch.Size, int], tuple[Tensor, ...]]:
        """The data, and zeros of the right shape, made once: that is not part of the floor."""
        return self.__dict__.setdefault("_inputs", {})


def snntorch(frames: bool = False, autocast: torch.dtype | None = None) -> Contender:
    """snnTorch, as tutorial 6 writes it; with ``frames`` on event frames ``[T, B, 2, 34, 34]``."""
    import snntorch as snn
    from snntorch import surrogate, utils

    def lif(**options: Any) -> nn.Module:
        return snn.Leaky(beta=BETA, spike_grad=surrogate.fast_sigmoid(slope=SLOPE), **options)

    hidden, last = lambda: lif(init_hidden=True), lambda: lif(init_hidden=True, output=True)
    net = _network(hidden, last, *((2, 5) if frames else (1, 4)))

    def run(data: Tensor, steps: int) -> Tensor:
        utils.reset(net)
        spk_rec, mem_rec = [], []
        for step in range(steps):
            spk, mem = net(data[step] if frames else data)
            spk_rec.append(spk)
            mem_rec.append(mem)
        torch.stack(mem_rec)
        return torch.stack(spk_rec)

    return Contender("snnTorch", net, run, autocast)


def spikingjelly() -> Contender:
    """SpikingJelly, multi-step mode, its image repeated over time as its own examples do."""
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def lif() -> nn.Module:
        return neuron.LIFNode(
            tau=1 / (1 - BETA),
            decay_input=False,
            v_reset=None,
            detach_reset=True,
            surrogate_function=surrogate.ATan(),
            step_mode="m",
        )

    net = nn.Sequential(
        layer.Conv2d(1, 12, 5, step_mode="m"),
        layer.MaxPool2d(2, 2, step_mode="m"),
        lif(),
        layer.Conv2d(12, 64, 5, step_mode="m"),
        layer.MaxPool2d(2, 2, step_mode="m"),
        lif(),
        layer.Flatten(step_mode="m"),
        layer.Linear(1024, 10, step_mode="m"),
        lif(),
    )

    def run(data: Tensor, steps: int) -> Tensor:
        functional.reset_net(net)
        return net(data.unsqueeze(0).repeat(steps, 1, 1, 1, 1))

    return Contender("SpikingJelly", net, run)


def ours(
    schedule: str,
    autocast: torch.dtype | None = None,
    name: str | None = None,
    frames: bool = False,
) -> Contender:
    """tutorial_lib, in one of its schedules; ``frames`` as for :func:`snntorch`."""
    from tutorial_lib import networks, simulation, surrogate

    shape = (2, 34, 34) if frames else (1, 28, 28)
    net = networks.conv_net(BETA, surrogate.fast_sigmoid(slope=SLOPE), input_shape=shape)

    def run(data: Tensor, steps: int) -> Tensor:
        return simulation.forward_pass(net, steps, data, schedule=schedule, time_varying=frames)[0]

    return Contender(name or f"ours, {schedule}", net, run, autocast)


def graphed(autocast: torch.dtype | None = None, name: str = "ours, CUDA graph") -> Contender:
    """tutorial_lib layer by layer, forward and backward recorded once: for GPUs only."""
    from tutorial_lib import networks, surrogate
    from tutorial_lib.fast import CudaGraph
    from tutorial_lib.simulation import Simulation

    net = networks.conv_net(BETA, surrogate.fast_sigmoid(slope=SLOPE))
    graphs: dict[int, CudaGraph] = {}

    def run(data: Tensor, steps: int) -> Tensor:
        if steps not in graphs:
            graphs.clear()  # an older recording holds memory
            graphs[steps] = CudaGraph(Simulation(net, steps, "layer"))
        return graphs[steps](data)[0]

    return Contender(name, net, run, autocast)


def floor(frames: bool = False) -> Contender:
    """See :class:`Floor`; ``frames`` as for :func:`snntorch`."""
    net = _network(nn.Identity, nn.Identity, *((2, 5) if frames else (1, 4)))
    return Floor("floor", net, lambda data, steps: data)


MAKERS: dict[str, Callable[[], Contender]] = {
    "snnTorch": snntorch,
    "SpikingJelly": spikingjelly,
    "ours, step": lambda: ours("step"),
    "ours, layer": lambda: ours("layer"),
    "ours, bf16": lambda: ours("layer", torch.bfloat16, "ours, bf16"),
    "floor": floor,
}
GPU_MAKERS: dict[str, Callable[[], Contender]] = {
    "ours, CUDA graph": graphed,
    "ours, bf16, CUDA graph": lambda: graphed(torch.bfloat16, "ours, bf16, CUDA graph"),
}
FRAME_MAKERS: dict[str, Callable[[], Contender]] = {
    "snnTorch, event frames": lambda: snntorch(frames=True),
    "ours, layer, event frames": lambda: ours("layer", frames=True),
    "floor, event frames": lambda: floor(frames=True),
}
HALF_FRAME_MAKERS: dict[str, Callable[[], Contender]] = {
    "snnTorch, bf16, event frames": lambda: snntorch(True, torch.bfloat16),
    "ours, bf16, event frames": lambda: ours("layer", torch.bfloat16, frames=True),
}


def names(device: str) -> list[str]:
    """The contenders on a device."""
    return [*MAKERS, *(GPU_MAKERS if device != "cpu" else ())]


def make(name: str, device: str = "cpu") -> Contender:
    """Make a contender, on ``device``, with the weights that all share.

    They are PyTorch's default weights times three, so that every layer fires, as after training.
    """
    contender = (MAKERS | GPU_MAKERS | FRAME_MAKERS | HALF_FRAME_MAKERS)[name]()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in contender.net.parameters():
            bound = 3 / (p[0].numel() if p.ndim > 1 else 100) ** 0.5
            # Drawn in one memory layout, so that the weights are equal whatever layout a net has.
            p.copy_(torch.empty(p.shape).uniform_(-bound, bound, generator=generator))
    contender.net.to(device)  # the parameters stay the ones that the optimizer knows
    if isinstance(contender, Floor):
        contender.net.to(memory_format=_layout(torch.device(device)))
    return contender


def batch(size: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """A batch of the embedded digits (repeated if there are too few) and its targets."""
    from tutorial_lib import data

    images, targets = data.load("digits", verbose=False).train.tensors
    index = torch.arange(size) % len(images)
    return images[index].to(device), targets[index].to(device)


def frame_batch(size: int, steps: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Event frames of moving digits ``[T, B, 2, 34, 34]``, and their targets."""
    import numpy as np

    from tutorial_lib import events

    images, targets = batch(size)
    window = len(events.SACCADES) * events.SACCADE_TIME / steps
    to_frame = events.ToFrame(
        events.SENSOR_SIZE, time_window=window, start_time=0, end_time=steps * window
    )
    frames = np.stack([to_frame(stream) for stream in events.saccades(images)], axis=1)
    return torch.from_numpy(frames).float().to(device), targets.to(device)


def _layout(device: torch.device) -> torch.memory_format:
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def _network(
    lif: Callable[[], nn.Module], last: Callable[[], nn.Module], channels: int = 1, side: int = 4
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 12, 5), nn.MaxPool2d(2), lif(),
        nn.Conv2d(12, 64, 5), nn.MaxPool2d(2), lif(),
        nn.Flatten(), nn.Linear(64 * side * side, 10), last(),
    )  # fmt: skip
