"""Losses on spike times: equal to snnTorch's where it is right, and by hand where it is not."""

from __future__ import annotations

import math

import pytest
import snntorch.functional as peer
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tutorial_lib import functional as SF


@st.composite
def records(draw: st.DrawFn, min_steps: int = 1) -> tuple[Tensor, Tensor]:
    """Random spikes ``[T, B, C]`` and targets ``[B]``."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    steps = draw(st.integers(min_steps, 12))
    batch, classes = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    rate = draw(st.sampled_from([0.0, 0.1, 0.3, 0.9]))
    return (torch.rand(steps, batch, classes) < rate).float(), torch.randint(classes, (batch,))


def times_by_hand(spikes: Tensor, num_spikes: int) -> Tensor:
    """Times of the first spikes ``[F, B, C]``, the last step where there is none: one by one."""
    steps, batch, classes = spikes.shape
    times = torch.full((num_spikes, batch, classes), steps - 1.0)
    for b in range(batch):
        for c in range(classes):
            fired = [t for t in range(steps) if spikes[t, b, c] == 1]
            for n, t in enumerate(fired[:num_spikes]):
                times[n, b, c] = t
    return times


def value_and_gradient(loss_fn: object, spikes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    spikes = spikes.clone().requires_grad_()
    loss = loss_fn(spikes, targets.clone())
    upstream = torch.linspace(1, 2, loss.numel()).view_as(loss)
    (gradient,) = torch.autograd.grad(loss, spikes, upstream)
    return loss.detach(), gradient


def assert_same(ours: object, theirs: object, spikes: Tensor, targets: Tensor) -> None:
    a, b = (value_and_gradient(fn, spikes, targets) for fn in (ours, theirs))
    torch.testing.assert_close(a[0], b[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(a[1], b[1], rtol=1e-5, atol=1e-6)


@given(
    records(),
    st.sampled_from(["negate", "reciprocal"]),
    st.sampled_from(["mean", "sum", "none"]),
)
def test_ce_temporal_equals_snntorch(data: tuple, inverse: str, reduction: str) -> None:
    kwargs = {"inverse": inverse, "reduction": reduction}
    assert_same(SF.ce_temporal_loss(**kwargs), peer.ce_temporal_loss(**kwargs), *data)
    assert_same(SF.ce_temporal_loss(), peer.ce_temporal_loss(), *data)


REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


@given(records(), st.data(), REDUCTIONS)
def test_mse_temporal_equals_snntorch(
    data: tuple, settings: st.DataObject, reduction: str
) -> None:
    """Where no time is negative: the default of off_target is another matter, see below."""
    last = len(data[0]) - 1
    kwargs = {
        "on_target": settings.draw(st.integers(0, last)),
        "off_target": settings.draw(st.integers(0, last)),
        "tolerance": settings.draw(st.integers(0, 4)),
        "reduction": reduction,
    }
    assert_same(SF.mse_temporal_loss(**kwargs), peer.mse_temporal_loss(**kwargs), *data)


@given(records(), st.integers(0, 3))
def test_mse_temporal_to_given_times_equals_snntorch(data: tuple, tolerance: int) -> None:
    spikes, _ = data
    steps = len(spikes)
    wanted = torch.randint(-steps, steps, spikes.shape[1:]).float()
    kept = wanted.clone()
    kwargs = {"target_is_time": True, "tolerance": tolerance}
    assert_same(SF.mse_temporal_loss(**kwargs), peer.mse_temporal_loss(**kwargs), spikes, wanted)
    SF.mse_temporal_loss(**kwargs)(spikes, wanted)
    assert torch.equal(wanted, kept)  # snnTorch writes into it
    one_row = SF.mse_temporal_loss(**kwargs)(spikes, wanted[0])
    repeated = SF.mse_temporal_loss(**kwargs)(spikes, wanted[:1].expand_as(wanted))
    assert torch.equal(one_row, repeated)


@given(records())
def test_first_spike_time(data: tuple) -> None:
    spikes, targets = data
    spikes.requires_grad_()
    times = SF.first_spike_time(spikes)
    by_hand = times_by_hand(spikes, 1)[0]
    assert torch.equal(times, by_hand)
    upstream = torch.randn_like(times)
    (gradient,) = torch.autograd.grad(times, spikes, upstream)
    expected = -upstream * F.one_hot(by_hand.long(), len(spikes)).movedim(-1, 0)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=0)
    first = [row.tolist().index(min(row.tolist())) for row in by_hand]
    hits = [f == t for f, t in zip(first, targets.tolist(), strict=True)]
    assert SF.accuracy_temporal(spikes, targets) == pytest.approx(sum(hits) / len(hits))


@given(records(min_steps=4), st.floats(0, 4))
def test_several_spikes_by_hand(data: tuple, tolerance: float) -> None:
    spikes, targets = data
    steps, batch, classes = spikes.shape
    on, off = [0, 2], [1, -1]
    wanted = torch.empty(2, batch, classes)
    for n in range(2):
        wanted[n] = off[n] % steps
        wanted[n, torch.arange(batch), targets] = on[n]
    distance = times_by_hand(spikes, 2) - wanted
    distance[distance.abs() < tolerance] = 0
    expected = (distance / steps).square()
    kwargs = {"multi_spike": True, "tolerance": tolerance, "reduction": "none"}
    loss_fn = SF.mse_temporal_loss(on_target=on, off_target=torch.tensor(off), **kwargs)
    loss, gradient = value_and_gradient(loss_fn, spikes, targets)
    torch.testing.assert_close(loss, expected)
    by_hand = torch.zeros_like(spikes)  # -dL/dt at the spike that set each time
    upstream = torch.linspace(1, 2, expected.numel()).view_as(expected)
    slope = 2 * distance * upstream / steps**2
    by_hand.scatter_add_(0, times_by_hand(spikes, 2).long(), -slope)
    torch.testing.assert_close(gradient, by_hand)
    given_times = SF.mse_temporal_loss(target_is_time=True, **kwargs)
    torch.testing.assert_close(given_times(spikes, wanted), expected)


@given(
    st.lists(st.booleans(), min_size=4, max_size=12).filter(lambda fired: sum(fired) >= 2),
    REDUCTIONS,
)
def test_several_spikes_of_one_neuron_equal_snntorch(fired: list[bool], reduction: str) -> None:
    spikes, targets = torch.tensor(fired).float().view(-1, 1, 1), torch.tensor([0])
    kwargs = {"on_target": [1, 3], "off_target": [0, 0], "multi_spike": True}
    kwargs["reduction"] = reduction
    assert_same(SF.mse_temporal_loss(**kwargs), peer.mse_temporal_loss(**kwargs), spikes, targets)


def test_earlier_is_better_for_the_target_and_later_for_the_others() -> None:
    spikes = torch.zeros(10, 1, 2)
    spikes[4] = 1
    for make in (SF.ce_temporal_loss, SF.mse_temporal_loss):
        loss_fn = make()
        _, gradient = value_and_gradient(loss_fn, spikes, torch.tensor([0]))
        assert gradient[4, 0, 0] < 0 < gradient[4, 0, 1]
        assert gradient.count_nonzero() == 2


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"tolerance": -1}, r"tolerance must be 0 or more steps, got -1"),
        ({"tolerance": math.nan}, r"tolerance .* got nan"),
        ({"tolerance": "2"}, r"tolerance must be a number, got '2'"),
        ({"on_target": [1, 2], "multi_spike": True}, r"same length, got 2 and 1"),
        ({"on_target": [1, 2], "off_target": [1, 2]}, r"has 2 times; set multi_spike=True"),
        ({"on_target": "first"}, r"on_target must hold times in steps, .*got 'first'"),
        ({"off_target": math.inf}, r"off_target must be a time in steps.*got inf"),
        ({"on_target": torch.ones(1, device="meta")}, r"on_target must hold times .* on meta"),
        ({"on_target": []}, r"on_target must be a time in steps.*got \[\]"),
        ({"target_is_time": "yes"}, r"target_is_time must be True or False, got 'yes'"),
        ({"multi_spike": torch.ones(2)}, r"multi_spike must be True or False, got tensor"),
        (
            {"target_is_time": True, "weight": torch.ones(2)},
            r"weight needs class indices .* target_is_time is True",
        ),
    ],
)
def test_bad_settings(kwargs: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        SF.mse_temporal_loss(**kwargs)


def test_an_unknown_inverse() -> None:
    with pytest.raises(ValueError, match=r"\('negate', 'reciprocal'\), got 'minus'"):
        SF.ce_temporal_loss(inverse="minus")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (torch.zeros(3, 2), r"\[B, C\] with B = 2, C = 3, got \[3, 2\]"),
        (torch.zeros(2), r"\[B, C\] with B = 2, C = 3, got \[2\]"),
        (torch.zeros(2, 2, 3), r"given for 2 spikes; set multi_spike=True"),
        (torch.full((2, 3), 5.0), r"within the 5 steps of the record, got times from 5 to 5"),
        (torch.full((2, 3), -6.0), r"got times from -1 to -1"),
        (torch.full((2, 3), math.nan), r"got times from nan to nan"),
    ],
)
def test_bad_times(wanted: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SF.mse_temporal_loss(target_is_time=True)(torch.zeros(5, 2, 3), wanted)
    with pytest.raises(ValueError, match=r"within the 5 steps .*got times from 0 to 9"):
        SF.mse_temporal_loss(off_target=9)(torch.zeros(5, 2, 3), torch.tensor([0, 1]))
