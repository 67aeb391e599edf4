"""The neuron explorer: at every position it shows what the library's neuron does."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_kit import explorers
from course_kit.explorers.neuron import (
    CURRENTS,
    HIGH,
    LOW,
    NOISES,
    NUM_STEPS,
    PULSES,
    NeuronView,
    compute,
    current_of,
    describe,
    draw,
    when,
)
from tutorial_lib.neurons import lif_step

EXPLORER = explorers.neuron()
GRID = list(EXPLORER.grid())
START = EXPLORER.start()


@pytest.fixture(scope="module")
def views() -> list[NeuronView]:
    return [compute(**position) for position in GRID]


def test_every_position_is_a_run_of_the_library_s_step(views: list[NeuronView]) -> None:
    """All positions with one reset at once, in the pure step; the explorer runs the module."""
    for reset in ("subtract", "zero", "none"):
        chosen = [v for v in views if v.reset_mechanism == reset]
        beta = torch.tensor([v.beta for v in chosen], dtype=torch.float64)
        threshold = torch.tensor([v.threshold for v in chosen], dtype=torch.float64)
        mem = torch.zeros(len(chosen), dtype=torch.float64)
        for t in range(NUM_STEPS):
            cur = torch.tensor([v.current[t] for v in chosen])
            spk, mem = lif_step(cur, mem, beta, threshold, reset_mechanism=reset)
            np.testing.assert_array_equal([v.spk[t] for v in chosen], spk.numpy())
            np.testing.assert_allclose([v.mem[t] for v in chosen], mem.numpy(), rtol=1e-12)
    assert len(GRID) == len(views) > 900


def test_every_position_follows_the_written_rule(views: list[NeuronView]) -> None:
    for view, position in zip(views, GRID, strict=True):
        assert view.current.tolist() == current_of(position["current"], position["level"]).tolist()
        mem = fired = 0.0
        for t in range(NUM_STEPS):
            acts = fired if position["reset"] != "none" else 0.0
            if position["reset"] == "zero":
                mem = (1 - acts) * mem
            mem = position["beta"] * mem + view.current[t]
            if position["reset"] == "subtract":
                mem -= acts * position["threshold"]
            assert view.mem[t] == pytest.approx(mem, rel=1e-9, abs=1e-12)
            mem = view.mem[t]  # rounding must not add up to another spike
            fired = float(mem > position["threshold"])
            assert (view.spk[t], view.reset[t]) == (fired, acts)


@pytest.mark.parametrize("level", [0.05, 0.5])
def test_all_currents_have_one_mean(level: float) -> None:
    for kind in CURRENTS:
        record = current_of(kind, level)
        assert record.shape == (NUM_STEPS,) and record.mean().item() == pytest.approx(level)
        assert record.std(unbiased=False).item() == pytest.approx(
            NOISES.get(kind, level if kind in PULSES else 0.0)
        )
    for kind, length in PULSES.items():
        record = current_of(kind, level).tolist()
        assert record[: 3 * length] == [2 * level] * length + [0] * length + [2 * level] * length


def test_noise_is_its_own() -> None:
    before = torch.get_rng_state()
    first = current_of("noise of 0.15", 0.1)
    torch.manual_seed(5)
    assert torch.equal(first, current_of("noise of 0.15", 0.1))
    torch.set_rng_state(before)
    current_of("noise of 0.15", 0.1)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_rheobase_parts_firing_from_silence(views: list[NeuronView]) -> None:
    """Equation 00-rheobase, for the constant currents: fires in the end, or at no step ever."""
    seen = set()
    for view in views:
        if view.kind != "constant":
            continue
        assert view.rheobase == pytest.approx((1 - view.beta) * view.threshold)
        resting = view.level / (1 - view.beta) if view.beta < 1 else math.inf
        if math.isclose(resting, view.threshold):
            assert not view.above  # exactly at it
        else:
            assert view.above == (resting > view.threshold)
        if not view.above:
            assert view.spk.sum() == 0
        seen.add((view.above, view.spk.sum() > 0))
    assert {(True, True), (False, False)} <= seen


def test_the_spikes_in_words() -> None:
    def said(**changes: object) -> str:
        return when(compute(**{**START, **changes}))

    assert said(level=0.05) == "No spike in 60 steps"
    assert said() == "3 spikes, first at step 17, then every 18 steps"
    assert said(reset="none") == "43 spikes, first at step 17, then at every step"
    assert said(current="noise of 0.15").count("steps apart") == 1
    one = compute(**START)
    spk = np.zeros(NUM_STEPS)
    spk[4] = 1
    assert when(type(one)(**{**vars(one), "spk": spk})) == "1 spike, at step 4"


def test_gaps_in_words_are_those_of_the_spikes(views: list[NeuronView]) -> None:
    kinds = set()
    for view in views:
        gaps = set(np.diff(np.flatnonzero(view.spk)).tolist())
        if not gaps:
            continue
        end = when(view).split(", then ")[1]
        if gaps == {1}:
            assert end == "at every step"
        elif len(gaps) == 1:
            assert end == f"every {min(gaps)} steps"
        else:
            assert end == f"{min(gaps)} to {max(gaps)} steps apart"
        kinds.add((1 in gaps, len(gaps) > 1))
    assert len(kinds) == 4


def test_every_description_has_the_numbers(views: list[NeuronView]) -> None:
    for view in views:
        text = describe(view)
        for part in (
            f"beta {view.beta:g}, threshold {view.threshold:g} and reset '{view.reset_mechanism}'",
            f"mean {view.level:g}",
            when(view),
            f"between {view.mem.min():.2f} and {view.mem.max():.2f}",
            f"at the end it is {view.mem[-1]:.2f}",
            f"rheobase is {view.rheobase:.3g}",
            "again and again" if view.above else "never makes it fire",
        ):
            assert part in text
        assert when(view).split()[0] in (str(int(view.spk.sum())), "No")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"level": 0.05},
        {"current": "noise of 0.15", "beta": 0.5},
        {"current": "pulses of 10 steps", "level": 0.5, "reset": "zero", "threshold": 0.5},
        {"beta": 1.0, "reset": "none", "level": 0.5},
    ],
)
def test_the_artists_hold_what_was_computed(changes: dict[str, object]) -> None:
    view = compute(**{**START, **changes})
    fig = Figure(figsize=(4.4, 4.9))
    draw(fig, view)
    current, membrane, events = fig.axes
    lines = {line.get_gid(): line for ax in fig.axes for line in ax.lines if line.get_gid()}
    assert lines["current"].get_ydata().tolist() == view.current.tolist()
    assert lines["membrane"].get_ydata().tolist() == view.mem.tolist()
    assert lines["threshold"].get_ydata() == [view.threshold] * 2
    assert lines["rheobase"].get_ydata() == [view.rheobase] * 2
    assert lines["resets"].get_xdata().tolist() == np.flatnonzero(view.reset).tolist()
    strokes = next(c for c in events.collections if c.get_gid() == "spikes")
    assert [s[0, 0] for s in strokes.get_segments()] == view.spikes.tolist()
    for ax in fig.axes:
        assert ax.get_xlim() == (-0.5, NUM_STEPS - 0.5)
    texts = {text.get_gid(): text.get_text() for ax in fig.axes for text in ax.texts}
    assert (texts["out of view"] != " ") == (view.mem.max() > HIGH)
    if view.mem.max() > HIGH:
        assert f"{view.mem.max():.1f}" in texts["out of view"]
    heads = {text.get_gid(): text.get_text() for text in fig.texts}
    assert heads["when"] == when(view)
    assert f"{view.rheobase:.3g}" in heads["rheobase"]
    assert membrane.get_ylim() == (LOW, HIGH)
    assert (
        current.get_ylim()[0] < view.current.min() and view.current.max() < (current.get_ylim()[1])
    )


def test_no_membrane_falls_out_of_view_below(views: list[NeuronView]) -> None:
    assert min(view.mem.min() for view in views) > LOW


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current": "ramp"}, "current must be one of .*pulses.*, got 'ramp'"),
        ({"level": -1}, "level must lie between 0 and 100, got -1"),
        ({"level": math.nan}, "level must lie between 0 and 100, got nan"),
        ({"beta": 1.5}, "beta must lie between 0 and 1"),
        ({"threshold": 0.0}, "threshold must lie between 0.01 and 100, got 0.0"),
        ({"reset": "half"}, "reset must be one of"),
    ],
)
def test_bad_arguments_raise(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute(**{**START, **change})
