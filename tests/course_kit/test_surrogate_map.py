"""The map of surrogates: shapes of one width, scaled to one peak or one area, and data as made."""

from __future__ import annotations

import math

import pytest
import torch

from course_kit import surrogate_map

BOUNDED = [shape for shape in surrogate_map.SHAPES if shape != "straight-through"]


@pytest.mark.parametrize("shape", BOUNDED)
def test_each_shape_has_one_width_and_the_scale_asked_for(shape: str) -> None:
    width = surrogate_map.HALF_WIDTH
    inside, outside = (torch.tensor(width * (1 + e), dtype=torch.float64) for e in (-1e-6, 1e-6))
    grad = surrogate_map.scaled(shape, "peak")
    assert grad.peak == pytest.approx(1)
    assert grad.derivative(inside) >= 0.5 - 1e-12 and grad.derivative(outside) <= 0.5 + 1e-12
    even = torch.linspace(-1, 1, 400_001, dtype=torch.float64)
    x = 1e-3 * torch.sinh(even * math.asinh(1e7))  # out to 10,000 thresholds
    area = torch.trapezoid(surrogate_map.scaled(shape, "area").derivative(x), x).item()
    assert area == pytest.approx(1, abs=1e-4)


def test_what_has_no_scale_is_named() -> None:
    assert surrogate_map.scaled("straight-through", "peak").peak == 1
    for shape, scale in (("straight-through", "area"), ("square", "peak"), ("atan", "width")):
        with pytest.raises(ValueError, match="got"):
            surrogate_map.scaled(shape, scale)
    for rate in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="rate must be"):
            surrogate_map.accuracy("atan", "peak", rate)


def test_the_data_are_those_of_all_cells() -> None:
    shipped = surrogate_map.load()
    assert list(shipped) == surrogate_map.cells() and len(shipped) == 90
    counts = [200 * share for share in shipped.values()]  # of 200 images
    assert all(0 <= n <= 200 and abs(n - round(n)) < 1e-9 for n in counts)


def test_without_updates_nothing_is_learned_and_a_cell_repeats() -> None:
    still = surrogate_map.accuracy("atan", "peak", 0.0)
    assert still < 0.3 and surrogate_map.accuracy("atan", "peak", 0.0) == still
