"""A slope for the spike: the fast sigmoid as an autograd function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tutorial_lib import surrogate

from ..diagnose import describe
from ..exercise import Exercise, Wrong, edit
from ..values import is_near, question_for, show

exercise = Exercise(
    __name__,
    "Write the backward pass of the fast sigmoid as an autograd function.",
    shows="Give a spike a slope: true step forward, surrogate backward, chain rule kept.",
    kind="class",
)


@exercise.stub
class MyFastSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, overdrive, slope):
        ctx.save_for_backward(overdrive)
        ctx.slope = slope
        return (overdrive > 0).to(overdrive.dtype)

    @staticmethod
    def backward(ctx, grad_output): ...


@exercise.reference
class SolvedFastSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, overdrive, slope):
        ctx.save_for_backward(overdrive)
        ctx.slope = slope
        return (overdrive > 0).to(overdrive.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        (overdrive,) = ctx.saved_tensors
        derivative = 1 / (1 + ctx.slope * overdrive.abs()) ** 2
        return grad_output * derivative, None


SAVED = "what do you save in `forward`: the spike, or the overdrive?"


@exercise.judge
def judge(answer: type) -> str:
    if not issubclass(answer, torch.autograd.Function):
        raise Wrong(
            f"Your class {answer.__name__} is derived from {answer.__bases__[0].__name__}; "
            "expected `torch.autograd.Function`, which calls `forward` and `backward` for you."
        )
    expect_spikes(answer)
    above = {
        1 / 1.5: "is the denominator squared?",
        1 / 1.25: "is the whole of 1 + k |x| squared?",
        25 / 2.25: "is that the derivative of a function of k x? Then its peak is k, not 1.",
        12.5 / 2.25: "is that the normalized form, with its factor k / 2?",
        0.02 / 1.5: "is that the primitive, where its derivative was asked for?",
        0.0: "is that the true derivative?",
        1 / 26**2: SAVED,
        1 / 26.5**2: "is the overdrive a threshold too high, as if it were U?",
    }
    expect_derivative(answer, 0.02, 25.0, 1 / 1.5**2, above)
    sign = "where is the absolute value?"
    expect_derivative(answer, -0.02, 25.0, 1 / 1.5**2, {4.0: sign, 2.0: sign, 1.0: SAVED})
    fixed = {1 / 36: "does your formula use `slope`, or the number 25?"}
    expect_derivative(answer, 0.2, 5.0, 1 / 4, fixed)
    chain = {1 / 4: "where is `grad_output`, which carries the error from the layers above?"}
    expect_derivative(answer, 0.04, 25.0, 3 / 4, chain, error=3.0)
    for dtype in (torch.float32, torch.float64):
        points = torch.rand(4, 25, dtype=dtype, generator=torch.Generator().manual_seed(0)) - 0.5
        expected = surrogate.fast_sigmoid(10).derivative(points)
        given = gradient_of(answer, points, 10.0, 1.0)
        if given.shape != points.shape or not torch.allclose(given, expected, atol=1e-5):
            raise Wrong(
                f"For a tensor of shape [4, 25] in {str(dtype).removeprefix('torch.')} the "
                f"gradient is off by up to {show((given - expected).abs().max().item())}: is every "
                "entry treated alone, whatever the shape?"
            )
    return (
        "Spikes forward, a slope backward, as the library's `fast_sigmoid`. Any formula in "
        "place of yours makes another surrogate, and a network can now learn with it."
    )


def expect_spikes(answer: type) -> None:
    x = torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float64, requires_grad=True)
    spk = answer.apply(x, 25.0)
    if spk is None:
        raise Wrong("`forward` returns None; expected the spikes. Is there a `return`?")
    if not isinstance(spk, Tensor) or not spk.is_floating_point():
        raise Wrong(
            f"`forward` returns {describe(spk)}; expected a tensor of floating-point numbers, 0.0 "
            "and 1.0. Can autograd differentiate truth values?"
        )
    if spk.shape != x.shape:
        raise Wrong(
            f"For a tensor of shape [3] `forward` returns {describe(spk)}; expected one spike per "
            "entry. Is every entry treated alone?"
        )
    for overdrive, given in zip(x.tolist(), spk.tolist(), strict=True):
        if given != float(overdrive > 0):
            reached = "must the overdrive be above 0, or only reach it?"
            smooth = "is the forward pass still the true step?"
            raise Wrong(
                f"At an overdrive of {show(overdrive)} `forward` gives {show(given)}; expected "
                f"{float(overdrive > 0):.0f}: {smooth if overdrive else reached}"
            )


def expect_derivative(
    answer: type,
    overdrive: float,
    slope: float,
    expected: float,
    slips: dict[float, str],
    error: float = 1.0,
) -> None:
    x = torch.tensor([overdrive], dtype=torch.float64)
    given = gradient_of(answer, x, slope, error).item()
    if not is_near(given, expected, 1e-5):
        upstream = "" if error == 1 else f" and an incoming gradient of {show(error)}"
        raise Wrong(
            f"At an overdrive of {show(overdrive)} with slope = {show(slope)}{upstream}, "
            f"`backward` gives {show(given)}; expected {show(expected)}: "
            + question_for(given, slips, "does the formula read 1 / (1 + k |x|)^2?")
        )


def gradient_of(answer: type, x: Tensor, slope: float, error: float) -> Tensor:
    """Returns the gradient at x, after a look at what `backward` itself returns."""
    returned: list[Any] = []

    class Observed(answer):  # type: ignore[misc, valid-type]
        @staticmethod
        def backward(ctx, *grad_outputs):
            returned.append(answer.backward(ctx, *grad_outputs))
            expect_two(returned[-1])
            return returned[-1]

    leaf = x.clone().requires_grad_()
    try:
        spk = Observed.apply(leaf, slope)
        (gradient,) = torch.autograd.grad((error * spk).sum(), leaf, allow_unused=True)
    except RuntimeError:
        if not returned:
            raise
        raise Wrong(
            f"PyTorch refuses what `backward` returns: {describe(returned[-1])}. Expected the "
            "gradients in the order of `forward`'s arguments: first the overdrive's, in its "
            f"shape {list(x.shape)}, then None. Are yours in this order, with one entry per spike?"
        ) from None
    if gradient is None:
        raise Wrong(
            "`backward` returns None for the overdrive; expected its gradient there, and None "
            "for the slope. Do they stand in this order?"
        )
    return gradient


def expect_two(result: Any) -> None:
    if isinstance(result, tuple) and len(result) == 2:
        return
    if result is None:
        question = "Is there a `return`?"
    elif isinstance(result, list) and len(result) == 2:
        question = "There are two, but can you return them without the square brackets?"
    else:
        question = "What is the second argument of `forward`, and what is its gradient?"
    raise Wrong(
        "`backward` must return a tuple with one gradient per argument of `forward`: the "
        f"overdrive's, then None for the slope. Yours returns {describe(result)}. {question}"
    )


@exercise.right("in the forward pass, in place, single precision")
class InPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, overdrive, slope):
        root = overdrive.abs().mul_(slope).add_(1).reciprocal_()
        ctx.save_for_backward(root.square_())
        return (overdrive > 0).float()

    @staticmethod
    def backward(ctx, grad_output):
        return ctx.saved_tensors[0] * grad_output, None


@exercise.right("with setup_context, the formula by cases")
class SetUp(torch.autograd.Function):
    @staticmethod
    def forward(overdrive, slope):
        return torch.where(overdrive > 0, torch.ones_like(overdrive), 0.0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.slope = inputs[1]

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        scaled = ctx.slope * torch.where(x > 0, x, -x)
        return grad_output * (1 + 2 * scaled + scaled.pow(2)).pow(-1), None


FORMULA = "1 / (1 + ctx.slope * overdrive.abs()) ** 2"
STEP = "(overdrive > 0).to(overdrive.dtype)"
RESULT = "grad_output * derivative, None"

exercise.wrong("smooth forward", "The forward pass is smooth too.",
    edit(STEP, "overdrive / (1 + slope * overdrive.abs())"), told="still the true step")
exercise.wrong("truth values", "A comparison is a spike.", edit(STEP, "overdrive > 0"),
    told="differentiate truth values")
exercise.wrong("at threshold", "Reaching the threshold is enough.",
    edit("overdrive > 0", "overdrive >= 0"), told="above 0, or only reach it")
exercise.wrong("one for all", "A layer has one spike.", edit(STEP, STEP + ".sum()"),
    told="expected one spike per entry")
exercise.wrong("no square", "The derivative falls as 1/|x|.", edit(" ** 2", ""),
    told="denominator squared")
exercise.wrong("square of kx", "Only k x is squared.",
    edit(FORMULA, "1 / (1 + (ctx.slope * overdrive) ** 2)"), told="whole of 1 + k |x|")
exercise.wrong("returns nothing", "The last line is returned.",
    edit("return grad_output", "grad_output"), told="Yours returns None. Is there a `return`")
exercise.wrong("forward returns nothing", "The last line is returned.",
    edit("return " + STEP, STEP), told="Is there a `return`")
exercise.wrong("no absolute value", "x and |x| are the same.", edit(".abs()", ""),
    told="where is the absolute value")
exercise.wrong("chain rule of kx", "The primitive is f(kx).", edit("= 1 /", "= ctx.slope /"),
    told="its peak is k")
exercise.wrong("normalized", "The peak is k / 2.", edit("= 1 /", "= ctx.slope / 2 /"),
    told="normalized form")
exercise.wrong("primitive", "The smooth step goes backward.",
    edit(FORMULA, "overdrive / (1 + ctx.slope * overdrive.abs())"), told="is that the primitive")
exercise.wrong("true derivative", "Backward belongs to forward.",
    edit(FORMULA, "torch.zeros_like(overdrive)"), told="is that the true derivative")
exercise.wrong("saves spikes", "The output is what backward needs.",
    edit("save_for_backward(overdrive)", f"save_for_backward({STEP})"),
    told="the spike, or the overdrive")
exercise.wrong("membrane", "U goes into the formula.",
    edit("overdrive.abs()", "(overdrive + 1).abs()"), told="a threshold too high")
exercise.wrong("fixed slope", "k is 25.", edit("ctx.slope *", "25 *"), told="or the number 25")
exercise.wrong("drops the error", "backward returns a derivative.",
    edit(RESULT, "derivative, None"), told="where is `grad_output`")
exercise.wrong("one gradient", "Only tensors count as arguments.",
    edit(RESULT, "grad_output * derivative"), told="one gradient per argument")
exercise.wrong("a tuple of one", "Only tensors count as arguments.",
    edit(RESULT, "(grad_output * derivative,)"), told="What is the second argument of `forward`")
exercise.wrong("a list", "Any two values do.", edit(RESULT, f"[{RESULT}]"),
    told="There are two, but can you return them without the square brackets?")
exercise.wrong("order", "The order of the gradients is free.",
    edit(RESULT, "None, grad_output * derivative"), told="in the order of")
exercise.wrong("summed", "A layer has one error.",
    edit(RESULT, "(grad_output * derivative).sum(), None"),
    told="a tensor of shape [] and float64; None). Expected")
