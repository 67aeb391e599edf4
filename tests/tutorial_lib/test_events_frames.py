"""Frames of event streams: tonic's, event for event; and what is no stream."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tutorial_lib import events
from tutorial_lib.events import ToFrame

SENSOR = (7, 5, 2)
SEED = st.integers(0, 2**31)


def stream(seed: int, count: int, span: int = 1000, sensor: tuple = SENSOR) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made = np.empty(count, events.DTYPE)
    made["x"], made["y"] = (rng.integers(0, size, count) for size in sensor[:2])
    made["t"], made["p"] = np.sort(rng.integers(0, span, count)), rng.integers(0, 2, count)
    return made


slicings = st.one_of(
    st.fixed_dictionaries(
        {"time_window": st.integers(1, 400) | st.floats(1, 400)},
        optional={
            "include_incomplete": st.booleans(), "overlap": st.floats(0, 0.99),
            "start_time": st.integers(-300, 900), "end_time": st.integers(100, 1500),
        },
    ),
    st.fixed_dictionaries(
        {"event_count": st.integers(1, 60)},
        optional={"include_incomplete": st.booleans(), "overlap": st.integers(0, 59)},
    ),
    st.fixed_dictionaries(
        {"n_time_bins": st.integers(1, 20)}, optional={"overlap": st.floats(0, 0.9)}
    ),
    st.fixed_dictionaries(
        {"n_event_bins": st.integers(1, 20)}, optional={"overlap": st.floats(0, 0.9)}
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(SEED, st.integers(1, 200), slicings)
def test_frames_are_tonics(seed: int, count: int, how: dict[str, Any]) -> None:
    transforms = pytest.importorskip("tonic.transforms")
    if "time_window" in how and "overlap" in how:
        how["overlap"] *= how["time_window"]
    if "event_count" in how:
        how["overlap"] = how.get("overlap", 0) % how["event_count"]
    given_stream = stream(seed, count)
    theirs = transforms.ToFrame(SENSOR, **how)(given_stream)
    ours = ToFrame(SENSOR, **how)(given_stream)
    assert ours.dtype == theirs.dtype == np.int16
    assert np.array_equal(ours, theirs)


def test_frames_of_a_digit_are_tonics() -> None:
    transforms = pytest.importorskip("tonic.transforms")
    digit = stream(0, 4000, 315_000, events.SENSOR_SIZE)
    for how in (
        {"time_window": 10_500, "start_time": 0, "end_time": 315_000}, {"n_time_bins": 15},
        {"event_count": 300, "include_incomplete": True}, {"n_event_bins": 15},
    ):  # fmt: skip
        theirs = transforms.ToFrame(events.SENSOR_SIZE, **how)(digit)
        assert np.array_equal(ToFrame(events.SENSOR_SIZE, **how)(digit), theirs)


@given(SEED, st.integers(0, 200), st.sampled_from([1, 5, 20, 250]))
def test_whole_windows_lose_nothing(seed: int, count: int, window: int) -> None:
    """And their sum is the picture of all events, whatever the window."""
    given_stream = stream(seed, count)
    frames = ToFrame(SENSOR, time_window=window, start_time=0, end_time=1000)(given_stream)
    assert frames.shape == (1000 // window, 2, 5, 7)
    picture = np.zeros((2, 5, 7), int)
    for x, y, _, p in given_stream.tolist():
        picture[int(p), y, x] += 1
    assert np.array_equal(frames.sum(0), picture)
    for number, frame in enumerate(frames):
        own = given_stream[given_stream["t"] // window == number]
        assert frame.sum() == len(own) and frame[1].sum() == own["p"].sum()


@given(SEED, st.integers(1, 200), slicings)
def test_frames_one_by_one_are_the_same(seed: int, count: int, how: dict[str, Any]) -> None:
    assume("overlap" not in how)
    given_stream, to_frame = stream(seed, count), ToFrame(SENSOR, **how)
    assert np.array_equal(np.stack(list(to_frame.frames(given_stream))), to_frame(given_stream))


@pytest.mark.parametrize(
    "how", [{"time_window": 100}, {"event_count": 5}, {"n_time_bins": 4}, {"n_event_bins": 4}]
)
def test_a_stream_without_events_has_empty_frames(how: dict[str, Any]) -> None:
    frames = ToFrame(SENSOR, **how)(np.empty(0, events.DTYPE))
    assert frames.shape == (4 if "n_" in next(iter(how)) else 1, 2, 5, 7) and not frames.any()


def test_a_long_stream_takes_no_more_memory_than_a_block() -> None:
    """Five million events are looked at, and counted, without a copy of them."""
    count = 5_000_000
    long = np.zeros(count, events.DTYPE)
    long["t"] = np.arange(count)
    long["x"] = long["t"] % 34
    to_frame = ToFrame(events.SENSOR_SIZE, time_window=50_000, start_time=0, end_time=count)
    tracemalloc.start()
    total = sum(int(frame.sum()) for frame in to_frame.frames(long))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == count and long.nbytes > 60e6
    assert peak < 12e6


# ---------------------------------------------------------------- what is refused


def changed(**fields: Any) -> np.ndarray:
    made = stream(0, 20)
    for name, value in fields.items():
        made[name][3] = value
    return made


def retyped(**types: Any) -> np.ndarray:
    kinds = [(name, types.get(name, events.DTYPE[name])) for name in "xytp"]
    return stream(0, 20).astype(np.dtype(kinds))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (changed(t=10**6), r"must not run backwards, got \d+ after 1000000 at event 4"),
        (changed(x=7), "field x of events must lie between 0 and 6 .* got values from 0 to 7"),
        (changed(y=-1), "field y of events must lie between 0 and 4 .* got values from -1 to 4"),
        (retyped(t=float), "field t of events must hold whole numbers, got float64"),
        (retyped(p=float), "field p of events must hold whole numbers, got float64"),
        (retyped(x=bool), "field x of events must hold whole numbers, got bool"),
        (retyped(p="m8[s]"), "field p of events must hold whole numbers, got timedelta64"),
        (stream(0, 20)[["x", "y", "t"]], r"must have the fields x, y, t and p.*no \['p'\]"),
        (stream(0, 20).reshape(4, 5), r"structured array \[N\].*got ndarray \[4, 5\]"),
        (np.zeros((20, 4)), r"structured array \[N\].*got ndarray \[20, 4\] of float64"),
        ([(1, 2, 3, True)], "structured array .* got list"),
    ],
)
def test_a_bad_stream_is_refused(bad: Any, words: str) -> None:
    for look in (lambda: events.checked(bad, SENSOR), lambda: ToFrame(SENSOR, event_count=3)(bad)):
        with pytest.raises((TypeError, ValueError), match=words):
            look()


@pytest.mark.parametrize("at", [1 << 20, (1 << 20) + 7])
def test_a_fault_at_the_border_of_two_blocks_is_found(at: int) -> None:
    long = np.zeros(at + 20, events.DTYPE)
    long["t"] = np.arange(len(long))
    events.checked(long)
    long["t"][at] = 3
    with pytest.raises(ValueError, match=f"got 3 after {at - 1} at event {at}"):
        events.checked(long)


def test_other_fields_and_another_order_are_welcome() -> None:
    kinds = [("t", np.uint32), ("p", np.uint8), ("y", int), ("x", np.uint16), ("camera", float)]
    given_stream = stream(0, 50)
    other = np.zeros(50, kinds)
    for name in "xytp":
        other[name] = given_stream[name]
    to_frame = ToFrame(SENSOR, n_event_bins=3)
    assert np.array_equal(to_frame(other), to_frame(given_stream))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Exactly one of .* must be given, got none"),
        ({"event_count": 3, "n_time_bins": 2}, "got event_count=.* and n_time_bins="),
        ({"time_window": 0}, "time_window must be a finite number above 0"),
        ({"event_count": 2.5}, "event_count must be an integer"),
        ({"n_time_bins": 0}, "n_time_bins must be at least 1"),
        ({"time_window": 10, "overlap": 10}, "overlap must be a number from 0 to below 10"),
        ({"n_event_bins": 4, "overlap": 1}, "overlap must be a number from 0 to below 1"),
        ({"event_count": 4, "overlap": 0.5}, "overlap must be a whole number from 0 to below 4"),
        ({"n_time_bins": 4, "start_time": 0}, "start_time has no meaning with n_time_bins"),
        ({"event_count": 4, "end_time": 9}, "end_time has no meaning with event_count"),
        ({"n_event_bins": 1, "include_incomplete": True}, "include_incomplete has no meaning"),
        ({"sensor_size": (34, 34), "event_count": 4}, "sensor_size must be a tuple"),
        ({"sensor_size": (34, 0, 2), "event_count": 4}, "height in sensor_size must be at least"),
    ],
)
def test_settings_that_make_no_sense_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        ToFrame(**{"sensor_size": SENSOR, **arguments})


def test_more_than_can_be_kept_is_refused() -> None:
    full = np.zeros(40_000, events.DTYPE)
    with pytest.raises(ValueError, match="40,000 events of one pixel"):
        ToFrame(SENSOR, n_event_bins=1)(full)
    with pytest.raises(ValueError, match="fewer frames"):
        ToFrame(SENSOR, time_window=1e-9)(stream(0, 20))
    with pytest.raises(ValueError, match="one by one"):
        ToFrame(events.SENSOR_SIZE, time_window=1e-3)(stream(0, 20))
