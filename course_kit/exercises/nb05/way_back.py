"""The backward pass of a run of neurons with reset to zero."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from tutorial_lib import surrogate
from tutorial_lib.neurons import lif_step

from ..diagnose import describe
from ..exercise import Exercise, Wrong, edit
from ..values import show

exercise = Exercise(__name__,
    "Write the way back through a run of neurons with reset to zero.",
    shows="Derive the backward recursion of a neuron from its update rule.", kind="function")


@exercise.stub
def my_way_back(mem_rec, grad_spk, beta, threshold, spike_grad): ...


@exercise.reference
def solved_way_back(mem_rec, grad_spk, beta, threshold, spike_grad):
    grad = spike_grad.derivative(mem_rec - threshold) * grad_spk
    silent = (mem_rec <= threshold).to(grad.dtype)
    for t in reversed(range(len(grad) - 1)):
        # after a spike nothing of U[t] is left in U[t+1]
        grad[t] += beta * silent[t] * grad[t + 1]
    return grad


SPIKE_GRAD = surrogate.fast_sigmoid(slope=2.0)
LONG = (12, 4, 0.8, 0.6)  # steps, seed, beta and threshold of a run with many spikes


@exercise.judge
def judge(way_back: Callable) -> str:
    for steps, seed, beta, threshold in (
        (1, 0, 0.9, 1.0), (2, 1, 0.5, 1.0), (3, 2, 0.9, 1.0), (12, 3, 0.9, 1.0), LONG,
    ):  # fmt: skip
        mem_rec, grad_spk, expected = run(steps, seed, beta, threshold)
        got = way_back(mem_rec, grad_spk, beta, threshold, SPIKE_GRAD)
        if not isinstance(got, Tensor) or got.shape != mem_rec.shape:
            raise Wrong(
                f"Your function returns {describe(got)}; expected a tensor of shape "
                f"{list(mem_rec.shape)}, one gradient for each step and neuron. Is something "
                "summed, or lost?"
            )
        got = got.detach().double()
        if not torch.allclose(got, expected, rtol=1e-4, atol=1e-6):
            explain(way_back, got, expected, mem_rec, grad_spk, beta, threshold)
    return (
        "Your recursion agrees with autograd, in runs of 1 to 12 steps. You can now write a layer "
        "of neurons as one function, for any reset that you can differentiate."
    )


def run(steps: int, seed: int, beta: float, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Membranes and upstream gradients of a run, and the gradient of its currents by autograd."""
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    currents = (0.9 * torch.rand(steps, 3, **draw)).requires_grad_()
    grad_spk = torch.randn(steps, 3, **draw)
    spk_rec, mem_rec = forward(currents, beta, threshold, SPIKE_GRAD)
    (expected,) = torch.autograd.grad(spk_rec, currents, grad_spk)
    return mem_rec.detach(), grad_spk, expected


def forward(currents: Tensor, beta: float, threshold: float, spike_grad: Callable) -> list[Tensor]:
    """Spikes and membranes of a run with reset to zero."""
    mem, record = torch.zeros_like(currents[0]), []
    for cur in currents:
        spk, mem = lif_step(cur, mem, beta, threshold, spike_grad, "zero")
        record.append((spk, mem))
    return [torch.stack(column) for column in zip(*record, strict=True)]


def explain(
    way_back: Callable, got: Tensor, expected: Tensor, mem_rec: Tensor, grad_spk: Tensor,
    beta: float, threshold: float,
) -> None:  # fmt: skip
    last = len(mem_rec) - 1
    t, neuron = (~torch.isclose(got, expected, rtol=1e-4, atol=1e-6)).nonzero()[-1].tolist()
    said = (
        f"In a run of {last + 1} step{'s' if last else ''} with beta {beta}, G at step {t} "
        f"(counted from 0) is {show(got[t, neuron].item())}; expected "
        f"{show(expected[t, neuron].item())}. The membrane is {show(mem_rec[t, neuron].item())} "
        f"there, the threshold {threshold}. "
    )
    if t < last:
        raise Wrong(said + question(way_back))
    only = "The last step has one source, its spike"
    if torch.isclose(got[t, neuron], grad_spk[t, neuron]):
        raise Wrong(f"{said}{only}: where is the surrogate?")
    if torch.isclose(got[t, neuron], SPIKE_GRAD.derivative(mem_rec[t, neuron] - threshold)):
        raise Wrong(said + "The loss asks something of each spike: where is grad_spk?")
    if torch.isclose(got[t, neuron], torch.zeros_like(got[t, neuron])):
        raise Wrong(f"{said}{only}: where does the recursion begin?")
    raise Wrong(f"{said}{only}. Is the surrogate's derivative taken at U - threshold?")


