"""The whole neuron: leak, input, reset, spike."""

from collections.abc import Callable

import torch

from tutorial_lib import neurons

from ..exercise import Exercise, Wrong, edit
from ..values import is_near, question_for, show
from ._stepping import stepped

exercise = Exercise(__name__,
    "Write one step of a leaky neuron with its threshold and its three kinds of reset.",
    shows="Turn the update rule into code: leak, input, reset, spike, in this order.",
    kind="function")


@exercise.stub
def my_step(cur, mem, beta, threshold=1.0, reset="subtract"): ...


@exercise.reference
def solved_step(cur, mem, beta, threshold=1.0, reset="subtract"):
    fired = float(mem > threshold)  # R[t]: did it fire at the step before?
    if reset == "zero":
        mem = (1 - fired) * mem
    mem = beta * mem + cur
    if reset == "subtract":
        mem = mem - fired * threshold
    return float(mem > threshold), mem  # S[t], U[t]


LATE = "is the spike taken from the membrane before the input of this step?"


@exercise.judge
def judge(step: Callable) -> str:
    below = "At U = 0.5, below threshold, with beta = 0.8"
    decay = {
        1.4: "is the reset subtracted when there was no spike? (Minus -1 is plus 1.)",
        0.5: "where does the membrane leak?",
    }
    expect(step, (0.0, 0.5, 0.8), (0, 0.4), f"{below} and no input", decay)
    driven = {
        0.44: "is the factor 1 - beta not in the current already?",
        0.56: "does the leak act on the input of this step too?",
        0.7: "where does the membrane leak?",
    }
    expect(step, (0.2, 0.5, 0.8), (0, 0.6), f"{below} and an input of 0.2", driven)
    start = "At U = 0.5 with beta = 0.5"
    fires = {0.25: "is the reset already in the membrane you return? It acts at the next step."}
    expect(step, (1.0, 0.5, 0.5), (1, 1.25), f"{start} and an input of 1", fires, LATE)
    strict = "must the membrane exceed the threshold, or only reach it?"
    expect(step, (0.75, 0.5, 0.5), (0, 1.0), f"{start} and an input of 0.75", {}, strict)
    after = "One step after U = 2.5, above threshold, with beta = 0.5"
    subtract = {
        1.25: "what does the spike of the step before cost?",
        0.75: "is the threshold subtracted before the decay, where it should be after?",
        0.0: "is that reset to zero, where `subtract` was asked for?",
    }
    expect(step, (0.0, 2.5, 0.5), (0, 0.25), f"{after} and no input", subtract, LATE)
    unit = {0.25: "is the amount subtracted the threshold, or 1?"}
    expect(step, (0.0, 2.5, 0.5, 2.0), (0, -0.75), f"{after} and a threshold of 2", unit)
    zero = {
        0.65: "does your step look at `reset`?",
        1.65: "does `reset='zero'` change anything?",
        0.0: "is the input of this step wiped out together with the old membrane?",
    }
    wiped = f"{after}, an input of 0.4 and `reset='zero'`"
    expect(step, (0.4, 2.5, 0.5, 1.0, "zero"), (0, 0.4), wiped, zero)
    none = {
        0.25: "is a threshold subtracted here, too?",
        0.0: "is the membrane reset to zero here, too?",
    }
    kept = f"{after}, no input and `reset='none'`, which leaves the membrane alone"
    expect(step, (0.0, 2.5, 0.5, 1.0, "none"), (1, 1.25), kept, none)
    run_beside_the_library(step)
    return (
        "500 steps with each reset agree with the library's neuron. The rest of this notebook can "
        "run on your code."
    )


def run_beside_the_library(step: Callable) -> None:
    noise = torch.Generator().manual_seed(0)
    currents = 0.3 + 0.6 * torch.randn(500, generator=noise, dtype=torch.float64)
    for reset in ("subtract", "zero", "none"):
        mem = torch.zeros((), dtype=torch.float64)
        for t, cur in enumerate(currents):
            before = mem.item()
            spk, mem = neurons.lif_step(cur, mem, 0.8, 0.7, reset_mechanism=reset)
            if abs(mem.item() - 0.7) < 1e-4:  # too near to the threshold for single precision
                continue
            given = (
                f"At U = {show(before)}, I = {show(cur.item())}, beta = 0.8, threshold = 0.7 and "
                f"`reset='{reset}'` (step {t} of a random run)"
            )
            inputs = (cur.item(), before, 0.8, 0.7, reset)
            expect(step, inputs, (spk.item(), mem.item()), given, {})


