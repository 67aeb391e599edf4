"""Notebook 00: answers to its exercises, right ones and those that misconceptions lead to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib.neurons import Leaky, lif_step

Step = Callable[..., tuple[float, float]]


# One step of the neuron


def leaky_step(cur, mem, beta, threshold=1.0, reset="subtract"):  # noqa: ANN001, ANN201
    """The reference: one step of one neuron, for plain numbers."""
    fired = float(mem > threshold)
    if reset == "zero":
        mem = (1 - fired) * mem
    mem = beta * mem + cur
    if reset == "subtract":
        mem = mem - fired * threshold
    return float(mem > threshold), mem


def step_with_branches() -> Step:
    """No arithmetic with spikes, in place, and a spike that is True or False."""

    def step(cur, mem, beta, threshold=1.0, reset="subtract"):  # noqa: ANN001, ANN202
        fired = mem > threshold
        if fired and reset == "zero":
            mem = 0.0
        mem *= beta
        mem += cur
        if fired and reset == "subtract":
            mem -= threshold
        return mem > threshold, mem

    return step


def step_on_tensors() -> Step:
    """Vectorized, with torch.where, in single precision; returns a list of tensors."""

    def step(cur, mem, beta, threshold=1.0, reset="subtract"):  # noqa: ANN001, ANN202
        mem = torch.as_tensor(mem, dtype=torch.float32)
        fired = (mem > threshold).float()
        kept = torch.where(fired.bool(), 0.0, mem) if reset == "zero" else mem
        cost = {"subtract": threshold, "zero": 0.0, "none": 0.0}[reset]
        new = beta * kept + cur - cost * fired
        return [torch.heaviside(new - threshold, torch.tensor(0.0)), new]

    return step


def step_of_the_library() -> Step:
    """The library's step in double precision."""

    def step(cur, mem, beta, threshold=1.0, reset="subtract"):  # noqa: ANN001, ANN202
        cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (cur, mem))
        return lif_step(cur, mem, beta, threshold, reset_mechanism=reset)

    return step


def wrong_step(slip: str) -> Callable[[], Step]:
    """Make the maker of a step that is wrong in one way."""

    def step(cur, mem, beta, threshold=1.0, reset="subtract"):  # noqa: ANN001, ANN202
        if slip == "ignores the reset":
            reset = "subtract"
        old, fired = mem, float(mem > threshold)
        if slip == "inverted reset":
            fired_cost = fired - threshold
        elif slip == "unit cost":
            fired_cost = fired
        else:
            fired_cost = fired * threshold
        if reset == "zero":
            mem = (1 - fired) * mem
        if slip == "wipes the input" and reset == "zero":
            mem = (1 - fired) * (beta * mem + cur)
        elif slip == "factor twice":
            mem = beta * mem + (1 - beta) * cur
        elif slip == "input decays":
            mem = beta * (mem + cur)
        elif slip == "no decay":
            mem = mem + cur
        elif slip == "subtracts first" and reset == "subtract":
            mem = beta * (mem - fired_cost) + cur
        else:
            mem = beta * mem + cur
        if reset == "subtract" and slip not in ("subtracts first", "no reset", "same step"):
            mem = mem - fired_cost
        spk = float(mem >= threshold) if slip == "at threshold" else float(mem > threshold)
        if slip == "same step" and reset == "subtract":
            mem = mem - spk * threshold
        if slip == "old membrane":
            spk = float(old > threshold)
        return (mem, spk) if slip == "swapped" else (spk, mem)

    return lambda: step


# The published fault


def mended_step(cur, mem, beta, threshold=1.0):  # noqa: ANN001, ANN201
    """The reference: the faulty lines with one of them mended."""
    spk = float(mem > threshold)
    reset = spk * threshold
    mem = beta * mem + cur - reset
    return spk, mem


def mended_with_a_branch() -> Step:
    """Subtracts where there was a spike, and nothing elsewhere."""

    def step(cur, mem, beta, threshold=1.0):  # noqa: ANN001, ANN202
        spk = 1.0 if mem > threshold else 0.0
        mem = beta * mem + cur
        if spk:
            mem -= threshold
        return spk, mem

    return step


