"""Backpropagation through time, by hand, for one neuron."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib import neurons, surrogate

from ..exercise import Exercise, Wrong, edit
from ..values import as_number, is_near, question_for, show

exercise = Exercise(
    __name__,
    "Write the gradient of one neuron through time, with the reset detached or attached.",
    shows="Derive backpropagation through time, and what detaching the reset leaves out.",
    kind="function",
)


@exercise.stub
def my_gradient(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0): ...


@exercise.reference
def solved_gradient(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0):
    mem = dmem_dw = gradient = torch.zeros((), dtype=torch.float64)
    for x_t, error_t in zip(inputs, error, strict=True):
        factor = beta if detach_reset else beta - theta * derivative_at(mem - theta)
        mem = beta * mem + w * x_t - theta * (mem > theta)
        dmem_dw = factor * dmem_dw + x_t
        gradient = gradient + error_t * derivative_at(mem - theta) * dmem_dw
    return gradient


def derivative_at(overdrive: Tensor | float) -> Tensor:
    """The surrogate derivative; takes plain numbers, too."""
    return surrogate.fast_sigmoid(5).derivative(torch.as_tensor(overdrive, dtype=torch.float64))


def g(mem: float) -> float:
    return 1 / (1 + 5 * abs(mem - 1)) ** 2


GATED = "does your term ask for a spike? The surrogate derivative needs none."


@exercise.judge
def judge(answer: Callable) -> str:
    one = {
        2 * g(0.56): "where is X[t], the input that w multiplies?",
        2 * g(0.56) * 0.56: "what is the derivative of w X[t] by w?",
        2 * g(1.56) * 0.8: "does U go into g, or the overdrive U - theta?",
        2 * 0.8: "where is g[t], the surrogate derivative at this step?",
        2 * g(0) * 0.8: "is your g that of the old membrane? g[t] is taken at the new membrane.",
        g(0.56) * 0.8: "where is error[t], the derivative of the loss by the spike?",
        0: GATED if answered(answer, 1.6, [1.0], [2.0], True) else "is that the true derivative?",
    }
    expect(answer, 0.7, [0.8], [2.0], True, "One step", one)
    detached = "the reset is detached here: does its derivative count all the same?"
    two = {
        2 * g(0.644) * 0.2: "what does the membrane keep of the first input?",
        2 * g(0.644): "what does the leak do to the share of the first input?",
        2 * g(0.644) * ((0.9 - g(0.56)) * 0.8 + 0.2): detached,
    }
    expect(answer, 0.7, [0.8, 0.2], [0.0, 2.0], True, "Two steps, no spike", two)
    sums = {0: "are the terms of all steps added up?"}
    expect(answer, 0.7, [0.8, 0.2], [2.0, 0.0], True, "Two steps, no spike", sums)
    spike = {
        2 * g(1.84) * 1.15: "is the membrane reset after the spike at the first step?",
        2 * g(0.94) * 1.15: "the reset acts one step later: is it in the step of the spike in "
        "your code?",
        2 * g(0.84) * ((0.9 - g(1.6)) + 0.25): detached,
    }
    after = "Two steps, a spike at the first"
    expect(answer, 1.6, [1.0, 0.25], [0.0, 2.0], True, after, spike)
    attached = {
        2 * g(0.84) * 1.15: "the reset is attached here: does your code look at `detach_reset`?",
        2 * g(0.84) * ((0.9 + g(1.6)) + 0.25): "a reset lowers the membrane: with which sign does "
        "its derivative enter?",
        2 * g(0.84) * ((0.9 - g(0.84)) + 0.25): "R[t] is a spike of the step before: at which "
        "membrane is its derivative taken?",
    }
    expect(answer, 1.6, [1.0, 0.25], [0.0, 2.0], False, after, attached)
    noise = torch.Generator().manual_seed(0)
    x, error = torch.rand(2, 12, generator=noise, dtype=torch.float64).mul(1.5).tolist()
    for w in (0.7, 1.6):
        for detach in (True, False):
            for more in ({}, {"beta": 0.5, "theta": 0.6}):
                expect(answer, w, x, error, detach, "Twelve random steps", {}, **more)
    return (
        "By hand and by autograd agree, with the reset detached and attached. You know what "
        "`loss.backward()` does to a spiking neuron, and can read any paper's variant of it."
    )


def expect(
    answer: Callable,
    w: float,
    inputs: list[float],
    error: list[float],
    detach_reset: bool,
    given: str,
    slips: dict[float, str],
    **more: float,
) -> None:
    """Compares with autograd through the library's step."""
    expected = answered(by_autograd, w, inputs, error, detach_reset, **more)
    found = answered(answer, w, inputs, error, detach_reset, **more)
    if is_near(found, expected, 1e-5):
        return
    shown = f", inputs {inputs} and error {error}" if len(inputs) < 3 else ""
    named = "".join(f", {name} = {setting}" for name, setting in more.items())
    otherwise = (
        "do you use the arguments `beta` and `theta`, or fixed numbers?"
        if more
        else "which term of the recursion differs?"
    )
    question = question_for(found, slips, otherwise, relative=5e-4)
    raise Wrong(
        f"{given}, w = {w}{shown}{named}, detach_reset={detach_reset}: your gradient is "
        f"{show(found)}; expected {show(expected)}. {question[0].upper()}{question[1:]}"
    )


