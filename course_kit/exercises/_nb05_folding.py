"""Notebook 05: time in the batch, right and wrong in several ways, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ._values import Mistake, attempted, judge
from .diagnose import describe

__all__ = ["other_folding", "over_time", "time_in_batch", "wrong_folding"]

Function = Callable[..., Any]


def over_time(layer, x):  # noqa: ANN001, ANN201
    """The reference: all steps of all samples in one call, and the two axes apart again."""
    return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def other_folding(spelling: str) -> Callable[[], Function]:
    """Make the maker of another right function."""

    def folded(layer: Function, x: Tensor) -> Tensor:
        steps, samples, *rest = x.shape
        if spelling == "batch first":
            out = layer(x.transpose(0, 1).reshape(-1, *rest))
            return out.reshape(samples, steps, *out.shape[1:]).transpose(0, 1)
        if spelling == "cat":
            return torch.stack(layer(torch.cat(list(x))).chunk(steps))
        out = layer(x.contiguous().view(steps * samples, *rest))
        return out.view(steps, samples, *out.shape[1:])

    return lambda: folded


def wrong_folding(slip: str) -> Callable[[], Function]:
    """Make the maker of a function that is wrong in one way."""

    def folded(layer: Function, x: Tensor) -> Any:
        steps, samples = x.shape[:2]

        def folded_once() -> Tensor:
            return layer(x.flatten(0, 1))

        wrong = {
            "loop": lambda: torch.stack([layer(frame) for frame in x]),
            "still folded": lambda: folded_once(),
            "axes swapped": lambda: folded_once().unflatten(0, (samples, steps)),
            "samples apart": lambda: folded_once().unflatten(0, (samples, steps)).transpose(0, 1),
            "flat": lambda: layer(x.flatten()),
            "fifty steps": lambda: folded_once().unflatten(0, (50, -1)),
            "mean": lambda: layer(x.mean(0)),
            "once for all": lambda: torch.stack([layer(x[0])] * steps),
            "not folded": lambda: layer(x),
            "input shape": lambda: folded_once().reshape(x.shape),
            "cut off": lambda: folded_once().unflatten(0, (steps, samples)).detach(),
        }
        return wrong[slip]()

    return lambda: folded


# How it is judged


class _Watched:
    """A layer that remembers the shapes it was called with."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer
        self.shapes: list[list[int]] = []

    def __call__(self, x: Tensor) -> Tensor:
        self.shapes.append(list(x.shape))
        return self.layer(x)


@judge
def time_in_batch(answer: Callable[..., Any]) -> str:
    torch.manual_seed(0)
    cases = (
        (nn.Linear(3, 2), torch.rand(4, 2, 3), "nn.Linear(3, 2)"),
        (nn.Conv2d(2, 3, 3), torch.rand(5, 2, 2, 6, 6), "nn.Conv2d(2, 3, 3)"),
        (nn.Flatten(), torch.rand(3, 1, 2, 2, 2), "nn.Flatten()"),
        (nn.MaxPool2d(2), torch.rand(1, 4, 3, 4, 4).transpose(0, 1), "nn.MaxPool2d(2)"),
    )
    for layer, x, name in cases:
        expected = torch.stack([layer(frame) for frame in x])
        watched = _Watched(layer)
        try:
            out = attempted(answer(watched, x))
        except (RuntimeError, ValueError) as error:
            _explain_shapes(watched, x, name, error)
            raise
        _expect_one_call(watched, x, name)
        _expect_same(out, expected.detach(), x, name)
        if expected.requires_grad and not out.requires_grad:
            raise Mistake(
                f"The numbers of {name} are right, but no gradient flows back through them; "
                "expected one, since the network is to be trained. Is it cut by detach() or "
                "no_grad()?"
            )
    return (
        "One call of the layer for all steps of all samples, and each result is back in its place. "
        "Any layer without memory can be run this way. The next rung runs on your function."
    )


def _explain_shapes(watched: _Watched, x: Tensor, name: str, error: Exception) -> None:
    """Raise a Mistake if the layer was called with something that is no batch."""
    steps, samples, *rest = x.shape
    called = watched.shapes[-1] if watched.shapes else None
    if called is not None and called != [steps * samples, *rest]:
        raise Mistake(
            f"For x of shape {list(x.shape)}, {name} was called with the shape {called}; expected "
            f"{[steps * samples, *rest]}. Which two axes become one, and which stay?"
        ) from error
    if called is not None:
        raise Mistake(
            f"The layer ran on {called}, as it should. Then came {type(error).__name__}: its "
            f"result has {steps} steps of {samples} samples in it. Does your code take these two "
            "numbers from x, and leave the shape of the rest to the layer?"
        ) from error


def _expect_one_call(watched: _Watched, x: Tensor, name: str) -> None:
    steps, samples, *rest = x.shape
    shapes = watched.shapes
    if len(shapes) > 1:
        raise Mistake(
            f"For {steps} steps, {name} was called {len(shapes)} times; expected once. What would "
            "a batch look like that holds all steps of all samples?"
        )
    if not shapes:
        raise Mistake(f"{name} was never called; expected one call. Is it `layer(...)`?")
    if shapes[0] != [steps * samples, *rest]:
        raise Mistake(
            f"For x of shape {list(x.shape)}, {name} was called with the shape {shapes[0]}; "
            f"expected {[steps * samples, *rest]}. Is every step of every sample in it?"
        )


def _expect_same(out: Any, expected: Tensor, x: Tensor, name: str) -> None:
    steps, samples = x.shape[:2]
    if not isinstance(out, Tensor):
        raise Mistake(f"Your function returns {describe(out)}; expected a tensor [T, B, ...].")
    case = f"For x of shape {list(x.shape)} and {name}"
    if out.shape != expected.shape:
        swapped = [samples, steps, *expected.shape[2:]]
        if out.ndim == expected.ndim - 1 and len(out) == steps * samples:
            question = "Time and batch are still one axis: who takes them apart?"
        elif list(out.shape) == swapped:
            question = "Which of the two axes comes first in x?"
        else:
            question = "Time and batch are as in x, but is the rest as the layer made it?"
        raise Mistake(
            f"{case}, your result has the shape {list(out.shape)}; expected "
            f"{list(expected.shape)}. {question}"
        )
    out = out.detach()
    if torch.allclose(out.to(expected.dtype), expected, atol=1e-5):
        return
    step, sample = (out.to(expected.dtype) - expected).abs().flatten(2).amax(-1).nonzero()[0]
    raise Mistake(
        f"{case}, the shape is right, but at step {int(step)} sample {int(sample)} has the result "
        "of another step or sample. `[T, B]` folds into T rows of B: when you unfold, which number "
        "comes first?"
    )
