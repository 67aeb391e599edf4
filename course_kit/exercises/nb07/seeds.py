"""How many seeds tell two recipes apart."""

import math
import numbers
from statistics import NormalDist

from scipy import stats

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, describe, show

exercise = Exercise(__name__,
    "How many seeds of each recipe find a given difference with a power of 80 %?",
    shows="Say before a comparison how many runs it takes.", kind="function")


@exercise.reference
def solved_seeds(sd, difference):
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    return max(2, math.ceil(2 * (z * sd / difference) ** 2))  # one seed shows no scatter


# of no case does it matter whether z is rounded to 1.96 + 0.84
CASES = ((0.09, 0.03), (0.05, 0.05), (0.04, 0.1), (0.5, 0.21), (0.03, 0.2))


@exercise.judge
def judge(seeds: Function) -> str:
    for sd, difference in CASES:
        answer = seeds(sd, difference)
        number = as_number(answer, "Your number of seeds")
        wanted = solved_seeds(sd, difference)
        if abs(number - wanted) > 1e-6:
            raise Wrong(
                f"For seeds that scatter by {show(sd)} points and a difference of "
                f"{show(difference)}, you have {show(number)} seeds; expected {wanted}.",
                "What stands in the formula: both recipes, both z, and a square?",
            )
        if not isinstance(answer, numbers.Integral):
            raise Wrong(
                f"Your number of seeds is {describe(answer)}, which is right as a number; expected "
                "a whole number, an int.",
                "Does `np.ceil` return an int? Does `math.ceil`?",
            )
    return (
        "Five cases are right. Half the difference takes four times the seeds; that is why small "
        "gains are so often claimed and so seldom shown."
    )


@exercise.right("by the standard library")
def by_statistics(sd, difference):
    normal = NormalDist()
    z = normal.inv_cdf(0.975) + normal.inv_cdf(0.8)
    n = 2 * z**2 * sd**2 / difference**2
    return max(int(n) + (n > int(n)), 2)


@exercise.right("by trying")
def by_trying(sd, difference):
    n = 2
    error = sd * math.sqrt(2)
    while stats.norm.cdf(difference / (error / math.sqrt(n)) - stats.norm.ppf(0.975)) < 0.8:
        n += 1
    return n


Z = "stats.norm.ppf(0.975) + stats.norm.ppf(0.8)"
exercise.wrong("One recipe scatters.", edit("2 * (z", "(z"),
    asks="Both recipes have seeds. What is the variance of a difference?")
exercise.wrong("Significant is enough.", edit(Z, "stats.norm.ppf(0.975)"),
    asks="With a difference just at the limit, how often is it found: in 80 % of all cases?")
exercise.wrong("The number goes with the difference.", edit(") ** 2", ")"),
    asks="Half the difference: is it found with twice the seeds?")
exercise.wrong("Only z is squared.",
    edit("2 * (z * sd / difference) ** 2", "2 * z**2 * sd / difference"),
    asks="Which parts of the formula are squared: only z?")
exercise.wrong("A count may be a float.", edit("math.ceil(2 * (z * sd / difference) ** 2)",
    "float(math.ceil(2 * (z * sd / difference) ** 2))"), told="an int")
exercise.wrong("Round to the nearest.", edit("math.ceil(", "round("),
    asks="With a little less than the number asked for, is the power reached?")
exercise.wrong("A direction is known.", edit("0.975", "0.95"),
    asks="Would you not report a difference in the other direction?")
exercise.wrong("The sign of the power is minus.", edit("+ stats", "- stats"),
    asks="Does a higher power ask for fewer seeds?")
exercise.wrong("Five seeds are always enough.",
    edit("return max(2, math.ceil(2 * (z * sd / difference) ** 2))", "return 5"),
    asks="For which differences?")
exercise.wrong("One seed may be enough.", edit("max(2, ", "max(1, "),
    asks="How far do the seeds scatter, if there is one of each?")
exercise.wrong("A part of a seed can be run.", edit("math.ceil(", "("),
    asks="Can you run a part of a seed?")
