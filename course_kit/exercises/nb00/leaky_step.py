"""The whole neuron: leak, input, reset, spike."""


import torch

from ..exercise import Exercise, Function, Wrong, edit
from ..values import show
from ._stepping import expect_step, given, library_step

exercise = Exercise(__name__,
    "Write one step of a leaky neuron with its threshold and its three kinds of reset.",
    shows="Turn the update rule into code: leak, input, reset, spike, in this order.",
    kind="function")


@exercise.reference
def solved_step(cur, mem, beta, threshold=1.0, reset="subtract"):
    fired = float(mem > threshold)  # R[t]: did it fire at the step before?
    if reset == "zero":
        mem = (1 - fired) * mem
    mem = beta * mem + cur
    if reset == "subtract":
        mem = mem - fired * threshold
    return float(mem > threshold), mem  # S[t], U[t]


STEPS = (
    (0.0, 0.5, 0.8),
    (0.2, 0.5, 0.8),
    (1.0, 0.5, 0.5),
    (0.75, 0.5, 0.5),
    (0.0, 2.5, 0.5),
    (0.0, 2.5, 0.5, 2.0),
    (0.4, 2.5, 0.5, 1.0, "zero"),
    (0.0, 2.5, 0.5, 1.0, "none"),
    (0.0, 1.0, 0.5),  # it only reaches the threshold
)


@exercise.judge
def judge(step: Function) -> str:
    for inputs in STEPS:
        expect(step, *inputs)
    noise = torch.Generator().manual_seed(0)
    currents = (0.3 + 0.6 * torch.randn(500, generator=noise, dtype=torch.float64)).tolist()
    for reset in ("subtract", "zero", "none"):
        mem = 0.0
        for cur in currents:
            inputs = cur, mem, 0.8, 0.7, reset
            _, mem = library_step(*inputs)
            if abs(mem - 0.7) > 1e-4:  # or else too near to the threshold for single precision
                expect(step, *inputs)
    return "500 steps with each reset agree with the library's. This notebook can run on yours."


def expect(step: Function, *inputs: float | str) -> None:
    spk = expect_step(step, *inputs)
    wanted, mem = library_step(*inputs)
    if spk != wanted:
        raise Wrong(f"{given(*inputs)}, your spike is {show(spk)}; expected {show(wanted)}, since "
            f"U is {show(mem)}:", "what is compared with the threshold, and when?")


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
    kept, cost = {"subtract": (1, threshold), "zero": (1 - fired, 0), "none": (1, 0)}[reset]
    new = beta * kept * mem + cur - cost * fired
    return [torch.heaviside(new - threshold, torch.tensor(0.0)), new]


exercise.right("the library", library_step)

exercise.wrong("The reset is spike minus threshold.",
    edit("fired * threshold", "(fired - threshold)"),
    asks="is the reset subtracted when there was no spike? (Minus -1 is plus 1.)")
exercise.wrong("The membrane only adds up.", edit("beta * mem + cur", "mem + cur"),
    asks="where does the membrane leak?")
exercise.wrong("The current still needs its factor 1 - beta.", edit("+ cur", "+ (1 - beta) * cur"),
    asks="is the factor 1 - beta not in the current already?")
exercise.wrong("Input comes before the leak.", edit("beta * mem + cur", "beta * (mem + cur)"),
    asks="does the leak act on the input of this step too?")
exercise.wrong("The membrane returned is reset already.",
    edit(" - fired * threshold", "",
         "threshold), mem", "threshold), mem - float(mem > threshold) * threshold"),
    asks="is the reset already in the membrane you return? It acts at the next step.")
exercise.wrong("The spike comes from the old U.",
    edit("return float(mem > threshold)", "return fired"),
    asks="is the spike taken from the membrane before the input of this step?")
exercise.wrong("Reaching the threshold is enough.",
    edit("return float(mem > threshold)", "return float(mem >= threshold)"),
    asks="must the membrane exceed the threshold, or only reach it?")
exercise.wrong("A spike costs nothing.", edit("mem - fired * threshold", "mem"),
    asks="what does the spike of the step before cost?")
exercise.wrong("The reset acts before the leak.",
    edit(" - fired * threshold", "", "beta * mem", "beta * (mem - fired * threshold)"),
    asks="is the threshold subtracted before the decay, where it should be after?")
exercise.wrong("A spike costs 1.", edit("fired * threshold", "fired"),
    asks="is the amount subtracted the threshold, or 1?")
exercise.wrong("There is one reset only, and it subtracts.",
    edit('    if reset == "zero":\n        mem = (1 - fired) * mem\n', '    reset = "subtract"\n'),
    asks="does your step look at `reset`?")
exercise.wrong("There is one reset only, and it is to zero.",
    edit('    if reset == "zero"', '    reset = "zero"\n    if reset == "zero"'),
    asks="is that reset to zero, where `subtract` was asked for?")
exercise.wrong("What does not subtract costs nothing.", edit("(1 - fired) * mem", "mem"),
    asks="does `reset='zero'` change anything?")
exercise.wrong("What is not reset to zero loses a threshold.",
    edit('if reset == "subtract"', 'if reset != "zero"'),
    asks="is a threshold subtracted here, too?")
exercise.wrong("What is not subtracted goes to zero.",
    edit('reset == "zero"', 'reset != "subtract"'),
    asks="is the membrane reset to zero here, too?")
exercise.wrong("Reset to zero means U = 0.",
    edit("mem = (1 - fired) * mem", "mem, cur = (1 - fired) * mem, (1 - fired) * cur"),
    asks="is the input of this step wiped out together with the old membrane?")
exercise.wrong("The membrane is returned first.",
    edit("float(mem > threshold), mem", "mem, float(mem > threshold)"), told="Are they swapped")
