"""The loss explorer against the neuron and the losses written out in numpy, at every position."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from course_kit import explorers
from course_kit.explorers._loss_record import (
    CURRENTS,
    LOSSES,
    ON_MEMBRANES,
    RIVALS,
    WINDOWS,
    LossResult,
    best_record,
    compute,
)
from course_kit.explorers._values import short
from course_kit.explorers.losses import PUSH_UNIT, ZEROS, describe, draw, value_text

explorer = explorers.losses()
POSITIONS = list(explorer.grid())
RECORDS = list(itertools.product(CURRENTS, WINDOWS, RIVALS))
STEPS, RIGHT, RIVAL = 50, 3, 5
ONE_HOT = np.eye(10)[RIGHT]
WINDOW = {"all 50 steps": (0, 50), "first half": (0, 25), "second half": (25, 50)}


def by_hand(current: float, when: str, rival: float) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and membranes ``[50, 10]``, without torch and the library."""
    spikes, membranes = np.zeros((STEPS, 10)), np.zeros((STEPS, 10))
    for neuron, drive, (start, stop) in (
        (RIGHT, current, WINDOW[when]),
        (RIVAL, rival, (0, 25)),
    ):
        mem = 0.0
        for t in range(STEPS):
            mem = 0.5 * mem + (drive if start <= t < stop else 0) - (mem > 1)
            membranes[t, neuron], spikes[t, neuron] = mem, mem > 1
    return spikes, membranes


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def cross_entropy(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - shifted[..., RIGHT]


def expected(loss: str, spikes: np.ndarray, membranes: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and push ``[50, 10]`` of a loss, from its formula."""
    count, ones = spikes.sum(0), np.ones((STEPS, 1))
    first = np.where(spikes.any(0), spikes.argmax(0), STEPS - 1)
    at_first = np.arange(STEPS)[:, None] == first
    if loss == "ce_rate_loss":
        return cross_entropy(spikes).mean(), (ONE_HOT - softmax(spikes)) / STEPS
    if loss == "ce_count_loss":
        return float(cross_entropy(count)), ones * (ONE_HOT - softmax(count))
    if loss.startswith("mse_count_loss"):
        on, off = (40, 10) if "0.8" in loss else (50, 0)
        error = count - np.where(ONE_HOT, on, off)
        return (error**2).sum() / STEPS / 10, -ones * 2 * error / STEPS / 10
    if loss == "ce_temporal_loss":
        return float(cross_entropy(-first)), at_first * (ONE_HOT - softmax(-first.astype(float)))
    if loss == "mse_temporal_loss":
        error = (first - np.where(ONE_HOT, 0, STEPS - 1)) / STEPS
        return (error**2).mean(), at_first * 2 * error / STEPS / 10
    if loss == "ce_max_membrane_loss":
        highest = membranes.max(0)
        return float(cross_entropy(highest)), ones * (ONE_HOT - softmax(highest))
    error = membranes - ONE_HOT
    return (error**2).mean(), -2 * error / STEPS / 10


def test_the_positions_are_all_combinations() -> None:
    assert len(POSITIONS) == len(LOSSES) * len(RECORDS) == 768
    assert len(list(explorer.grid(page=True))) == 240


@pytest.mark.parametrize("loss", LOSSES)
def test_every_position_agrees_with_the_formulas(loss: str) -> None:
    silence = np.zeros((STEPS, 10))
    row = list(LOSSES).index(loss)
    for current, when, rival in RECORDS:
        result = compute(loss, current, when, rival)
        spikes, membranes = by_hand(current, when, rival)
        np.testing.assert_array_equal(result.spikes, spikes)
        np.testing.assert_allclose(result.membranes, membranes, rtol=0, atol=1e-12)
        value, push = expected(loss, spikes, membranes)
        assert result.values[row] == pytest.approx(value, rel=1e-9, abs=1e-12)
        if loss == "ce_max_membrane_loss":  # one step pushes, one of those at the maximum
            at_top = np.isclose(membranes, membranes.max(0))
            assert (result.push[~at_top] == 0).all()
            assert ((result.push != 0).sum(0) == 1).all()
            np.testing.assert_allclose(result.push.sum(0), push[0], atol=1e-12)
        else:
            np.testing.assert_allclose(result.push, push, rtol=1e-9, atol=1e-12)
        value, push = expected(loss, silence, silence)
        assert result.silences[row] == pytest.approx(value, rel=1e-12)
        assert result.full_push == pytest.approx(np.abs(push).max(), rel=1e-12)
        assert (result.loss, result.current, result.when, result.rival) == (
            loss, current, when, rival,
        )  # fmt: skip
        assert result.counts == (
            spikes[:, RIGHT].sum(), spikes[:, RIVAL].sum(),
            (spikes[:, RIGHT] * spikes[:, RIVAL]).sum(),
        )  # fmt: skip


def test_all_values_belong_to_the_same_record() -> None:
    for current, when, rival in RECORDS[::5]:
        result = compute("ce_count_loss", current, when, rival)
        for name, value in zip(LOSSES, result.values, strict=True):
            wanted = expected(name, result.spikes, result.membranes)[0]
            assert value == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_the_floors_are_the_known_ones() -> None:
    floors = dict(zip(LOSSES, compute().floors, strict=True))
    assert floors.pop("ce_rate_loss") == pytest.approx(math.log(1 + 9 / math.e), rel=1e-12)
    assert floors.pop("ce_count_loss") == pytest.approx(math.log1p(9 * math.exp(-50)), abs=1e-15)
    assert floors.pop("ce_temporal_loss") == pytest.approx(0, abs=1e-15)
    assert set(floors.values()) == {0}
    silences = dict(zip(LOSSES, compute().silences, strict=True))
    for name in LOSSES:
        if name.startswith("ce"):
            assert silences[name] == pytest.approx(math.log(10), rel=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    bits=st.lists(st.integers(0, 2**10 - 1), min_size=STEPS, max_size=STEPS),
    scale=st.floats(0, 3),
    shift=st.floats(-1, 1),
)
def test_no_record_lies_below_a_floor(bits: list[int], scale: float, shift: float) -> None:
    table = [[bool(b >> i & 1) for i in range(10)] for b in bits]
    spikes = torch.tensor(table, dtype=torch.float64)[:, None]
    membranes = scale * spikes + shift
    for name, floor in zip(LOSSES, compute().floors, strict=True):
        record = membranes if name in ON_MEMBRANES else spikes
        assert float(LOSSES[name](record, torch.tensor([RIGHT]))) >= floor - 1e-12


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ON_MEMBRANES])
def test_the_best_record_of_spikes_holds_spikes(loss: str) -> None:
    best = best_record(loss)
    assert best.shape == (STEPS, 1, 10) and set(best.unique().tolist()) <= {0, 1}


def test_what_the_course_says_of_it() -> None:
    """Each loss sees something else of the same record."""

    def values(*position: float | str) -> dict[str, float]:
        return dict(zip(LOSSES, compute("ce_rate_loss", *position).values, strict=True))

    perfect = compute("ce_rate_loss", 1.6, "all 50 steps", 0.0)
    assert perfect.counts == (50, 0, 0)
    assert perfect.values[0] == pytest.approx(perfect.floors[0], rel=1e-12)
    # Half a threshold more current, still silent: only the losses on membranes see it.
    silent, near = values(0.0, "all 50 steps", 0.0), values(0.45, "all 50 steps", 0.0)
    for name in LOSSES:
        assert (near[name] < silent[name]) == (name in ON_MEMBRANES)
    assert near["mse_membrane_loss"] < values(1.6, "all 50 steps", 0.0)["mse_membrane_loss"]
    # Early or late: only the time of the first spike tells. (The membranes differ a little.)
    early, late = values(0.8, "first half", 0.0), values(0.8, "second half", 0.0)
    for name in set(LOSSES) - set(ON_MEMBRANES):
        assert (early[name] == pytest.approx(late[name], rel=1e-12, abs=1e-9)) == (
            name != "mse_temporal_loss"  # with a silent rival, ce_temporal_loss is 0 either way
        )
    # With the rival or after it: the same counts, another rate loss.
    a, b = (compute("ce_rate_loss", 0.8, when, 0.8) for when in ("first half", "second half"))
    assert (a.counts, b.counts) == ((10, 10, 10), (10, 10, 0))
    assert b.values[0] - a.values[0] > 0.004 and a.values[1] == pytest.approx(b.values[1])
    # At silence the count pulls 50 times as hard.
    pulls = [compute(name, 0.0).push[0, RIGHT] for name in ("ce_rate_loss", "ce_count_loss")]
    assert pulls == pytest.approx([0.018, 0.9])
    # A loss that wants 10 spikes of everybody pushes a silent rival up, and 50 spikes down.
    both = compute("mse_count_loss(0.8, 0.2)", 1.6)
    assert (both.push[:, RIVAL] > 0).all() and (both.push[:, RIGHT] < 0).all()


def test_the_other_eight_are_alike() -> None:
    for position in POSITIONS[::11]:
        if position["loss"] == "ce_max_membrane_loss":
            continue
        push = compute(**position).push
        others = np.delete(push, [RIGHT, RIVAL], axis=1)
        np.testing.assert_allclose(others, others[:, :1].repeat(8, 1), atol=1e-12)


def drawn(position: dict) -> tuple[Figure, LossResult, dict]:
    figure = Figure(figsize=explorer.size)
    result = compute(**position)
    draw(figure, result)
    named = [a for a in figure.findobj() if a.get_gid()]
    assert len({a.get_gid() for a in named}) == len(named)
    return figure, result, {a.get_gid(): a for a in named}


@pytest.mark.parametrize("position", POSITIONS[::41])
def test_the_picture_shows_the_result(position: dict) -> None:
    figure, result, found = drawn(position)
    low, high = figure.axes[0].get_ylim()
    spans = []
    for name, neuron in (("Right class", RIGHT), ("Rival", RIVAL), ("Others", 0)):
        bars, zero = found[f"{name} push"].get_ydata(), ZEROS[f"{name} push"]
        push = (bars[1::3] - zero) / PUSH_UNIT * result.full_push
        np.testing.assert_allclose(push, result.push[:, neuron], rtol=1e-6, atol=1e-12)
        assert (bars[0::3] == zero).all() and np.isnan(bars[2::3]).all()
        spans.append((np.nanmin(bars), np.nanmax(bars)))
        if name == "Others":
            continue
        curve, zero = found[f"{name} membrane"].get_ydata(), ZEROS[f"{name} membrane"]
        np.testing.assert_allclose(curve - zero, result.membranes[:, neuron], atol=1e-12)
        times, heights = found[f"{name} spikes"].get_data()
        assert times.tolist() == np.flatnonzero(result.spikes[:, neuron]).tolist()
        assert (heights > curve.max()).all()
        assert f"{len(times)} spike" in found[f"{name} count"].get_text()
        spans.append((curve.min(), zero + 2.4))
    spans.sort()
    assert low < spans[0][0] and spans[-1][1] < high
    assert all(below[1] < above[0] for below, above in itertools.pairwise(spans))
    shares = (result.values - result.floors) / (result.silences - result.floors)
    dots, arrows = found["inside"], found["beyond"]
    at = dict(zip(dots.get_ydata().tolist(), dots.get_xdata().tolist(), strict=True))
    assert sorted([*at, *arrows.get_ydata().tolist()]) == list(range(len(LOSSES)))
    for row, share in at.items():
        assert share == pytest.approx(shares[row]) and share < arrows.axes.get_xlim()[1]
    assert (shares[arrows.get_ydata().astype(int)] > 1.3).all()
    for row, value in enumerate(result.values):
        assert float(found[f"value {row}"].get_text()) == pytest.approx(value, abs=6e-3)
    assert set(found["chosen"].get_ydata()) == {list(LOSSES).index(result.loss)}
    assert found["title"].get_text().startswith(f"{result.loss}: ")
    assert short(float(np.abs(result.push).max())) in found["push"].get_text()
    shown = {t.get_text() for t in figure.axes[-1].texts}
    assert {"1.4612", "2.3026", "5.0000", "0.1000", "floor", "here", "silence"} <= shown


def test_the_axes_stand_still_and_the_artists_are_the_same() -> None:
    frames = [drawn(position) for position in POSITIONS[::53]]
    assert len({tuple(found) for _, _, found in frames}) == 1
    limits = {tuple((*ax.get_xlim(), *ax.get_ylim()) for ax in fig.axes) for fig, _, _ in frames}
    assert len(limits) == 1


@pytest.mark.parametrize("position", POSITIONS[::19])
def test_the_alt_text_says_the_numbers(position: dict) -> None:
    result = compute(**position)
    text = describe(result)
    right, rival, together = result.counts
    row = list(LOSSES).index(result.loss)
    for part in (
        f"the right class fires {right} times, a rival {rival} times",
        f"both in the same step {together} times",
        f"{result.loss} is {value_text(result.values[row])};",
        f"its floor is {value_text(result.floors[row])},",
        f"silence gives {value_text(result.silences[row])}.",
        *(
            f"{name} {value_text(value)}"
            for name, value in zip(LOSSES, result.values, strict=True)
            if name != result.loss
        ),
    ):
        assert part in text, (part, text)
    up = result.push[:, RIGHT].max()
    assert ("right class: up" in text) == (up > 0)
    if up > 0:
        assert f"at most {short(float(up))}" in text


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"loss": "ce_loss"}, "loss must be one of"),
        ({"when": "never"}, "when must be one of"),
        ({"current": -0.1}, "current must lie between 0 and 2"),
        ({"rival": math.nan}, "rival must lie between 0 and 2"),
    ],
)
def test_bad_positions_are_refused(bad: dict, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compute(**bad)
