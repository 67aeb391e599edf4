"""From a decay per step to milliseconds."""

import math

import torch

from ..exercise import Exercise, Wrong
from ..values import is_near, show

exercise = Exercise(__name__,
    "A layer has beta = 0.5 and steps of 2 ms. What is its time constant in ms, to two decimals?",
    shows="Translate a decay per step into a time constant, exactly.", kind="number")

solved_tau = exercise.reference(-2 / math.log(0.5))


@exercise.judge
def judge(tau: float) -> str:
    if is_near(tau, solved_tau, 0.005):
        return (f"After one step `exp(-2 / {show(tau)})` = {math.exp(-2 / tau):.4f} is left. Now "
            "you can translate any `beta` into milliseconds, and compare it with a real cell.")
    fault = f"A time constant of {show(tau)} ms is not above 0."
    if tau > 0:
        fault = (f"With `tau` = {show(tau)} ms the share `exp(-2 / tau)` = "
            f"{show(math.exp(-2 / tau))} of the membrane is left after one step of 2 ms; expected "
            "0.5.")
    raise Wrong(fault, "Which `tau` solves `exp(-2 / tau) = 0.5`?")


exercise.right("a tensor", torch.tensor(2.0, dtype=torch.float64) / math.log(2))
exercise.right("three decimals", 2.885)
exercise.right("an array of one", (-2 / torch.log(torch.tensor([0.5]))).numpy())

exercise.wrong("beta is 1 - dt / tau.", 2 / (1 - 0.5),
    asks="Is that Euler's `beta = 1 - dt / tau`, solved for `tau`?")
exercise.wrong("After one tau, half is left.", 2.0,
    asks="Half of the membrane is left after 2 ms. But what share is left after one `tau`?")
exercise.wrong("tau is counted in steps.", solved_tau / 2,
    asks="Is that `tau` counted in steps? How long is a step?")
exercise.wrong("tau is a rate.", 1 / solved_tau, asks="Is that `1 / tau`?")
exercise.wrong("The logarithm is a factor.", -2 * math.log(0.5),
    asks="Did you multiply by the logarithm, where you should divide?")
exercise.wrong("tau is dt / tau.", -math.log(0.5), asks="Is that `dt / tau`?")
exercise.wrong("A time is in seconds.", solved_tau / 1000,
    asks="Is that in seconds? Give milliseconds.")
exercise.wrong("2.9 is near enough.", 2.9, asks="Is that rounded to one decimal? Give two.")
exercise.wrong("The logarithm of 0.5 is positive.", -solved_tau,
    asks="What is the sign of `ln(0.5)`?")
exercise.wrong("log is log10.", -2 / math.log10(0.5),
    asks="Is your logarithm the natural one, `math.log`?")
exercise.wrong("beta and tau are proportional.", 0.5 * 2, told="Which `tau` solves")
