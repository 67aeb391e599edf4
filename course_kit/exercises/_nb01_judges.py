"""Notebook 01: how the autograd function, the gradient by hand and the numbers are judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import surrogate

from . import _nb01_answers as answers
from ._values import Mistake, as_number, attempted, is_near, judge, question_for, show

__all__ = ["delta_factor", "fast_sigmoid", "gradient", "rest_slope"]


# The fast sigmoid as an autograd function


@judge
def fast_sigmoid(answer: type) -> str:
    if not issubclass(answer, torch.autograd.Function):
        raise Mistake(
            f"Your class {answer.__name__} is derived from {answer.__bases__[0].__name__}; "
            "expected `torch.autograd.Function`, which calls `forward` and `backward` for you."
        )
    _expect_spikes(answer)
    above = {
        1 / 1.5: "is the denominator squared?",
        1 / 1.25: "is the whole of 1 + k |x| squared?",
        25 / 2.25: "is that the derivative of a function of k x? Then the slope at 0 is k, not 1.",
        12.5 / 2.25: "is that the normalized form, with its factor k / 2?",
        0.02 / 1.5: "is that the primitive, where its derivative was asked for?",
        0.0: "is that the true derivative?",
        1 / 26**2: "what do you save in `forward`: the spike, or the overdrive?",
        1 / 26.5**2: "is the overdrive a threshold too high, as if it were U?",
    }
    _expect_slope(answer, 0.02, 25.0, 1 / 1.5**2, above)
    below = {
        4.0: "where is the absolute value?",
        2.0: "where is the absolute value?",
        1.0: "what do you save in `forward`: the spike, or the overdrive?",
    }
    _expect_slope(answer, -0.02, 25.0, 1 / 1.5**2, below)
    fixed = {1 / 36: "does your formula use `slope`, or the number 25?"}
    _expect_slope(answer, 0.2, 5.0, 1 / 4, fixed)
    chain = {1 / 4: "where is `grad_output`, which carries the error from the layers above?"}
    _expect_slope(answer, 0.04, 25.0, 3 / 4, chain, error=3.0)
    for dtype in (torch.float32, torch.float64):
        points = torch.rand(4, 25, dtype=dtype, generator=torch.Generator().manual_seed(0)) - 0.5
        expected = surrogate.fast_sigmoid(10).derivative(points)
        given = _slope(answer, points, 10.0, 1.0)
        if given.shape != points.shape or not torch.allclose(given, expected, atol=1e-5):
            raise Mistake(
                f"For a tensor of shape [4, 25] in {str(dtype).removeprefix('torch.')} the slopes "
                f"are off by up to {show((given - expected).abs().max().item())}: is every entry "
                "treated alone, whatever the shape?"
            )
    return (
        "Spikes forward, a slope backward, as the library's `fast_sigmoid`. Any formula in "
        "place of yours makes another surrogate, and a network can now learn with it."
    )


def _expect_spikes(answer: type) -> None:
    x = torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float64, requires_grad=True)
    spk = answer.apply(x, 25.0)
    if spk is None:
        raise Mistake("`forward` returns None; expected the spikes. Is there a `return`?")
    spk = attempted(spk)
    if not isinstance(spk, Tensor) or not spk.is_floating_point():
        kind = str(spk.dtype) if isinstance(spk, Tensor) else type(spk).__name__
        raise Mistake(
            f"`forward` returns {kind}; expected a tensor of floating-point numbers, 0.0 and 1.0. "
            "Can autograd differentiate truth values?"
        )
    for overdrive, given in zip(x.tolist(), spk.tolist(), strict=True):
        if given != float(overdrive > 0):
            hint = (
                "must the overdrive be above 0, or only reach it?"
                if overdrive == 0
                else "is the forward pass still the true step?"
            )
            raise Mistake(
                f"At an overdrive of {show(overdrive)} `forward` gives {show(given)}; expected "
                f"{float(overdrive > 0):.0f}: {hint}"
            )


def _expect_slope(
    answer: type,
    overdrive: float,
    slope: float,
    expected: float,
    slips: dict[float, str],
    error: float = 1.0,
) -> None:
    given = _slope(answer, torch.tensor([overdrive], dtype=torch.float64), slope, error).item()
    if not is_near(given, expected, 1e-5):
        upstream = "" if error == 1 else f" and an incoming gradient of {show(error)}"
        raise Mistake(
            f"At an overdrive of {show(overdrive)} with slope = {show(slope)}{upstream}, "
            f"`backward` gives {show(given)}; expected {show(expected)}: "
            + question_for(given, slips, "does the formula read 1 / (1 + k |x|)^2?")
        )


def _slope(answer: type, x: Tensor, slope: float, error: float) -> Tensor:
    leaf = x.clone().requires_grad_()
    try:
        spk = answer.apply(leaf, slope)
        (gradient,) = torch.autograd.grad((error * spk).sum(), leaf, allow_unused=True)
    except RuntimeError as problem:
        said = str(problem)
        if "incorrect number of gradients" in said:
            raise Mistake(
                "`backward` must return one gradient per argument of `forward`, so two: one for "
                "the overdrive, None for the slope. PyTorch found "
                f"{said.rpartition('got ')[2].rstrip(')')}. Is there a `return`, with both?"
            ) from None
        if "a gradient different" in said or "invalid gradient" in said:
            raise Mistake(
                "PyTorch refuses what `backward` returns. The gradients stand in the order of "
                "`forward`'s arguments: first the overdrive's, in its shape, then None. Do yours?"
            ) from None
        raise
    if gradient is None:
        raise Mistake(
            "`backward` returns None for the overdrive; expected its gradient there. Is there a "
            "`return`?"
        )
    return gradient


# The gradient of one neuron, by hand

STEEPNESS = 5.0


@judge
def gradient(answer: Callable[..., Any]) -> str:
    one = {
        "no input": "where is x[t], the input that w multiplies?",
        "times w": "what is the derivative of w x[t] by w?",
        "membrane": "does U go into the slope, or the overdrive U - theta?",
        "no slope": "where is g[t], the surrogate's slope at this step?",
        "old slope": "is your slope that of the old membrane? g[t] is taken at the new membrane.",
        "no error": "where is error[t], the derivative of the loss by the spike?",
        "true derivative": "is that the true derivative of the spike?",
    }
    _expect_gradient(answer, 0.7, [0.8], [2.0], True, "One step", one)
    two = {
        "no memory": "what does the membrane keep of the first input?",
        "no leak": "what does the leak do to the share of the first input?",
        "never detached": "the reset is detached here: does its slope count all the same?",
    }
    quiet = "Two steps, no spike"
    _expect_gradient(answer, 0.7, [0.8, 0.2], [0.0, 2.0], True, quiet, two)
    sums = {"last step only": "are the terms of all steps added up?"}
    _expect_gradient(answer, 0.7, [0.8, 0.2], [2.0, 0.0], True, quiet, sums)
    spike = {
        "no reset": "is the membrane reset after the spike at the first step?",
        "same step": "the reset acts one step later: is it in the step of the spike in your code?",
        "never detached": "the reset is detached here: does its slope count all the same?",
    }
    after = "Two steps, a spike at the first"
    _expect_gradient(answer, 1.6, [1.0, 0.25], [0.0, 2.0], True, after, spike)
    attached = {
        "never attached": "the reset is attached here: does your code look at `detach_reset`?",
        "plus": "a reset lowers the membrane: with which sign does its slope enter?",
        "late slope": "R[t] is a spike of the step before: at which membrane is its slope taken?",
    }
    _expect_gradient(answer, 1.6, [1.0, 0.25], [0.0, 2.0], False, after, attached)
    noise = torch.Generator().manual_seed(0)
    x, error = torch.rand(2, 12, generator=noise, dtype=torch.float64).mul(1.5).tolist()
    for w in (0.7, 1.6):
        for detach_reset in (True, False):
            for beta, theta in ((0.9, 1.0), (0.5, 0.6)):
                hint = {} if theta == 1 else {"beta": beta, "theta": theta}
                _expect_gradient(
                    answer, w, x, error, detach_reset, "Twelve random steps", {}, **hint
                )
    return (
        "By hand and by autograd agree, with the reset detached and attached. You know what "
        "`loss.backward()` does to a spiking neuron, and can read any paper's variant of it."
    )


def _expect_gradient(
    answer: Callable[..., Any],
    w: float,
    inputs: list[float],
    error: list[float],
    detach_reset: bool,
    given: str,
    slips: dict[str, str],
    **settings: float,
) -> None:
    """Compare with autograd through the library's step; `slips` are those of `wrong_gradient`."""
    slope_at = surrogate.fast_sigmoid(STEEPNESS).derivative
    tensors = [torch.tensor(values, dtype=torch.float64) for values in (inputs, error)]
    expected = answers.gradient_by_autograd()(w, *tensors, slope_at, detach_reset, **settings)
    copies = [tensor.clone() for tensor in tensors]
    found = answer(w, *copies, slope_at, detach_reset, **settings)
    value = as_number(found, "Your gradient")
    if is_near(value, expected.item(), 1e-5):
        return
    questions = {
        float(answers.wrong_gradient(slip)()(w, *tensors, slope_at, detach_reset)): question
        for slip, question in slips.items()
    }
    shown = f", inputs {inputs} and error {error}" if len(inputs) < 3 else ""
    named = "".join(f", {name} = {setting}" for name, setting in settings.items())
    otherwise = (
        "do you use the arguments `beta` and `theta`, or fixed numbers?"
        if settings
        else "which term of the recursion differs?"
    )
    question = question_for(value, questions, otherwise, tolerance=5e-4)
    raise Mistake(
        f"{given}, w = {w}{shown}{named}, detach_reset={detach_reset}: your gradient is "
        f"{show(value)}; expected {show(expected.item())}. {question[0].upper()}{question[1:]}"
    )


