"""Rate and latency coding."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tutorial_lib import encoding
from tutorial_lib.encoding import latency_encode, rate_conv, rate_encode

brightness = st.floats(0, 1, width=32)
images = st.lists(brightness, min_size=1, max_size=12).map(torch.tensor)
steps = st.integers(1, 40)
BOTH = pytest.mark.parametrize("encode", [rate_encode, latency_encode])


@given(images, steps, st.sampled_from([torch.float16, torch.float32, torch.float64]))
def test_both_give_spikes_with_time_first(x: torch.Tensor, num_steps: int, dtype) -> None:
    x = x.to(dtype).reshape(-1, 1, 1).expand(-1, 2, 3)
    before = x.clone()
    for encode in (rate_encode, latency_encode):
        spk = encode(x, num_steps)
        assert spk.shape == (num_steps, *x.shape) and spk.dtype == dtype
        assert bool(((spk == 0) | (spk == 1)).all())
        assert torch.equal(x, before)


@given(images, steps, st.integers(0, 5))
def test_rate_is_fixed_by_its_generator_alone(x: torch.Tensor, num_steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    state = torch.get_rng_state()
    one = rate_encode(x, num_steps, torch.Generator().manual_seed(seed))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, rate_encode(x, num_steps, torch.Generator().manual_seed(seed)))
    assert torch.equal(one, rate_encode(x, num_steps))  # the global one, seeded alike
    repeated = x.expand(num_steps, *x.shape)
    assert torch.equal(one, rate_conv(repeated, torch.Generator().manual_seed(seed)))
    assert bool((one[:, x == 0] == 0).all()) and bool((one[:, x == 1] == 1).all())


def test_rate_is_bernoulli_with_independent_steps() -> None:
    x = torch.tensor([0.1, 0.5, 0.9])
    steps_ = 20_000
    spk = rate_encode(x, steps_, torch.Generator().manual_seed(0))
    deviation = (x * (1 - x) / steps_).sqrt()
    assert bool(((spk.mean(0) - x).abs() < 4 * deviation).all())
    centered = spk - x
    for product in (centered[1:] * centered[:-1], centered * centered.roll(1, dims=1)):
        assert bool((product.mean(0).abs() < 4 * 0.25 / math.sqrt(steps_)).all())


@given(images, steps, brightness)
def test_latency_fires_once_and_the_brighter_the_earlier(
    x: torch.Tensor, num_steps: int, threshold: float
) -> None:
    spk = latency_encode(x, num_steps, threshold)
    assert torch.equal(spk.sum(0), (x >= threshold).float())
    time = spk.argmax(0)[x >= threshold]
    bright = x[x >= threshold]
    order = bright.argsort(descending=True)
    assert bool((time[order].diff() >= 0).all())
    # linear: no spike further than half a step from its place
    assert bool(((time - (1 - bright) * (num_steps - 1)).abs() <= 0.5 + 1e-4).all())


def test_latency_by_hand() -> None:
    x = torch.tensor([[1.0, 0.75, 0.5, 0.25, 0.02, 0.009, 0.0]])
    spk = latency_encode(x, 5)
    assert spk.nonzero()[:, [2, 0]].sort(0).values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert spk.argmax(0).tolist() == [[0, 1, 2, 3, 4, 0, 0]]
    assert spk.sum(0).tolist() == [[1, 1, 1, 1, 1, 0, 0]]
    assert latency_encode(torch.zeros(1), 5, threshold=0.0)[:, 0].tolist() == [0, 0, 0, 0, 1]


def test_latency_agrees_with_snntorch_where_a_pixel_fires() -> None:
    spikegen = pytest.importorskip("snntorch.spikegen")
    x = torch.rand(4, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    theirs = spikegen.latency(x, num_steps=17, linear=True, normalize=True, clip=True)
    assert torch.equal(latency_encode(x, 17), theirs)


@BOTH
def test_no_gradient_flows_and_none_is_asked(encode) -> None:
    x = torch.rand(3, requires_grad=True)
    assert not encode(x, 4).requires_grad


@BOTH
@pytest.mark.parametrize(
    ("x", "num_steps", "error", "message"),
    [
        ([0.5], 3, TypeError, "floating-point tensor, got list.*/ 255"),
        (torch.tensor([3], dtype=torch.uint8), 3, TypeError, "got torch.uint8.*/ 255"),
        (torch.tensor(0.5), 3, ValueError, r"at least one axis and one entry, got the shape \[\]"),
        (torch.zeros(0, 28), 3, ValueError, r"one entry, got the shape \[0, 28\]"),
        (torch.tensor([-0.1, 1.0]), 3, ValueError, "got values from -0.1 to 1.*Normalize"),
        (torch.tensor([0.0, 255.0]), 3, ValueError, "got values from 0 to 255"),
        (torch.tensor([0.0, math.nan]), 3, ValueError, "got values from nan"),
        (torch.tensor([0.5]), 0, ValueError, "num_steps must be at least 1, got 0"),
        (torch.tensor([0.5]), 2.0, TypeError, "num_steps must be an integer, got 2.0"),
    ],
)
def test_refused(encode, x, num_steps, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        encode(x, num_steps)


@pytest.mark.parametrize(
    ("threshold", "error"),
    [(-0.1, ValueError), (1.1, ValueError), (math.nan, ValueError), ("a", TypeError)],
)
def test_latency_refuses_thresholds(threshold, error: type[Exception]) -> None:
    with pytest.raises(error, match="threshold must"):
        latency_encode(torch.rand(3), 4, threshold)


@BOTH
def test_images_without_values_are_refused(encode) -> None:
    with pytest.raises(TypeError, match="images must be a dense tensor with values.*meta"):
        encode(torch.rand(3, device="meta"), 4)
    with pytest.raises(TypeError, match="images must be a dense.*to_dense"):
        encode(torch.eye(3).to_sparse(), 4)


def test_rate_refuses_a_generator_of_another_kind_or_device() -> None:
    with pytest.raises(TypeError, match=r"generator must be a torch\.Generator or None, got 0"):
        rate_encode(torch.rand(3), 4, 0)
    elsewhere = SimpleNamespace(device=torch.device("cuda"))  # a generator of a GPU looks the same
    with pytest.raises(ValueError, match="generator is on cpu, images on cuda"):
        encoding._check_generator("images", elsewhere, torch.Generator())
