"""The gradient explorer against the neuron written out in plain Python, at every position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from course_kit import explorers
from course_kit.explorers._values import short
from course_kit.explorers.gradient import (
    DEPTHS,
    PLACES,
    SLOPES,
    WANTED,
    WEIGHTS,
    compute,
    describe,
    draw,
)
from tests.helpers import artists

explorer = explorers.gradient()
somewhere = st.sampled_from(list(explorer.grid()))


def by_hand(weight: float, depth: int, slope: float) -> tuple[int, float, float]:
    """Spikes, loss and surrogate gradient (reset detached), without torch and the library."""
    mem, dmem, spk, dspk = ([0.0] * depth for _ in range(4))
    count, dcount = 0, 0.0
    for _ in range(20):
        cur, dcur = weight, 1.0
        for i in range(depth):
            reset = mem[i] > 1
            mem[i] = 0.8 * mem[i] + cur - reset
            dmem[i] = 0.8 * dmem[i] + dcur
            spk[i] = float(mem[i] > 1)
            dspk[i] = dmem[i] / (1 + slope * abs(mem[i] - 1)) ** 2
            cur, dcur = 1.05 * spk[i], 1.05 * dspk[i]
        count, dcount = count + int(spk[-1]), dcount + dspk[-1]
    return count, (count - 8) ** 2 / 20, 2 * (count - 8) * dcount / 20


@given(somewhere)
def test_every_position_agrees_with_the_neuron_by_hand(position: dict) -> None:
    result, depth = compute(**position), position["depth"]
    spikes, loss, slope = by_hand(position["weight"], depth, position["slope"])
    assert (result.spikes, result.loss) == (spikes, pytest.approx(loss, rel=1e-12))
    assert result.gradient == pytest.approx(slope, rel=1e-9, abs=0)
    place = PLACES.index(position["weight"])
    assert result.place_gradients[place] == pytest.approx(slope, rel=1e-6, abs=0)
    assert result.place_losses[place] == result.loss
    assert result.true_slope == 0
    for i in range(3, len(WEIGHTS), 100):
        assert result.losses[i] == pytest.approx(by_hand(float(WEIGHTS[i]), depth, 1)[1], rel=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    weight=st.floats(0, 1.1),
    depth=st.sampled_from(DEPTHS),
    slopes=st.tuples(st.floats(0.5, 200), st.floats(0.5, 200)),
)
def test_the_slope_changes_the_gradient_alone(
    weight: float, depth: int, slopes: tuple[float, float]
) -> None:
    a, b = (by_hand(weight, depth, slope) for slope in slopes)
    first = compute(slopes[0], depth, weight)
    assert (a[0], a[1]) == (b[0], b[1]) == (first.spikes, pytest.approx(first.loss))
    # All weights of the chain are positive and the reset is detached: no slope turns the sign.
    wanted_more = np.sign(first.spikes - WANTED)
    assert np.sign(first.gradient) == wanted_more or first.gradient == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("depth", DEPTHS)
def test_downhill_is_what_a_walk_finds(depth: int) -> None:
    result = compute(depth=depth)
    for place, slope, said in zip(
        PLACES, result.place_gradients, result.place_downhill, strict=True
    ):
        i = start = round(place * 1000)
        step = -int(np.sign(slope))
        while step and 0 <= i < len(WEIGHTS) and result.losses[i] == result.losses[start]:
            i += step
        inside = 0 <= i < len(WEIGHTS)
        expected = np.sign(result.losses[start] - result.losses[i]) if step and inside else 0
        assert said == expected


def test_what_the_course_says_of_it() -> None:
    """Flat, several treads, mostly downhill; smaller with slope, and with depth from k = 25 on."""
    for depth in DEPTHS:
        result = compute(depth=depth)
        jumps = np.diff(result.losses) != 0
        assert 15 <= jumps.sum() <= 25 and result.losses.min() == 0
        assert (result.place_downhill == 1).sum() >= 9
        assert (result.place_downhill == -1).sum() == {1: 0, 2: 2, 3: 1, 4: 2}[depth]
    sizes = compute().sizes
    assert (np.diff(sizes, axis=0) < 0).all()
    for slope, row in zip(SLOPES, sizes, strict=True):
        assert (np.diff(row) < 0).all() == (slope >= 10)
    assert (np.diff(sizes[0]) > 0).all()  # k = 1: the other way round


def test_sizes_are_medians_over_the_range() -> None:
    for depth, slope in ((1, 5), (3, 25)):
        result = compute(slope=slope, depth=depth)
        found = np.median([abs(by_hand(float(w), depth, slope)[2]) for w in WEIGHTS])
        row = SLOPES.index(slope)
        assert result.own_sizes[depth - 1] == result.sizes[row, depth - 1]
        assert result.sizes[row, depth - 1] == pytest.approx(found, rel=1e-6)


@given(somewhere)
def test_the_picture_shows_the_result(position: dict) -> None:
    figure, result = Figure(figsize=explorer.size), compute(**position)
    draw(figure, result)
    found = artists(figure)
    stairs = found["staircase"]
    on_grid = np.interp(WEIGHTS, stairs.get_xdata(), stairs.get_ydata())
    np.testing.assert_array_equal(on_grid, result.losses)
    seen = 0
    for kind, label in ((1, "points downhill"), (-1, "points uphill"), (0, "no direction")):
        x, y = found[f"tangents {label}"].get_data()
        places = np.flatnonzero(result.place_downhill == kind)
        np.testing.assert_allclose(x[1::4], np.array(PLACES)[places])
        np.testing.assert_allclose(y[1::4], result.place_losses[places])
        slopes = (np.array(y[2::4]) - y[0::4]) / (np.array(x[2::4]) - x[0::4])
        np.testing.assert_allclose(slopes, result.place_gradients[places], rtol=1e-6, atol=1e-12)
        seen += len(places)
    assert seen == len(PLACES)
    assert found["chosen"].get_xydata().tolist() == [[result.weight, result.loss]]
    size = result.own_sizes[result.depth - 1]
    assert found["own size"].get_xydata().tolist() == [[result.depth, size]]
    assert found["own sizes"].get_ydata().tolist() == result.own_sizes.tolist()
    low, high = figure.axes[1].get_ylim()
    assert low < min(result.sizes.min(), size) and result.sizes.max() < high
    low, high = figure.axes[0].get_ylim()
    assert low < result.losses.min() and result.losses.max() < high
    assert f"loss {result.loss:.2f}" in found["numbers"].get_text()
    assert short(result.gradient) in found["slopes"].get_text()


@given(somewhere)
def test_the_alt_text_says_the_numbers(position: dict) -> None:
    result = compute(**position)
    text = describe(result)
    for part in (
        f"chain of {result.depth} neurons" if result.depth > 1 else "for one neuron and",
        f"k = {result.slope:g}:",
        f"{int((np.diff(result.losses) != 0).sum())} jumps",
        f"At w = {result.weight:.2f}: {result.spikes} spike",
        f"loss {result.loss:.2f}",
        "True slope 0,",
        f"surrogate gradient {short(result.gradient)}.",
        f"{int((result.place_downhill == 1).sum())} point downhill",
        f"{int((result.place_downhill == -1).sum())} uphill",
        f"at this depth: {short(result.own_sizes[result.depth - 1])};",
    ):
        assert part in text, (part, text)


def test_a_single_neuron_is_the_chain_of_one_without_the_lower_panel() -> None:
    one = explorers.gradient(chain=False)
    assert [control.name for control in one.controls] == ["slope", "weight"]
    for position in list(one.grid())[::5]:
        whole = explorer.figure(depth=1, **position)
        figure = one.figure(**position)
        (hill,) = figure.axes
        assert hill.get_xlim() == whole.axes[0].get_xlim()
        assert hill.get_ylim() == whole.axes[0].get_ylim()
        found, known = artists(figure), artists(whole)
        assert set(known) - set(found) == {"tangents points uphill", "own sizes", "own size"}
        assert known["tangents points uphill"].get_xdata().size == 0
        for gid in ("staircase", "tangents points downhill", "tangents no direction", "chosen"):
            np.testing.assert_array_equal(found[gid].get_xydata(), known[gid].get_xydata())
        for gid in ("numbers", "slopes"):
            assert found[gid].get_text() == known[gid].get_text()
        said = one.describe(one.compute(**position))
        assert explorer.describe(explorer.compute(depth=1, **position)).startswith(said)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0184, "−0.0184"),
        (2.1e-8, "2.10 × 10⁻⁸"),
        (-1.234567e7, "−1.23 × 10⁷"),
        (99999, "1.00 × 10⁵"),
        (12345, "12300"),
        (0.37, "0.370"),
        (72.68, "72.7"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text
