"""The loss explorer against the neuron by hand and the library's losses."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from course_kit import explorers
from course_kit.explorers._loss_record import LOSSES, ON_MEMBRANES, best_record, compute
from course_kit.explorers._values import short
from course_kit.explorers.losses import PUSH_UNIT, ZEROS, value_text
from tests.helpers import artists
from tutorial_lib import functional as SF

explorer = explorers.losses()
POSITIONS = list(explorer.grid())
STEPS, RIGHT, RIVAL = 50, 3, 5
WINDOW = {"all 50 steps": (0, 50), "first half": (0, 25), "second half": (25, 50)}
TARGET = torch.tensor([RIGHT])
somewhere = st.sampled_from(POSITIONS)


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


def test_every_loss_of_the_library_is_offered() -> None:
    assert set(explorer.controls[0].options) == set(SF.LOSSES) | {"mse_count_loss(0.8, 0.2)"}
    assert len(list(explorer.grid(page=True))) <= 400


@given(somewhere)
def test_values_and_push_are_those_of_the_record(position: dict) -> None:
    result = compute(**position)
    spikes, membranes = by_hand(position["current"], position["when"], position["rival"])
    np.testing.assert_array_equal(result.spikes, spikes)
    np.testing.assert_allclose(result.membranes, membranes, rtol=0, atol=1e-12)
    assert result.counts == (
        spikes[:, RIGHT].sum(), spikes[:, RIVAL].sum(), (spikes[:, RIGHT] * spikes[:, RIVAL]).sum()
    )  # fmt: skip
    silence = torch.zeros(STEPS, 1, 10, dtype=torch.float64)
    for row, (name, loss) in enumerate(LOSSES.items()):
        record = torch.from_numpy(membranes if name in ON_MEMBRANES else spikes)[:, None]
        record = record.requires_grad_()
        value = loss(record, TARGET)
        assert result.values[row] == pytest.approx(value.item(), rel=1e-9, abs=1e-12)
        assert result.silences[row] == pytest.approx(loss(silence, TARGET).item(), rel=1e-12)
        if name == position["loss"]:
            (gradient,) = torch.autograd.grad(value, record)
            if name != "ce_max_membrane_loss":  # which one of equal maxima is pushed is left open
                np.testing.assert_allclose(result.push, -gradient[:, 0], rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(result.push.sum(0), -gradient[:, 0].sum(0), atol=1e-9)


@settings(max_examples=60)
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
        assert float(LOSSES[name](record, TARGET)) >= floor - 1e-12
        assert floor == float(LOSSES[name](best_record(name), TARGET))


def test_the_floors_are_the_known_ones() -> None:
    floors = dict(zip(LOSSES, compute().floors, strict=True))
    assert floors.pop("ce_rate_loss") == pytest.approx(math.log(1 + 9 / math.e), rel=1e-12)
    assert max(floors.values()) < 1e-15
    for name, silence in zip(LOSSES, compute().silences, strict=True):
        assert not name.startswith("ce") or silence == pytest.approx(math.log(10), rel=1e-12)


def test_each_loss_sees_something_else_of_the_same_record() -> None:
    def values(*position: float | str) -> dict[str, float]:
        return dict(zip(LOSSES, compute("ce_rate_loss", *position).values, strict=True))

    assert compute("ce_rate_loss", 1.6, "all 50 steps", 0.0).counts == (50, 0, 0)
    # Half a threshold more current, still silent: only the losses on membranes see it.
    silent, near = values(0.0, "all 50 steps", 0.0), values(0.45, "all 50 steps", 0.0)
    assert [name for name in LOSSES if near[name] < silent[name]] == list(ON_MEMBRANES)
    # Early or late: only the time of the first spike tells. (The membranes differ a little.)
    early, late = values(0.8, "first half", 0.0), values(0.8, "second half", 0.0)
    told = {name for name in LOSSES if abs(early[name] - late[name]) > 1e-6} - {*ON_MEMBRANES}
    assert told == {"mse_temporal_loss"}  # with a silent rival, ce_temporal_loss is 0 either way
    # With the rival or after it: the same counts, another rate loss.
    a, b = values(0.8, "first half", 0.8), values(0.8, "second half", 0.8)
    assert b["ce_rate_loss"] - a["ce_rate_loss"] > 0.004
    assert a["ce_count_loss"] == pytest.approx(b["ce_count_loss"])
    # At silence the count pulls 50 times as hard.
    pulls = [compute(name, 0.0).push[0, RIGHT] for name in ("ce_rate_loss", "ce_count_loss")]
    assert pulls == pytest.approx([0.018, 0.9])


@given(somewhere)
def test_the_picture_shows_the_result(position: dict) -> None:
    figure, result = Figure(figsize=explorer.size), compute(**position)
    explorer.draw(figure, result)
    found = artists(figure)
    low, high = figure.axes[0].get_ylim()
    spans = []
    for name, neuron in (("Right class", RIGHT), ("Rival", RIVAL), ("Others", 0)):
        bars, zero = found[f"{name} push"].get_ydata(), ZEROS[f"{name} push"]
        push = (bars[1::3] - zero) / PUSH_UNIT * result.full_push
        np.testing.assert_allclose(push, result.push[:, neuron], rtol=1e-6, atol=1e-12)
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
    assert all(share == pytest.approx(shares[row]) for row, share in at.items())
    assert (shares[arrows.get_ydata().astype(int)] > 1.3).all()
    for row, value in enumerate(result.values):
        assert found[f"value {row}"].get_text() == value_text(value)
    assert set(found["chosen"].get_ydata()) == {list(LOSSES).index(result.loss)}
    assert found["title"].get_text().startswith(f"{result.loss}: ")


@given(somewhere)
def test_the_description_has_the_numbers(position: dict) -> None:
    result = compute(**position)
    text = explorer.describe(result)
    right, rival, together = result.counts
    row = list(LOSSES).index(result.loss)
    for part in (
        f"the right class fires {right} times, a rival {rival} times",
        f"both in the same step {together} times",
        f"{result.loss} is {value_text(result.values[row])};",
        f"its floor is {value_text(result.floors[row])},",
        f"silence gives {value_text(result.silences[row])}.",
        *(f"{name} {value_text(value)}" for name, value in zip(LOSSES, result.values, strict=True)
          if name != result.loss),
    ):  # fmt: skip
        assert part in text
    up = result.push[:, RIGHT].max()
    assert ("right class: up" in text) == (up > 0)
    assert up <= 0 or f"at most {short(float(up))}" in text
