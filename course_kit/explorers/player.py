"""Spike player: one image's way through a network, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor, nn

from . import _player_view as view
from ._explorer import Control, Explorer
from ._recording import Moment, moment, record

__all__ = ["spike_player"]

PAGE_STEPS = 120  # positions that a page without a kernel offers at most


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
    recording = record(net, image, num_steps, target, labels)
    last = recording.num_steps - 1
    stride = -(-recording.num_steps // PAGE_STEPS)
    time = Control(
        name="step",
        label="Time step",
        options=tuple(range(recording.num_steps)),
        start=last,
        page=tuple(range(last % stride, recording.num_steps, stride)),
    )
    return Explorer(
        name="spike player",
        title="Spike player",
        controls=(time,),
        compute=partial(moment, recording),
        draw=view.draw,
        describe=describe,
        size=view.size(recording),
        play="step",
    )


def describe(now: Moment) -> str:
    """Say in words what the picture of a moment shows."""
    recording, names = now.recording, now.recording.labels
    parts = [f"Step {now.step} of 0 to {recording.num_steps - 1}."]
    parts += [
        f"{layer.title.replace(':', ',')}: {int(maps.sum()):,} of {layer.neurons:,} neurons fire."
        for layer, maps in zip(recording.layers, now.maps, strict=True)
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
    parts.append(view.verdict(recording) + ".")
    return " ".join(parts)