def question(way_back: Callable) -> str:
    """Which misconception gives the same gradients as the answer, in a run with many spikes?"""
    mem_rec, grad_spk, _ = run(*LONG)
    steps, _, beta, threshold = LONG
    slope = SPIKE_GRAD.derivative(mem_rec - threshold)
    fired = (mem_rec > threshold).double()
    later = torch.cat([fired[1:], fired[:1]])
    slips = {
        "The neuron has fired at some steps. With reset to zero, what of U[t] is left in U[t+1] "
        "then?": torch.full_like(fired, beta),
        "Is it the spike of step t that cuts, or the one of step t + 1?": beta * (1 - later),
        "Which neuron gets nothing from the step after: the one that fired, or the silent one?": (
            beta * fired
        ),
        "Reset is not the only thing that takes from U[t]: where is the decay?": 1 - fired,
        "It has the spike's part only. What comes back through the membrane of the next step?": (
            torch.zeros_like(fired)
        ),
        "Is the reset attached? Here it is detached: its S[t] is a number, without a derivative.": (
            beta * (1 - fired - mem_rec * slope)
        ),
    }
    got = way_back(mem_rec, grad_spk, beta, threshold, SPIKE_GRAD).detach().double()
    for asked, factor in slips.items():
        made = recursion(slope * grad_spk, factor, reversed(range(steps - 1)))
        if torch.allclose(got, made, rtol=1e-4, atol=1e-6):
            return asked
    made = recursion(slope * grad_spk, beta * (1 - fired), range(steps - 1))
    if torch.allclose(got, made, rtol=1e-4, atol=1e-6):
        return "Does step t get what G has become at t + 1? Then which step must be done first?"
    return "What is the derivative of U[t+1] with respect to U[t], and where is G[t+1]?"


def recursion(direct: Tensor, factor: Tensor, order: Iterable[int]) -> Tensor:
    """What each step gets by itself, and the share that comes back from the step after it."""
    grad = direct.clone()
    for t in order:
        grad[t] += factor[t] * grad[t + 1]
    return grad


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


@exercise.right("by autograd")
def by_autograd(mem_rec, grad_spk, beta, threshold, spike_grad):
    before = torch.cat([torch.zeros_like(mem_rec[:1]), mem_rec[:-1]])
    currents = (mem_rec - beta * before * (before <= threshold)).requires_grad_()
    spk_rec, _ = forward(currents, beta, threshold, spike_grad)
    return torch.autograd.grad(spk_rec, currents, grad_spk)[0]


DIRECT = "spike_grad.derivative(mem_rec - threshold) * grad_spk"

exercise.wrong("subtract", "Every reset has one way back.", edit("beta * silent[t]", "beta"),
    told="what of U[t] is left")
exercise.wrong("later spike", "The spike that follows cuts.", edit("silent[t]", "silent[t + 1]"),
    told="that cuts, or the one of")
exercise.wrong("fired only", "Only what fires learns.", edit("<=", ">"),
    told="gets nothing from the step after")
exercise.wrong("no decay", "Only the reset takes away.", edit("beta * ", ""),
    told="where is the decay")
exercise.wrong("no memory", "A spike is all there is.", edit("beta * silent[t] * grad[t + 1]", "0"),
    told="comes back through the membrane of the next step")
exercise.wrong("forward", "Time runs forward only.",
    edit("reversed(range(len(grad) - 1))", "range(len(grad) - 1)"),
    told="which step must be done first")
exercise.wrong("no surrogate", "A spike passes all on.", edit(DIRECT, "grad_spk.clone()"),
    told="where is the surrogate")
exercise.wrong("no loss", "A derivative is a gradient.", edit(" * grad_spk", ""),
    told="where is grad_spk")
exercise.wrong("no overdrive", "The derivative is taken at U.",
    edit("mem_rec - threshold", "mem_rec"), told="taken at U - threshold")
exercise.wrong("attached", "A reset has a derivative.",
    edit("beta * silent[t]",
         "beta * (silent[t] - mem_rec[t] * spike_grad.derivative(mem_rec[t] - threshold))"),
    told="Is the reset attached")
exercise.wrong("starts from zero", "The last step has no successor, so no gradient.",
    edit("    return", "    grad[-1] = 0\n    return"), told="where does the recursion begin")
exercise.wrong("summed", "A layer has one gradient.", edit("return grad", "return grad.sum(0)"),
    told="Is something summed")
exercise.wrong("two results", "Both gradients are wanted.",
    edit("return grad", "return grad, silent"), told="returns a tuple of 2")
exercise.wrong("in place", "What comes in is mine.",
    edit(DIRECT, "grad_spk.mul_(spike_grad.derivative(mem_rec - threshold))"),
    told="Can you do without writing")
