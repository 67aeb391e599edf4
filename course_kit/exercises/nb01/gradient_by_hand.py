"""The gradient through time, by hand, for one neuron."""


from itertools import product

import torch
from torch import Tensor

from tutorial_lib import neurons, surrogate

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, is_near, show

exercise = Exercise(__name__,
    "Write the gradient of one neuron through time, with the reset detached or attached.",
    shows="Derive the gradient through time, and what detaching the reset leaves out.",
    kind="function")


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


# w, the inputs, the derivatives of the loss by the spikes, detach_reset, beta, theta
RUNS = {
    "One step with a spike": (1.6, [1.0], [2.0], True),
    "One step without a spike": (0.7, [0.8], [2.0], True),
    "Two steps, no spike": (0.7, [0.8, 0.2], [0.0, 2.0], True),
    "Two steps, no spike, the error at the first": (0.7, [0.8, 0.2], [2.0, 0.0], True),
    "Two steps, a spike at the first": (1.6, [1.0, 0.25], [0.0, 2.0], True),
    "Two steps, a spike at the first, the reset attached": (1.6, [1.0, 0.25], [0.0, 2.0], False),
    "Two steps, other constants": (1.6, [1.0, 0.25], [0.0, 2.0], True, 0.5, 0.6),
}


@exercise.judge
def judge(answer: Function) -> str:
    for given, (w, inputs, error, *settings) in RUNS.items():
        shown = f"{given}, inputs {inputs} and error {error}"
        expect(answer, shown, w, inputs, error, *settings)
    noise = torch.Generator().manual_seed(0)
    inputs, error = torch.rand(2, 12, generator=noise, dtype=torch.float64).mul(1.5).tolist()
    for w, detach_reset, beta, theta in product((0.7, 1.6), (True, False), (0.9, 0.5), (1.0, 0.6)):
        expect(answer, "Twelve random steps", w, inputs, error, detach_reset, beta, theta)
    return ("By hand and by autograd agree, with the reset detached and attached. You know what "
        "`loss.backward()` computes for a spiking neuron, and can read any paper's variant of it.")


def expect(
    answer: Function, given: str, w: float, inputs: list[float], error: list[float],
    detach_reset: bool, beta: float = 0.9, theta: float = 1.0,
) -> None:
    """Compares with autograd through the library's step."""
    x, e = (torch.tensor(values, dtype=torch.float64) for values in (inputs, error))
    expected, found = (
        as_number(function(w, x, e, derivative_at, detach_reset, beta, theta), "Your gradient")
        for function in (by_autograd, answer))
    if not is_near(found, expected, 1e-5):
        raise Wrong(f"{given}, w = {w}, beta = {beta}, theta = {theta}, "
            f"detach_reset={detach_reset}: your gradient is {show(found)}; expected "
            f"{show(expected)}.", "Which term of the recursion differs?"
            if (beta, theta) == (0.9, 1.0)
            else "With beta = 0.9 and theta = 1 it is right: does every term use the arguments "
            "`beta` and `theta`?")


@exercise.right("autograd")
def by_autograd(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0):
    w = torch.tensor(w, dtype=torch.float64, requires_grad=True)
    spike = surrogate.from_derivative(derivative_at)
    mem = loss = torch.zeros((), dtype=torch.float64)
    for x_t, error_t in zip(inputs, error, strict=True):
        spk, mem = neurons.lif_step(w * x_t, mem, beta, theta, spike, detach_reset=detach_reset)
        loss = loss + error_t * spk
    return torch.autograd.grad(loss, w)[0]


@exercise.right("backward in time, in place")
def backward_in_time(w, inputs, error, derivative_at, detach_reset, beta=0.9, theta=1.0):
    mem, x = torch.zeros(len(inputs) + 1, dtype=torch.float64), w * inputs
    for t in range(len(inputs)):
        mem[t + 1] = beta * mem[t] + x[t] - theta * (mem[t] > theta)
    g, delta, total = derivative_at(mem - theta), 0.0, torch.zeros(1, dtype=torch.float64)
    for t in reversed(range(len(inputs))):
        delta = delta + error[t] * g[t + 1]
        total += delta * inputs[t]
        delta = delta * (beta if detach_reset else beta - theta * g[t])
    return total


