"""What notebook 07 says of maxima, intervals, seeds and tests, each within a derived error.

The functions of the notebook are taken out of its cells, so that what is tested is what is read.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import jupytext
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from course_kit.exercises.nb07.chosen import solved_chosen
from course_kit.exercises.nb07.interval import solved_interval
from course_kit.exercises.nb07.mcnemar import solved_mcnemar
from course_kit.exercises.nb07.protocol import solved_comparison
from course_kit.exercises.nb07.seeds import solved_seeds
from tests.helpers import ROOT

ERRORS = 6  # standard errors that a sample may be off: 1 in 500 million if it is normal
SEED = st.integers(0, 2**31)


@cache
def of_notebook(name: str) -> Callable[..., Any]:
    """A function that a cell of the notebook defines, by itself."""
    parsed = jupytext.read(ROOT / "notebooks" / "07_defensible_numbers.py", fmt="py:percent")
    for cell in parsed.cells:
        if cell.cell_type == "code":
            for part in ast.parse(cell.source).body:
                if isinstance(part, ast.FunctionDef) and part.name == name:
                    space: dict[str, Any] = {"math": math, "np": np, "stats": stats}
                    exec(ast.unparse(part), space)
                    return space[name]
    raise AssertionError(f"Notebook 07 defines no function {name}.")


# Networks of known accuracy


@settings(max_examples=15)
@given(st.lists(st.floats(0.5, 0.999), min_size=1, max_size=4), st.floats(0, 0.99), SEED)
def test_networks_have_the_accuracy_that_was_asked_for(
    truths: list[float], shared: float, seed: int
) -> None:
    """On n images a share p has the variance p (1 - p) / n, however alike the networks are."""
    n, rng = 20_000, np.random.default_rng(seed)
    found = of_notebook("answers")(truths, n, rng, shared).mean(axis=1)
    wanted = np.array(truths)
    error = np.sqrt(wanted * (1 - wanted) / n)
    assert (abs(found - wanted) <= ERRORS * error + 12 / n).all()


def test_what_is_shared_makes_them_alike() -> None:
    rng, found = np.random.default_rng(0), []
    for shared in (0.0, 0.5, 0.8, 0.99):
        bits = of_notebook("answers")(np.full(2, 0.9), 100_000, rng, shared)
        found.append(np.corrcoef(bits)[0, 1])
    assert abs(found[0]) < ERRORS / math.sqrt(100_000) and found == sorted(found)
    assert found[-1] > 0.8


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_the_rule_for_a_maximum(shared: float) -> None:
    """m sqrt(1 - r) sqrt(p (1 - p) / N), at p = 0.9, where a share is nearly normal."""
    count, n, p, trials = 10, 2000, 0.9, 400
    rng = np.random.default_rng(1)
    draws = [of_notebook("answers")(np.full(count, p), n, rng, shared) for _ in range(trials)]
    gains = np.array([bits.mean(axis=1).max() - p for bits in draws])
    r = np.mean([np.corrcoef(bits)[np.triu_indices(count, 1)].mean() for bits in draws[:40]])
    m = rng.standard_normal((20_000, count)).max(axis=1).mean()
    wanted = m * math.sqrt(1 - r) * math.sqrt(p * (1 - p) / n)
    assert abs(gains.mean() - wanted) < 5 * gains.std() / math.sqrt(trials) + 0.02 * wanted


# Who chooses


def drawn(seed: int, seeds: int = 3, epochs: int = 5, images: int = 40) -> SimpleNamespace:
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.5, 1, (seeds, epochs, 1))
    return SimpleNamespace(
        val=rng.random((seeds, epochs, images)) < level,
        test=rng.random((seeds, epochs, 2 * images)) < level,
    )


@given(SEED)
def test_peeking_never_costs(seed: int) -> None:
    runs = drawn(seed)
    honest = solved_chosen(runs.val, runs.test)
    assert (honest <= runs.test.mean(axis=-1).max(axis=-1)).all()
    assert np.isclose(honest, of_notebook("at_choice")(runs).mean(axis=-1)).all()


@given(SEED)
def test_a_comparison_without_leaks(seed: int) -> None:
    """It has a direction, and epochs that only one side has do not matter."""
    ours, theirs = drawn(seed, epochs=4), drawn(seed + 1, seeds=2, epochs=7)
    found = solved_comparison(ours, theirs)
    assert math.isclose(found, -solved_comparison(theirs, ours), abs_tol=1e-9)
    theirs.val[:, 4:] = theirs.test[:, 4:] = True
    assert math.isclose(found, solved_comparison(ours, theirs), abs_tol=1e-9)
    chosen = ours.val.mean(axis=-1).argmax(axis=1)
    others = np.arange(4) != chosen[:, None]
    ours.test[others] = True
    assert math.isclose(found, solved_comparison(ours, theirs), abs_tol=1e-9)


# Intervals


def covered(limits: Callable[[Any], tuple[Any, Any]], n: int, new: bool = False) -> float:
    """How often limits from n normal numbers hold their true mean, or one more number."""
    rng, trials = np.random.default_rng(n), 4000
    hits = 0
    for _ in range(trials):
        *values, other = rng.normal(99.4, 0.05, n + 1)
        low, high = limits(np.array(values))
        hits += low <= (other if new else 99.4) <= high
    return hits / trials


@pytest.mark.parametrize("n", [2, 5, 12])
def test_the_intervals_hold_what_they_promise(n: int) -> None:
    error = math.sqrt(0.95 * 0.05 / 4000)
    assert abs(covered(solved_interval, n) - 0.95) < 4 * error
    assert abs(covered(of_notebook("prediction_interval"), n, new=True) - 0.95) < 4 * error


def test_two_standard_errors_of_five_seeds_are_too_few() -> None:
    def naive(values: np.ndarray) -> tuple[float, float]:
        width = 1.96 * stats.sem(values)
        return values.mean() - width, values.mean() + width

    assert abs(covered(naive, 5) - (2 * stats.t.cdf(1.96, 4) - 1)) < 0.02
    assert 2 * stats.t.cdf(1.96, 4) - 1 < 0.88


@given(st.lists(st.floats(0, 100), min_size=2, max_size=9, unique=True))
def test_a_new_run_is_less_certain_than_the_mean(values: list[float]) -> None:
    low, high = solved_interval(values)
    wide = of_notebook("prediction_interval")(values)
    ratio = math.sqrt(len(values) + 1)
    assert math.isclose(wide[1] - wide[0], ratio * (high - low), rel_tol=1e-9, abs_tol=1e-9)


# Tests


@given(st.floats(0.01, 1), st.floats(0.02, 1))
def test_so_many_seeds_reach_the_power_and_one_less_does_not(sd: float, difference: float) -> None:
    """Of a z test, whose power is known exactly (but for the side that nobody expects)."""

    def power(n: int) -> float:
        z = difference / (sd * math.sqrt(2 / n))
        return float(stats.norm.cdf(z - stats.norm.ppf(0.975)))

    n = solved_seeds(sd, difference)
    assert power(n) > 0.8 - 1e-9 and n >= 2
    assert n == 2 or power(n - 1) < 0.8 + 1e-9


@pytest.mark.parametrize(("n", "ratio"), [(16, 1.0), (40, 0.6)])
def test_the_simulated_power_is_that_of_the_t_test(n: int, ratio: float) -> None:
    """By the noncentral t distribution."""
    shift, df = ratio / math.sqrt(2 / n), 2 * n - 2
    limit = stats.t.ppf(0.975, df)
    wanted = stats.nct.sf(limit, df, shift) + stats.nct.cdf(-limit, df, shift)
    found = of_notebook("power")(n, ratio * 0.05, 0.05)
    assert abs(found - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / 2000)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemars_p_is_that_of_a_fair_coin(only_first: int, only_second: int) -> None:
    counts = (7, only_first, only_second, 3)
    first = np.repeat([True, True, False, False], counts)
    second = np.repeat([True, False, True, False], counts)
    n = only_first + only_second
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    assert math.isclose(solved_mcnemar(first, second), min(1, 2 * tail), rel_tol=1e-9)
    assert solved_mcnemar(first, second) == solved_mcnemar(second, first)


@pytest.mark.parametrize("n", [1, 5, 6, 17, 50])
def test_mcnemars_test_keeps_its_promise_for_two_networks(n: int) -> None:
    """Exactly: the chance of p <= 0.05, over all splits of n images by a fair coin."""
    alarms = 0.0
    for k in range(n + 1):
        first = np.repeat([True, False], (k, n - k))
        alarms += (solved_mcnemar(first, ~first) <= 0.05) * math.comb(n, k) / 2**n
    assert alarms <= 0.05


def test_a_function_that_the_notebook_has_not_is_missed() -> None:
    with pytest.raises(AssertionError, match="defines no function nobody"):
        of_notebook("nobody")
