"""Small records of spikes for decoders, in words, and what a decoder returns."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..exercise import Wrong
from ..values import describe


def spikes(*steps: str) -> Tensor:
    """A record ``[T, 1, 3]`` from steps such as "010", which neurons fire."""
    return torch.tensor([[[float(bit) for bit in step]] for step in steps])


def random_spikes(share: float, steps: int = 12, images: int = 64) -> Tensor:
    """The same record ``[T, B, 10]`` at each call."""
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(steps, images, 10, generator=generator) < share).float()


def said(spk_rec: Tensor) -> str:
    """A record of one image in words: when each class fires, steps counted from 0."""
    parts = []
    for neuron, train in enumerate(spk_rec[:, 0].T):
        steps = [str(step) for step in train.nonzero().flatten().tolist()]
        if steps:
            parts.append(f"class {neuron} fires at step{'s' * (len(steps) > 1)} {', '.join(steps)}")
    fires = "; ".join(parts) if parts else "nobody fires"
    return f"{len(spk_rec)} steps, counted from 0, in which {fires}"


def mismatch(spk_rec: Tensor, got: Sequence, wanted: Sequence) -> tuple[int, str] | None:
    """The first image whose result is not as wanted, also in words."""
    images = spk_rec.shape[1]
    for image in range(images):
        if got[image] != wanted[image]:
            return image, said(spk_rec) if images == 1 else f"Image {image} of {images} random ones"
    return None


def integers(value: Any, images: int, what: str) -> list[int]:
    """Reads one integer for each image. Raises Wrong if it is anything else."""
    many = f"{images} image{'s' * (images > 1)}"
    fault = (f"For {many} your function gives {describe(value)} as {what}; expected a tensor of "
        f"shape [{images}], one number for each image.")
    if not isinstance(value, Tensor):
        fits = hasattr(value, "__len__") and len(value) == images
        raise Wrong(fault, "Can `torch.as_tensor` make one of it?" if fits else "")
    if list(value.shape) != [images]:
        question = "Over which axes do you sum, or take a mean?"
        if value.numel() == images:
            question = "Is there an axis too many?" if value.ndim > 1 else "Where did its axis go?"
        raise Wrong(fault, question)
    if value.is_complex() or not bool((value.double() % 1 == 0).all()):
        raise Wrong(f"Your {what} are no whole numbers: the first is {value[0].item()!r}.")
    return [int(number) for number in value]
