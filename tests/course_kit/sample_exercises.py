"""Exercises of the tests' own: a function, a prediction, a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from course_kit.exercises import Exercise, Mutant, Verdict, right, wrong


def same_as_fast_sigmoid(function: Callable) -> Verdict:
    x = torch.tensor([-0.2, 0.0, 0.2])
    wanted, got = 1 / (1 + 25 * x.abs()) ** 2, function(x, 25.0)
    if got.shape != x.shape:
        return wrong(f"Your slope has shape {list(got.shape)}; expected {list(x.shape)}.")
    for point, one, other in zip(x.tolist(), wanted.tolist(), got.tolist(), strict=True):
        if abs(one - other) > 1e-6:
            return wrong(f"At x = {point:.1f} expected {one:.4f}, got {other:.4f}. {asked(got)}")
    return right("This slope can train a network.")


def asked(got: torch.Tensor) -> str:
    if (got > 1).any():
        return "Is the peak 1?"
    return "Is it even, as |x| is?" if not torch.allclose(got, got.flip(0)) else "Is it squared?"


def make_fast_sigmoid() -> Callable:
    def fast_sigmoid(x: torch.Tensor, slope: float = 25.0) -> torch.Tensor:
        return 1 / (1 + slope * x.abs()) ** 2

    return fast_sigmoid


SAMPLE = Exercise(
    id="99-fast-sigmoid",
    title="Write the slope of the fast sigmoid.",
    objective="Turn a formula into code.",
    kind="function",
    judge=same_as_fast_sigmoid,
    reference=make_fast_sigmoid,
    stub=lambda: lambda x, slope=25.0: ...,
    mutants=(
        Mutant(
            "not squared",
            "A power is missing.",
            lambda: lambda x, k: 1 / (1 + k * x.abs()),
            "Is it squared",
        ),
        Mutant(
            "no abs",
            "x is never below 0.",
            lambda: lambda x, k: 1 / (1 + k * x) ** 2,
            "as |x| is",
        ),
        Mutant(
            "area 1",
            "The slope has area 1.",
            lambda: lambda x, k: k / 2 / (1 + k * x.abs()) ** 2,
            "Is the peak 1",
        ),
    ),
    variants=(
        lambda: lambda x, slope: (1 + slope * x.abs()).pow(-2),
        lambda: lambda x, slope: (slope * x.double().abs()).add_(1).square_().reciprocal_(),
    ),
)
CHOICE = Exercise(
    id="99-delta",
    title="What happens to the slope for a large `k`?",
    objective="Tell peak from area.",
    kind="choice",
    judge=lambda key: right("Its area is 2/k.") if key == "c" else wrong(f"{key}: see <the> peak."),
    reference=lambda: "c",
    stub=lambda: None,
    mutants=tuple(Mutant(k, "Something else.", lambda k=k: k, "see <the>") for k in "abd"),
    options=lambda: {k: f"Option `{k}` & more." for k in "abcd"},
)
NUMBER = replace(
    SAMPLE,
    id="99-half",
    kind="number",
    stub=lambda: None,
    judge=lambda x: right(f"{type(x).__name__}.") if x == 0.5 else wrong(f"{x!r}."),
)
