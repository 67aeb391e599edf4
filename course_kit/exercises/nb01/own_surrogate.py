"""A surrogate to design, by peak, area and reach."""


import torch
from torch import Tensor

from tutorial_lib import surrogate

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe, show
from ._learning import GOAL, learn

exercise = Exercise(__name__,
    "Write the derivative of a surrogate of your own: greatest at 0, area 1, and far-reaching.",
    shows="Design a surrogate by peak, area and reach.", kind="open")


@exercise.reference
def solved_derivative(x):
    return torch.exp(-x.abs() / 0.5)


FAR = 1000.0


@exercise.judge
def judge(answer: Function) -> str:
    x = torch.arange(-300, 301, dtype=torch.float64) / 100
    y = values(answer, x)
    expect_bump(x, y)
    area = area_of(answer)
    if not 0.97 < area < 1.03:
        raise Wrong(f"The area under your function, from {-FAR:,.0f} to {FAR:,.0f}, is "
            f"{show(area)}; expected 1.", "By what must you divide it?")
    history = learn(0.02, surrogate.from_derivative(answer), num_updates=100, lr=1e-4)
    at_rest, top = values(answer, x.new_tensor([-0.8])).item(), y[300].item()
    peak, far = show(top), show(at_rest)
    if GOAL not in history:
        if max(history) < GOAL and at_rest > 0.1 * top:
            question = "It reaches this membrane, but weakly: how high is so wide a bump of area 1?"
        elif max(history) == 0:
            question = "Does it reach down to where this membrane is?"
        elif max(history) < GOAL:
            question = "It wakes the neuron, but slowly: how much of it is left at x = -0.8?"
        else:
            question = f"It jumps past {GOAL}: how large are its steps near threshold?"
        raise Wrong(f"The neuron whose membrane comes up to 0.18 should fire {GOAL} times within "
            f"100 updates. It fires {history[-1]} times after them, and {max(history)} at most on "
            f"the way. Your function at x = -0.8 is {far}, at 0 it is {peak}. {question}")
    return (f"Peak {peak}, area {show(area)}, and at x = -0.8 it still is {far}: a silent neuron "
        f"fires {GOAL} times after {history.index(GOAL)} updates. Next, try it in a network.")


def expect_bump(x: Tensor, y: Tensor) -> None:
    low, top = int(y.argmin()), int(y.argmax())
    if y[low] < 0 or not bool(y[x < 0].any()) or y[300] < y[top] * (1 - 1e-6):
        asked = "Is it the derivative of a rising function, or that function itself?"
        if y[low] < 0 and y[300] == y[top]:
            asked = "Where is it below 0? Cut it off there, say by `clamp(min=0)`."
        elif y[0] < y[top] > y[-1]:
            asked = "Is it shifted along x?"
        raise Wrong(f"Between -3 and 3 your function is {show(y[low].item())} at least, and "
            f"{show(y[top].item())} at most, at x = {show(x[top].item())}; at x = -0.1 it is "
            f"{show(y[290].item())}, at 0 it is {show(y[300].item())}. Expected nothing below 0, "
            "more than 0 below threshold, and the greatest value at 0.", asked)


def values(answer: Function, x: Tensor) -> Tensor:
    y = answer(x.clone())
    if not isinstance(y, Tensor) or y.shape != x.shape:
        raise Wrong(f"For a tensor x of shape {list(x.shape)} your function returns {describe(y)}; "
            "expected a tensor of the same shape. Is every entry treated alone?")
    if not y.is_floating_point():
        got = "True and False" if y.dtype == torch.bool else describe(y)
        raise Wrong(f"Your function returns {got}; expected floating-point numbers.",
            "Have you converted them, say by `.to(x.dtype)`?")
    if not bool(torch.isfinite(y).all()):
        raise Wrong(f"At x = {show(x[~torch.isfinite(y)][0].item())} your function is not finite. "
            "Is a divisor 0 there, or does an exponential grow for want of an absolute value?")
    return y.detach().double()


