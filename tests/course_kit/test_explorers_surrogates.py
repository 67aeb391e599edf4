"""The surrogate explorer: at every position it shows what the library's surrogates are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_kit import explorers
from course_kit.explorers.surrogates import SLOPES, compute, describe, digits, draw
from tutorial_lib.surrogate import SURROGATES

GRID = list(explorers.surrogates().grid())


def test_every_surrogate_of_the_library_is_offered() -> None:
    shape, slope, threshold = explorers.surrogates().controls
    assert shape.options == tuple(SURROGATES)
    assert len(GRID) == len(shape.options) * len(slope.options) * len(threshold.options)
    assert max(SLOPES) >= 500


def test_every_position_shows_the_library_s_surrogate() -> None:
    for position in GRID:
        view = compute(**position)
        expected = SURROGATES[position["shape"]].with_slope(position["slope"])
        assert view.surrogate == expected
        assert (view.mem[0], view.mem[-1]) == (-1, 3) and (np.diff(view.mem) > 0).all()
        # Backward through a spike of this neuron: the slope that training would use.
        mem = torch.tensor(view.mem, requires_grad=True)
        spk = expected(mem - position["threshold"])
        (slope,) = torch.autograd.grad(spk.sum(), mem)
        np.testing.assert_allclose(view.derivative, slope.numpy(), rtol=1e-12, atol=1e-300)
        overdrive = torch.tensor(view.mem) - position["threshold"]
        np.testing.assert_array_equal(view.primitive, expected.primitive(overdrive).numpy())
        at_rest = expected.derivative(torch.tensor(-position["threshold"]).double()).item()
        assert view.at_rest == at_rest
        # The peak is in view, at the threshold.
        assert view.derivative.max() == pytest.approx(expected.peak, rel=1e-12)
        assert view.derivative[view.mem == position["threshold"]] == [expected.peak]
        members = [SURROGATES[position["shape"]].with_slope(k) for k in SLOPES]
        assert view.peaks.tolist() == [member.peak for member in members]
        assert view.areas.tolist() == [member.area for member in members]


@pytest.mark.parametrize("shape", SURROGATES)
def test_peak_and_area_are_those_of_the_curve(shape: str) -> None:
    for slope in (1, 25):
        chosen = compute(shape, slope, 1.0).surrogate
        side = np.concatenate([np.linspace(0, 5, 400_001), np.geomspace(5, 1e5, 200_001)[1:]])
        slopes = chosen.derivative(torch.from_numpy(side / slope)).numpy()
        assert slopes.max() == chosen.peak
        area = 2 * np.trapezoid(slopes, side / slope)
        assert area == pytest.approx(chosen.area, rel=1e-3) or math.isinf(chosen.area)


def test_what_k_to_infinity_does() -> None:
    ends = {shape: compute(shape, 25, 1.0) for shape in SURROGATES}
    plain = ends.pop("fast_sigmoid")
    assert (plain.peak_limit, plain.area_limit, plain.dirac) == ("stays", "0", False)
    assert plain.limit.endswith("the derivative tends to 0, not to a Dirac delta.")
    straight = ends.pop("straight_through_estimator")
    assert (straight.peak_limit, straight.area_limit, straight.dirac) == ("stays", "stays", False)
    assert "no slope to choose" in straight.limit
    for view in ends.values():  # a Dirac delta, just where the area stays and the peak grows
        grows = view.peaks[-1] > 100 * view.peaks[0] and view.areas[-1] == view.areas[0]
        assert view.dirac == grows
        assert view.limit.endswith("tends to a Dirac delta.") == grows
    assert ends["atan"].dirac and ends["gaussian"].dirac
    # The numbers that are drawn say the same.
    assert plain.areas[-1] < 0.01 * plain.areas[0] and set(plain.peaks) == {1.0}
    assert ends["boxcar"].peaks[-1] == 500 and set(ends["boxcar"].areas) == {1.0}


def test_a_surrogate_that_fades_or_grows_in_both_is_no_dirac_delta() -> None:
    view = compute("boxcar", 1, 1.0)
    for peak, area in (("0", "0"), ("infinity", "infinity"), ("infinity", "0"), ("0", "stays")):
        other = type(view)(**{**vars(view), "peak_limit": peak, "area_limit": area})
        assert not other.dirac and "not" in other.limit


def test_every_description_has_the_numbers() -> None:
    for position in GRID:
        view = compute(**position)
        text = describe(view)
        for part in (
            repr(view.surrogate),
            f"threshold {position['threshold']:g}",
            f"is {digits(view.surrogate.peak)} at the threshold",
            f"{digits(view.at_rest)} for a membrane at rest",
            f"area is {digits(view.surrogate.area)}",
            view.limit,
        ):
            assert part in text
    assert digits(math.inf) == "infinite" and digits(1 / 676) == "0.00148"


@pytest.mark.parametrize("shape", SURROGATES)
@pytest.mark.parametrize("slope", [SLOPES[0], SLOPES[-1]])
def test_the_artists_hold_what_was_computed(shape: str, slope: float) -> None:
    view = compute(shape, slope, 0.5)
    fig = Figure(figsize=(4.4, 5.8))
    draw(fig, view)
    smooth, derivative, family = fig.axes
    lines = {line.get_gid(): line for ax in fig.axes for line in ax.lines if line.get_gid()}

    def data(gid: str) -> list[Any]:
        return [values.tolist() for values in np.asarray(lines[gid].get_data(orig=False))]

    assert data("primitive") == [view.mem.tolist(), view.primitive.tolist()]
    assert data("derivative") == [view.mem.tolist(), view.derivative.tolist()]
    assert data("true spike") == [[-1, 0.5, 0.5, 3], [0, 0, 1, 1]]
    assert data("at rest") == [[0], [view.at_rest]]
    assert data("peak") == [list(SLOPES), view.peaks.tolist()]
    assert data("peak now") == [[slope], [view.surrogate.peak]]
    if math.isfinite(view.surrogate.area):
        assert data("area") == [list(SLOPES), view.areas.tolist()]
        assert data("area now") == [[slope], [view.surrogate.area]]
    else:
        assert np.isnan(data("area")[1]).all()
        assert "area: infinite" in [text.get_text() for text in family.texts]
    texts = {text.get_gid(): text.get_text() for text in fig.texts}
    assert texts["name"] == repr(view.surrogate)
    assert (
        f"peak {digits(view.surrogate.peak)} · area {digits(view.surrogate.area)}"
        in (texts["numbers"])
    )
    assert ("A Dirac delta" in texts["limit"]) == view.dirac
    # Every peak of every position lies within the axes.
    low, high = derivative.get_ylim()
    assert low < view.peaks.min() and view.peaks.max() < high
    low, high = family.get_ylim()
    shown = view.areas[np.isfinite(view.areas)].tolist() + view.peaks.tolist()
    assert low < min(shown) and max(shown) < high
    assert smooth.get_xlim() == derivative.get_xlim() == (-1, 3)
