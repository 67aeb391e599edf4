"""The event camera: closed forms, a pixel written out as a loop, and the movements of N-MNIST."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tutorial_lib import data, events

THRESHOLDS = st.floats(0.05, 1.5)
SEED = st.integers(0, 2**31)


def random_film(seed: int, steps: int = 6, cameras: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 + torch.rand(steps, cameras, 2, 3, generator=generator, dtype=torch.float64)


def one_pixel(values: list[float], times: list[int], threshold: float) -> list[tuple[float, bool]]:
    """Moments and polarities, found by following the straight lines of log intensity."""
    found = []
    level = math.log(values[0])
    for i in range(1, len(values)):
        start, end = math.log(values[i - 1]), math.log(values[i])
        for up in (True, False):
            step = threshold if up else -threshold
            while (end - level - step) * (1 if up else -1) >= -1e-4 * threshold:
                level += step
                share = min(max((level - start) / (end - start), 0.0), 1.0)
                found.append((times[i - 1] + share * (times[i] - times[i - 1]), up))
    return found


def moving_bar(speed: int, bar: float, width: int = 3, height: int = 5, pixels: int = 20) -> Tensor:
    """A bright bar ``[T, 1, H, W]`` on the ground 1, that comes in at the left and goes out."""
    film = torch.ones(pixels + width + 1, 1, height, pixels)
    for step in range(len(film)):
        film[step, 0, :, max(0, step - width) : step] = bar
    return film[:: max(speed, 1)] if speed > 1 else film


@given(st.floats(1.2, 40.0), THRESHOLDS)
def test_the_events_of_a_moving_bar(bar: float, threshold: float) -> None:
    """eq:08-bar: each pixel that the bar passes emits floor(ln(ratio) / C) twice, on and off."""
    exact = math.log(bar) / threshold
    each = math.floor(exact)
    if abs(exact - round(exact)) < 1e-3:
        return
    film = moving_bar(1, bar)
    (stream,) = events.camera(film, range(0, 1000 * len(film), 1000), threshold)
    assert len(stream) == 2 * each * 5 * 20
    assert stream["p"].sum() == each * 5 * 20
    counts = np.bincount(stream["y"].astype(int) * 20 + stream["x"], minlength=100)
    assert (counts == 2 * each).all()
    if each:
        first = stream[stream["p"]]
        assert (first["t"] // 1000 == first["x"]).all()  # the bar is at pixel x from step x + 1 on


@given(SEED, THRESHOLDS)
def test_a_pixel_follows_the_definition(seed: int, threshold: float) -> None:
    """eq:08-camera: each pixel of each camera against a loop over its straight lines."""
    film, times = random_film(seed), [0, 700, 1500, 1501, 9000, 10**6]
    streams = events.camera(film, times, threshold)
    assert len(streams) == 2
    for number, stream in enumerate(streams):
        assert stream.dtype == events.DTYPE
        for y in range(2):
            for x in range(3):
                own = stream[(stream["x"] == x) & (stream["y"] == y)]
                wanted = one_pixel(film[:, number, y, x].tolist(), times, threshold)
                assert own["p"].tolist() == [up for _, up in wanted]
                assert own["t"] == pytest.approx([t for t, _ in wanted], abs=1.001)


@given(SEED, THRESHOLDS)
def test_events_add_up_to_the_change(seed: int, threshold: float) -> None:
    """What is left over is less than a threshold, at every pixel and moment."""
    film, times = random_film(seed), range(0, 6000, 1000)
    for number, stream in enumerate(events.camera(film, times, threshold)):
        for step in range(1, 6):
            seen = stream[stream["t"] < times[step]]
            total = np.zeros((2, 3))
            np.add.at(total, (seen["y"], seen["x"]), np.where(seen["p"], threshold, -threshold))
            change = (film[step, number] / film[0, number]).log().numpy()
            assert (np.abs(change - total) < threshold * 1.001).all()


@given(SEED, st.floats(0.01, 100.0))
def test_only_ratios_of_intensities_count(seed: int, light: float) -> None:
    film, times = random_film(seed), range(0, 6000, 1000)
    for one, other in zip(
        events.camera(film, times), events.camera(light * film, times), strict=True
    ):
        assert len(one) == len(other) and (one["p"] == other["p"]).all()
        assert one["t"] == pytest.approx(other["t"], abs=1)


def test_a_camera_sees_its_own_film_whatever_stands_beside_it() -> None:
    film, times = random_film(3, cameras=4), range(0, 6000, 1000)
    together = events.camera(film, times)
    for number, stream in enumerate(together):
        (alone,) = events.camera(film[:, number : number + 1], times)
        assert np.array_equal(alone, stream)
    assert len({len(stream) for stream in together}) > 1


def test_events_are_in_order_and_within_their_step() -> None:
    film = random_film(5)
    for stream in events.camera(film, range(0, 6000, 1000), 0.1):
        assert (np.diff(stream["t"]) >= 0).all()
        assert stream["t"].min() >= 0 and stream["t"].max() < 5000
        together = stream["t"][1:] == stream["t"][:-1]
        place = stream["y"].astype(int) * 3 + stream["x"]
        assert (np.diff(place)[together] >= 0).all()


def test_a_film_may_be_longer_than_the_memory() -> None:
    """Pictures are taken one by one: at no time are more than two of them alive."""
    alive: set[int] = set()
    most = 0

    class Picture(Tensor):
        def __del__(self) -> None:
            alive.discard(id(self))

    def film():
        nonlocal most
        for step in range(50):
            picture = torch.full((1, 2, 2), 1.0 + step % 3).as_subclass(Picture)
            alive.add(id(picture))
            most = max(most, len(alive))
            yield picture
            del picture

    (stream,) = events.camera(film(), range(50))
    assert len(stream) and most <= 3


def test_one_picture_gives_no_events() -> None:
    (stream,) = events.camera(torch.ones(1, 1, 2, 2), [0])
    assert len(stream) == 0 and stream.dtype == events.DTYPE


@pytest.mark.parametrize(
    ("film", "times", "words"),
    [
        (torch.zeros(2, 1, 2, 2), [0, 1], "intensities above 0, got values from 0"),
        (-torch.ones(2, 1, 2, 2), [0, 1], "above 0, got values from -1"),
        (torch.full((2, 1, 2, 2), math.inf), [0, 1], "to inf"),
        (torch.full((2, 1, 2, 2), math.nan), [0, 1], "nan"),
        (torch.ones(2, 2, 2), [0, 1], r"shape \[B, H, W\], got \[2, 2\]"),
        ([torch.ones(1, 2, 2), torch.ones(2, 2, 2)], [0, 1], r"shape \[1, 2, 2\], got \[2, 2, 2\]"),
        (torch.ones(3, 1, 2, 2), [0, 1], "one picture for each of times, got 2 times and more"),
        (torch.ones(1, 1, 2, 2), [0, 1], "one picture for each of times, got 2 times and 1"),
        (torch.ones(2, 1, 2, 2), [1, 1], "times must increase, got 1 after 1"),
        (torch.ones(2, 1, 2, 2), [0, 0.5], "whole microseconds"),
        (torch.ones(2, 1, 2, 2).long(), [0, 1], "floating-point"),
        (3, [0, 1], "film must be a tensor"),
    ],
)
def test_a_bad_film_is_refused(film: object, times: list, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        events.camera(film, times)


def test_a_threshold_that_never_stops_is_refused() -> None:
    film = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    with pytest.raises(ValueError, match="threshold is too small"):
        events.camera(film, [0, 1], 1e-6)
    with pytest.raises(ValueError, match="threshold must be a finite number above 0"):
        events.camera(film, [0, 1], 0)


# ---------------------------------------------------------------- the movements of N-MNIST


@pytest.fixture(scope="module")
def images() -> Tensor:
    return data.load("digits", verbose=False).test.tensors[0][:300]


@pytest.fixture(scope="module")
def streams(images: Tensor) -> list[np.ndarray]:
    return events.saccades(images)


def test_streams_are_like_those_of_nmnist(streams: list[np.ndarray]) -> None:
    for stream in streams:
        events.checked(stream, events.SENSOR_SIZE)
        assert 0 <= stream["t"][0] and stream["t"][-1] < 315_000
        for part in range(3):  # as much brightens as darkens, in each movement
            own = stream[stream["t"] // events.SACCADE_TIME == part]
            assert len(own) > 100 and 0.3 < own["p"].mean() < 0.7
    assert 2000 < np.mean([len(stream) for stream in streams]) < 8000  # N-MNIST has about 4,200


def test_an_image_alone_gives_what_it_gives_among_others(
    images: Tensor, streams: list[np.ndarray]
) -> None:
    for number in (0, 255, 256, 299):
        (alone,) = events.saccades(images[number : number + 1])
        assert np.array_equal(alone, streams[number])


def test_the_image_moves_as_stated() -> None:
    """A dot's events lie along the three displacements, from corner to corner."""
    image = torch.zeros(1, 1, 28, 28)
    image[0, 0, 13, 13] = 1
    (stream,) = events.saccades(image, 0.1)
    corners = np.cumsum([(12.0, 14.0), *events.SACCADES], axis=0)
    assert corners[-1] == pytest.approx(corners[0])
    for part, (start, end) in enumerate(zip(corners, corners[1:], strict=False)):
        own = stream[stream["t"] // events.SACCADE_TIME == part]
        share = (own["t"] % events.SACCADE_TIME) / events.SACCADE_TIME
        way = start + share[:, None] * (end - start)
        off = np.stack([own["x"], own["y"]], 1) - way
        assert np.abs(off).max() < 1.5 and np.abs(off.mean(0)).max() < 0.6


def test_tonic_stabilizes_our_streams(images: Tensor) -> None:
    """Its formula takes the movements out again: all events are on the digit, in the middle."""
    nmnist = pytest.importorskip("tonic.datasets.nmnist")
    small = torch.nn.functional.interpolate(images[:20], size=(20, 20), mode="bilinear")
    still = torch.nn.functional.pad((small > 0).float(), (7, 7, 7, 7))
    near = torch.nn.functional.max_pool2d(still, 3, 1, 1)[:, 0].bool().numpy()
    wide = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    streams = events.saccades(torch.nn.functional.pad(small, (4, 4, 4, 4)))
    for digit, stream in zip(near, streams, strict=True):
        moving = stream.astype(wide)
        assert digit[moving["y"], moving["x"]].mean() < 0.9
        stable = nmnist.stabilize(moving)
        assert len(stable) == len(stream) and digit[stable["y"], stable["x"]].all()


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 2, 28, 28), (1, 1, 34, 34), (1, 1, 8, 8)])
def test_other_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape \[B, 1, 28, 28\]"):
        events.saccades(torch.rand(shape))


def test_a_digit_that_rests_makes_no_burst(streams: list[np.ndarray]) -> None:
    """The movements lead back to the start; no moment of them has many more events than others."""
    per_ms = np.mean([np.bincount(x["t"] // 1000, minlength=315) for x in streams], axis=0)
    assert len(per_ms) == 315 and per_ms.max() < 4 * np.median(per_ms)


@given(SEED, THRESHOLDS, st.floats(0.05, 2.0))
def test_a_baseline_is_what_the_camera_saw_before(
    seed: int, threshold: float, baseline: float
) -> None:
    film = random_film(seed)
    before = torch.full_like(film[:1], baseline)
    longer = events.camera(torch.cat([before, film]), range(-1000, 6000, 1000), threshold)
    streams = events.camera(film, range(0, 6000, 1000), threshold, baseline)
    for stream, wanted in zip(streams, longer, strict=True):
        assert np.array_equal(stream, wanted[wanted["t"] >= 0])


def test_a_bad_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="baseline must be a finite number above 0"):
        events.camera(torch.ones(2, 1, 2, 2), [0, 1], baseline=0)
