"""Surrogates: coded slopes against their primitives, areas and peaks, and against snnTorch."""

from __future__ import annotations

import io
import itertools
import math
import pickle
from dataclasses import fields

import numpy as np
import pytest
import snntorch.surrogate as peer
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from torch import Tensor, nn

from tutorial_lib import Leaky, surrogate
from tutorial_lib.surrogate import SURROGATES, Surrogate


def two_sided(x: Tensor) -> Tensor:
    return torch.exp(-x.abs())


def steep(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.tanh(4 * x))


DEFAULTS = [family() for family in SURROGATES.values()]
CUSTOM = [surrogate.from_derivative(two_sided), surrogate.from_primitive(steep)]
WITH_PARAMETER = [name for name, family in SURROGATES.items() if fields(family)]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
by_name = pytest.mark.parametrize("g", DEFAULTS + CUSTOM, ids=lambda g: type(g).__name__)


@st.composite
def surrogates(draw: st.DrawFn) -> tuple[Surrogate, float]:
    """A surrogate of a random slope k, and the width 1/k of its bump."""
    family = SURROGATES[draw(st.sampled_from(list(SURROGATES)))]
    k = draw(st.floats(0.01, 20))
    return family.with_slope(k), 1 / k


def slope_at(g: Surrogate, x: float) -> float:
    return g.derivative(torch.tensor(x, dtype=torch.float64)).item()


def test_what_is_listed_is_public_and_everything_with_a_name_is_listed() -> None:
    public = {getattr(surrogate, name) for name in surrogate.__all__ if name != "SURROGATES"}
    made_by_hand = {Surrogate, surrogate.from_derivative, surrogate.from_primitive}
    assert set(SURROGATES.values()) == public - made_by_hand
    assert all(name == family.__name__ for name, family in SURROGATES.items())
    assert all(family.__doc__ and "Source: " in family.__doc__ for family in SURROGATES.values())


@given(surrogates(), st.floats(0.002, 30), st.booleans())
def test_derivative_is_the_finite_difference_of_the_primitive(
    bump: tuple[Surrogate, float], u: float, negative: bool
) -> None:
    """Between its values at both ends, by the mean value theorem: at the edge of a box too."""
    g, width = bump
    step = 1e-5 * width
    x = torch.tensor(-u * width if negative else u * width, dtype=torch.float64)
    difference = ((g.primitive(x + step) - g.primitive(x - step)) / (2 * step)).item()
    ends = [g.derivative(x - step).item(), g.derivative(x).item(), g.derivative(x + step).item()]
    room = 1e-6 * max(ends) + 1e-7 * g.peak
    assert min(ends) - room <= difference <= max(ends) + room


@given(surrogates())
def test_integral_and_rise_of_the_primitive_are_the_area(bump: tuple[Surrogate, float]) -> None:
    g, width = bump
    ends = g.primitive(torch.tensor([-1e9, 1e9], dtype=torch.float64) * width)
    rise = (ends[1] - ends[0]).item()
    if math.isinf(g.area):
        assert rise > 1e8 * width and slope_at(g, 1e9 * width) > 0
        return
    assert rise == pytest.approx(g.area, rel=1e-6)
    integral = 0.0
    borders = (-math.inf, -10, -1, -0.5, 0, 0.5, 1, 10, math.inf)
    for low, high in itertools.pairwise(borders):
        integral += quad(lambda u: slope_at(g, u * width) * width, low, high, epsabs=1e-9)[0]
    assert integral == pytest.approx(g.area, rel=1e-6)


@given(surrogates(), st.lists(st.floats(-40, 40), min_size=1))
def test_peak_is_at_threshold_and_the_slope_is_even(
    bump: tuple[Surrogate, float], units: list[float]
) -> None:
    g, width = bump
    x = torch.tensor(units, dtype=torch.float64) * width
    slopes = g.derivative(x)
    assert slope_at(g, 0.0) == pytest.approx(g.peak, rel=1e-12)
    assert (slopes <= g.peak * (1 + 1e-12)).all()
    assert (slopes >= 0).all()
    torch.testing.assert_close(slopes, g.derivative(-x), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", SURROGATES)
def test_a_slope_of_k_makes_a_bump_as_narrow_as_1_over_k(name: str) -> None:
    """All members of a family have one shape: scaled by k, and in height by the peak."""
    u = torch.linspace(-3, 3, 61, dtype=torch.float64) + 1e-3  # no edge among them
    shapes = []
    for k in (0.5, 25):
        g = SURROGATES[name].with_slope(k)
        shapes.append(g.derivative(u / k) / g.peak)
    torch.testing.assert_close(shapes[0], shapes[1])
    assert SURROGATES[name].with_slope(2) == SURROGATES[name].with_slope(2.0)
    for bad in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="slope must be a finite number above 0"):
            SURROGATES[name].with_slope(bad)
    with pytest.raises(TypeError, match="slope must be a number, got None"):
        SURROGATES[name].with_slope(None)


