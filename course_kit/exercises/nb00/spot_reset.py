"""Spot the fault: a published reset that is upside down."""


from ..exercise import Exercise, Function, Wrong, edit
from ..values import show
from ._stepping import expect_step, library_step, stepped
from .leaky_step import solved_step

exercise = Exercise(__name__,
    "Spot the fault in the three published lines, and fix it.",
    shows="Find the inverted reset by testing a neuron with no input.", kind="function")


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
def judge(step: Function) -> str:
    for inputs in ((0.0, 0.3, 0.9), (0.0, 1.5, 0.9), (0.0, 2.5, 0.9, 2.0), (0.5, 0.9, 0.9)):
        expect_step(step, *inputs)
    old, _ = stepped(step, 0.0, 1.05, 0.9)  # the old U is above, the new one below
    new, _ = stepped(step, 0.5, 0.9, 0.9)  # the other way round
    if (old, new) not in ((1, 0), (0, 1)):
        raise Wrong(f"At U = 1.05 with no input your spike is {show(old)}, at U = 0.9 with an "
            f"input of 0.5 it is {show(new)}; expected 1 and 0 from the old membrane, or 0 and 1 "
            "from the updated one. Which membrane do you compare with the threshold?")
    order = " It also fires from the updated membrane: the next section is about that." * int(new)
    return (f"At I = 0.05 your neuron spikes {spikes_at_half_rheobase(step)} times in 200 steps, "
        f"the published one {spikes_at_half_rheobase(published_step)} times. Whenever you meet a "
        f"neuron in somebody's code, run it without input first.{order}")


def spikes_at_half_rheobase(step: Function) -> int:
    mem, count = 0.0, 0
    for _ in range(200):
        spk, mem = stepped(step, 0.05, mem, 0.9)
        count += int(spk)
    return count


exercise.right("updated first", solved_step)
exercise.right("the library", library_step)

exercise.wrong("The lines are right.", published_step,
    asks="is the reset subtracted when there was no spike?")
exercise.wrong("Only the order of the difference is wrong.",
    edit("spk * threshold", "threshold - spk"),
    asks="is a threshold taken away although there was no spike?")
exercise.wrong("The reset is added.", edit("cur - reset", "cur + reset"),
    asks="is the threshold added after a spike? Look at the signs.")
exercise.wrong("The reset is the fault, so away with it.", edit(" - reset", ""),
    asks="what does a spike cost?")
exercise.wrong("The threshold is always 1.", edit("spk * threshold", "spk"),
    asks="is the amount subtracted the threshold, or 1?")
exercise.wrong("All resets are one.",
    edit("beta * mem + cur - reset", "beta * mem * (1 - spk) + cur"),
    asks="is that reset to zero? The three lines were meant to subtract.")
exercise.wrong("The reset acts before the leak.",
    edit("beta * mem + cur - reset", "beta * (mem - reset) + cur"),
    asks="is the threshold subtracted before the decay, where it should be after?")
exercise.wrong("The reset acts at once.",
    edit(" - reset", "",
         "return spk, mem", "return spk, mem - float(mem > threshold) * threshold"),
    asks="do you reset in the step of the spike? Here it acts one step later.")
exercise.wrong("The order of two results is free.", edit("return spk, mem", "return mem, spk"),
    told="Are they swapped")
