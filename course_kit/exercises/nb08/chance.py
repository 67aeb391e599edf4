"""How far from chance a network may be that guesses."""

import math

import numpy as np

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_limits, is_near, show

exercise = Exercise(__name__,
    "Return the limits between which the share of hits of a guessing network lies, in 95 % of all "
    "cases.",
    shows="Tell chance from knowledge by the width of chance.", kind="function")


@exercise.reference
def solved_interval(p, n):
    width = 1.96 * math.sqrt(p * (1 - p) / n)
    return p - width, p + width


@exercise.judge
def judge(interval: Function) -> str:
    for p, n in ((0.5, 100), (1 / 3, 1500), (0.1, 10_000)):
        low, high = as_limits(interval(p, n))
        wanted = solved_interval(p, n)
        if not (is_near(low, wanted[0], 1e-5) and is_near(high, wanted[1], 1e-5)):
            raise Wrong(f"For p = {show(p)} and n = {n:,}, you have {show(low)} to {show(high)}; "
                f"expected {show(wanted[0])} to {show(wanted[1])}.",
                "How wide is one standard error of a share, and how many belong on each side?")
    return ("Three cases are right. Whoever reports an accuracy near chance owes this interval to "
        "the reader.")


@exercise.right("a list")
def as_list(p, n):
    error = (p * (1 - p) / n) ** 0.5
    return [p + sign * 1.96 * error for sign in (-1, 1)]


@exercise.right("an array")
def as_array(p, n):
    return p + np.array([-1.96, 1.96]) * np.sqrt(p * (1 - p)) / np.sqrt(n)


ERROR = "math.sqrt(p * (1 - p) / n)"
exercise.wrong("The standard error is p (1 - p) / n.", edit(ERROR, "(p * (1 - p) / n)"),
    asks="Is a variance a width?")
exercise.wrong("The width does not depend on n.", edit(" / n)", ")"),
    asks="Does it not become narrower with more answers?")
exercise.wrong("The width goes with 1 / n.", edit(ERROR, "math.sqrt(p * (1 - p)) / n"),
    asks="Four times as many answers: is it four times as narrow?")
exercise.wrong("One standard error is 95 %.", edit("1.96 * ", ""),
    asks="Which share of all cases lies within one standard error?")
exercise.wrong("The 1.96 is the whole width.", edit("1.96", "0.98"),
    asks="Do 1.96 standard errors belong on each side, or on both together?")
exercise.wrong("The worst case will do.", edit("p * (1 - p)", "0.25"), asks="Is p one half here?")
exercise.wrong("The interval lies around 0.", edit("p - width, p + width", "-width, width"),
    asks="Around which share do the guesses lie?")
exercise.wrong("A width is enough.", edit("return p - width, p + width", "return width"),
    told="expected two numbers")
