"""The neuron explorer: at every position it shows what the library's neuron does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from course_kit import explorers
from course_kit.explorers.neuron import (
    CURRENTS,
    HIGH,
    LOW,
    NOISES,
    NUM_STEPS,
    PULSES,
    compute,
    current_of,
    describe,
    draw,
    when,
)

EXPLORER = explorers.neuron()
GRID = list(EXPLORER.grid())
START = EXPLORER.start()


somewhere = st.sampled_from(GRID)


@settings(max_examples=100)
@given(somewhere)
def test_every_position_follows_the_written_rule(position: dict) -> None:
    view = compute(**position)
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
    assert view.mem.min() > LOW, "out of view below"


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


def test_the_rheobase_parts_firing_from_silence() -> None:
    """Equation 00-rheobase, for the constant currents: fires in the end, or at no step ever."""
    seen = set()
    for view in (compute(**p) for p in GRID if p["current"] == "constant"):
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


@given(st.lists(st.booleans(), min_size=NUM_STEPS, max_size=NUM_STEPS))
def test_gaps_in_words_are_those_of_the_spikes(fires: list[bool]) -> None:
    for spk in (fires, [f for f in fires for _ in (0, 1)][:NUM_STEPS]):
        view = replace(compute(**START), spk=np.array(spk, dtype=float))
        gaps, said = set(np.diff(np.flatnonzero(spk)).tolist()), when(view)
        assert said.split()[0] == str(sum(spk) or "No")
        if gaps == {1}:
            assert said.endswith("then at every step")
        elif len(gaps) == 1:
            assert said.endswith(f"then every {min(gaps)} steps")
        elif gaps:
            assert said.endswith(f"then {min(gaps)} to {max(gaps)} steps apart")


@given(somewhere)
def test_the_description_has_the_numbers(position: dict) -> None:
    view = compute(**position)
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


@given(somewhere)
def test_the_artists_hold_what_was_computed(position: dict) -> None:
    view = compute(**position)
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
