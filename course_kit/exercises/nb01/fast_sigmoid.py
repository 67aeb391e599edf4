"""A derivative for the spike: the fast sigmoid as an autograd function."""

from typing import Any

import torch
from torch import Tensor

from tutorial_lib import surrogate

from ..exercise import Exercise, Wrong, edit
from ..values import describe, is_near, show

exercise = Exercise(__name__,
    "Write the backward pass of the fast sigmoid as an autograd function.",
    shows="Give a spike a derivative: true step forward, surrogate backward, chain rule kept.",
    kind="class")


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


PROBES = ((0.3, 25.0, 1.0), (-0.02, 25.0, 1.0), (0.2, 5.0, 1.0), (0.04, 25.0, 3.0))


@exercise.judge
def judge(answer: type) -> str:
    if not issubclass(answer, torch.autograd.Function):
        raise Wrong(f"Your class {answer.__name__} is derived from {answer.__bases__[0].__name__}; "
            "expected `torch.autograd.Function`, which calls `forward` and `backward` for you.")
    expect_spikes(answer)
    for overdrive, slope, error in PROBES:
        x = torch.tensor([overdrive], dtype=torch.float64)
        given = gradient_of(answer, x, slope, error).item()
        expected = error * surrogate.fast_sigmoid(slope).derivative(x).item()
        if not is_near(given, expected, 1e-5):
            upstream = "" if error == 1 else f" and an incoming gradient of {show(error)}"
            fault = (f"At an overdrive of {show(overdrive)} with slope = {show(slope)}{upstream}, "
                f"`backward` gives {show(given)}; expected {show(expected)}")
            if given == 0 and (mirrored := gradient_of(answer, -x, slope, error).item()):
                raise Wrong(f"{fault}. At {show(-overdrive)} it gives {show(mirrored)}:",
                    "should a neuron that fires not learn?"
                    if overdrive > 0
                    else "how should a silent neuron learn?")
            raise Wrong(f"{fault}:", "does the formula read 1 / (1 + k |x|)^2?")
    for dtype in (torch.float32, torch.float64):
        points = torch.rand(4, 25, dtype=dtype, generator=torch.Generator().manual_seed(0)) - 0.5
        expected = surrogate.fast_sigmoid(10).derivative(points)
        given = gradient_of(answer, points, 10.0, 1.0)
        if not torch.allclose(given, expected, atol=1e-5):
            raise Wrong(f"For {describe(points)} the gradient is off by up to "
                f"{show((given - expected).abs().max().item())}: is every entry treated alone?")
    return ("Spikes forward, a derivative backward, as the library's `fast_sigmoid`. Any formula "
        "in place of yours makes another surrogate, and a network can now learn with it.")


def expect_spikes(answer: type) -> None:
    x = torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float64, requires_grad=True)
    spk = answer.apply(x, 25.0)
    if not isinstance(spk, Tensor) or not spk.is_floating_point() or spk.shape != x.shape:
        raise Wrong(f"For a tensor of shape [3] `forward` returns {describe(spk)}; expected one "
            "spike per entry, 0.0 or 1.0.",
            "Is each a floating-point number? Is every entry treated alone?")
    for overdrive, given in zip(x.tolist(), spk.tolist(), strict=True):
        if given != float(overdrive > 0):
            raise Wrong(f"At an overdrive of {show(overdrive)} `forward` gives {show(given)}; "
                f"expected {float(overdrive > 0):.0f}:", "is the forward pass still the true step?"
                if overdrive
                else "must the overdrive be above 0, or only reach it?")


def gradient_of(answer: type, x: Tensor, slope: float, error: float) -> Tensor:
    """Returns the gradient at x, after a look at what `backward` itself returns."""
    returned: list[Any] = []

    class Observed(answer):  # type: ignore[misc, valid-type]
        @staticmethod
        def backward(ctx, *grad_outputs):
            result = answer.backward(ctx, *grad_outputs)
            returned.append(result)
            if not isinstance(result, tuple) or len(result) != 2:
                raise Wrong(f"`backward` returns {describe(result)}; expected a tuple with one "
                    "gradient per argument of `forward`: the overdrive's, then None for the slope.",
                    "What is the second argument of `forward`, and what is its gradient?")
            if result[0] is not None and result[1] is not None:
                raise Wrong("The gradient for `slope` must be None: it is a plain number. Yours is "
                    f"{describe(result[1])}.")
            return result

    leaf = x.clone().requires_grad_()
    gradient = None
    try:
        spk = Observed.apply(leaf, slope)
        (gradient,) = torch.autograd.grad((error * spk).sum(), leaf, allow_unused=True)
    except RuntimeError:
        if not returned:
            raise
    if gradient is None:
        raise Wrong(f"PyTorch cannot use what `backward` returns: {describe(returned[-1])}. "
            "Expected the gradients in the order of `forward`'s arguments: first the overdrive's, "
            f"in its shape {list(x.shape)}, then None. Are yours in this order, one per spike?")
    return gradient


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

