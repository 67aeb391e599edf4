"""From a decay per step to milliseconds."""

import math

import torch

from ..exercise import Exercise, Wrong
from ..values import is_near, question_for, show

exercise = Exercise(__name__,
    "A layer has beta = 0.5 and steps of 2 ms. What is its time constant in ms, to two decimals?",
    shows="Translate a decay per step into a time constant, exactly.", kind="number")

solved_tau = exercise.reference(-2 / math.log(0.5))


@exercise.judge
def judge(tau: float) -> str:
    exact = -2 / math.log(0.5)
    if is_near(tau, exact, 0.005):
        return (
            f"After one step `exp(-2 / {show(tau)})` = 0.5 is left. Now you can translate any "
            "`beta` into milliseconds, and compare it with a paper or a real cell."
        )
    if tau <= 0:
        fault = f"A time constant of {show(tau)} ms is not above 0."
    else:
        fault = (
            f"With `tau` = {show(tau)} ms the share `exp(-2 / tau)` = {show(math.exp(-2 / tau))} "
            "of the membrane is left after one step of 2 ms; expected 0.5."
        )
    slips = {
        2 / (1 - 0.5): "Is that Euler's `beta = 1 - dt / tau`, solved for `tau`?",
        2.0: "Half of the membrane is left after 2 ms. But what share is left after one `tau`?",
        exact / 2: "Is that `tau` counted in steps? How long is a step?",
        1 / exact: "Is that `1 / tau`?",
        -math.log(0.5): "Is that `dt / tau`?",
        -exact: "What is the sign of `ln(0.5)`?",
        -2 / math.log10(0.5): "Is your logarithm the natural one, `math.log`?",
        exact / 1000: "Is that in seconds? Give milliseconds.",
    }
    otherwise = "Which `tau` solves `exp(-2 / tau) = 0.5`?"
    question = question_for(tau, slips, otherwise, relative=0.011)  # rounded to two decimals, too
    one_decimal = {2.9: "Is that rounded to one decimal? Give two."}
    raise Wrong(f"{fault} {question_for(tau, one_decimal, question)}")


exercise.right("a tensor", torch.tensor(2.0, dtype=torch.float64) / math.log(2))
exercise.right("three decimals", 2.885)
exercise.right("an array of one", (-2 / torch.log(torch.tensor([0.5]))).numpy())

exercise.wrong("euler", "beta is 1 - dt / tau.", 2 / (1 - 0.5), told="Is that Euler's")
exercise.wrong("half-life", "After one tau, half is left.", 2.0,
    told="what share is left after one `tau`")
exercise.wrong("steps", "tau comes out in ms.", -1 / math.log(0.5), told="counted in steps")
exercise.wrong("inverse", "tau is a rate.", -math.log(0.5) / 2, told="Is that `1 / tau`")
exercise.wrong("inverse, rounded", "tau is a rate.", 0.35, told="Is that `1 / tau`")
exercise.wrong("ratio", "It is dt / tau.", -math.log(0.5), told="Is that `dt / tau`")
exercise.wrong("ratio, rounded", "It is dt / tau.", 0.69, told="Is that `dt / tau`")
exercise.wrong("seconds", "A time is in seconds.", 0.00289, told="Is that in seconds")
exercise.wrong("one decimal", "2.9 is near enough.", 2.9, told="rounded to one decimal")
exercise.wrong("sign", "The logarithm of 0.5 is positive.", 2 / math.log(0.5),
    told="the sign of `ln(0.5)`")
exercise.wrong("log10", "log is log10.", -2 / math.log10(0.5), told="the natural one")
exercise.wrong("guess", "beta and tau are proportional.", 0.5 * 2, told="Which `tau` solves")
