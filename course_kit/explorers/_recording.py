"""One image in a network, recorded: spikes of all layers, membranes and counts of the output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib import utils
from tutorial_lib.simulation import forward_pass, record_spikes

from ._values import one_of

GAP = 1  # pixels between two maps


@dataclass(frozen=True, eq=False)
class Layer:
    """A hidden layer of neurons.

    Attributes:
        title: "Layer 1: 12 maps", or "Layer 1" where neurons have no place.
        spikes: 0 or 1, ``[T, *sample]``, such as ``[T, 12, 12, 12]``.
    """

    title: str
    spikes: np.ndarray

    @property
    def neurons(self) -> int:
        """How many neurons there are."""
        return math.prod(self.spikes.shape[1:])


@dataclass(frozen=True, eq=False)
class Recording:
    """The whole run of one image, from rest.

    Attributes:
        image: what is injected at each step, ``[*sample]``.
        layers: the hidden layers that :func:`record_spikes` finds, in order.
        spikes: of the output layer, 0 or 1, ``[T, C]``.
        membranes: of the output layer, ``[T, C]``, before the reset.
        threshold: of the output layer; None where it is not one number.
        prediction: the class with the most spikes, or -1 for silence and ties.
        decision: the step, counted from 0, from which the prediction stays ahead; -1 without one.
        target: the class of the image, or None.
        labels: names of the C classes.
    """

    image: np.ndarray
    layers: tuple[Layer, ...]
    spikes: np.ndarray
    membranes: np.ndarray
    threshold: float | None
    prediction: int
    decision: int
    target: int | None
    labels: tuple[str, ...]

    @property
    def num_steps(self) -> int:
        """Number of time steps T."""
        return len(self.spikes)

    @property
    def ranking(self) -> list[int]:
        """Classes by their spikes in the whole run, then by their mean membrane."""
        counts, means = self.spikes.sum(0, dtype=np.int64), self.membranes.mean(0)
        return np.lexsort((-means, -counts)).tolist()


def record(
    net: nn.Module,
    image: Tensor,
    num_steps: int,
    target: int | Tensor | None = None,
    labels: Sequence[Any] | None = None,
) -> Recording:
    """Run ``net`` on one image and keep what is shown of it.

    The network is run in evaluation mode, without gradients, and left as it was but for its hidden
    state, which is reset.

    Args:
        net: a network whose call is one time step, for :func:`forward_pass`.
        image: a batch of one, ``[1, ...]``; it is moved to the network's device.
        num_steps: number of time steps T.
        target: the image's class, from 0 to C - 1.
        labels: C names of classes; their numbers if None.

    Returns:
        The run.

    Raises:
        TypeError: if ``net`` is no module, ``image`` no floating-point tensor, ``num_steps`` or
            ``target`` no integer, or the network does not return ``(spk, mem)``.
        ValueError: if ``image`` is not one image, ``num_steps`` is below 1, the output is not
            ``[1, C]`` of spikes 0 or 1, or ``target`` or ``labels`` do not fit its C classes.
    """
    device = utils.device_of(net)
    image = _one_image(image).to(device)
    target = _class_number(target)
    with utils.mode(net, training=False), torch.no_grad():
        try:
            layers = record_spikes(net, num_steps, image)  # checks the rest before it runs
        except (TypeError, ValueError) as error:
            error.add_note(f"data is the image here: {list(image.shape)}, {image.dtype}.")
            raise
        spk_rec, mem_rec = forward_pass(net, num_steps, image)
    utils.reset(net)
    classes = spk_rec.shape[2]
    if spk_rec.shape[1] != 1 or not bool(((spk_rec == 0) | (spk_rec == 1)).all()):
        raise ValueError(
            f"The network must answer one image with spikes 0 or 1 of shape [T, 1, C], got "
            f"{list(spk_rec.shape)} with values from {spk_rec.min():g} to {spk_rec.max():g}. "
            "Is its last layer a Leaky, and are all images a batch of one?"
        )
    names = _names(labels, classes)
    if target is not None and not 0 <= target < classes:
        raise ValueError(
            f"target must lie between 0 and {classes - 1} for {classes} output neurons, "
            f"got {target}."
        )
    # The output layer is the last one that fired as the network did.
    last = next((name for name in reversed(layers) if torch.equal(layers[name], spk_rec)), None)
    hidden = [spikes[:, 0] for name, spikes in layers.items() if name != last]
    threshold = getattr(net.get_submodule(last), "threshold", None) if last is not None else None
    return Recording(
        image=image[0].detach().cpu().numpy(),
        layers=tuple(
            Layer(_title(i, spikes), spikes.cpu().numpy().astype(np.uint8))
            for i, spikes in enumerate(hidden, start=1)
        ),
        spikes=spk_rec[:, 0].cpu().numpy().astype(np.uint8),
        membranes=mem_rec[:, 0].float().cpu().numpy(),
        threshold=threshold.item() if threshold is not None and threshold.numel() == 1 else None,
        prediction=int(SF.predict_rate(spk_rec)),
        decision=max(int(SF.decision_step(spk_rec)) - 1, -1),
        target=target,
        labels=names,
    )


@dataclass(frozen=True, eq=False)
class Moment:
    """A run up to one of its steps.

    Attributes:
        recording: the whole run.
        step: the step that is looked at, from 0 to T - 1.
        maps: spikes of each hidden layer at this step, each ``[*sample]``.
        spikes: of the output layer up to this step, ``[step + 1, C]``.
        membranes: likewise.
        counts: spikes of each output neuron so far, at each step up to this one,
            ``[step + 1, C]``.
        leader: the class with the most spikes so far, or -1 for silence and ties.
    """

    recording: Recording
    step: int
    maps: tuple[np.ndarray, ...]
    spikes: np.ndarray
    membranes: np.ndarray
    counts: np.ndarray
    leader: int


def moment(recording: Recording, step: int) -> Moment:
    """Cut a run off after one of its steps, from 0 to T - 1.

    Raises:
        ValueError: for another step.
    """
    one_of("step", step, range(recording.num_steps))
    past = slice(step + 1)
    spikes = recording.spikes[past]
    return Moment(
        recording=recording,
        step=step,
        maps=tuple(layer.spikes[step] for layer in recording.layers),
        spikes=spikes,
        membranes=recording.membranes[past],
        counts=spikes.cumsum(0, dtype=np.int64),
        leader=int(SF.predict_rate(torch.as_tensor(spikes, dtype=torch.float32).unsqueeze(1))),
    )


def tiled(maps: np.ndarray) -> np.ndarray:
    """Lay the maps of one sample side by side, in as square a picture as they allow.

    Args:
        maps: ``[C, H, W]``, ``[C, L]`` or ``[N]``; neurons without a place fill rows of a square.

    Returns:
        One picture, float, NaN between the maps and behind the last one.
    """
    if maps.ndim == 1:
        maps = maps[None, None]
        side = math.isqrt(maps.size)
        if side * side == maps.size or maps.size > 40:
            side = math.ceil(math.sqrt(maps.size))
            padded = np.full(math.ceil(maps.size / side) * side, np.nan)
            padded[: maps.size] = maps.ravel()
            maps = padded.reshape(1, -1, side)
    elif maps.ndim == 2:
        maps = maps[:, None]
    else:
        maps = maps.reshape(-1, *maps.shape[-2:])
    count, height, width = maps.shape
    options = range(1, count + 1)
    columns = min(options, key=lambda c: _squareness(c, math.ceil(count / c), height, width))
    rows = math.ceil(count / columns)
    picture = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), np.nan)
    for i, one in enumerate(maps):
        top, left = i // columns * (height + GAP), i % columns * (width + GAP)
        picture[top : top + height, left : left + width] = one
    return picture


def _squareness(columns: int, rows: int, height: int, width: int) -> tuple[float, int]:
    """How far from square a grid of maps is; of equally square ones the wide one is better."""
    ratio = columns * (width + GAP) / (rows * (height + GAP))
    return max(ratio, 1 / ratio), -columns


def _title(number: int, spikes: Tensor) -> str:
    maps = spikes.shape[1]
    name = f"Layer {number}"
    return name if spikes.ndim == 2 else f"{name}: {maps:,} map{'s' if maps > 1 else ''}"


def _one_image(image: Tensor) -> Tensor:
    if not isinstance(image, Tensor):
        raise TypeError(
            f"image must be a tensor [1, ...], a batch of one, got {type(image).__name__}. "
            "Convert it with torch.as_tensor(image, dtype=torch.float32)."
        )
    if image.ndim < 2 or len(image) != 1:
        raise ValueError(
            f"image must be a batch of one, [1, ...], got the shape {list(image.shape)}. Pick one "
            "with images[i : i + 1]; a single image becomes a batch with image.unsqueeze(0)."
        )
    return image


def _class_number(target: int | Tensor | None) -> int | None:
    if isinstance(target, Tensor) and target.numel() == 1 and not target.is_floating_point():
        target = target.item()
    if target is None:
        return None
    if isinstance(target, bool) or not isinstance(target, (int, np.integer)):
        raise TypeError(f"target must be a class number or None, got {target!r}.")
    return int(target)


def _names(labels: Sequence[Any] | None, classes: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(map(str, range(classes)))
    listed = isinstance(labels, (Sequence, np.ndarray)) and getattr(labels, "ndim", 1)
    if not listed or isinstance(labels, bytes):
        raise TypeError(f"labels must be a list of {classes} names, got {labels!r}.")
    if isinstance(labels, str) or len(labels) != classes:
        raise ValueError(
            f"labels must be {classes} names, one for each output neuron, got {labels!r}."
        )
    return tuple(map(str, labels))
