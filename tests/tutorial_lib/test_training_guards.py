"""What training and evaluation refuse: NaN, objects of the wrong kind, what cannot be right."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from tests.helpers import adam, fit, small_dataset, small_net, weights
from tutorial_lib import functional as SF
from tutorial_lib import surrogate
from tutorial_lib.fast import machine
from tutorial_lib.training import History, evaluate, train

STEPS = 8


# ---------------------------------------------------------------- NaN never passes for silence


def poisoned(what: str) -> tuple[nn.Module, list, torch.optim.Optimizer, Callable]:
    """A run in which one thing is not finite, at its first or second update."""
    net, loss_fn = small_net(), SF.ce_rate_loss()
    batches = list(DataLoader(small_dataset(20), batch_size=10))
    lr = 1e-2
    if what == "weight":
        net[2].weight.data[1, 2] = math.nan
    elif what == "surrogate":
        steep = surrogate.from_derivative(lambda x: torch.full_like(x, 3e38))
        net = small_net(spike_grad=steep)
    elif what == "huge update":
        lr = 1e30
        loss_fn = lambda spk, y: 1e12 * SF.ce_rate_loss()(spk, y)  # noqa: E731
    elif what.startswith("loss"):
        calls = iter([1.0, float(what.split()[1])])
        loss_fn = lambda spk, y: SF.ce_rate_loss()(spk, y) * next(calls)  # noqa: E731
    elif what == "gradient":
        net[2].weight.register_hook(lambda grad: grad / 0)
    elif what.startswith("data"):
        batches[1][0][3, 2] = float(what.split()[1])
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    if what == "lr":
        optimizer.param_groups[0]["lr"] = math.nan
    return net, batches, optimizer, loss_fn


@pytest.mark.parametrize(
    ("what", "message", "updates"),
    [
        ("weight", r"'2\.weight' is not finite .* before the run.*checkpoint", 0),
        ("lr", r"learning rate is nan\. Try 1e-2", 0),
        ("loss nan", r"loss is nan at iteration 2.*learning rate", 1),
        ("loss inf", r"loss is inf at iteration 2.*learning rate", 1),
        ("gradient", r"gradient of '2\.weight' is not finite .* iteration 1.*learning rate", 0),
        ("surrogate", r"gradient of '0\.weight' is not finite .* iteration 1.*smaller slope", 0),
        ("data nan", r"NaN", 1),
        ("data inf", r"infinit|finite", 1),
        ("huge update", r"is not finite .* after iteration 1.*smaller learning rate", 0),
    ],
)
def test_what_is_not_finite_ends_the_training_at_once(
    what: str, message: str, updates: int
) -> None:
    net, batches, optimizer, loss_fn = poisoned(what)
    history = History()
    before = weights(net)
    with pytest.raises(ValueError, match=message):
        fit(net, batches, 5, optimizer=optimizer, loss_fn=loss_fn, history=history)
    assert history.iterations == list(range(1, updates + 1))
    if what != "huge update":  # all others are noticed before the update
        torch.testing.assert_close(
            weights(net), before, atol=0.1 * updates, rtol=0, equal_nan=True
        )


def test_an_evaluation_of_nan_is_refused() -> None:
    net, batches, _, _ = poisoned("weight")
    with pytest.raises(ValueError, match=r"'2\.weight' is not finite .* before the run"):
        evaluate(net, batches, STEPS)
    with pytest.raises(ValueError, match=r"loss is not finite"):
        evaluate(small_net(), batches, STEPS, lambda spk, y: spk.sum() * math.nan)


# ---------------------------------------------------------------- what is refused


def bad_batch(*parts: object) -> dict[str, object]:
    return {"loader": [parts]}


X, Y = torch.zeros(4, 6), torch.tensor([0, 1, 2, 0])
REFUSED_BY_BOTH: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"num_steps": 0}, ValueError, r"num_steps must be at least 1, got 0"),
    ({"time_varying": "False"}, TypeError, r"time_varying must be True or False, got 'False'"),
    ({"net": len}, TypeError, r"nn\.Module, got builtin"),
    ({"net": small_net().to("meta")}, ValueError, r"meta device"),
    ({"autocast": torch.float16}, ValueError, r"bfloat16 or None, got torch\.float16"),
    ({"loader": small_dataset(9)}, TypeError, r"got TensorDataset.*DataLoader\(dataset"),
    ({"loader": X}, TypeError, r"loader must yield batches .*got Tensor"),
    ({"loader": 3}, TypeError, r"loader must yield batches .*got int"),
    ({"loader": []}, ValueError, r"loader yields no batch.*used up"),
    (bad_batch(X, Y, Y), TypeError, r"pair \(data, targets\), got 3 parts"),
    ({"loader": [X]}, TypeError, r"pair \(data, targets\), got Tensor"),
    (bad_batch(X.numpy(), Y), TypeError, r"data of a batch must be a tensor, got ndarray"),
    (bad_batch(X, Y.numpy()), TypeError, r"targets of a batch must be a tensor, got ndarray"),
    (bad_batch(X[:0], Y[:0]), ValueError, r"holds no samples.*\[0, 6\]"),
    (bad_batch(X[0], Y[0]), ValueError, r"holds no samples"),
    (bad_batch(X, Y[:3]), ValueError, r"4 samples and 3 targets.*one target"),
    ({"loss_fn": SF.ce_rate_loss}, TypeError, r"class ce_rate_loss itself.*ce_rate_loss\(\)"),
    ({"loss_fn": nn.CrossEntropyLoss()}, TypeError, r"torch's CrossEntropyLoss, .*ce_rate_loss"),
    ({"loss_fn": F.mse_loss}, TypeError, r"loss_fn is torch's mse_loss, which knows no time"),
    ({"loss_fn": 3}, TypeError, r"function of \(spk_rec, targets\), got 3"),
    ({"loss_fn": SF.ce_rate_loss(reduction="none")}, ValueError, r"reduction='none'.*'mean'"),
]
REFUSED_BY_TRAIN: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"num_iterations": 0}, ValueError, r"num_iterations must be at least 1, got 0"),
    ({"num_iterations": 1.5}, TypeError, r"num_iterations must be an integer, got 1\.5"),
    ({"num_iterations": 10**30}, ValueError, r"num_iterations must be at most"),
    ({"eval_every": 0}, ValueError, r"eval_every must be .*got 0"),
    ({"progress": "no"}, TypeError, r"progress must be True or False, got 'no'"),
    ({"history": {}}, TypeError, r"history must be a History or None, got dict"),
    ({"simulate": 3}, TypeError, r"simulate must be a function of the data, got 3"),
    ({"optimizer": 1}, TypeError, r"torch optimizer, got int"),
    ({"optimizer": adam(small_net())}, ValueError, r"none of this network's.*\.parameters\(\)"),
    ({"eval_loader": small_dataset(9)}, TypeError, r"eval_loader must yield .*got TensorDataset"),
    ({"eval_loader": iter([(X, Y)])}, TypeError, r"eval_loader is read several times.*only once"),
    ({"eval_loader": []}, ValueError, r"eval_loader yields no batch"),
    ({"loss_fn": lambda spk, y: 1.5}, TypeError, r"tensor with a gradient, got float"),
    ({"loss_fn": lambda spk, y: spk.detach().mean()}, ValueError, r"The loss has no gradient"),
    ({"loss_fn": lambda spk, y: spk.mean((0, 2))}, ValueError, r"one number.*\[10\]"),
    (
        {"loss_fn": SF.ce_rate_loss(reduction="sum"), "micro_batch": 3},
        ValueError,
        r"reduction='sum'.*'mean'",
    ),
]


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED_BY_BOTH + REFUSED_BY_TRAIN)
def test_train_refuses(changed: dict, error: type[Exception], message: str) -> None:
    net, loader = small_net(), DataLoader(small_dataset(20), batch_size=10)
    good = {"net": net, "loader": loader, "optimizer": adam(net), "loss_fn": SF.ce_rate_loss()}
    good |= {"num_steps": STEPS, "num_iterations": 1, "progress": False}
    before = weights(net)
    with pytest.raises(error, match=message):
        train(**{**good, **changed})
    assert torch.equal(weights(net), before)


def test_an_optimizer_that_calls_the_loss_again_is_refused() -> None:
    net = small_net()
    before, optimizer = weights(net), torch.optim.LBFGS(net.parameters())
    with pytest.raises(TypeError, match=r"from one gradient, got LBFGS.*torch\.optim\.Adam"):
        fit(net, DataLoader(small_dataset(20), batch_size=10), 1, optimizer=optimizer)
    assert torch.equal(weights(net), before)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(("changed", "error", "message"), REFUSED_BY_BOTH)
def test_evaluate_refuses(changed: dict, error: type[Exception], message: str) -> None:
    loader = DataLoader(small_dataset(20), batch_size=10)
    with pytest.raises(error, match=message):
        evaluate(**{"net": small_net(), "loader": loader, "num_steps": STEPS, **changed})


def test_a_frozen_net_is_refused() -> None:
    net = small_net().requires_grad_(False)
    with pytest.raises(ValueError, match=r"frozen.*requires_grad_\(\)"):
        fit(net, DataLoader(small_dataset(20), batch_size=10), 1)


def test_a_sum_is_a_loss_where_nothing_is_put_together() -> None:
    batches = list(DataLoader(small_dataset(20), batch_size=10))
    history = fit(small_net(), batches, 1, loss_fn=SF.ce_rate_loss(reduction="sum"))
    assert history.loss[0] == pytest.approx(10 * math.log(3), rel=0.3)


def test_bf16_where_the_processor_is_slow_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = list(DataLoader(small_dataset(20), batch_size=10))
    for units in (False, True):
        monkeypatch.setattr(machine, "has_bf16_units", lambda units=units: units)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(small_net(), batches, 1, autocast=torch.bfloat16)
        said = [str(warning.message) for warning in caught]
        assert any("no units for bfloat16" in text for text in said) == (not units)
