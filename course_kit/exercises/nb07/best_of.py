"""The best of twenty equally good networks."""

from functools import cache

import numpy as np

from ..exercise import Exercise, Wrong

exercise = Exercise(__name__,
    "Twenty networks are equally good: each gets 99.4 % of all digits right, and they err "
    "independently. Each answers 10,000 test images, where one standard error is 0.077 points. "
    "Only the highest of the twenty accuracies is reported. How far above the truth is it, on "
    "average?",
    shows="Know what a maximum does to numbers that scatter.", kind="choice",
    options={
        "a": "Not at all: errors up and down cancel.",
        "b": "By 0.077 points, one standard error.",
        "c": "By about 0.14 points, nearly two standard errors.",
        "d": "By about 1.5 points, twenty standard errors.",
    })

AMOUNTS = {"a": 0.0, "b": 0.077, "c": 0.14, "d": 1.5}


@exercise.judge
def judge(key: str) -> str:
    found = gain()
    nearest = min(AMOUNTS, key=lambda option: abs(AMOUNTS[option] - found))
    if key == nearest:
        return (
            f"In 4,000 draws of twenty, the highest was {found:.2f} points above the truth on "
            "average. The mean of the twenty is right; the highest of them is the luckiest."
        )
    raise Wrong(
        f"We drew twenty such accuracies 4,000 times: the highest of them was {found:.2f} points "
        "above the truth on average."
    )


@cache
def gain() -> float:
    """The highest of twenty accuracies minus the truth, in points, on average."""
    hits = np.random.default_rng(0).binomial(10_000, 0.994, (4000, 20))
    return float(hits.max(axis=1).mean() / 100 - 99.4)


exercise.wrong("Errors cancel.", "a",
    asks="They cancel in the mean of the twenty. Is the highest of them above or below it?")
exercise.wrong("A number is off by one standard error.", "b",
    asks="That is how far one of them typically is off. Is the luckiest of twenty no luckier?")
exercise.wrong("Twenty chances add up.", "d",
    asks="Does any of the twenty have to be so far off, for the highest to be there?")
