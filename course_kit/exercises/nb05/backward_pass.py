"""The backward pass of a run of neurons with reset to zero."""


import torch
from torch import Tensor

from tutorial_lib import surrogate
from tutorial_lib.neurons import lif_step

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe, show

exercise = Exercise(__name__,
    "Write the backward pass of a run of neurons with reset to zero.",
    shows="Derive the backward recursion of a neuron from its update rule.", kind="function")


@exercise.reference
def solved_backward(mem_rec, grad_spk, beta, threshold, spike_grad):
    grad = spike_grad.derivative(mem_rec - threshold) * grad_spk
    silent = (mem_rec <= threshold).to(grad.dtype)
    for t in reversed(range(len(grad) - 1)):
        # after a spike nothing of U[t] is left in U[t+1]
        grad[t] += beta * silent[t] * grad[t + 1]
    return grad


RUNS = (  # steps, seed, beta, threshold
    (1, 0, 0.9, 1.0), (2, 8, 0.5, 0.5), (3, 2, 0.9, 1.0), (12, 3, 0.9, 1.0), (12, 4, 0.8, 0.6),
)  # fmt: skip
SPIKE_GRAD = surrogate.fast_sigmoid(slope=2.0)


@exercise.judge
def judge(backward: Function) -> str:
    faults, differ = [], 0
    for steps, seed, beta, threshold in RUNS:
        mem_rec, grad_spk, expected = run(steps, seed, beta, threshold)
        got = backward(mem_rec, grad_spk, beta, threshold, SPIKE_GRAD)
        if not isinstance(got, Tensor) or got.shape != mem_rec.shape:
            raise Wrong(f"Your function returns {describe(got)}; expected a tensor of shape "
                f"{list(mem_rec.shape)}, one gradient for each step and neuron.",
                "Is something summed, or lost?")
        got = got.detach().double()
        near = torch.isclose(got, expected, rtol=1e-4, atol=1e-6).all(1)
        differ += int((~near).sum())
        if not near.all():
            t = int((got - expected).abs().amax(1).argmax()) if near[-1] else steps - 1
            faults.append(Wrong(f"In a run of {steps} step{'s' * (steps > 1)} with beta {beta} and "
                f"threshold {threshold}, three neurons have a membrane of {listed(mem_rec[t])} at "
                f"step {t} (counted from 0). Your G there is {listed(got[t])}; expected "
                f"{listed(expected[t])}.",
                question(mem_rec[t] > threshold, got[t], expected[t]) if t == steps - 1 else FLOW))
    if faults:
        raise Wrong(f"{faults[0].fault} In {len(RUNS)} runs, G differs at {differ} of "
            f"{sum(steps for steps, *_ in RUNS)} steps.", faults[0].question)
    return ("Your recursion agrees with autograd, in runs of 1 to 12 steps. You can now write a "
        "layer of neurons as one function, for any reset that you can differentiate.")


FLOW = "What is the derivative of U[t+1] with respect to U[t], and where is G[t+1]?"


def question(fired: Tensor, got: Tensor, expected: Tensor) -> str:
    """What to ask about the last step of a run, which gets its spike's part only."""
    right = torch.isclose(got, expected, rtol=1e-4, atol=1e-6)
    if right[~fired].all() and not got[fired].any():
        return "A neuron that fires still gets its spike's part. Which of the terms has (1 - S)?"
    if right[fired].all() and not got[~fired].any():
        return ("A neuron that stays silent gets its spike's part, too. Is the surrogate "
            "derivative 0 where there is no spike?")
    return ("The last step has one source, its spike. Is the surrogate's derivative taken at "
        "U - threshold, and multiplied by grad_spk and by nothing else?")


def listed(row: Tensor) -> str:
    return ", ".join(show(value) for value in row.tolist())


