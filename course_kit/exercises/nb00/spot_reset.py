"""Spot the fault: a published reset that is upside down."""

from collections.abc import Callable

from ..exercise import Exercise, Wrong, edit
from ..values import is_near, question_for, show
from ._stepping import stepped
from .leaky_step import by_the_library, solved_step

exercise = Exercise(__name__,
    "Spot the fault in the three published lines, and fix it.",
    shows="Find the inverted reset by testing a neuron with no input.", kind="function")


@exercise.stub
def my_fixed_step(cur, mem, beta, threshold=1.0): ...


@exercise.reference
def fixed_step(cur, mem, beta, threshold=1.0):
    spk = float(mem > threshold)
    reset = spk * threshold
    mem = beta * mem + cur - reset
    return spk, mem


def published_step(cur, mem, beta, threshold=1.0):
    spk = float(mem > threshold)
    reset = spk - threshold
    mem = beta * mem + cur - reset
    return spk, mem


@exercise.judge
def judge(step: Callable) -> str:
    silent = {
        1.27: "is the reset subtracted when there was no spike?",
        -0.73: "is a threshold taken away although there was no spike?",
    }
    expect(step, (0.0, 0.3, 0.9), 0.27, "At U = 0.3, below threshold, with no input", silent)
    spiking = {
        1.35: "what does a spike cost?",
        0.45: "is the threshold subtracted before the decay, where it should be after?",
        2.35: "is the threshold added after a spike? Look at the signs.",
        0.0: "is that reset to zero? The three lines were meant to subtract.",
    }
    expect(step, (0.0, 1.5, 0.9), 0.35, "At U = 1.5, above threshold, with no input", spiking)
    unit = {1.25: "is the amount subtracted the threshold, or 1?"}
    high = "At U = 2.5, above a threshold of 2, with no input"
    expect(step, (0.0, 2.5, 0.9, 2.0), 0.25, high, unit)
    late = {0.31: "do you reset in the step of the spike? That is another neuron: see the pulse."}
    driven = "At U = 0.9, below threshold, with an input of 0.5"
    expect(step, (0.5, 0.9, 0.9), 1.31, driven, late)
    old, _ = stepped(step, 0.0, 1.05, 0.9, wanted=-0.055)  # the old U is above, the new one below
    new, _ = stepped(step, 0.5, 0.9, 0.9, wanted=1.31)  # the other way round
    if (old, new) not in ((1, 0), (0, 1)):
        raise Wrong(
            f"At U = 1.05 with no input your spike is {show(old)}, at U = 0.9 with an input of 0.5 "
            f"it is {show(new)}; expected 1 and 0 from the old membrane, or 0 and 1 from the "
            "updated one. Which membrane do you compare with the threshold?"
        )
    order = " It also fires from the updated membrane: the next section is about that." * int(new)
    return (
        f"At I = 0.05 your neuron spikes {spikes_at_half_rheobase(step)} times in 200 steps, the "
        f"published one {spikes_at_half_rheobase(published_step)} times. Whenever you meet a "
        f"neuron in somebody's code, run it without input first.{order}"
    )


def spikes_at_half_rheobase(step: Callable) -> int:
    mem, count = 0.0, 0
    for _ in range(200):
        spk, mem = map(float, step(0.05, mem, 0.9))
        count += int(spk)
    return count


def expect(
    step: Callable, inputs: tuple, expected: float, given: str, slips: dict[float, str]
) -> None:
    _, mem = stepped(step, *inputs, wanted=expected)
    if not is_near(mem, expected, 1e-5):
        side = "high" if mem > expected else "low"
        question = question_for(mem, slips, "which term of the update differs?")
        raise Wrong(
            f"{given}, the membrane should become {show(expected)} (beta is 0.9). Yours becomes "
            f"{show(mem)}, {show(abs(mem - expected))} too {side}: {question}"
        )


@exercise.right("a branch")
def with_a_branch(cur, mem, beta, threshold=1.0):
    spk = 1.0 if mem > threshold else 0.0
    mem = beta * mem + cur
    if spk:
        mem -= threshold
    return spk, mem


@exercise.right("updated first")
def updated_first(cur, mem, beta, threshold=1.0):
    return solved_step(cur, mem, beta, threshold)


exercise.right("the library", by_the_library)

exercise.wrong("as published", "The lines are right.", published_step,
    told="is the reset subtracted when there was no spike")
exercise.wrong("swapped difference", "Only the order is wrong.",
    edit("spk * threshold", "threshold - spk"), told="although there was no spike")
exercise.wrong("always", "The reset does not depend on the spike.",
    edit("spk * threshold", "threshold"), told="although there was no spike")
exercise.wrong("sign", "The reset is added.", edit("cur - reset", "cur + reset"),
    told="Look at the signs")
exercise.wrong("removed", "The reset is the fault, so away with it.", edit(" - reset", ""),
    told="what does a spike cost")
exercise.wrong("unit cost", "The threshold is always 1.", edit("spk * threshold", "spk"),
    told="is the amount subtracted the threshold, or 1")
exercise.wrong("to zero", "All resets are one.",
    edit("beta * mem + cur - reset", "beta * mem * (1 - spk) + cur"), told="is that reset to zero")
exercise.wrong("subtracts first", "The reset acts before the leak.",
    edit("beta * mem + cur - reset", "beta * (mem - reset) + cur"),
    told="is the threshold subtracted before the decay, where it should be after")
exercise.wrong("same step", "The reset acts at once.",
    edit("+ cur - reset", "+ cur",
         "return spk, mem", "return spk, mem - float(mem > threshold) * threshold"),
    told="do you reset in the step of the spike")
exercise.wrong("swapped", "The order of two results is free.",
    edit("return spk, mem", "return mem, spk"), told="Are they swapped")
