"""Time in the batch: all steps of all samples in one call."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..diagnose import describe
from ..exercise import Exercise, Wrong, edit
from ..values import show

exercise = Exercise(__name__,
    "Run a layer without memory on all time steps in one call.",
    shows="Fold time into the batch and take the two apart again.", kind="function")


@exercise.stub
def my_over_time(layer, x): ...


@exercise.reference
def solved_over_time(layer, x):
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Watched:
    """A layer that remembers the shapes it was called with."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.shapes: list[list[int]] = []

    def __call__(self, x: Tensor) -> Tensor:
        self.shapes.append(list(x.shape))
        return self.layer(x)


@exercise.judge
def judge(over_time: Callable) -> str:
    cases = (
        (nn.Linear(3, 2), (4, 2, 3), "nn.Linear(3, 2)"),
        (nn.Conv2d(2, 3, 3), (5, 2, 2, 6, 6), "nn.Conv2d(2, 3, 3)"),
        (nn.Flatten(), (3, 1, 2, 2, 2), "nn.Flatten()"),
        (nn.MaxPool2d(2), (1, 4, 3, 4, 4), "nn.MaxPool2d(2)"),
    )
    for layer, shape, name in cases:
        x = torch.rand(shape[1], shape[0], *shape[2:]).transpose(0, 1).requires_grad_()
        expected = torch.stack([layer(frame) for frame in x])
        watched = Watched(layer)
        try:
            out = over_time(watched, x)
        except (RuntimeError, ValueError) as error:
            if not watched.shapes:
                raise
            expect_one_call(watched, x, name)
            raise Wrong(
                f"{name} ran on {watched.shapes[0]}, as it should. Then came "
                f"{type(error).__name__}: its result has {x.shape[0]} steps of {x.shape[1]} "
                "samples in it. Does your code take these two numbers from x, and leave the shape "
                "of the rest to the layer?"
            ) from error
        expect_one_call(watched, x, name)
        expect_same(out, expected.detach(), x, name)
        expect_gradient(out, expected, x, name)
    return (
        "One call of the layer for all steps of all samples, each result is back in its place, and "
        "the gradient finds its way back. Any layer without memory can be run this way. The next "
        "rung runs on your function."
    )


def expect_one_call(watched: Watched, x: Tensor, name: str) -> None:
    steps, samples, *rest = x.shape
    folded = [steps * samples, *rest]
    if not watched.shapes:
        raise Wrong(f"{name} was never called; expected one call. Is it `layer(...)`?")
    if len(watched.shapes) > 1:
        raise Wrong(
            f"For {steps} steps, {name} was called {len(watched.shapes)} times; expected once. "
            "What would a batch look like that holds all steps of all samples?"
        )
    if watched.shapes[0] != folded:
        raise Wrong(
            f"For x of shape {list(x.shape)}, {name} was called with the shape "
            f"{watched.shapes[0]}; expected {folded}. Which two axes become one, so that every "
            "step of every sample is in it, and which stay?"
        )


def expect_same(out: Any, expected: Tensor, x: Tensor, name: str) -> None:
    steps, samples = x.shape[:2]
    if not isinstance(out, Tensor):
        raise Wrong(f"Your function returns {describe(out)}; expected a tensor [T, B, ...].")
    case = f"For x of shape {list(x.shape)} and {name}"
    if out.shape != expected.shape:
        question = "Time and batch are as in x, but is the rest as the layer made it?"
        if out.ndim == expected.ndim - 1 and len(out) == steps * samples:
            question = "Time and batch are still one axis: who takes them apart?"
        elif list(out.shape) == [samples, steps, *expected.shape[2:]]:
            question = "Which of the two axes comes first in x?"
        elif out.shape[:2] != x.shape[:2]:
            question = "Are the first two axes those of x, time and batch?"
        raise Wrong(
            f"{case}, your result has the shape {list(out.shape)}; expected "
            f"{list(expected.shape)}. {question}"
        )
    wrong = ~torch.isclose(out.detach().to(expected.dtype), expected, atol=1e-5)
    if not wrong.any():
        return
    step, sample = wrong.flatten(2).any(-1).nonzero()[0].tolist()
    got, wanted = (record[step, sample].norm().item() for record in (out, expected))
    raise Wrong(
        f"{case}, the shape is right, but at step {step} sample {sample} has a result of norm "
        f"{show(got)}; expected {show(wanted)}. `[T, B]` folds into T rows of B: when you unfold, "
        "which number comes first?"
    )


