"""The event player: every event stands in one frame, however the stream is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_kit import explorers
from course_kit.explorers.events import CUTS, FRAMES
from tutorial_lib import events


def random_stream(seed: int, count: int = 500) -> np.ndarray:
    chance = np.random.default_rng(seed)
    stream = np.zeros(count, events.DTYPE)
    stream["t"] = np.sort(chance.integers(1000, 315_000, count))
    stream["x"], stream["y"] = chance.integers(0, 34, (2, count))
    stream["p"] = chance.random(count) < 0.5
    return stream


@given(st.integers(0, 2**31), st.integers(FRAMES, 2000))
def test_each_event_stands_in_one_frame(seed: int, count: int) -> None:
    stream = random_stream(seed, count)
    player = explorers.event_player(stream)
    for cut in CUTS:
        views = [player.compute(frame=n, polarity="both", cut=cut) for n in range(FRAMES)]
        assert sum(sum(view.events) for view in views) == count
        assert sum(view.picture for view in views).sum() == 2 * stream["p"].sum() - count
        for one, other in zip(views, views[1:], strict=False):
            assert one.stop == other.start
        assert views[0].start == stream["t"][0] / 1000
        for view in views:
            inside = (stream["t"] >= 1000 * view.start) & (stream["t"] < 1000 * view.stop)
            if cut == "by time":
                assert sum(view.events) == inside.sum()
        if cut == "by count":
            numbers = [sum(view.events) for view in views]
            assert max(numbers) - min(numbers) <= 1


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("frame", range(0, FRAMES, 5))
def test_polarities_add_up(cut: str, frame: int) -> None:
    player = explorers.event_player(random_stream(1))
    both, on, off = (
        player.compute(frame=frame, polarity=name, cut=cut) for name in ("both", "on", "off")
    )
    assert np.array_equal(both.picture, on.picture + off.picture)
    assert on.picture.min() >= 0 >= off.picture.max()
    assert on.picture.sum() == both.events[0] and -off.picture.sum() == both.events[1]
    assert both.rate == pytest.approx(on.rate + off.rate)
    assert (both.rate * np.diff(both.edges)).sum() == pytest.approx(500)


def test_the_artists_hold_what_was_computed() -> None:
    player = explorers.event_player(random_stream(2))
    view = player.compute(frame=4, polarity="on", cut="by count")
    figure = player.figure(frame=4, polarity="on", cut="by count")
    named = {artist.get_gid(): artist for artist in figure.findobj() if artist.get_gid()}
    assert np.array_equal(named["frame"].get_array(), view.picture)
    left, right = named["slice"].get_x(), named["slice"].get_x() + named["slice"].get_width()
    assert (left, right) == pytest.approx((view.start, view.stop))
    assert named["rate"].get_data().values == pytest.approx(view.rate)
    assert f"{view.events[0]} on and {view.events[1]} off" in player.describe(view)


@pytest.mark.parametrize(
    ("stream", "size", "words"),
    [
        (random_stream(0)[: FRAMES - 1], events.SENSOR_SIZE, "at least 21"),
        (np.zeros(30, events.DTYPE), events.SENSOR_SIZE, "not all of one moment"),
        (random_stream(0)[::-1], events.SENSOR_SIZE, "must not run backwards"),
        (random_stream(0), (20, 20, 2), "must lie between"),
        (random_stream(0), (34, 34, 3), "must have 2 polarities"),
        (np.zeros(30), events.SENSOR_SIZE, "structured array"),
    ],
)
def test_another_stream_is_refused(stream: np.ndarray, size: tuple, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        explorers.event_player(stream, size)
