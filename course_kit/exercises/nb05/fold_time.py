"""Time in the batch: all steps of all samples in one call."""

from typing import Any

import torch
from torch import Tensor, nn

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe, show

exercise = Exercise(__name__,
    "Run a layer without memory on all time steps in one call.",
    shows="Fold time into the batch and take the two apart again.", kind="function")


@exercise.reference
def solved_over_time(layer, x):
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


@exercise.judge
def judge(over_time: Function) -> str:
    for layer, shape, name in (
        (nn.Linear(3, 2), (4, 2, 3), "nn.Linear(3, 2)"),
        (nn.Conv2d(2, 3, 3), (5, 2, 2, 6, 6), "nn.Conv2d(2, 3, 3)"),
        (nn.Flatten(), (3, 1, 2, 2, 2), "nn.Flatten()"),
        (nn.MaxPool2d(2), (1, 4, 3, 4, 4), "nn.MaxPool2d(2)")):
        x = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        expected = torch.stack([layer(frame) for frame in x])
        shapes: list[list[int]] = []

        def watched(x: Tensor, layer: nn.Module = layer, shapes: list = shapes) -> Tensor:
            shapes.append(list(x.shape))
            return layer(x)

        try:
            out = over_time(watched, x)
        except AttributeError as error:
            if error.obj is not watched:
                raise
            raise Wrong(f"Your code asks `layer` for {error.name!r}, which not all functions have, "
                "and `layer` may be any. What does it take to have its result?") from error
        except (RuntimeError, ValueError) as error:
            if not shapes:
                raise
            expect_one_call(shapes, x, name)
            raise Wrong(f"{name} ran on {shapes[0]}, as it should; then your code raised "
                f"{type(error).__name__}. The result holds {x.shape[0]} steps of {x.shape[1]} "
                "samples. Does your code take these two numbers from x, and leave the shape of the "
                "rest to the layer?") from error
        expect_one_call(shapes, x, name)
        expect_same(out, expected.detach(), x, name)
        expect_gradient(out, expected, x, name)
    return ("One call of the layer for all steps of all samples, each result is back in its place, "
        "and gradients flow back. Any layer without memory can be run this way.")


def expect_one_call(shapes: list[list[int]], x: Tensor, name: str) -> None:
    steps, samples, *rest = x.shape
    if len(shapes) != 1:
        raise Wrong(f"For {steps} steps, {name} was called {len(shapes)} times; expected once. "
            "What would a batch look like that holds all steps of all samples?")
    folded = [steps * samples, *rest]
    if shapes[0] != folded:
        raise Wrong(f"For x of shape {list(x.shape)}, {name} was called with {shapes[0]}; expected "
            f"{folded}. Which two axes become one axis that holds all steps of all samples, and "
            "which stay?")


def expect_same(out: Any, expected: Tensor, x: Tensor, name: str) -> None:
    if not isinstance(out, Tensor):
        raise Wrong(f"Your function returns {describe(out)}; expected a tensor [T, B, ...].")
    case = f"For x of shape {list(x.shape)} and {name}"
    if out.shape != expected.shape:
        raise Wrong(f"{case}, your result has the shape {list(out.shape)}; expected "
            f"{list(expected.shape)}.",
            "Are its first two axes those of x, time and batch, and the rest as the layer made it?")
    wrong = ~torch.isclose(out.detach().to(expected.dtype), expected, atol=1e-5)
    if wrong.any():
        step, sample = wrong.flatten(2).any(-1).nonzero()[0].tolist()
        got, wanted = (record[step, sample].norm().item() for record in (out, expected))
        raise Wrong(f"{case}, the shape is right, but at step {step} sample {sample} has a result "
            f"of norm {show(got)}; expected {show(wanted)}. Folding and unfolding must use the "
            "same order of T and B: do they?")


def expect_gradient(out: Tensor, expected: Tensor, x: Tensor, name: str) -> None:
    """Compares the gradients of the weights and of x, which the layers below learn from."""
    if not out.requires_grad:
        raise Wrong(f"The numbers of {name} are right, but no gradient flows back through them; "
            "expected one, to learn from. Is the result cut off by `detach` or `no_grad`?")
    asked = torch.randn_like(expected)
    (wanted,) = torch.autograd.grad(expected, x, asked)
    (got,) = torch.autograd.grad(out, x, asked.to(out.dtype), materialize_grads=True)
    if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-5):
        raise Wrong(f"The numbers of {name} are right, but the gradient that reaches x has a norm "
            f"of {show(got.norm().item())}; expected {show(wanted.norm().item())}. The layers "
            "below learn from it: is x cut off on its way to the layer, by `detach` for example?")


@exercise.right("view")
def with_view(layer, x):
    steps, samples, *rest = x.shape
    out = layer(x.view(steps * samples, *rest))
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

exercise.wrong("Time needs a loop.", edit(WHOLE, "torch.stack([layer(frame) for frame in x])"),
    told="called 4 times; expected once")
exercise.wrong("The batch may stay long.", edit(".unflatten(0, x.shape[:2])", ""),
    asks="Time and batch are still one axis: who takes them apart?")
exercise.wrong("An axis of size 1 is no axis.", edit("x.shape[:2])", "x.shape[:2]).squeeze()"),
    asks="An axis of size 1 is gone: which call takes it away?")
exercise.wrong("A layer is a module.", edit("layer(x", "layer.forward(x"),
    told="asks `layer` for 'forward'")
exercise.wrong("The batch comes first.", edit("x.shape[:2]", "x.shape[1::-1]"),
    asks="Which of the two axes comes first in x?")
exercise.wrong("A shape says it all.", edit("x.shape[:2])", "x.shape[1::-1]).transpose(0, 1)"),
    told="the same order of T and B: do they")
exercise.wrong("Samples first, or steps first.",
    edit("x.flatten(0, 1)", "x.transpose(0, 1).flatten(0, 1)"),
    told="the same order of T and B: do they")
exercise.wrong("Flatten means flatten.", edit("flatten(0, 1)", "flatten()"),
    told="Which two axes become one")
exercise.wrong("A layer keeps the shape.", edit(".unflatten(0, x.shape[:2])", ".reshape(x.shape)"),
    told="leave the shape of the rest")
exercise.wrong("Only numbers count.", edit("x.shape[:2])", "x.shape[:2]).detach()"),
    told="no gradient flows back")
exercise.wrong("Only weights learn.", edit("x.flatten", "x.detach().flatten"),
    told="the gradient that reaches x has a norm of 0")
