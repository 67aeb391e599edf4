"""Exercises of notebook 01, surrogate gradients."""

from __future__ import annotations

import math

import torch

from tutorial_lib import surrogate

from . import _nb01_answers as answers
from . import _nb01_judges as judges
from . import _nb01_slopes as slopes
from ._core import Exercise, Mutant

__all__ = ["EXERCISES"]

FAST_SIGMOID = Exercise(
    id="01-fast-sigmoid",
    title="Write the backward pass of the fast sigmoid as an autograd function.",
    objective="Give a spike a slope: true step forward, surrogate backward, chain rule kept.",
    kind="class",
    judge=judges.fast_sigmoid,
    reference=lambda: answers.FastSigmoid,
    stub=answers.fast_sigmoid_stub,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, answers.wrong_fast_sigmoid(slip), words)
        for slip, belief, words in (
            ("smooth forward", "The forward pass is smooth too.", "still the true step"),
            ("truth values", "A comparison is a spike.", "differentiate truth values"),
            ("at threshold", "Reaching the threshold is enough.", "above 0, or only reach it"),
            ("no square", "The slope falls as 1/|x|.", "denominator squared"),
            ("square of kx", "Only k x is squared.", "whole of 1 + k |x|"),
            ("returns nothing", "The last line is returned.", "Is there a `return`"),
            ("forward returns nothing", "The last line is returned.", "Is there a `return`"),
            ("no absolute value", "x and |x| are the same.", "where is the absolute value"),
            ("chain rule of kx", "The primitive is f(kx).", "slope at 0 is k"),
            ("normalized", "The peak is k / 2.", "normalized form"),
            ("primitive", "The smooth step goes backward.", "is that the primitive"),
            ("true derivative", "Backward belongs to forward.", "is that the true derivative"),
            ("saves spikes", "The output is what backward needs.", "the spike, or the overdrive"),
            ("membrane", "U goes into the formula.", "a threshold too high"),
            ("fixed slope", "k is 25.", "or the number 25"),
            ("drops the error", "backward returns a derivative.", "where is `grad_output`"),
            ("one gradient", "Only tensors count as arguments.", "one gradient per argument"),
            ("order", "The order of the gradients is free.", "in the order of"),
        )
    ),
    variants=(answers.fast_sigmoid_in_place, answers.fast_sigmoid_set_up),
)

DEAD_OR_SILENT = Exercise(
    id="01-dead-or-silent",
    title="Which of the four neurons reach 5 spikes?",
    objective="Tell a dead neuron (no derivative) from a silent one (no spikes).",
    kind="choice",
    judge=slopes.dead_or_silent,
    reference=lambda: "c",
    stub=lambda: None,
    mutants=(
        Mutant("silence is death", "No spikes, no gradient.", lambda: "a", "ask whether there was"),
        Mutant(
            "firing is enough", "A neuron learns by firing.", lambda: "b", "by what is the error"
        ),
        Mutant("any surrogate", "Every surrogate wakes.", lambda: "d", "boxcar above zero there"),
    ),
    options=lambda: {
        "a": "Only the firing one with the fast sigmoid: without spikes there is no gradient.",
        "b": "The two that fire at the start: a neuron learns from its spikes.",
        "c": "The two with the fast sigmoid, firing or silent.",
        "d": "All but the one with the true derivative: any surrogate wakes a silent neuron.",
    },
)

DELTA_FACTOR = Exercise(
    id="01-delta-factor",
    title="Spot the fault in 'k to infinity gives the Dirac delta', and mend it by a factor.",
    objective="See that a surrogate of fixed peak vanishes as it narrows.",
    kind="function",
    judge=judges.delta_factor,
    reference=lambda: lambda k: k / 2,
    stub=lambda: lambda k: ...,
    mutants=(
        Mutant("as published", "Narrower is a delta.", lambda: lambda k: 1.0, "ever narrower"),
        Mutant("one side", "The area is 1 / k.", lambda: lambda k: k, "counted both"),
        Mutant("area itself", "Scale by the area.", lambda: lambda k: 2 / k, "the area itself"),
        Mutant("square", "The area falls as 1 / k^2.", lambda: lambda k: k**2 / 2, "as 1 / k^2"),
        Mutant("fixed", "One factor fits all k.", lambda: lambda k: 12.5, "over all x"),
    ),
    variants=(
        lambda: lambda k: 1 / surrogate.fast_sigmoid(k).area,
        lambda: lambda k: torch.tensor(0.5) * k,
        lambda: _factor_by_integral,
    ),
)


def _factor_by_integral(k):  # noqa: ANN001, ANN202
    """By a sum over many points, tails included."""
    x = torch.linspace(0, 1000, 2_000_001, dtype=torch.float64)
    return 1 / (2 * torch.trapezoid((1 + k * x) ** -2, x))