def answered(
    answer: Callable,
    w: float,
    inputs: list[float],
    error: list[float],
    detach_reset: bool,
    **more: float,
) -> float:
    x, e = (torch.tensor(values, dtype=torch.float64) for values in (inputs, error))
    return as_number(answer(w, x, e, derivative_at, detach_reset, **more), "Your gradient")


@exercise.right("autograd")
def by_autograd(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0):
    w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    spike_grad = surrogate.from_derivative(derivative_at)
    mem = loss = torch.zeros((), dtype=torch.float64)
    for x_t, error_t in zip(inputs, error, strict=True):
        spk, mem = neurons.lif_step(
            w * x_t, mem, beta, theta, spike_grad, detach_reset=detach_reset
        )
        loss = loss + error_t * spk
    return torch.autograd.grad(loss, w)[0]


@exercise.right("every pair of steps, plain numbers")
def by_products(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0):
    mem, mems = 0.0, []
    for x_t in inputs.tolist():
        mem = beta * mem + w * x_t - theta * float(mem > theta)
        mems.append(mem)
    slopes = derivative_at(torch.tensor(mems, dtype=torch.float64) - theta)
    factors = beta - (0.0 if detach_reset else theta) * slopes
    total = 0.0
    for t in range(len(mems)):
        for s in range(t + 1):
            total += error[t] * slopes[t] * factors[s:t].prod() * inputs[s]
    return float(total)


@exercise.right("backward in time, in place")
def backward_in_time(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0):
    mem, x = torch.zeros(len(inputs) + 1, dtype=torch.float64), w * inputs
    for t in range(len(inputs)):
        mem[t + 1] = beta * mem[t] + x[t] - theta * (mem[t] > theta)
    slopes, delta, total = derivative_at(mem - theta), 0.0, torch.zeros(1, dtype=torch.float64)
    for t in reversed(range(len(inputs))):
        delta = delta + error[t] * slopes[t + 1]
        total += delta * inputs[t]
        delta = delta * (beta if detach_reset else beta - theta * slopes[t])
    return total


FACTOR = "factor = beta if detach_reset else beta - theta * derivative_at(mem - theta)\n"
TERM = "error_t * derivative_at(mem - theta)"

exercise.right("plain numbers at the start", edit("torch.zeros((), dtype=torch.float64)", "0.0"))

exercise.wrong("no input", "w acts on U directly.", edit("dmem_dw + x_t", "dmem_dw + 1"),
    told="Where is X[t]")
exercise.wrong("times w", "X[t] comes with its weight.",
    edit("dmem_dw + x_t", "dmem_dw + w * x_t"), told="derivative of w X[t] by w")
exercise.wrong("no g", "The spike passes the error on as it is.", edit(TERM, "error_t"),
    told="Where is g[t]")
exercise.wrong("old g", "g[t] belongs to U[t-1].",
    edit("mem = beta * mem", "old, mem = mem, beta * mem",
         TERM, "error_t * derivative_at(old - theta)"),
    told="at the new membrane")
exercise.wrong("same step", "The reset acts at once.",
    edit("beta * mem + w * x_t - theta * (mem > theta)",
         "beta * (mem - theta * (mem > theta)) + w * x_t"), told="one step later")
exercise.wrong("membrane", "U goes into g.", edit(TERM, "error_t * derivative_at(mem)"),
    told="or the overdrive")
exercise.wrong("no error", "The loss is the count.", edit(TERM, "derivative_at(mem - theta)"),
    told="Where is error[t]")
exercise.wrong("true derivative", "Spikes have no slope.", edit(TERM, "0"),
    told="Is that the true derivative")
exercise.wrong("gated by the spike", "No spike, no gradient.",
    edit(TERM, f"(mem > theta) * {TERM}"),
    told="Does your term ask for a spike? The surrogate derivative needs none.")
exercise.wrong("no memory", "Each step stands alone.", edit("factor * dmem_dw + x_t", "x_t"),
    told="keep of the first input")
exercise.wrong("no leak", "dU[t]/dU[t-1] is 1.", edit("factor * dmem_dw", "dmem_dw"),
    told="What does the leak do")
exercise.wrong("last step only", "Only the last spike counts.",
    edit("gradient + error_t", "error_t"), told="added up")
exercise.wrong("no reset", "The reset is only for the backward pass.",
    edit(" - theta * (mem > theta)", ""), told="membrane reset after")
exercise.wrong("never detached", "The reset always has a derivative.",
    edit("beta if detach_reset else beta - theta", "beta - theta"), told="The reset is detached")
exercise.wrong("never attached", "The reset never has a derivative.",
    edit(FACTOR, "factor = beta\n"), told="look at `detach_reset`")
exercise.wrong("plus", "The reset's derivative is added.",
    edit("else beta - theta", "else beta + theta"), told="with which sign")
exercise.wrong("late", "R[t] depends on U[t].",
    edit(FACTOR, "\n", "        dmem_dw = factor", f"        {FACTOR}        dmem_dw = factor"),
    told="at which membrane")
exercise.wrong("fixed numbers", "beta and theta are constants.",
    edit("    mem = dmem_dw", "    beta, theta = 0.9, 1.0\n    mem = dmem_dw"),
    told="or fixed numbers")
exercise.wrong("more than the gradient", "The state is returned, too.",
    edit("return gradient", "return gradient, mem"), told="is a tuple of 2")
