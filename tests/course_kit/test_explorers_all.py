"""What holds for every explorer of the course, wherever its controls stand."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from course_kit import explorers, material
from course_kit.explorers import Explorer
from tutorial_lib import events, networks


def lively(gain: float = 4.0) -> torch.nn.Module:
    """The course's network with weights so large that spikes reach the output untrained."""
    torch.manual_seed(0)
    net = networks.conv_net()
    with torch.no_grad():
        for weight in net.parameters():
            weight *= gain
    return net


@pytest.fixture(scope="module")
def every() -> dict[str, Explorer]:
    net, image = lively(), material.printed_digits()[0][3:4]
    made = {
        "neuron": explorers.neuron(), "surrogates": explorers.surrogates(),
        "rates": explorers.rates(), "start": explorers.start(),
        "gradient": explorers.gradient(), "losses": explorers.losses(),
        "schedules": explorers.schedules(),
        "player": explorers.spike_player(net, image, 12), "digit": explorers.draw_digit(net, 12),
        "events": explorers.event_player(events.saccades(image)[0]),
    }  # fmt: skip
    assert len(made) == len(explorers.__all__) - 2  # all but Control and Explorer
    return {**made, "gradient of one neuron": explorers.gradient(chain=False)}


NAMES = (
    "rates", "start", "neuron", "surrogates", "gradient", "losses", "schedules", "player", "digit",
    "events", "gradient of one neuron",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_only_the_data_moves(every: dict[str, Explorer], name: str) -> None:
    """Same axes, limits and named artists in every state: else each state is kept as a whole."""
    positions = list(every[name].grid())
    frames = [every[name].figure(**p) for p in positions[:: max(len(positions) // 9, 1)]]
    looks = {
        tuple((ax.get_position().bounds, ax.get_xlim(), ax.get_ylim()) for ax in frame.axes)
        for frame in frames
    }
    assert len(looks) == 1
    named = [[a.get_gid() for a in frame.findobj() if a.get_gid()] for frame in frames]
    assert named[0] and all(gids == named[0] for gids in named)


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_value_is_named_before_anything_is_computed(
    every: dict[str, Explorer], name: str
) -> None:
    explorer = every[name]
    for control in explorer.controls:
        for bad in (None, "ramp", [0.1], math.nan, -5, 1e9, True, np.ones(3), torch.ones(3)):
            with pytest.raises((TypeError, ValueError)) as caught:
                explorer.compute(**{**explorer.start(), control.name: bad})
            said = str(caught.value)
            assert re.match(rf"{control.name} must .*, got ", said), said
            assert caught.traceback[-1].path.name == "_values.py"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_a_few_hundred_states_at_most(every: dict[str, Explorer], name: str) -> None:
    explorer = every[name]
    offered = list(explorer.grid(page=True))
    assert explorer.start() in offered and 2 <= len(offered) <= 400
    assert re.search(r"\d", repr(explorer)) and repr(explorer).startswith(explorer.title)