GRADIENT = Exercise(
    id="01-gradient-by-hand",
    title="Write the gradient of one neuron through time, with the reset detached or attached.",
    objective="Derive backpropagation through time, and what detaching the reset leaves out.",
    kind="function",
    judge=judges.gradient,
    reference=lambda: answers.gradient_by_hand,
    stub=lambda: lambda w, inputs, error, slope_at, detach_reset, beta=0.9, theta=1.0: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, answers.wrong_gradient(slip), words)
        for slip, belief, words in (
            ("no input", "w acts on U directly.", "Where is x[t]"),
            ("times w", "x[t] comes with its weight.", "derivative of w x[t] by w"),
            ("no slope", "The spike passes the error on as it is.", "Where is g[t]"),
            ("old slope", "g[t] belongs to U[t-1].", "at the new membrane"),
            ("same step", "The reset acts at once.", "one step later"),
            ("membrane", "U goes into the slope.", "or the overdrive"),
            ("no error", "The loss is the count.", "Where is error[t]"),
            ("true derivative", "Spikes have no slope.", "Is that the true derivative"),
            ("no memory", "Each step stands alone.", "keep of the first input"),
            ("no leak", "dU[t]/dU[t-1] is 1.", "What does the leak do"),
            ("last step only", "Only the last spike counts.", "added up"),
            ("no reset", "The reset is only for the backward pass.", "membrane reset after"),
            ("never detached", "The reset always has a slope.", "The reset is detached"),
            ("never attached", "The reset never has a slope.", "look at `detach_reset`"),
            ("plus", "The reset's slope is added.", "with which sign"),
            ("late slope", "R[t] depends on U[t].", "at which membrane"),
            ("fixed numbers", "beta and theta are constants.", "or fixed numbers"),
        )
    ),
    variants=(
        answers.gradient_by_autograd,
        answers.gradient_by_products,
        answers.gradient_backward_in_time,
    ),
)

REST_SLOPE = Exercise(
    id="01-rest-slope",
    title="For which slope k do three layers at rest shrink an error exactly by 1,000?",
    objective="Compute how an error shrinks through silent layers.",
    kind="number",
    judge=judges.rest_slope,
    reference=lambda: math.sqrt(10) - 1,
    stub=lambda: ...,
    mutants=(
        Mutant("one layer", "The error passes once.", lambda: math.sqrt(1000) - 1, "How many"),
        Mutant("no square", "The slope is 1 / (1 + k).", lambda: 9.0, "squared"),
        Mutant("once", "One layer, not squared.", lambda: 999.0, "one layer, unsquared"),
        Mutant("no 1", "The slope is 1 / k^2.", lambda: math.sqrt(10), "what is 1 + k"),
        Mutant("tutorial", "25 is a mild slope.", lambda: 25.0, "Which k solves"),
    ),
    variants=(lambda: 2.16, lambda: torch.tensor(10.0).sqrt() - 1, lambda: 1000 ** (1 / 6) - 1),
)

OWN_SURROGATE = Exercise(
    id="01-own-surrogate",
    title="Write the slope of a surrogate of your own: greatest at 0, area 1, and far-reaching.",
    objective="Design a surrogate by peak, area and reach.",
    kind="open",
    judge=slopes.own_surrogate,
    reference=lambda: answers.own_slope,
    stub=lambda: lambda x: ...,
    mutants=tuple(
        Mutant(name, belief, answers.slope_maker(slope), words)
        for name, belief, slope, words in (
            ("true derivative", "The truth is best.", torch.zeros_like, "true derivative"),
            ("smooth step", "The smooth step goes backward.", torch.tanh, "that function itself"),
            ("sigmoid", "The smooth step goes backward.", torch.sigmoid, "write the step where"),
            ("no abs", "x is positive.", lambda x: torch.exp(-800 * x), "the absolute value"),
            ("one side", "Only spikes get a slope.", lambda x: (x > 0) * torch.exp(-x), "below"),
            (
                "threshold twice",
                "x is the membrane.",
                lambda x: (1 - (x - 1).abs()).clamp_min(0),
                "a second time",
            ),
            (
                "tutorial",
                "Area does not matter.",
                surrogate.fast_sigmoid(25).derivative,
                "tutorial's",
            ),
            ("constant", "Everything learns.", torch.ones_like, "ever fall off"),
            ("two halves", "One side has area 1.", lambda x: torch.exp(-x.abs()), "both sides"),
            (
                "short reach",
                "The nearer to a delta, the better.",
                lambda x: 10 * torch.exp(-20 * x.abs()),
                "reach down",
            ),
            ("sum", "One slope for all.", lambda x: x.abs().sum(), "of the same shape"),
        )
    ),
    variants=tuple(
        answers.slope_maker(slope)
        for slope in (
            surrogate.atan().derivative,
            surrogate.triangular(2.0).derivative,
            surrogate.gaussian(0.6).derivative,
            surrogate.fast_sigmoid_normalized(5).derivative,
            lambda x: torch.where(x.abs() < 1, 0.5, 0.0),
            lambda x: (0.5 / torch.cosh(x.float().clamp(-80, 80)).square()).double(),
            lambda x: x.abs().neg_().exp_().mul_(0.5),
        )
    ),
)


EXERCISES: tuple[Exercise, ...] = (
    FAST_SIGMOID,
    DEAD_OR_SILENT,
    DELTA_FACTOR,
    GRADIENT,
    REST_SLOPE,
    OWN_SURROGATE,
)