def mended_and_updated_first() -> Step:
    """Also fires from the updated membrane, as the course does."""
    return lambda cur, mem, beta, threshold=1.0: leaky_step(cur, mem, beta, threshold)


def faulty_step(slip: str) -> Callable[[], Step]:
    """Make the maker of a step whose reset is wrong."""
    resets = {
        "as published": lambda spk, threshold: spk - threshold,
        "swapped difference": lambda spk, threshold: threshold - spk,
        "sign": lambda spk, threshold: -spk * threshold,
        "always": lambda spk, threshold: threshold,
        "removed": lambda spk, threshold: 0.0,
        "unit cost": lambda spk, threshold: spk,
    }

    def step(cur, mem, beta, threshold=1.0):  # noqa: ANN001, ANN202
        spk = float(mem > threshold)
        if slip == "same step":
            mem = beta * mem + cur
            spk = float(mem > threshold)
            return spk, mem - spk * threshold
        if slip == "subtracts first":
            return spk, beta * (mem - spk * threshold) + cur
        if slip == "to zero":
            return spk, beta * mem * (1 - spk) + cur
        return spk, beta * mem + cur - resets[slip](spk, threshold)

    return lambda: step


# An encoding of one's own


def even_encode(image: Tensor, num_steps: int) -> Tensor:
    """The reference: a neuron without leak turns each pixel into evenly spaced spikes."""
    mem, spk = torch.zeros_like(image), torch.zeros_like(image)
    spk_rec = []
    for _ in range(num_steps):
        mem = mem + image - spk
        spk = (mem > 1).to(image.dtype)
        spk_rec.append(spk)
    return torch.stack(spk_rec)


def even_by_counting() -> Callable[[Tensor, int], Tensor]:
    """Vectorized: a spike wherever the sum so far passes a whole number; True and False."""

    def encode(image: Tensor, num_steps: int) -> Tensor:
        steps = torch.arange(num_steps + 1, dtype=torch.float64)
        total = torch.floor(steps.reshape(-1, *[1] * image.dim()) * image + 1e-9)
        return total.diff(dim=0) > 0

    return encode


def even_by_layer() -> Callable[[Tensor, int], Tensor]:
    """The library's layer with beta = 1."""

    def encode(image: Tensor, num_steps: int) -> Tensor:
        lif, spk_rec = Leaky(beta=1.0), []
        mem = lif.init_leaky()
        for _ in range(num_steps):
            spk, mem = lif(image, mem)
            spk_rec.append(spk)
        return torch.stack(spk_rec)

    return encode


def even_in_place() -> Callable[[Tensor, int], Tensor]:
    """Fires at one half and above, in place, in double precision."""

    def encode(image: Tensor, num_steps: int) -> Tensor:
        out = torch.zeros(num_steps, *image.shape, dtype=torch.float64)
        debt = torch.zeros_like(image, dtype=torch.float64)
        for spk in out:
            debt += image
            spk[debt >= 0.5] = 1
            debt -= spk
        return out

    return encode


def uneven_encode(slip: str) -> Callable[[], Callable[[Tensor, int], Tensor]]:
    """Make the maker of an encoding that does not do what was asked."""

    def encode(image: Tensor, num_steps: int) -> Tensor:
        steps = torch.arange(num_steps).reshape(-1, *[1] * image.dim())
        if slip == "constant current":
            return image.expand(num_steps, *image.shape)
        if slip == "rate":
            return (torch.rand(num_steps, *image.shape) < image).float()
        if slip == "frozen dice":
            dice = torch.Generator().manual_seed(0)
            return (torch.rand(num_steps, *image.shape, generator=dice) < image).float()
        if slip == "latency":
            return (steps == ((1 - image) * (num_steps - 1)).round()).float()
        if slip == "burst":
            return (steps < (image * num_steps).round()).float()
        if slip == "whole period":  # 1/x cut to a whole number of steps
            return ((steps + 1) % (1 / image.clamp_min(1e-6)).long() == 0).float()
        if slip == "fixed length":
            return even_encode(image, 50)
        return even_encode(image, num_steps).movedim(0, -1)  # "time last"

    return lambda: encode
