"""Which beta keeps half of a membrane over seven steps?"""

from ..exercise import Exercise, Wrong
from ..values import is_near, show

exercise = Exercise(__name__,
    "Which beta leaves half of a membrane after seven steps? Give three decimals.",
    shows="Turn a time to be remembered into a decay per step.", kind="number")

solved_beta = exercise.reference(0.5 ** (1 / 7))


@exercise.judge
def judge(beta: float) -> str:
    question = "Which `beta` solves `beta ** 7 = 0.5`?"
    if is_near(beta, solved_beta, 0.0006):
        return ("After seven steps half is left. If you know for how many steps something must be "
            "remembered, you can now choose a beta before you train.")
    if not 0 <= beta <= 1:
        raise Wrong(f"A beta of {show(beta)} does not lie between 0 and 1.", question)
    raise Wrong(f"With beta = {show(beta)}, the share {show(beta**7)} is left after seven steps; "
        "expected 0.5.", question)


exercise.right("three decimals", 0.906)
exercise.right("four decimals", 0.9057)
exercise.right("the end of a loop", 0.90572366)

exercise.wrong("What is lost is shared among the steps.", 1 - 0.5 / 7,
    asks="Is the same amount lost at each step, or the same share of what is left?")
exercise.wrong("What is left is shared among the steps.", 0.5 / 7,
    asks="Is a seventh of the half left at each step?")
exercise.wrong("beta to the power of 7 is meant the other way around.", 0.5**7,
    asks="That is what is left with beta = 0.5. Which beta leaves 0.5?")
exercise.wrong("A half in seven steps is a time constant of seven.", 2.718281828 ** (-1 / 7),
    asks="After one time constant, is a half left, or 37 %?")
exercise.wrong("Six steps lie in the pause.", 0.5 ** (1 / 6),
    asks="After six empty frames, is the next one the sixth step, or the seventh?")
exercise.wrong("Two decimals are near enough.", 0.91, asks="Is that rounded to two decimals?")
exercise.wrong("A slow leak is one near 1.", 0.95,
    asks="That keeps more than half. Does `0.95 ** 7` give 0.5?")
