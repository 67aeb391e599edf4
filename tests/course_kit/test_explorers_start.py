"""The start explorer: mean, spread and xi by formula, rates counted, and what is drawn of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_kit import explorers
from course_kit.explorers.start import INPUTS, LEAST, RATE, SHOWN, STEPS, _drawn
from tests.helpers import artists

EXPLORER = explorers.start()
somewhere = st.sampled_from(list(EXPLORER.grid()))


def written_out(gain: float, beta: float) -> tuple[int, list[float]]:
    """Spikes with the reset, and membranes without, by the update rule in plain numbers."""
    mem = free = 0.0
    spikes, record = 0, []
    for current in (gain * _drawn()[1]).tolist():
        mem = beta * mem + current - (1.0 if mem > 1 else 0.0)
        free = beta * free + current
        spikes += mem > 1
        record.append(free)
    return spikes, record


@settings(max_examples=10, deadline=None)
@given(somewhere)
def test_every_position_is_a_neuron_by_the_update_rule(position: dict) -> None:
    view = EXPLORER.compute(**position)
    spikes, record = written_out(**position)
    assert view.measured == pytest.approx(spikes / STEPS, abs=2 / STEPS)
    assert view.membrane == pytest.approx(np.array(record[-SHOWN:]), abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(somewhere)
def test_mean_and_spread_are_those_of_the_run(position: dict) -> None:
    """The mean of n correlated membranes has the variance s^2 (1 + b) / (n (1 - b)), b = beta."""
    view, beta = EXPLORER.compute(**position), position["beta"]
    faded = np.array(written_out(**position)[1][STEPS // 10 :])
    error = view.std * math.sqrt((1 + beta) / (1 - beta) / len(faded))
    assert abs(faded.mean() - view.mean) < 6 * error
    assert abs(faded.std() / view.std - 1) < 6 * error / view.std
    weights, _ = _drawn()
    mean = position["gain"] * RATE * weights.sum().item() / (1 - beta)
    assert view.mean == pytest.approx(mean) and len(weights) == INPUTS
    assert view.xi == pytest.approx((1 - view.mean) / view.std)
    assert view.predicted == pytest.approx(0.5 * math.erfc(view.xi / math.sqrt(2)))


@settings(max_examples=8, deadline=None)
@given(somewhere)
def test_the_picture_and_its_words_hold_the_numbers(position: dict) -> None:
    view, named = EXPLORER.compute(**position), artists(EXPLORER.figure(**position))
    assert named["measured"].get_xdata() == [view.xi]
    assert named["measured"].get_ydata() == [max(view.measured, LEAST)]
    assert list(named["membrane"].get_ydata()) == list(view.membrane)
    said = EXPLORER.describe(view)
    assert all(named[name].get_text() in said for name in ("xi", "rates"))
    assert ("silent" in named["rates"].get_text()) == (view.measured == 0)


def test_more_gain_brings_the_threshold_nearer() -> None:
    views = [EXPLORER.compute(gain=gain, beta=0.5) for gain in (0.25, 1.0, 4.0)]
    assert [v.xi for v in views] == sorted((v.xi for v in views), reverse=True)
    assert views[0].measured == 0 < views[1].measured < views[2].measured


def test_the_generator_stays_as_it_is() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    EXPLORER.compute(**EXPLORER.start())
    assert torch.equal(torch.get_rng_state(), before)
