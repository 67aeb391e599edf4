"""An encoding to invent: a neuron without leak spreads spikes evenly."""


import torch
from torch import Tensor

import tutorial_lib as snn

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe, show

exercise = Exercise(__name__,
    "Invent an encoding: spikes in proportion to brightness, evenly spaced, without chance.",
    shows="See that a neuron without leak is an encoder.", kind="open")


@exercise.reference
def even_encode(image, num_steps):
    lif = snn.Leaky(beta=1.0)  # forgets nothing; a spike costs one threshold
    mem, spk_rec = lif.init_leaky(), []
    for _ in range(num_steps):
        spk, mem = lif(image, mem)
        spk_rec.append(spk)
    return torch.stack(spk_rec)


PIXELS = (0.0, 0.1, 0.4, 0.5, 0.7, 1.0)


@exercise.judge
def judge(encode: Function) -> str:
    pixels = torch.tensor(PIXELS)
    spk_rec = encoded(encode, pixels, 40)
    gray = ((spk_rec != 0) & (spk_rec != 1)).nonzero().tolist()
    if gray:
        step, pixel = gray[0]
        raise Wrong(f"A pixel of {show(PIXELS[pixel])} gives {show(spk_rec[step, pixel].item())} "
            f"at step {step}; expected 0 or 1. A gray value is no spike: where does it become one?")
    again = encoded(encode, pixels, 40)
    if not torch.equal(spk_rec, again):
        pixel = int((spk_rec != again).any(0).nonzero()[0])
        raise Wrong(f"The same pixel of {show(PIXELS[pixel])}, encoded twice, gives different "
            "spikes. Are there dice in your code? What could decide in their place?")
    expect_even(spk_rec, pixels)
    image = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    expect_even(encoded(encode, image, 50).flatten(1), image.flatten())
    return ("After any number of steps, no pixel is off by more than one spike. So the error of "
        "the mean falls as 1/T, where a rate code's falls as 1/sqrt(T).")


def encoded(encode: Function, image: Tensor, num_steps: int) -> Tensor:
    spk_rec = encode(image.clone(), num_steps)
    if not isinstance(spk_rec, Tensor) or spk_rec.shape != (num_steps, *image.shape):
        raise Wrong(f"An image of shape {list(image.shape)} and {num_steps} steps give "
            f"{describe(spk_rec)}; expected a tensor of shape {[num_steps, *image.shape]}.",
            "Is time the first axis, with one entry per step?"
            if isinstance(spk_rec, Tensor)
            else "Do you still have to `torch.stack` a list?")
    return spk_rec.detach().double()


def expect_even(spk_rec: Tensor, pixels: Tensor) -> None:
    """Complains about the first step at which a count is off by more than one."""
    due = torch.outer(torch.arange(1.0, len(spk_rec) + 1, dtype=torch.float64), pixels.double())
    counts = spk_rec.cumsum(0)
    off = ((counts - due).abs() > 1 + 1e-3).nonzero().tolist()
    if off:
        step, pixel = off[0]
        count = counts[step, pixel].item()
        raise Wrong(f"A pixel of {show(pixels[pixel].item())} has {show(count)} "
            f"spike{'s' * (count != 1)} after {step + 1} step{'s' * (step > 0)}; expected "
            f"{show(due[step, pixel].item())}, give or take one. After the last step it has "
            f"{show(counts[-1, pixel].item())}; expected {show(due[-1, pixel].item())}.",
            "Its gaps differ by more than a step: is there chance in it, if only seeded?"
            if most_uneven(spk_rec) > 1
            else "What is left over of a pixel after each step, and where do you keep it?")


def most_uneven(spk_rec: Tensor) -> int:
    """By how many steps the gaps between the spikes of one pixel differ at most."""
    gaps = [column.nonzero().flatten().diff() for column in spk_rec.unbind(1)]
    return max((int(gap.max() - gap.min()) for gap in gaps if len(gap)), default=0)


def from_0(num_steps: int, image: Tensor) -> Tensor:
    """The steps 0, 1, ... in a shape that broadcasts against an image."""
    return torch.arange(num_steps).reshape(-1, *[1] * image.dim())


@exercise.right("by counting")
def by_counting(image, num_steps):
    return torch.floor(from_0(num_steps + 1, image) * image.double() + 1e-9).diff(dim=0) > 0


@exercise.right("fires at one half, in place")
def at_one_half(image, num_steps):
    out = torch.zeros(num_steps, *image.shape, dtype=torch.float64)
    debt = torch.zeros_like(image, dtype=torch.float64)
    for spk in out:
        debt += image
        spk[debt >= 0.5] = 1
        debt -= spk
    return out


exercise.wrong("Any neuron will do.", edit("beta=1.0", "beta=0.9"),
    told="What is left over of a pixel after each step")
exercise.wrong("Time comes last.", edit("torch.stack(spk_rec)", "torch.stack(spk_rec, dim=-1)"),
    told="Is time the first axis")
exercise.wrong("A list of steps is a record.", edit("torch.stack(spk_rec)", "spk_rec"),
    told="Do you still have to `torch.stack` a list")
exercise.wrong("A gray value is a spike.",
    lambda image, num_steps: image.expand(num_steps, *image.shape), told="A gray value is no spike")
exercise.wrong("Rates need chance.", lambda image, n: (torch.rand(n, *image.shape) < image).float(),
    told="Are there dice in your code")


@exercise.wrong("A seed makes chance even.", told="is there chance in it, if only")
def frozen_dice(image, num_steps):
    dice = torch.Generator().manual_seed(0)
    return (torch.rand(num_steps, *image.shape, generator=dice) < image).float()


exercise.wrong("One spike is enough to count.",
    lambda image, steps: (from_0(steps, image) == ((1 - image) * (steps - 1)).round()).float(),
    asks="Is each pixel allowed one spike only? How could a count carry its gray value?")
exercise.wrong("Only the total counts.",
    lambda image, steps: (from_0(steps, image) < (image * steps).round()).float(),
    asks="The total is right in the end: are the spikes spread evenly on the way?")
exercise.wrong("Every period is a whole number.",
    lambda image, n: ((from_0(n, image) + 1) % (1 / image.clamp_min(1e-6)).long() == 0).float(),
    asks="Does a pixel that has fired pay for its spike, and keep what is left over?")
