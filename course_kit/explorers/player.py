"""Spike player: one image's way through a network, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF

from . import _player_view as view
from ._core import Control, Explorer
from ._journey import Journey, follow

__all__ = ["Moment", "spike_player"]

PAGE_STEPS = 120  # positions that a page without a kernel offers at most


@dataclass(frozen=True, eq=False)
class Moment:
    """A run up to one of its steps.

    Attributes:
        journey: the whole run.
        step: the step that is looked at, from 0 to T - 1.
        maps: spikes of each hidden layer at this step, each ``[*sample]``.
        spikes: of the output layer up to this step, ``[step + 1, C]``.
        membranes: likewise.
        counts: spikes of each output neuron so far, at each step up to this one,
            ``[step + 1, C]``.
        leader: the class with the most spikes so far, or -1 for silence and ties.
    """

    journey: Journey
    step: int
    maps: tuple[np.ndarray, ...]
    spikes: np.ndarray
    membranes: np.ndarray
    counts: np.ndarray
    leader: int


def spike_player(
    net: nn.Module,
    image: Tensor,
    num_steps: int,
    target: int | Tensor | None = None,
    labels: Sequence[Any] | None = None,
) -> Explorer:
    """Follow one image through a network: every layer's spikes, on one time axis.

    Shows the input, the spikes of each hidden layer at the step that is looked at, the output's
    raster, membranes and counts up to it, and the step at which the decision falls
    (:func:`tutorial_lib.functional.decision_step`).

    Args:
        net: a network of any layers that ``record_spikes`` records, with an output ``[1, C]``.
        image: a batch of one, ``[1, ...]``, injected at each step.
        num_steps: number of time steps T.
        target: the image's class, if it is known.
        labels: C names of classes; their numbers if None.

    Returns:
        The explorer; its time slider can be played.

    Raises:
        TypeError: if ``net`` is no module, ``image`` no floating-point tensor, ``num_steps`` or
            ``target`` no integer, or the network does not return ``(spk, mem)``.
        ValueError: if ``image`` is not one image, ``num_steps`` is below 1, the output is not
            ``[1, C]`` of spikes, or ``target`` or ``labels`` do not fit its C classes.
    """
    journey = follow(net, image, num_steps, target, labels)
    last = journey.num_steps - 1
    stride = -(-journey.num_steps // PAGE_STEPS)
    time = Control(
        name="step",
        label="Time step",
        options=tuple(range(journey.num_steps)),
        start=last,
        page=tuple(range(last % stride, journey.num_steps, stride)),
    )
    return Explorer(
        name="spike player",
        title="Spike player",
        controls=(time,),
        compute=partial(moment, journey),
        draw=view.draw,
        describe=describe,
        size=view.size(journey),
        play="step",
    )


def moment(journey: Journey, step: int) -> Moment:
    """Cut a run off after one of its steps, from 0 to T - 1."""
    past = slice(step + 1)
    spikes = journey.spikes[past]
    return Moment(
        journey=journey,
        step=step,
        maps=tuple(layer.spikes[step] for layer in journey.layers),
        spikes=spikes,
        membranes=journey.membranes[past],
        counts=spikes.cumsum(0, dtype=np.int64),
        leader=int(SF.predict_rate(torch.as_tensor(spikes, dtype=torch.float32).unsqueeze(1))),
    )


def describe(now: Moment) -> str:
    """Say in words what the picture of a moment shows."""
    journey, names = now.journey, now.journey.labels
    parts = [f"Step {now.step} of 0 to {journey.num_steps - 1}."]
    parts += [
        f"{layer.title.replace(':', ',')}: {int(maps.sum()):,} of {layer.neurons:,} neurons fire."
        for layer, maps in zip(journey.layers, now.maps, strict=True)
    ]
    firing = [names[c] for c in np.flatnonzero(now.spikes[-1])]
    parts.append(f"Output neurons that fire: {', '.join(firing) or 'none'}.")
    counts = now.counts[-1]
    some = [c for c in np.argsort(-counts, kind="stable") if counts[c]]
    listed = ", ".join(f"{names[c]}: {counts[c]}" for c in some) or "none"
    parts.append(f"Spikes so far, by class: {listed}{', the others 0' if some else ''}.")
    highest = int(now.membranes[-1].argmax())
    parts.append(f"Highest membrane: {names[highest]} at {now.membranes[-1, highest]:.2f}.")
    parts.append(view.standing(now) + ".")
    parts.append(view.verdict(journey) + ".")
    return " ".join(parts)