def expect(
    step: Callable,
    inputs: tuple,
    expected: tuple[float, float],
    given: str,
    slips: dict[float, str],
    spike_question: str = "what is compared with the threshold, and when?",
) -> None:
    """Calls a step once. The question to a wrong membrane is looked up by its value."""
    wanted_spk, wanted_mem = expected
    spk, mem = stepped(step, *inputs, wanted=wanted_mem)
    if not is_near(mem, wanted_mem, 1e-5):
        question = question_for(mem, slips, "which term of the update differs?")
        fault = f"the new membrane is {show(mem)}; expected {show(wanted_mem)}"
        raise Wrong(f"{given}, {fault}: {question}")
    if spk != wanted_spk:
        fault = f"your spike is {show(spk)}; expected {show(wanted_spk)}, since U is {show(mem)}"
        raise Wrong(f"{given}, {fault}: {spike_question}")


@exercise.right("branches")
def with_branches(cur, mem, beta, threshold=1.0, reset="subtract"):
    fired = mem > threshold
    if fired and reset == "zero":
        mem = 0.0
    mem *= beta
    mem += cur
    if fired and reset == "subtract":
        mem -= threshold
    return mem > threshold, mem


@exercise.right("tensors")
def on_tensors(cur, mem, beta, threshold=1.0, reset="subtract"):
    mem = torch.as_tensor(mem, dtype=torch.float32)
    fired = (mem > threshold).float()
    kept = torch.where(fired.bool(), 0.0, mem) if reset == "zero" else mem
    cost = {"subtract": threshold, "zero": 0.0, "none": 0.0}[reset]
    new = beta * kept + cur - cost * fired
    return [torch.heaviside(new - threshold, torch.tensor(0.0)), new]


@exercise.right("the library")
def by_the_library(cur, mem, beta, threshold=1.0, reset="subtract"):
    cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (cur, mem))
    return neurons.lif_step(cur, mem, beta, threshold, reset_mechanism=reset)


exercise.wrong("inverted reset", "The reset is spike minus threshold.",
    edit("fired * threshold", "(fired - threshold)"),
    told="is the reset subtracted when there was no spike")
exercise.wrong("no decay", "The membrane only adds up.", edit("beta * mem + cur", "mem + cur"),
    told="where does the membrane leak")
exercise.wrong("factor twice", "The current still needs its factor 1 - beta.",
    edit("+ cur", "+ (1 - beta) * cur"), told="is the factor 1 - beta not in the current already")
exercise.wrong("input decays", "Input comes before the leak.",
    edit("beta * mem + cur", "beta * (mem + cur)"),
    told="does the leak act on the input of this step too")
exercise.wrong("same step", "The membrane returned is reset already.",
    edit("mem = mem - fired * threshold", "pass",
         "threshold), mem", "threshold), mem - float(mem > threshold) * threshold"),
    told="is the reset already in the membrane you return")
exercise.wrong("old membrane", "The spike comes from the old U.",
    edit("return float(mem > threshold)", "return fired"), told=LATE)
exercise.wrong("at threshold", "Reaching the threshold is enough.",
    edit("return float(mem > threshold)", "return float(mem >= threshold)"),
    told="must the membrane exceed the threshold, or only reach it")
exercise.wrong("no reset", "A spike costs nothing.", edit("mem - fired * threshold", "mem"),
    told="what does the spike of the step before cost")
exercise.wrong("subtracts first", "The reset acts before the leak.",
    edit("mem = mem - fired * threshold", "pass",
         "beta * mem + cur", "beta * (mem - fired * threshold) + cur"),
    told="is the threshold subtracted before the decay, where it should be after")
exercise.wrong("unit cost", "A spike costs 1.", edit("fired * threshold", "fired"),
    told="is the amount subtracted the threshold, or 1")
exercise.wrong("ignores reset", "There is one reset only.",
    edit('    if reset == "zero":\n        mem = (1 - fired) * mem\n', '    reset = "subtract"\n'),
    told="does your step look at `reset`")
exercise.wrong("none subtracts", "What is not reset to zero loses a threshold.",
    edit('if reset == "subtract"', 'if reset != "zero"'),
    told="which leaves the membrane alone, the new membrane is 0.25; expected 1.25: is a threshold")
exercise.wrong("none wipes", "What is not subtracted goes to zero.",
    edit('if reset == "zero"', 'if reset != "subtract"'),
    told="is the membrane reset to zero here, too?")
exercise.wrong("wipes the input", "Reset to zero means U = 0.",
    edit("mem = (1 - fired) * mem", "mem, cur = (1 - fired) * mem, (1 - fired) * cur"),
    told="is the input of this step wiped out together with the old membrane")
exercise.wrong("swapped", "The membrane is returned first.",
    edit("float(mem > threshold), mem", "mem, float(mem > threshold)"), told="Are they swapped")