@by_name
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_finite_and_of_the_same_dtype(g: Surrogate, dtype: torch.dtype) -> None:
    x = torch.linspace(-100, 100, 4001).to(dtype)
    x = torch.cat([x, torch.tensor([0.0, 1e-7, -1e-7, 6e-5], dtype=dtype)]).requires_grad_()
    spk = g(x)
    spk.backward(torch.ones_like(spk))
    assert spk.dtype == x.grad.dtype == dtype
    assert set(spk.unique().tolist()) == {0.0, 1.0}
    assert torch.isfinite(x.grad).all()
    if not isinstance(g, surrogate.from_derivative):
        primitive = g.primitive(x.detach())
        assert primitive.dtype == dtype
        assert torch.isfinite(primitive).all()


def test_the_tail_of_the_fast_sigmoid_survives_half_precision() -> None:
    """(1 + k|x|)^2 overflows float16 from |x| = 10.2 on, 1 / (1 + k|x|)^2 does not vanish there."""
    x = torch.tensor([11.0, -20.0, 40.0])
    for g in (surrogate.fast_sigmoid(), surrogate.fast_sigmoid_normalized()):
        half = g.derivative(x.half()).float()
        torch.testing.assert_close(half, g.derivative(x), rtol=0.1, atol=0)


@pytest.mark.parametrize("dtype", DTYPES[:3], ids=str)
def test_steep_surrogates_stay_right_in_low_precision(dtype: torch.dtype) -> None:
    """1 + k|x| overflows float16 here."""
    x = torch.tensor([-100.0, 0.0, 100.0], dtype=dtype)
    for g in (surrogate.fast_sigmoid_normalized(2000), surrogate.sigmoid(2000)):
        assert torch.isfinite(g.derivative(x)).all()
        assert g.primitive(x).tolist() == pytest.approx([0, 0.5, 1], abs=1e-2)


@by_name
@given(x=st.lists(st.floats(-1e30, 1e30), min_size=1))
def test_forward_is_the_heaviside_step(g: Surrogate, x: list[float]) -> None:
    x = torch.tensor([*x, 0.0, -0.0], dtype=torch.float64)
    torch.testing.assert_close(g(x), torch.heaviside(x, torch.zeros_like(x)), rtol=0, atol=0)


@by_name
def test_backward_is_the_chain_rule_with_the_coded_slope(g: Surrogate) -> None:
    x = torch.linspace(-2, 2, 40, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn_like(x)
    (gradient,) = torch.autograd.grad(g(x), x, upstream)
    torch.testing.assert_close(gradient, upstream * g.derivative(x.detach()), rtol=0, atol=0)


@pytest.mark.parametrize("threshold", [0.5, 1.0, 3.0])
def test_triangular_is_a_triangle(threshold: float) -> None:
    """Straight sides from 1/threshold at 0 down to 0 at the threshold; snnTorch's is a step."""
    u = torch.linspace(-2, 2, 81, dtype=torch.float64)
    sides = torch.where(u.abs() < 1, 1 - u.abs(), 0) / threshold
    torch.testing.assert_close(surrogate.triangular(threshold).derivative(u * threshold), sides)
    x = torch.tensor([-0.5, 0.5], requires_grad=True)
    (theirs,) = torch.autograd.grad(peer.triangular(threshold)(x).sum(), x)
    assert theirs.tolist() == [threshold, -threshold]


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (surrogate.fast_sigmoid, peer.fast_sigmoid, "slope"),
        (surrogate.atan, peer.atan, "alpha"),
        (surrogate.sigmoid, peer.sigmoid, "slope"),
    ],
)
@given(data=st.data())
def test_equal_to_snntorch(ours: type, theirs: object, name: str, data: st.DataObject) -> None:
    value = data.draw(st.floats(0.125, 60, width=32))  # snnTorch's sigmoid rounds it to float32
    # (exp(-kx) + 1)^2 in snnTorch overflows from kx = -44 on: 0 there, and NaN below -89.
    slope = max(value, surrogate.sigmoid().slope)
    reach = 40 / slope if ours is surrogate.sigmoid else 100.0
    points = data.draw(st.lists(st.floats(-reach, reach), min_size=1))
    for kwargs in ({}, {name: value}):
        for dtype in (torch.float32, torch.float64):
            x = torch.tensor(points, dtype=dtype, requires_grad=True)
            mine, peers = ours(**kwargs)(x), theirs(**kwargs)(x)
            assert mine.tolist() == peers.tolist()
            ones = torch.ones(len(points))
            (a,) = torch.autograd.grad(mine, x, ones.to(dtype))
            (b,) = torch.autograd.grad(peers, x, ones)
            precision = torch.finfo(dtype).eps * 100
            torch.testing.assert_close(a, b.to(dtype), rtol=precision, atol=1e-35)


def test_straight_through_equals_snntorch_and_its_sigmoid_overflows() -> None:
    x = torch.linspace(-100, 100, 101, requires_grad=True)
    upstream = torch.randn_like(x)
    for ours, theirs, fine in (
        (surrogate.straight_through_estimator(), peer.straight_through_estimator(), True),
        (surrogate.sigmoid(), peer.sigmoid(), False),  # why ours is written with two sigmoids
    ):
        (a,) = torch.autograd.grad(ours(x), x, upstream)
        (b,) = torch.autograd.grad(theirs(x), x, upstream)
        assert bool(torch.isnan(b).any()) is not fine
        assert torch.equal(a, b) is fine


