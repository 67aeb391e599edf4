"""The interval for the mean accuracy of a recipe, from a few seeds."""

import math
import statistics

import numpy as np
from scipy import stats

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_limits, is_near, show

exercise = Exercise(__name__,
    "Return the 95 % interval for the mean accuracy of a recipe, from a few seeds.",
    shows="Give the mean of a few seeds with an interval that is wide enough.", kind="function")


@exercise.reference
def solved_interval(accuracies):
    n, mean = len(accuracies), np.mean(accuracies)
    error = np.std(accuracies, ddof=1) / math.sqrt(n)  # the standard error of the mean
    width = stats.t.ppf(0.975, df=n - 1) * error
    return mean - width, mean + width


CASES = (
    [99.41, 99.38, 99.45, 99.40, 99.44],
    [91.0, 93.5, 92.0],
    [70.1, 69.0, 71.3, 70.8, 69.9, 70.2, 68.7, 70.5, 71.0, 69.6],
)


@exercise.judge
def judge(interval: Function) -> str:
    for accuracies in CASES:
        low, high = as_limits(interval(np.array(accuracies)))
        wanted = solved_interval(accuracies)
        if not (is_near(low, wanted[0]) and is_near(high, wanted[1])):
            raise Wrong(
                f"For {len(accuracies)} seeds with the mean {show(np.mean(accuracies))}, you have "
                f"{show(low)} to {show(high)}; expected {show(wanted[0])} to {show(wanted[1])}.",
                "How wide is the standard error of the mean, and what does t multiply it by?",
            )
    return (
        "Three cases are right. With five seeds t is 2.78, not 1.96: so few seeds tell little "
        "about their own scatter, and the interval owns up to it."
    )


@exercise.right("scipy does it")
def by_scipy(accuracies):
    error = stats.sem(accuracies)
    return stats.t.interval(0.95, len(accuracies) - 1, loc=np.mean(accuracies), scale=error)


@exercise.right("a list, by the standard library")
def by_statistics(accuracies):
    values = [float(value) for value in accuracies]
    n = len(values)
    width = stats.t.isf(0.025, n - 1) * statistics.stdev(values) / n**0.5
    return [sum(values) / n - width, sum(values) / n + width]


T = "stats.t.ppf(0.975, df=n - 1)"
exercise.wrong("Everything is normal.", edit(T, "1.96"),
    asks="1.96 belongs to a scatter that is known. Do so few seeds know theirs?")
exercise.wrong("The scatter is divided by n.", edit("ddof=1", "ddof=0"),
    asks="The mean was fitted to the same seeds: by how many is the sum of squares divided?")
exercise.wrong("The interval holds 95 % of the seeds.", edit(" / math.sqrt(n)", ""),
    asks="Is that the scatter of one seed, or that of the mean of all?")
exercise.wrong("The error goes with 1 / n.", edit("math.sqrt(n)", "n"),
    asks="Four times as many seeds: is the mean four times as exact?")
exercise.wrong("n seeds have n degrees of freedom.", edit("df=n - 1", "df=n"),
    asks="How many of the deviations are free, if they add up to zero?")
exercise.wrong("The 5 % lie on one side.", edit("0.975", "0.95"),
    asks="How much of the 5 % lies above the interval, and how much below?")
exercise.wrong("One standard error is enough.", edit(T, "1"),
    asks="How often does the truth lie within one standard error?")
exercise.wrong("The range of the seeds is the interval.",
    edit("return mean - width, mean + width", "return min(accuracies), max(accuracies)"),
    asks="With more seeds the range only grows. Should the interval?")
LIMITS = "return mean - width, mean + width"
exercise.wrong("The upper limit comes first.", edit(LIMITS, "return mean + width, mean - width"),
    asks="Which of the two comes first: low or high?")
exercise.wrong("The mean and its width are the limits.", edit(LIMITS, "return mean, width"),
    asks="Are these the two ends of the interval, or its middle and its half width?")
exercise.wrong("A width is enough.", edit("return mean - width, mean + width", "return width"),
    told="expected two numbers")