FACTOR = "factor = beta if detach_reset else beta - theta * derivative_at(mem - theta)\n"
TERM = "error_t * derivative_at(mem - theta)"

exercise.right("plain numbers at the start", edit("torch.zeros((), dtype=torch.float64)", "0.0"))

exercise.wrong("w acts on U directly.", edit("dmem_dw + x_t", "dmem_dw + 1"),
    asks="Where is X[t], the input that w multiplies?")
exercise.wrong("X[t] comes with its weight.", edit("dmem_dw + x_t", "dmem_dw + w * x_t"),
    asks="What is the derivative of w X[t] by w?")
exercise.wrong("The spike passes the error on as it is.", edit(TERM, "error_t"),
    asks="Where is g[t], the surrogate derivative at this step?")
exercise.wrong("g[t] belongs to U[t-1].",
    edit("mem = beta * mem", "old, mem = mem, beta * mem",
         TERM, "error_t * derivative_at(old - theta)"),
    asks="Is your g that of the old membrane? g[t] is taken at the new membrane.")
exercise.wrong("The reset leaks, too.",
    edit("- theta * (mem > theta)", "- beta * theta * (mem > theta)"),
    asks="Is the reset taken off after the leak, as in the formula, or multiplied by beta, too?")
exercise.wrong("The reset acts at once.",
    edit(" - theta * (mem > theta)", "\n        mem = mem - theta * (mem > theta)"),
    asks="The reset acts one step later: do you take it off in the step of the spike?")
exercise.wrong("A spike sets the membrane to 0.",
    edit("beta * mem + w * x_t - theta * (mem > theta)", "beta * mem * (mem <= theta) + w * x_t"),
    asks="Is theta subtracted, as in the formula, or the membrane set to 0?")
exercise.wrong("U goes into g.", edit(TERM, "error_t * derivative_at(mem)"),
    asks="Does U go into g, or the overdrive U - theta?")
exercise.wrong("The loss is the count.", edit(TERM, "derivative_at(mem - theta)"),
    asks="Where is error[t], the derivative of the loss by the spike?")
exercise.wrong("Spikes have no derivative.", edit(TERM, "0"),
    asks="Is g the true derivative, or dU/dw that of the step before? In step 0 it is X[0].")
exercise.wrong("No spike, no gradient.", edit(TERM, f"(mem > theta) * {TERM}"),
    asks="Does your term ask for a spike? The surrogate derivative needs none.")
exercise.wrong("Each step stands alone.", edit("factor * dmem_dw + x_t", "x_t"),
    asks="What does the membrane keep of the first input?")
exercise.wrong("dU[t]/dU[t-1] is 1.", edit("factor * dmem_dw", "dmem_dw"),
    asks="What does the leak do to the share of the first input?")
exercise.wrong("Only the last spike counts.", edit("gradient + error_t", "error_t"),
    asks="Are the terms of all steps added up?")
exercise.wrong("The reset is only for the backward pass.", edit(" - theta * (mem > theta)", ""),
    asks="Is the membrane reset after the spike at the first step?")
exercise.wrong("The reset always has a derivative.", edit("beta if detach_reset else ", ""),
    asks="The reset is detached here: does its derivative count all the same?")
exercise.wrong("The reset never has a derivative.", edit(FACTOR, "factor = beta\n"),
    asks="The reset is attached here: does your code look at `detach_reset`?")
exercise.wrong("The reset's derivative is added.", edit("else beta - theta", "else beta + theta"),
    asks="A reset lowers the membrane: with which sign does its derivative enter?")
exercise.wrong("R[t] depends on U[t].",
    edit(FACTOR, "\n", "        dmem_dw = factor", f"        {FACTOR}        dmem_dw = factor"),
    asks="R[t] is a spike of the step before: at which membrane is its derivative taken?")
exercise.wrong("beta and theta are constants.",
    edit("    mem = dmem_dw", "    beta, theta = 0.9, 1.0\n    mem = dmem_dw"),
    told="does every term use the arguments")
exercise.wrong("The state is returned, too.", edit("return gradient", "return gradient, mem"),
    told="is a tuple of 2")