def area_of(answer: Function) -> float:
    """Integrates over points that lie densely at 0 and sparsely far out."""
    even = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    x = 1e-3 * torch.sinh(even * torch.asinh(even.new_tensor(FAR / 1e-3)))
    return torch.trapezoid(values(answer, x), x).item()


exercise.right("atan", surrogate.atan().derivative)
exercise.right("a wide triangle", surrogate.triangular(2.0).derivative)
exercise.right("normalized", surrogate.fast_sigmoid_normalized(5).derivative)

WHOLE = "torch.exp(-x.abs() / 0.5)"
exercise.right("a box", edit(WHOLE, "torch.where(x.abs() < 1, 0.5, 0.0)"))
exercise.right("in single precision",
    edit(WHOLE, "0.5 / torch.cosh(x.float().clamp(-80, 80)) ** 2"))
exercise.right("in place", edit(WHOLE, "x.abs().mul_(-2).exp_()"))
exercise.right("area to two digits", edit(WHOLE, f"0.98 * {WHOLE}"))

exercise.wrong("The truth is best.", edit(WHOLE, "torch.zeros_like(x)"),
    asks="Is that the true derivative, with which the network of this notebook did not move?")
exercise.wrong("The smooth step itself, an odd one, goes backward.", edit(WHOLE, "torch.tanh(x)"),
    told="that function itself")
exercise.wrong("The smooth step itself, from 0 to 1, goes backward.",
    edit(WHOLE, "torch.sigmoid(x)"),
    asks="Did you write the smooth step where its derivative was asked for?")
exercise.wrong("x is positive.", edit(WHOLE, "torch.exp(-800 * x)"), told="for want of")
exercise.wrong("Only spikes get a gradient.", edit(WHOLE, "(x > 0) * torch.exp(-x)"),
    asks="How should a neuron below threshold learn?")
exercise.wrong("x is the membrane.", edit(WHOLE, "(1 - (x - 1).abs()).clamp_min(0)"),
    asks="x is the overdrive: is the threshold subtracted a second time?")
exercise.wrong("A triangle is 1 - |x|.", edit(WHOLE, "1 - x.abs()"), told="Cut it off there")
exercise.wrong("It is greatest a bit below threshold.", edit("x.abs()", "(x + 0.5).abs()"),
    told="shifted along x")
exercise.wrong("Area does not matter.", edit(WHOLE, "1 / (1 + 25 * x.abs()) ** 2"),
    asks="Is that the tutorial's form, which is not normalized?")
exercise.wrong("Everything learns.", edit(WHOLE, "torch.ones_like(x)"),
    asks="Does your function ever fall off?")
exercise.wrong("One side has area 1.", edit(" / 0.5", ""), asks="Have you counted both sides?")
exercise.wrong("The nearer to a delta, the better.", edit(WHOLE, "10 * torch.exp(-20 * x.abs())"),
    told="reach down")
exercise.wrong("The wider, the better.", surrogate.gaussian(10).derivative,
    told="4 at most on the way. Your function at x = -0.8 is 0.0398, at 0 it is 0.0399. It reaches")
exercise.wrong("As wide as can be.", edit(WHOLE, "(x.abs() < 100).to(x.dtype) / 200"),
    told="0 at most on the way. Your function at x = -0.8 is 0.005, at 0 it is 0.005. It reaches")
exercise.wrong("A comparison is a box of height 1.", edit(WHOLE, "x.abs() < 0.5"),
    told="returns True and False; expected floating-point numbers. Have you converted them")
exercise.wrong("Whole numbers will do.", edit(WHOLE, "(x.abs() < 0.5).long()"),
    told="and int64; expected floating-point numbers")
exercise.wrong("One value for all.", edit(WHOLE, "x.abs().sum()"), told="of the same shape")
