"""Shape, scale and learning rate of a surrogate: a map of short trainings, shipped as data.

Each cell trains the course's network on the embedded digits by SGD with momentum, from a start at
:data:`XI`, and holds the share of validation images that are right. The map is made by::

    python -m course_kit.surrogate_map

which takes about fifteen minutes on one core, goes on where it was interrupted, and writes
``surrogate_map.json`` beside this module.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from tutorial_lib import data, networks, surrogate
from tutorial_lib import functional as SF
from tutorial_lib.initialization import scale_to_threshold
from tutorial_lib.simulation import forward_pass
from tutorial_lib.surrogate import Surrogate

__all__ = ["HALF_WIDTH", "RATES", "SCALES", "SHAPES", "accuracy", "cells", "load", "scaled"]

FILE = Path(__file__).with_suffix(".json")
HALF_WIDTH = 0.1  # where each shape has half its peak, in threshold units
STEPS, BATCH, UPDATES, MOMENTUM, XI = 10, 32, 60, 0.9, 0.5
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
SCALES = ("peak", "area")


def _exponential(x: Tensor) -> Tensor:
    return torch.exp(-x.abs() * (math.log(2) / HALF_WIDTH))


SHAPES: dict[str, Callable[[Tensor], Tensor]] = {  # each with half its peak at HALF_WIDTH
    "fast sigmoid": surrogate.fast_sigmoid((math.sqrt(2) - 1) / HALF_WIDTH).derivative,
    "atan": surrogate.atan(2 / (math.pi * HALF_WIDTH)).derivative,
    "sigmoid": surrogate.sigmoid(2 * math.acosh(math.sqrt(2)) / HALF_WIDTH).derivative,
    "gaussian": surrogate.gaussian(HALF_WIDTH / math.sqrt(2 * math.log(2))).derivative,
    "exponential": _exponential,
    "triangle": surrogate.triangular(2 * HALF_WIDTH).derivative,
    "boxcar": surrogate.boxcar(2 * HALF_WIDTH).derivative,
    "straight-through": torch.ones_like,
}
"""The derivatives of eight shapes, of one width and any scale; the last has no width."""

AREAS = {"fast sigmoid": 2 / ((math.sqrt(2) - 1) / HALF_WIDTH), "exponential":
         2 * HALF_WIDTH / math.log(2), "straight-through": math.inf}  # fmt: skip
"""Area of those that are not of area 1."""


def scaled(shape: str, scale: str) -> Surrogate:
    """Return the surrogate of this shape with peak 1, or with area 1.

    Raises:
        ValueError: for a shape not in ``SHAPES``, a scale not in ``SCALES``, or the area of
            "straight-through", which is infinite.
    """
    if shape not in SHAPES or scale not in SCALES:
        raise ValueError(
            f"shape must be one of {list(SHAPES)} and scale one of {list(SCALES)}, got {shape!r} "
            f"and {scale!r}."
        )
    derivative, area = SHAPES[shape], AREAS.get(shape, 1.0)
    if scale == "area" and math.isinf(area):
        raise ValueError(f"{shape} has no finite area to scale, got scale='area'. Take 'peak'.")
    size = derivative(torch.zeros(1, dtype=torch.float64)).item() if scale == "peak" else area
    return surrogate.from_derivative(lambda x: derivative(x) / size)


@cache
def _digits() -> data.Digits:
    return data.load("digits", verbose=False)


def accuracy(shape: str, scale: str, rate: float, seed: int = 0) -> float:
    """Train one cell of the map, and return its accuracy.

    Args:
        shape, scale: as for :func:`scaled`.
        rate: learning rate, at least 0.
        seed: of the weights and of the order of the images.

    Returns:
        Share of the 200 validation images that are right; a tie is not.

    Raises:
        ValueError: as :func:`scaled`, or for a rate that is not finite or below 0.
    """
    grad = scaled(shape, scale)
    if not 0 <= rate < math.inf:
        raise ValueError(f"rate must be a finite number of at least 0, got {rate!r}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = networks.conv_net(spike_grad=grad)
    images, targets = _digits().train.tensors
    scale_to_threshold(net, STEPS, images[:128], XI)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=MOMENTUM)
    loss_fn, generator = SF.ce_rate_loss(), torch.Generator().manual_seed(seed)
    for _ in range(UPDATES):
        chosen = torch.randint(len(images), (BATCH,), generator=generator)
        spk_rec, _ = forward_pass(net, STEPS, images[chosen])
        optimizer.zero_grad()
        loss_fn(spk_rec, targets[chosen]).backward()
        optimizer.step()
    images, targets = _digits().val.tensors
    with torch.no_grad():
        spk_rec, _ = forward_pass(net, STEPS, images)
    return (SF.predict_rate(spk_rec) == targets).double().mean().item()


def cells() -> list[tuple[str, str, float]]:
    """Return shape, scale and rate of each cell of the map, 90 in all."""
    return [
        (shape, scale, rate)
        for scale in SCALES
        for shape in SHAPES
        if scale == "peak" or math.isfinite(AREAS.get(shape, 1.0))
        for rate in RATES
    ]


def load() -> dict[tuple[str, str, float], float]:
    """Return the map as shipped: the accuracy of each cell of :func:`cells`, with seed 0."""
    return {tuple(cell): share for *cell, share in json.loads(FILE.read_text(encoding="utf-8"))}


def main() -> None:
    """Make the map anew, or the cells of it that are missing."""
    torch.set_num_threads(1)
    found = load() if FILE.exists() else {}
    for cell in cells():
        if cell not in found:
            found[cell] = accuracy(*cell)
            print(*cell, f"{found[cell]:.1%}", flush=True)
            rows = [json.dumps([*done, share]) for done, share in found.items()]
            FILE.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