# Spot the fault: k to infinity


@judge
def delta_factor(answer: Callable[..., Any]) -> str:
    for k in (10, 100, 25, 3):
        factor = as_number(answer(k), f"Your factor for k = {k}")
        area = factor * surrogate.fast_sigmoid(k).area
        if not is_near(area, 1.0, 0.02):
            slips = {
                1.0: "Peak 1, and ever narrower: what is left of the area for k to infinity?",
                float(k): "The area of 1 / (1 + k |x|)^2 is 2 / k, for it has two sides. Have you "
                "counted both?",
                2 / k: "Is that the area itself? What must it be multiplied by to give 1?",
                k**2 / 2: "Does the area of 1 / (1 + k |x|)^2 fall as 1 / k or as 1 / k^2?",
            }
            otherwise = "What is the integral of 1 / (1 + k |x|)^2 over all x?"
            raise Mistake(
                f"At k = {k} your factor is {show(factor)}, which makes the area {show(area)}; a "
                f"Dirac delta has 1. {question_for(factor, slips, otherwise)}"
            )
    line = torch.linspace(-6, 6, 240_001, dtype=torch.float64)
    bell = surrogate.fast_sigmoid(1000).derivative(line) * torch.exp(-line.square())
    plain = torch.trapezoid(bell, line).item()
    return (
        "Area 1 for every k. Under the integral with exp(-x^2), which a delta turns into 1, "
        f"k = 1000 gives {plain:.3f} as published and {plain * as_number(answer(1000), ''):.3f} "
        "with your factor. Now the claim is true."
    )


# The slope that three layers at rest can bear


@judge
def rest_slope(answer: Any) -> str:
    k = as_number(answer, "Your slope")
    exact = math.sqrt(10) - 1
    if k <= -1:
        raise Mistake(f"A slope of {show(k)} is not above 0.")
    shrinks = (1 + k) ** 6
    if is_near(k, exact, 0.006):
        return (
            f"Three layers at rest shrink an error by (1 + {show(k)})^6 = {shrinks:,.0f}. At the "
            f"tutorial's slope of 25 it is {26**6:,}: you know what notebook 02 starts with."
        )
    slips = {
        math.sqrt(1000) - 1: "How many layers does that count?",
        9.0: "Is the slope of each layer squared?",
        999.0: "Is that one layer, unsquared?",
        math.sqrt(10): "At rest the overdrive is -1: what is 1 + k |x|?",
        1000 ** (1 / 6) / 2: "At rest the overdrive is -1: what is 1 + k |x|?",
    }
    raise Mistake(
        f"With k = {show(k)}, three layers at rest shrink an error by (1 + k)^6 = "
        f"{shrinks:,.0f}; expected 1,000. "
        + question_for(k, slips, "Which k solves (1 + k)^6 = 1000?", tolerance=0.006)
    )