exercise.wrong("The forward pass is smooth too.",
    edit(STEP, "overdrive / (1 + slope * overdrive.abs())"), told="still the true step")
exercise.wrong("A comparison is a spike.", edit(STEP, "overdrive > 0"),
    asks="Can autograd differentiate truth values?")
exercise.wrong("Reaching the threshold is enough.", edit("overdrive > 0", "overdrive >= 0"),
    told="above 0, or only reach it")
exercise.wrong("The derivative falls as 1/|x|.", edit(" ** 2", ""),
    asks="is the denominator squared?")
exercise.wrong("Only k x is squared.", edit(FORMULA, "1 / (1 + (ctx.slope * overdrive) ** 2)"),
    asks="is the whole of 1 + k |x| squared?")
exercise.wrong("The last line of `backward` is returned.",
    edit("return grad_output", "grad_output"), asks="Is there a `return`?")
exercise.wrong("The last line of `forward` is returned.", edit("return " + STEP, STEP),
    asks="Is there a `return`?")
exercise.wrong("x and |x| are the same.", edit(".abs()", ""), asks="where is the absolute value?")
exercise.wrong("The derivative has no slope.", edit("ctx.slope * overdrive", "overdrive"),
    asks="where is the slope?")
exercise.wrong("Only neurons that fire learn.", edit("= 1 /", "= (overdrive > 0) /"),
    told="At 0.02 it gives 0.4444: how should a silent neuron learn?")
exercise.wrong("Only silent neurons learn.", edit("= 1 /", "= (overdrive < 0) /"),
    told="At -0.3 it gives 0.0138: should a neuron that fires not learn?")
exercise.wrong("The primitive is f(kx).", edit("= 1 /", "= ctx.slope /"),
    asks="is that the derivative of a function of k x? Then its peak is k, not 1.")
exercise.wrong("The peak is k / 2.", edit("= 1 /", "= ctx.slope / 2 /"),
    asks="is that the normalized form, with its factor k / 2?")
exercise.wrong("The smooth step goes backward.",
    edit(FORMULA, "overdrive / (1 + ctx.slope * overdrive.abs())"),
    asks="is that the primitive, where its derivative was asked for?")
exercise.wrong("Backward belongs to forward.", edit(FORMULA, "torch.zeros_like(overdrive)"),
    asks="is that the true derivative?")
exercise.wrong("The output is what backward needs.",
    edit("save_for_backward(overdrive)", f"save_for_backward({STEP})"),
    asks="what do you save in `forward`: the spike, or the overdrive?")
exercise.wrong("U goes into the formula.", edit("overdrive.abs()", "(overdrive + 1).abs()"),
    asks="is the overdrive a threshold too high, as if it were U?")
exercise.wrong("x is U - theta.", edit("overdrive.abs()", "(overdrive - 1).abs()"),
    asks="do you subtract the threshold? The overdrive has it taken off already.")
exercise.wrong("The slope's gradient is 0.", edit(RESULT, "grad_output * derivative, 0"),
    told="must be None")
exercise.wrong("k is 25.", edit("ctx.slope *", "25 *"),
    asks="does your formula use `slope`, or the number 25?")
exercise.wrong("backward returns a derivative.", edit(RESULT, "derivative, None"),
    asks="where is `grad_output`, which carries the error from the layers above?")
exercise.wrong("Only tensors count as arguments.", edit(RESULT, "grad_output * derivative"),
    told="What is the second argument of `forward`")
exercise.wrong("Any two values do.", edit(RESULT, f"[{RESULT}]"),
    asks="There are two, but can you return them without the square brackets?")
exercise.wrong("The order of the gradients is free.",
    edit(RESULT, "None, grad_output * derivative"), told="in the order of")