def expect_gradient(out: Tensor, expected: Tensor, x: Tensor, name: str) -> None:
    """Compares the gradients of the weights and of x, which the layers below learn from."""
    if not out.requires_grad:
        raise Wrong(
            f"The numbers of {name} are right, but no gradient flows back through them; expected "
            "one, since the network is to be trained. Is the result cut off by `detach` or "
            "`no_grad`?"
        )
    asked = torch.randn_like(expected)
    (wanted,) = torch.autograd.grad(expected, x, asked)
    (got,) = torch.autograd.grad(out, x, asked.to(out.dtype), allow_unused=True)
    norm = 0.0 if got is None else got.norm().item()
    if got is None or not torch.allclose(got, wanted, rtol=1e-3, atol=1e-5):
        raise Wrong(
            f"The numbers of {name} are right, but the gradient that reaches x has a norm of "
            f"{show(norm)}; expected {show(wanted.norm().item())}. The layers below learn from it: "
            "is x cut off on its way to the layer, by `detach` for example?"
        )


@exercise.right("view")
def with_view(layer, x):
    steps, samples, *rest = x.shape
    out = layer(x.contiguous().view(steps * samples, *rest))
    return out.view(steps, samples, *out.shape[1:])


@exercise.right("batch first")
def batch_first(layer, x):
    steps, samples, *rest = x.shape
    out = layer(x.transpose(0, 1).reshape(-1, *rest))
    return out.reshape(samples, steps, *out.shape[1:]).transpose(0, 1)


@exercise.right("cat and chunk")
def with_cat(layer, x):
    return torch.stack(layer(torch.cat(list(x))).chunk(len(x)))


WHOLE = "layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])"

exercise.wrong("loop", "Time needs a loop.",
    edit(WHOLE, "torch.stack([layer(frame) for frame in x])"), told="called 4 times; expected once")
exercise.wrong("still folded", "The batch may stay long.", edit(".unflatten(0, x.shape[:2])", ""),
    told="who takes them apart")
exercise.wrong("axes swapped", "The batch comes first.", edit("x.shape[:2]", "x.shape[1::-1]"),
    told="comes first in x")
exercise.wrong("samples apart", "A shape says it all.",
    edit("x.shape[:2])", "x.shape[1::-1]).transpose(0, 1)"), told="which number comes first")
exercise.wrong("flat", "Flatten means flatten.", edit("flatten(0, 1)", "flatten()"),
    told="Which two axes become one")
exercise.wrong("fifty steps", "There are always 50 steps.", edit("x.shape[:2]", "(50, -1)"),
    told="take these two numbers from x")
exercise.wrong("mean", "Layers act on the mean.", edit(WHOLE, "layer(x.mean(0))"),
    told="every step of every sample is in it")
exercise.wrong("once for all", "All steps are alike.",
    edit(WHOLE, "torch.stack([layer(x[0])] * len(x))"), told="every step of every sample is in it")
exercise.wrong("not folded", "A layer takes any shape.", edit(WHOLE, "layer(x)"),
    told="every step of every sample is in it")
exercise.wrong("input shape", "A layer keeps the shape.",
    edit(".unflatten(0, x.shape[:2])", ".reshape(x.shape)"), told="leave the shape of the rest")
exercise.wrong("result cut off", "Only numbers count.",
    edit("x.shape[:2])", "x.shape[:2]).detach()"), told="no gradient flows back")
exercise.wrong("input cut off", "Only weights learn.", edit("x.flatten", "x.detach().flatten"),
    told="the gradient that reaches x has a norm of 0")
exercise.wrong("input copied", "A copy is the same.", edit("x.flatten", "x.data.clone().flatten"),
    told="the gradient that reaches x has a norm of 0")


@exercise.wrong("no grad", "A loop needs no gradient.", told="no gradient flows back")
def without_gradient(layer, x):
    with torch.no_grad():
        return solved_over_time(layer, x)
