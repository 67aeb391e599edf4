"""Losses and accuracies on counts and membranes: equal to snnTorch's, or other as documented."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import pytest
import snntorch.functional as peer
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tutorial_lib import functional as SF

LOSSES = list(SF.LOSSES)
CROSS_ENTROPIES = ["ce_rate_loss", "ce_count_loss", "ce_max_membrane_loss"]
METRICS = [SF.accuracy_rate, SF.accuracy_temporal]
all_losses = pytest.mark.parametrize("name", LOSSES)


@st.composite
def records(draw: st.DrawFn, group: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Random spikes, membranes ``[T, B, C * group]`` and targets ``[B]``."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    steps, batch, classes = (draw(st.integers(1, high)) for high in (12, 5, 6))
    rate = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    shape = (steps, batch, classes * group)
    spikes = (torch.rand(shape) < rate).float()
    return spikes, torch.randn(shape), torch.randint(classes, (batch,))


def value_and_gradient(
    loss_fn: Callable[[Tensor, Tensor], Tensor], rec: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    rec = rec.clone().requires_grad_()
    loss = loss_fn(rec, targets.clone())
    upstream = torch.linspace(1, 2, loss.numel(), dtype=loss.dtype).view_as(loss)
    (gradient,) = torch.autograd.grad(loss, rec, upstream)
    return loss.detach(), gradient


def assert_same(ours: object, theirs: object, rec: Tensor, targets: Tensor) -> None:
    a, b = (value_and_gradient(fn, rec, targets) for fn in (ours, theirs))
    if b[0].shape == (1,) != a[0].shape:  # ce_rate_loss and mse_membrane_loss: documented
        b = b[0].squeeze(0), b[1]
    torch.testing.assert_close(a[0], b[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(a[1], b[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
@given(data=records(), reduction=st.sampled_from(["mean", "sum", "none"]), weighted=st.booleans())
def test_cross_entropies_equal_snntorch(
    name: str, data: tuple, reduction: str, weighted: bool
) -> None:
    spikes, membranes, targets = data
    kwargs = {"reduction": reduction}
    if weighted:
        if reduction == "sum":  # snnTorch forgets to sum then
            return
        kwargs["weight"] = torch.rand(spikes.shape[-1])
    rec = membranes if "membrane" in name else spikes
    assert_same(getattr(SF, name)(**kwargs), getattr(peer, name)(**kwargs), rec, targets)


REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


@given(records(), st.floats(0, 1), st.floats(0, 1), REDUCTIONS)
def test_mse_count_equals_snntorch(data: tuple, a: float, b: float, reduction: str) -> None:
    spikes, _, targets = data
    kwargs = {"correct_rate": max(a, b), "incorrect_rate": min(a, b), "reduction": reduction}
    assert_same(SF.mse_count_loss(**kwargs), peer.mse_count_loss(**kwargs), spikes, targets)
    assert_same(SF.mse_count_loss(), peer.mse_count_loss(), spikes, targets)


@given(records(), st.floats(-2, 2), st.floats(0, 2), REDUCTIONS)
def test_mse_membrane_equals_snntorch(data: tuple, on: float, off: float, reduction: str) -> None:
    _, membranes, targets = data
    kwargs = {"on_target": on, "off_target": off, "reduction": reduction}
    ours, theirs = SF.mse_membrane_loss(**kwargs), peer.mse_membrane_loss(**kwargs)
    assert_same(ours, theirs, membranes, targets)
    assert_same(SF.mse_membrane_loss(), peer.mse_membrane_loss(), membranes, targets)


@pytest.mark.parametrize("name", ["ce_count_loss", "mse_count_loss"])
@given(data=records(group=3))
def test_population_code_equals_snntorch(name: str, data: tuple) -> None:
    spikes, _, targets = data
    kwargs = {"population_code": True, "num_classes": spikes.shape[-1] // 3}
    assert_same(getattr(SF, name)(**kwargs), getattr(peer, name)(**kwargs), spikes, targets)
    assert SF.accuracy_rate(spikes, targets, **kwargs) == peer.accuracy_rate(
        spikes, targets, **kwargs
    )


@given(records())
def test_accuracies_equal_snntorch(data: tuple) -> None:
    spikes, _, targets = data
    assert SF.accuracy_rate(spikes, targets) == peer.accuracy_rate(spikes, targets)
    assert SF.accuracy_temporal(spikes, targets) == peer.accuracy_temporal(spikes, targets)
    for ours in (SF.accuracy_rate(spikes, targets), SF.accuracy_temporal(spikes, targets)):
        assert type(ours) is type(peer.accuracy_rate(spikes, targets))  # so .item() is there
        assert isinstance(ours, float)


@given(records(group=2))
def test_population_spikes_are_summed_per_class(data: tuple) -> None:
    spikes, _, targets = data
    classes = spikes.shape[-1] // 2
    by_hand = torch.stack([spikes[..., 2 * k] + spikes[..., 2 * k + 1] for k in range(classes)], -1)
    assert torch.equal(SF.population_spikes(spikes, classes), by_hand)
    pop = {"population_code": True, "num_classes": classes}
    assert torch.equal(SF.predict_rate(spikes, **pop), SF.predict_rate(by_hand))
    assert SF.decision_rate(spikes, **pop) == SF.decision_rate(by_hand)
    ours = SF.ce_rate_loss(**pop)(spikes, targets)
    torch.testing.assert_close(ours, SF.ce_rate_loss()(by_hand, targets))


@all_losses
@given(data=records())
def test_reductions_are_those_of_torch(name: str, data: tuple) -> None:
    """The mean and the sum are over the values that "none" returns, weighted or not."""
    spikes, membranes, targets = data
    loss = SF.LOSSES[name]
    rec = membranes if loss.reads == "membranes" else spikes
    weight = torch.rand(spikes.shape[-1]) + 0.1
    plain = loss(reduction="none")(rec, targets)
    squared_error = name.startswith("mse")
    assert plain.shape == (targets.shape + spikes.shape[-1:] if squared_error else targets.shape)
    weighted = plain * (weight[targets].unsqueeze(-1) if squared_error else weight[targets])
    for given_weight, values in ((None, plain), (weight, weighted)):
        for reduction, expected in (
            ("none", values),
            ("mean", values.mean()),
            ("sum", values.sum()),
        ):
            got = loss(reduction=reduction, weight=given_weight)(rec, targets)
            torch.testing.assert_close(got, expected)


@given(records())
def test_membrane_targets_that_change_over_time(data: tuple) -> None:
    _, membranes, _ = data
    steps, batch, classes = membranes.shape
    targets = torch.randint(classes, (steps, batch))
    loss = SF.mse_membrane_loss(time_var_targets=True, on_target=0.8, off_target=0.1)
    by_hand = [
        F.mse_loss(membranes[t], torch.where(F.one_hot(targets[t], classes) > 0, 0.8, 0.1))
        for t in range(steps)
    ]
    torch.testing.assert_close(loss(membranes, targets), torch.stack(by_hand).mean())


@pytest.mark.parametrize("classes", [2, 10, 47])
def test_floors_of_the_rate_loss(classes: int) -> None:
    targets = torch.arange(classes)
    perfect = F.one_hot(targets, classes).expand(50, -1, -1).double()
    floor = math.log(1 + (classes - 1) / math.e)
    assert SF.ce_rate_loss()(perfect, targets).item() == pytest.approx(floor, rel=1e-12)
    silent = torch.zeros_like(perfect)
    for loss in (SF.ce_rate_loss(), SF.ce_count_loss()):
        assert loss(silent, targets).item() == pytest.approx(math.log(classes), rel=1e-12)
    assert SF.ce_count_loss()(perfect, targets).item() < 1e-18
    assert SF.accuracy_rate(perfect, targets) == SF.decision_rate(perfect) == 1


def test_the_numbers_of_the_course() -> None:
    assert math.log(1 + 9 / math.e) == pytest.approx(1.4612, abs=5e-5)
    assert math.log(10) == pytest.approx(2.3026, abs=5e-5)
    silent, target = torch.zeros(50, 1, 10), torch.tensor([3])
    _, of_rate = value_and_gradient(SF.ce_rate_loss(), silent, target)
    _, of_count = value_and_gradient(SF.ce_count_loss(), silent, target)
    torch.testing.assert_close(of_rate[:, 0, 3], torch.full((50,), -0.018))
    torch.testing.assert_close(of_count[:, 0, 3], torch.full((50,), -0.9))


def per_sample(name: str, rec: Tensor, targets: Tensor) -> Tensor:
    values = SF.LOSSES[name](reduction="none")(rec, targets)
    return values if values.ndim == 1 else values.mean(-1)


@all_losses
@given(data=records())
def test_invariances(name: str, data: tuple) -> None:
    spikes, membranes, targets = data
    rec = membranes if SF.LOSSES[name].reads == "membranes" else spikes
    steps, batch, classes = rec.shape
    loss_fn = lambda *given: per_sample(name, *given)  # noqa: E731
    loss = loss_fn(rec, targets)
    if "temporal" not in name:  # order in time does not matter
        torch.testing.assert_close(loss_fn(rec[torch.randperm(steps)], targets), loss)
    renamed = torch.randperm(classes)
    torch.testing.assert_close(loss_fn(rec[..., renamed.argsort()], renamed[targets]), loss)
    order = torch.randperm(batch)
    torch.testing.assert_close(loss_fn(rec[:, order], targets[order]), loss[order])


@given(records())
def test_predictions(data: tuple) -> None:
    spikes, _, targets = data
    winners = []
    for count in spikes.sum(0).tolist():
        best = [c for c, n in enumerate(count) if n == max(count)]
        winners.append(best[0] if len(best) == 1 and max(count) > 0 else -1)
    assert SF.predict_rate(spikes).tolist() == winners
    decided = [w >= 0 for w in winners]
    assert SF.decision_rate(spikes) == pytest.approx(sum(decided) / len(decided))
    right = sum(w == t for w, t in zip(winners, targets.tolist(), strict=True))
    assert SF.accuracy_rate(spikes, targets) >= right / len(winners) - 1e-12


@given(records())
def test_the_decision_step_is_the_first_from_which_the_prediction_stays(data: tuple) -> None:
    spikes, _, _ = data
    so_far = [SF.predict_rate(spikes[: t + 1]).tolist() for t in range(len(spikes))]
    expected = []
    for winners in zip(*so_far, strict=True):
        stays = len(winners)
        while stays > 0 and winners[stays - 1] == winners[-1]:
            stays -= 1
        expected.append(stays + 1 if winners[-1] >= 0 else -1)
    steps = SF.decision_step(spikes)
    assert steps.dtype == torch.int64
    assert steps.tolist() == expected
    pairs, classes = spikes.repeat_interleave(2, dim=-1), spikes.shape[-1]
    assert SF.decision_step(pairs, True, classes).tolist() == expected


def test_silence_and_ties_are_class_zero_for_accuracy_but_no_decision() -> None:
    targets = torch.tensor([0, 0, 1, 2])
    silent = torch.zeros(5, 4, 3)
    assert SF.accuracy_rate(silent, targets) == 0.5
    assert SF.accuracy_temporal(silent, targets) == 0.5
    assert SF.decision_rate(silent) == 0
    tied = silent.clone()
    tied[0, :, 1:] = 1
    assert SF.accuracy_rate(tied, targets) == 0.25  # the lowest of the tied classes
    assert SF.predict_rate(tied).tolist() == [-1] * 4
    tied[1, 3, 2] = 1
    assert SF.predict_rate(tied).tolist() == [-1, -1, -1, 2]
    assert SF.decision_rate(tied) == 0.25
    assert SF.predict_rate(torch.tensor([[[0.0], [1.0]]])).tolist() == [-1, 0]


@all_losses
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_precision(name: str, dtype: torch.dtype) -> None:
    """Half precision is summed in float32 (bfloat16 has no 299, the last step); float64 stays."""
    spikes = (torch.rand(300, 4, 3) < 0.01).to(dtype)
    targets = torch.tensor([0, 1, 2, 0])
    loss, gradient = value_and_gradient(getattr(SF, name)(), spikes, targets)
    single, expected = value_and_gradient(getattr(SF, name)(), spikes.float(), targets)
    full = torch.float64 if dtype == torch.float64 else torch.float32
    assert (loss.dtype, gradient.dtype) == (full, dtype)
    torch.testing.assert_close(loss.float(), single, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient, expected.to(dtype))


def test_large_populations_in_half_precision() -> None:
    spikes = torch.ones(2, 1, 602, dtype=torch.bfloat16)
    spikes[:, :, 301] = 0  # 301 against 300 spikes a step, which bfloat16 cannot tell apart
    pop = {"population_code": True, "num_classes": 2}
    assert SF.predict_rate(spikes, **pop).tolist() == [0]
    got = SF.mse_count_loss(**pop)(spikes, torch.tensor([0]))
    assert got.item() == pytest.approx(600**2 / 2 / 2)


@all_losses
def test_losses_are_plain_objects(name: str) -> None:
    loss_fn = getattr(SF, name)(reduction="sum")
    assert repr(loss_fn).startswith(f"{name}(reduction='sum'")
    assert vars(pickle.loads(pickle.dumps(loss_fn))) == vars(loss_fn)
    spikes, targets = (torch.rand(5, 2, 3) < 0.5).float(), torch.tensor([0, 2])
    kept = spikes.clone(), targets.clone()
    loss_fn(spikes, targets)
    assert torch.equal(spikes, kept[0]) and torch.equal(targets, kept[1])


CALLS = [getattr(SF, name)() for name in LOSSES] + METRICS
every_call = pytest.mark.parametrize("call", CALLS, ids=[*LOSSES, *[m.__name__ for m in METRICS]])
BAD_RECORDS = [
    ([torch.zeros(2, 3)], TypeError, r"\[T, B, C\], got list.*torch\.stack"),
    (torch.zeros(2, 3), ValueError, r"\[T, B, C\].*got \[2, 3\].*torch\.stack"),
    (torch.zeros(5, 0, 3), ValueError, r"empty.*\[5, 0, 3\]"),
    (torch.zeros(0, 2, 3), ValueError, r"empty.*\[0, 2, 3\]"),
    (torch.zeros(5, 2, 3, dtype=torch.int64), TypeError, r"got torch\.int64.*\.float\(\)"),
    (torch.full((5, 2, 3), math.nan), ValueError, r"contains NaN.*learning rate"),
    (torch.full((5, 2, 3), -math.inf), ValueError, r"contains infinite values.*learning rate"),
    (torch.zeros(5, 2, 3, device="meta"), TypeError, r"a dense tensor with values, got .* on meta"),
    (torch.zeros(5, 2, 3).to_sparse(), TypeError, r"a dense tensor with values, got .*sparse"),
]
BAD_TARGETS = [
    ([0, 1], TypeError, r"got list.*as_tensor"),
    (torch.tensor([0.0, 1.0]), TypeError, r"class indices, got torch\.float32.*\.long\(\)"),
    (torch.tensor([True, False]), TypeError, r"got torch\.bool"),
    (torch.tensor([0, 1, 2]), ValueError, r"\[B\] = \[2\].*got \[3\].*time first"),
    (torch.tensor([[0], [1]]), ValueError, r"\[B\] = \[2\].*got \[2, 1\]"),
    (torch.tensor([0, 3]), ValueError, r"between 0 and 2 for 3 classes, got values from 0 to 3"),
    (torch.tensor([-1, 2]), ValueError, r"between 0 and 2 .*from -1 to 2"),
]


@every_call
@pytest.mark.parametrize(("rec", "error", "message"), BAD_RECORDS)
def test_bad_records(call: Callable, rec: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(rec, torch.tensor([0, 1]))


def name_of(call: Callable) -> str:
    return getattr(call, "__name__", type(call).__name__)


ALONE = [SF.predict_rate, SF.decision_rate, SF.decision_step, SF.first_spike_time]


@pytest.mark.parametrize("call", [*ALONE, SF.l1_rate_sparsity()], ids=name_of)
@pytest.mark.parametrize(("rec", "error", "message"), BAD_RECORDS)
def test_bad_records_alone(call: Callable, rec: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(rec)


@every_call
@pytest.mark.parametrize(("targets", "error", "message"), BAD_TARGETS)
def test_bad_targets(call: Callable, targets: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(torch.zeros(5, 2, 3), targets)


ON_SPIKES = [SF.accuracy_rate, SF.accuracy_temporal, SF.ce_temporal_loss(), SF.mse_temporal_loss()]


@pytest.mark.parametrize("call", ON_SPIKES, ids=name_of)
def test_membranes_are_no_spikes(call: Callable) -> None:
    with pytest.raises(ValueError, match=r"must hold spikes, 0 or 1, got .*Is it mem_rec"):
        call(torch.randn(5, 2, 3), torch.tensor([0, 1]))


@pytest.mark.parametrize("call", [*ALONE, SF.l1_rate_sparsity()], ids=name_of)
def test_membranes_alone_are_no_spikes(call: Callable) -> None:
    with pytest.raises(ValueError, match=r"must hold spikes, 0 or 1, got .*Is it mem_rec"):
        call(torch.randn(5, 2, 3))


BAD_WEIGHTS = [
    (torch.tensor([1.0, -1.0]), r"one finite number >= 0 per class, shape \[C\].*got shape \[2\]"),
    (torch.tensor([1.0, math.nan]), r"one finite number >= 0 per class"),
    (torch.tensor([[1.0, 1.0]]), r"one finite number >= 0 per class, .*got shape \[1, 2\]"),
    (torch.zeros(2), r"not only zeros, got shape \[2\]"),
    (torch.ones(2) * 1j, r"weight must be a dense tensor of one real number .*, got .*complex"),
    ("balanced", r"weight must be a dense tensor of one real number per class, got 'balanced'"),
    (torch.ones(2, device="meta"), r"weight must be a dense tensor .*, got torch\.float32.* meta"),
    (torch.ones(2).to_sparse(), r"weight must be a dense tensor"),
]


@all_losses
def test_bad_settings_of_all_losses(name: str) -> None:
    make = SF.LOSSES[name]
    for reduction in ("average", None, torch.ones(2)):
        with pytest.raises(ValueError, match=r"\('mean', 'sum', 'none'\), got "):
            make(reduction=reduction)
    for weight, message in BAD_WEIGHTS:
        with pytest.raises((TypeError, ValueError), match=message):
            make(weight=weight)
    with pytest.raises(ValueError, match=r"weight has 2 entries, but there are 3 classes"):
        make(weight=torch.ones(2))(torch.zeros(5, 2, 3), torch.tensor([0, 1]))


@pytest.mark.parametrize("name", ["ce_rate_loss", "ce_count_loss", "mse_count_loss"])
def test_bad_populations(name: str) -> None:
    with pytest.raises(ValueError, match=r"population_code=True needs num_classes.*got None"):
        getattr(SF, name)(population_code=True)
    with pytest.raises(TypeError, match=r"population_code must be True or False, got 'False'"):
        getattr(SF, name)(population_code="False")
    with pytest.raises(ValueError, match=r"num_classes must be at most .* got 10{30}\."):
        getattr(SF, name)(population_code=True, num_classes=10**30)
    with pytest.raises(TypeError, match=r"num_classes must be an integer, got 'ten'"):
        getattr(SF, name)(num_classes="ten")
    assert getattr(SF, name)(num_classes=10).num_classes is None  # snnTorch accepts it, too
    for classes in (3, 10**6):
        loss_fn = getattr(SF, name)(population_code=True, num_classes=classes)
        for call in (loss_fn, lambda *pair: SF.accuracy_rate(*pair, True, classes)):  # noqa: B023
            with pytest.raises(ValueError, match=r"7 neurons, which .* classes cannot share"):
                call(torch.zeros(5, 2, 7), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("make", "kwargs", "message"),
    [
        (SF.mse_count_loss, {"correct_rate": 1.5}, r"correct_rate must lie .* 0 and 1, got 1\.5"),
        (SF.mse_count_loss, {"incorrect_rate": -0.5}, r"incorrect_rate must lie .*got -0\.5"),
        (SF.mse_count_loss, {"correct_rate": math.nan}, r"correct_rate must lie .*got nan"),
        (
            SF.mse_count_loss,
            {"correct_rate": 0.2, "incorrect_rate": 0.8},
            r"correct_rate must not be below incorrect_rate, got 0\.2 and 0\.8",
        ),
        (SF.mse_membrane_loss, {"on_target": math.nan}, r"on_target must be a finite .*got nan"),
        (SF.mse_membrane_loss, {"off_target": math.inf}, r"off_target must be a finite .*got inf"),
        (SF.mse_membrane_loss, {"on_target": "1"}, r"on_target must be a number, got '1'"),
        (
            SF.mse_membrane_loss,
            {"time_var_targets": "no"},
            r"time_var_targets must be True or False, got 'no'.*without quotes",
        ),
        (
            SF.mse_membrane_loss,
            {"time_var_targets": True, "weight": torch.ones(2)},
            r"one target per sample, but time_var_targets is True",
        ),
        (SF.l1_rate_sparsity, {"Lambda": -1}, r"Lambda must be 0 or more, got -1"),
        (SF.l1_rate_sparsity, {"Lambda": math.nan}, r"Lambda must be a finite number, got nan"),
    ],
)
def test_bad_settings(make: type, kwargs: dict, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make(**kwargs)


@given(records(), st.floats(0, 1))
def test_the_penalty_on_spikes_equals_snntorch(data: tuple, factor: float) -> None:
    spikes, _, _ = data
    ours, theirs = SF.l1_rate_sparsity(factor), peer.l1_rate_sparsity(factor)
    assert ours.Lambda == theirs.Lambda
    torch.testing.assert_close(ours(spikes), theirs(spikes))


INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_targets_of_any_integer_type(dtype: str) -> None:
    spikes = torch.ones(3, 2, 4)
    targets = torch.tensor([1, 3])
    given = targets.to(getattr(torch, dtype))
    assert SF.ce_rate_loss()(spikes, given) == SF.ce_rate_loss()(spikes, targets)
    with pytest.raises(ValueError, match="got values from 1 to 3"):
        SF.ce_rate_loss()(spikes[..., :3], given)


def test_bad_targets_over_time() -> None:
    loss_fn = SF.mse_membrane_loss(time_var_targets=True)
    mem = torch.zeros(5, 2, 3)
    with pytest.raises(ValueError, match=r"\[T, B\] = \[5, 2\], got \[2\]"):
        loss_fn(mem, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"between 0 and 2 for 3 classes"):
        loss_fn(mem, torch.full((5, 2), 3))