@by_name
def test_whole_model_round_trip(g: Surrogate) -> None:
    assert pickle.loads(pickle.dumps(g)) == g
    net = nn.Sequential(nn.Linear(3, 4), Leaky(0.9, spike_grad=g, init_hidden=True, output=True))
    x = torch.randn(5, 3)
    net(x)[0].sum().backward()
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    assert loaded[1].spike_grad == g
    for mine, theirs in zip(net(x), loaded(x), strict=True):
        assert torch.equal(mine, theirs)


@by_name
def test_compared_by_value_and_printed_as_written(g: Surrogate) -> None:
    if g in DEFAULTS:
        assert eval(repr(g), vars(surrogate)) == g
        assert type(g)() == g
        assert hash(type(g)()) == hash(g)
    assert all(g != other for other in DEFAULTS + CUSTOM if other is not g)
    for field in g.__dataclass_fields__:
        with pytest.raises(AttributeError):
            setattr(g, field, 2.0)


def test_the_tutorials_names_and_defaults() -> None:
    assert repr(surrogate.fast_sigmoid()) == "fast_sigmoid(slope=25)"
    assert repr(surrogate.atan()) == "atan(alpha=2.0)"
    assert surrogate.fast_sigmoid(slope=25) != surrogate.fast_sigmoid(slope=50)


def test_scalars_of_other_libraries_become_plain_numbers() -> None:
    for value in (np.float64(25), torch.tensor(25.0)):
        g = surrogate.fast_sigmoid(value)
        assert g == surrogate.fast_sigmoid(25)
        assert hash(g) == hash(surrogate.fast_sigmoid(25))
        assert type(g.slope) is float


@pytest.mark.parametrize("name", WITH_PARAMETER)
@pytest.mark.parametrize("bad", [0, -1.5, math.nan, math.inf])
def test_bad_parameters(name: str, bad: float) -> None:
    parameter = next(iter(getattr(surrogate, name).__dataclass_fields__))
    with pytest.raises(ValueError, match=rf"{parameter} must be a finite .* above 0, got {bad}"):
        getattr(surrogate, name)(bad)
    with pytest.raises(TypeError, match=rf"{parameter} must be a number, got '25'"):
        getattr(surrogate, name)("25")
    for huge in (1e-320, 1e300):  # a surrogate of these gives NaN or infinity in float32
        with pytest.raises(ValueError, match=rf"{parameter} must lie between 1e-30 and 1e30"):
            getattr(surrogate, name)(huge)


@by_name
@pytest.mark.parametrize("bad", [1.0, torch.tensor([1, 2]), torch.tensor([True])], ids=str)
def test_only_floating_point_tensors(g: Surrogate, bad: object) -> None:
    with pytest.raises(TypeError, match=r"floating-point tensor, got (float|torch\.).*\.float\(\)"):
        g(bad)


@given(st.floats(0.5, 5), st.lists(st.floats(-3, 3), min_size=1))
def test_from_primitive_takes_the_derivative_itself(k: float, points: list[float]) -> None:
    """The logistic step by autograd equals the sigmoid surrogate's coded slope."""
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    coded = surrogate.sigmoid(k)
    ours = surrogate.from_primitive(coded.primitive)
    for g in (ours, surrogate.from_derivative(coded.derivative)):
        (gradient,) = torch.autograd.grad(g(x).sum(), x)
        torch.testing.assert_close(gradient, coded.derivative(x.detach()), rtol=1e-12, atol=1e-14)
        assert g.peak == pytest.approx(coded.peak)
    assert torch.equal(ours.primitive(x), coded.primitive(x))


@pytest.mark.parametrize("make", [surrogate.from_derivative, surrogate.from_primitive])
def test_bad_functions(make: type) -> None:
    with pytest.raises(TypeError, match="must be a function of a tensor, got 3"):
        make(3)
    for bad, got in ((torch.sum, r"\[\]"), (lambda x: x[:4], r"\[4\]"), (lambda x: 1.0, "float")):
        with pytest.raises(ValueError, match=rf"elementwise.* made {got} of .*\[9\].*keep the "):
            make(bad)
    with pytest.raises(ValueError, match=r"finite slopes.*at x = \[0.0\]"):
        make(lambda x: 1 / x.abs() if make is surrogate.from_derivative else x.abs().sqrt())


def test_a_step_is_no_primitive() -> None:
    with pytest.raises(ValueError, match=r"must be differentiable.*from_derivative"):
        surrogate.from_primitive(lambda x: (x > 0).float())


def test_a_derivative_alone_has_no_primitive() -> None:
    with pytest.raises(TypeError, match=r"from_derivative defines no primitive.*from_primitive"):
        CUSTOM[0].primitive(torch.zeros(1))