def run(steps: int, seed: int, beta: float, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Membranes and upstream gradients of a run, and the gradient of its currents by autograd."""
    draw = {"generator": torch.Generator().manual_seed(seed), "dtype": torch.float64}
    currents = (1.5 * torch.rand(steps, 3, **draw)).requires_grad_()
    grad_spk = torch.randn(steps, 3, **draw)
    mem, spk_rec, mem_rec = torch.zeros_like(currents[0]), [], []
    for cur in currents:
        spk, mem = lif_step(cur, mem, beta, threshold, SPIKE_GRAD, "zero")
        spk_rec.append(spk)
        mem_rec.append(mem.detach())
    (expected,) = torch.autograd.grad(torch.stack(spk_rec), currents, grad_spk)
    return torch.stack(mem_rec), grad_spk, expected


@exercise.right("carried")
def carried(mem_rec, grad_spk, beta, threshold, spike_grad):
    carry, grads = torch.zeros_like(mem_rec[0]), []
    for mem, grad in zip(mem_rec.flip(0), grad_spk.flip(0), strict=True):
        fired = mem > threshold
        carry = spike_grad.derivative(mem - threshold) * grad + beta * carry * ~fired
        grads.insert(0, carry)
    return torch.stack(grads)


@exercise.right("by a matrix")
def by_matrix(mem_rec, grad_spk, beta, threshold, spike_grad):
    direct = spike_grad.derivative(mem_rec - threshold) * grad_spk
    kept = beta * (mem_rec <= threshold).double()
    rows = []
    for t in range(len(direct)):  # what step t gets from each later one
        share = torch.cat([torch.ones_like(kept[:1]), kept[t:-1]]).cumprod(0)
        rows.append((share * direct[t:]).sum(0))
    return torch.stack(rows)


DIRECT = "spike_grad.derivative(mem_rec - threshold) * grad_spk"

exercise.wrong("Every reset has one backward pass.", edit("beta * silent[t]", "beta"),
    asks="Some neurons have fired. With reset to zero, what of U[t] is left in U[t+1] then?")
exercise.wrong("The spike that follows cuts.", edit("silent[t]", "silent[t + 1]"),
    asks="Is it the spike of step t that cuts, or the one of step t + 1?")
exercise.wrong("The threshold is 1.", edit("mem_rec <= threshold", "mem_rec <= 1.0"),
    asks="Which threshold decides whether a neuron has fired?")
exercise.wrong("The overdrive is U - 1.", edit("mem_rec - threshold", "mem_rec - 1.0"),
    asks="The surrogate's derivative is taken at U minus which threshold?")
exercise.wrong("What comes out last stands first.", edit("return grad", "return grad.flip(0)"),
    asks="Is G in the order of time?")
exercise.wrong("It is a backward() of autograd.", edit("return grad", "return grad, None, None"),
    asks="The two None belong to the arguments of `autograd.Function`. Is G alone asked for?")
exercise.wrong("Only what fires learns.", edit("<=", ">"),
    asks="Which neuron gets nothing from the step after: the one that fired, or the silent one?")
exercise.wrong("Only the reset takes away.", edit("beta * ", ""),
    asks="Reset is not the only thing that takes from U[t]: where is the decay?")
exercise.wrong("A spike is all there is.", edit("beta * silent[t] * grad[t + 1]", "0"),
    asks="It has the spike's part only. What comes back through the membrane of the next step?")
exercise.wrong("The loop may stop at step 1.",
    edit("range(len(grad) - 1)", "range(1, len(grad) - 1)"),
    asks="At step 0 it has the spike's part only. Does the loop reach step 0?")
exercise.wrong("The loop begins at the last step but two.",
    edit("len(grad) - 1", "len(grad) - 2"),
    asks="It has the spike's part only, but earlier steps have more: where does the loop begin?")
exercise.wrong("What fires passes nothing on at all.",
    edit("* grad_spk", "* grad_spk * (mem_rec <= threshold)", "beta * silent[t]", "beta"),
    told="Which of the terms has (1 - S)")
exercise.wrong("A neuron that fires has no gradient.",
    edit("* grad_spk", "* grad_spk * (mem_rec <= threshold)"), told="of the terms has (1 - S)")
exercise.wrong("No spike, no gradient of a spike.",
    edit("* grad_spk", "* grad_spk * (mem_rec > threshold)"),
    told="Is the surrogate derivative 0 where there is no spike")
exercise.wrong("Every term decays.",
    edit("* grad_spk", "* grad_spk * beta"), told="and by nothing else")
exercise.wrong("Time runs forward only.", edit("reversed", "list"),
    asks="Does step t get what G has become at t + 1? Then which step must be done first?")
exercise.wrong("A spike passes all on.", edit(DIRECT, "grad_spk.clone()"),
    asks="The last step has one source, its spike: where is the surrogate?")
exercise.wrong("A derivative is a gradient.", edit(" * grad_spk", ""),
    asks="The loss asks something of each spike: where is grad_spk?")
exercise.wrong("The derivative is taken at U.", edit("mem_rec - threshold", "mem_rec"),
    told="taken at U - threshold")
exercise.wrong("A reset has a derivative.",
    edit("silent[t]", "(silent[t] - mem_rec[t] * spike_grad.derivative(mem_rec[t] - threshold))"),
    asks="Is the reset attached? Here it is detached: its S[t] is a number, without a derivative.")
exercise.wrong("The last step has no successor, so no gradient.",
    edit("    return", "    grad[-1] = 0\n    return"),
    asks="The last step has one source, its spike: where does the recursion begin?")
exercise.wrong("A layer has one gradient.", edit("return grad", "return grad.sum(0)"),
    told="Is something summed")
exercise.wrong("What comes in is mine.",
    edit(DIRECT, "grad_spk.mul_(spike_grad.derivative(mem_rec - threshold))"),
    told="Can you do without writing")
