"""The rate explorer: at every position it shows how often the course's network fires."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_kit import explorers
from course_kit.explorers.rates import DIGITS, LAYERS, LEAST, NUM_STEPS, SHOWN, images
from tests.helpers import artists
from tutorial_lib import networks

EXPLORER = explorers.rates()
somewhere = st.sampled_from(list(EXPLORER.grid()))


def written_out(gain: float, threshold: float, beta: float) -> list[torch.Tensor]:
    """Spikes ``[T, B, N]`` of the three layers, by the update rule and torch's own layers."""
    torch.manual_seed(0)
    net = networks.conv_net()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(gain)
        mem, record = [torch.zeros(())] * 3, [[], [], []]
        for _ in range(NUM_STEPS):
            x = images()
            for layer, part in enumerate((net[0:2], net[3:5], net[6:8])):
                fired = (mem[layer] > threshold).float()
                mem[layer] = beta * mem[layer] + part(x) - fired * threshold
                x = (mem[layer] > threshold).float()
                record[layer].append(x.flatten(1))
    return [torch.stack(steps) for steps in record]


@settings(max_examples=8)
@given(somewhere)
def test_every_position_is_the_networks_own(position: dict) -> None:
    view = EXPLORER.compute(**position)
    for layer, spk in enumerate(written_out(**position)):
        # rounding may move a spike where a membrane is at its threshold
        assert view.rates[layer] == pytest.approx(spk.mean().item(), rel=0.01, abs=1e-5)
        assert view.spikes[layer] == pytest.approx(spk.sum().item(), rel=0.01, abs=40)
        assert view.course[layer] == pytest.approx(spk.mean((1, 2)).numpy(), abs=0.03)


@settings(max_examples=8)
@given(somewhere, st.sampled_from([0.25, 2.0, 4.0]))
def test_only_the_ratio_of_gain_and_threshold_counts(position: dict, factor: float) -> None:
    scaled = {name: position[name] * factor for name in ("gain", "threshold")}
    one, other = EXPLORER.compute(**position), EXPLORER.compute(**{**position, **scaled})
    assert one.rates == pytest.approx(other.rates, rel=0.01, abs=1e-5)


def test_the_generator_stays_as_it_is() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = EXPLORER.compute(**EXPLORER.start())
    assert torch.equal(torch.get_rng_state(), before)
    assert first.rates == EXPLORER.compute(**EXPLORER.start()).rates


@settings(max_examples=8)
@given(somewhere)
def test_the_picture_and_its_words_hold_the_numbers(position: dict) -> None:
    view, named = EXPLORER.compute(**position), artists(EXPLORER.figure(**position))
    said = EXPLORER.describe(view)
    for layer, name in enumerate(LAYERS):
        assert named[f"rate {layer}"].get_xdata() == [max(view.rates[layer], LEAST)]
        assert list(named[f"course {layer}"].get_ydata()) == list(view.course[layer, :SHOWN])
        text = named[f"text {layer}"].get_text()
        assert (text == "silent") == (view.spikes[layer] == 0) and f"{name} {text}" in said
    ahead = f"One class is ahead for {round(view.decided * DIGITS)} of {DIGITS} digits"
    assert named["decided"].get_text() == ahead and ahead in said


def test_the_start_is_silent_and_each_control_wakes_it() -> None:
    start = EXPLORER.start()
    assert EXPLORER.compute(**start).spikes[1:] == (0, 0)
    for moved in ({"gain": 4.0}, {"threshold": 0.25}, {"beta": 0.9}):
        assert min(EXPLORER.compute(**{**start, **moved}).spikes) > 0
