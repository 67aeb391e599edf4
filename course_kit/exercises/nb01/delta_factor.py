"""Spot the fault: k to infinity does not make the fast sigmoid a Dirac delta."""


import torch

from tutorial_lib import surrogate

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, is_near, show

exercise = Exercise(__name__,
    "Spot the fault in 'k to infinity gives the Dirac delta', and fix it by a factor.",
    shows="See that a surrogate of fixed peak vanishes as it narrows.", kind="function")


@exercise.reference
def solved_factor(k):
    return k / 2


@exercise.judge
def judge(factor: Function) -> str:
    areas = {k: area(factor, k) for k in (100, 10, 25, 3)}
    off = {k: found for k, found in areas.items() if not is_near(found, 1.0, 0.02)}
    if off and is_near(area(factor, 10**7), 1.0, 1e-3):  # it does become a delta
        shown = " and ".join(f"{show(found)} at k = {k}" for k, found in off.items())
        raise Wrong("For a large k your factor is right: at k = 10,000,000 the area is 1. But it "
            f"is {shown}; expected 1 at every k. Is something added or rounded, or a tail cut off?")
    for k, found in off.items():
        raise Wrong(f"At k = {k} your factor is {show(value(factor, k))}, so the area is "
            f"{show(found)}; expected 1.", "What is the integral of 1 / (1 + k |x|)^2 over all x?")
    line = torch.linspace(-6, 6, 240_001, dtype=torch.float64)
    bell = surrogate.fast_sigmoid(1000).derivative(line) * torch.exp(-line.square())
    plain = torch.trapezoid(bell, line).item()
    return ("Area 1 for every k. In the integral with exp(-x^2), which a delta makes 1, k = 1000 "
        f"gives {plain:.3f} as published, {plain * value(factor, 1000):.3f} with your factor.")


def area(factor: Function, k: int) -> float:
    return value(factor, k) * surrogate.fast_sigmoid(k).area


def value(factor: Function, k: int) -> float:
    return as_number(factor(k), f"Your factor for k = {k}")


@exercise.right("by a sum over many points, tails included")
def by_integral(k):
    x = torch.linspace(0, 2000 / k, 2_000_001, dtype=torch.float64)
    return 1 / (2 * torch.trapezoid((1 + k * x) ** -2, x))


exercise.right("by the library's area", edit("k / 2", "1 / surrogate.fast_sigmoid(k).area"))
exercise.right("a tensor", edit("k / 2", "torch.tensor(0.5) * k"))

exercise.wrong("Narrower is a delta.", edit("k / 2", "1.0"),
    asks="Peak 1, and ever narrower: what is left of the area for k to infinity?")
exercise.wrong("The area is 1 / k.", edit("k / 2", "k"),
    asks="Over which x have you integrated: both sides, or one?")
exercise.wrong("Scale by the area.", edit("k / 2", "2 / k"),
    asks="Is that the area itself? What must it be multiplied by to give 1?")
exercise.wrong("The area falls as 1 / k^2.", edit("k / 2", "k**2 / 2"),
    asks="With which power of k does the area of 1 / (1 + k |x|)^2 fall?")
exercise.wrong("One factor fits all k.", edit("k / 2", "12.5"), told="over all x")
exercise.wrong("Any factor that grows as k / 2 will do.", edit("k / 2", "(k + 1) / 2"),
    told="But it is 1.1 at k = 10 and 1.04 at k = 25 and 1.3333 at k = 3; expected 1 at every k")
