"""McNemar's test: two networks on the same images."""

import math

import numpy as np
from scipy import stats

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, show

exercise = Exercise(__name__,
    "Return the exact p-value of McNemar's test for two networks on the same images.",
    shows="Compare two networks on the images that tell them apart.", kind="function")


@exercise.reference
def solved_mcnemar(first, second):
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0  # no image tells them apart
    return stats.binomtest(only_first, only_first + only_second, 0.5).pvalue


# images of four kinds: both right, only the first, only the second, neither
CASES = (
    (40, 12, 4, 6), (9900, 30, 14, 56), (940, 3, 9, 48), (500, 7, 7, 20), (200, 0, 0, 5),
    (90, 0, 8, 2),
)  # fmt: skip


@exercise.judge
def judge(mcnemar: Function) -> str:
    for case in CASES:
        first = np.repeat([True, True, False, False], case)
        second = np.repeat([True, False, True, False], case)
        wanted = solved_mcnemar(first, second)
        both, one, other, none = case
        try:
            given = mcnemar(first.copy(), second.copy())
        except ValueError:
            if one + other:
                raise
            given = math.nan  # as scipy's test of nothing answers since 1.18
        if one + other == 0 and isinstance(given, float) and math.isnan(given):
            raise Wrong(f"No image of {sum(case)} tells the two apart, and you have no p-value.",
                "How surprised should you be when two networks do not differ at all?")
        found = as_number(given, "Your p-value")
        if not math.isclose(found, wanted, rel_tol=1e-5):
            raise Wrong(
                f"Both are right on {both:,} images, only the first on {one}, only the second on "
                f"{other}, neither on {none}: you have p = {show(found)}; expected "
                f"{show(wanted)}.",
                "Do you count the images that tell the two apart, and is it the exact share, on "
                "both sides, of splits at least as uneven?",
            )
    return (
        "Six cases are right. Images on which both are right, or both wrong, decide nothing, "
        "however many there are."
    )


@exercise.right("a sum of binomials")
def by_sums(first, second):
    one = sum(1 for a, b in zip(first, second, strict=True) if a and not b)
    other = sum(1 for a, b in zip(first, second, strict=True) if b and not a)
    n = one + other
    tail = sum(math.comb(n, k) for k in range(min(one, other) + 1)) / 2**n
    return min(1.0, 2 * tail)


@exercise.right("where they differ")
def where_they_differ(first, second):
    told = first[first != second]
    if len(told) == 0:
        return 1
    return stats.binomtest(int(told.sum()), len(told)).pvalue


TEST = "stats.binomtest(only_first, only_first + only_second, 0.5).pvalue"


@exercise.wrong("The networks met different images.",
    asks="That test forgets that both met the same images. Which of them tell the two apart?")
def unpaired(first, second):
    p, q, n = first.mean(), second.mean(), len(first)
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / n)
    return 2 * stats.norm.sf(abs(p - q) / error)


exercise.wrong("All images count.", edit(TEST,
    "stats.binomtest(only_first, len(first), 0.5).pvalue"),
    asks="Is an image on which both are right evidence for the second?")
exercise.wrong("The better one is known before.", edit(TEST,
    "stats.binomtest(max(only_first, only_second), only_first + only_second, 0.5, "
    "alternative='greater').pvalue"),
    asks="You chose the direction after you had seen the better one. How many sides has the test?")
exercise.wrong("The normal curve is exact.", edit(TEST,
    "stats.chi2.sf((only_first - only_second) ** 2 / (only_first + only_second), 1)"),
    asks="That is an approximation for many images. What is the exact distribution of a fair coin?")
exercise.wrong("A correction makes the normal curve exact.", edit(TEST,
    "stats.chi2.sf((abs(only_first - only_second) - 1) ** 2 / (only_first + only_second), 1)"),
    asks="Even corrected, that is an approximation. What is the exact distribution of a fair coin?")
exercise.wrong("The split that was seen does not count.", edit(TEST,
    "min(1, 2 * stats.binom.cdf(min(only_first, only_second) - 1, only_first + only_second, 0.5))"),
    asks="At least as uneven: is the split that was seen one of those?")
exercise.wrong("The share of agreement is tested.", edit(TEST,
    "stats.binomtest(int((first == second).sum()), len(first), 0.5).pvalue"),
    asks="Does it matter for the comparison how often they agree?")
exercise.wrong("The second net's errors are fixed.", edit(TEST,
    "stats.binomtest(int(first.sum()), len(first), second.mean()).pvalue"),
    asks="Is the accuracy of the second known without error?")
exercise.wrong("Two that agree differ.", edit("return 1.0", "return 0.0"),
    asks="If no image tells them apart, how surprised should you be?")
exercise.wrong("One of two always differs.",
    edit("only_first + only_second == 0", "first is None"), told="no p-value")
