"""The training loop, evaluation, seeds and checkpoints."""

from __future__ import annotations

import json
import math
import random
from itertools import groupby

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tests.helpers import adam, fit, small_dataset, small_net, weights
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass
from tutorial_lib.training import History, evaluate, seed_everything

STEPS = 8


class Spy(nn.Module):
    """Notes the mode and gradient setting of each step; passes the data on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bool, bool]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((self.training, torch.is_grad_enabled()))
        return x


# ---------------------------------------------------------------- train


def test_learns_a_small_task() -> None:
    net, loader = small_net(), DataLoader(small_dataset(90), batch_size=30)
    test = DataLoader(small_dataset(31), batch_size=10)
    history = fit(net, loader, 60, eval_loader=test, eval_every=20)
    assert history.loss[-1] < history.loss[0] - 0.3
    assert history.eval_loss[-1] < history.eval_loss[0] - 0.3
    assert history.eval_accuracy[-1] > 0.95
    assert history.eval_decision_rate[-1] > 0.95
    assert evaluate(net, test, STEPS).accuracy == history.eval_accuracy[-1]


def test_equal_to_the_loop_written_out() -> None:
    net, twin = small_net(), small_net()
    twin.load_state_dict(net.state_dict())
    batches = list(DataLoader(small_dataset(20), batch_size=8))  # 8, 8 and 4 samples
    assert len(batches) == 3
    history = fit(net, batches, 7)
    optimizer, losses, accuracies = adam(twin), [], []
    for i in range(7):
        data, targets = batches[i % 3]
        spk_rec, _ = forward_pass(twin, STEPS, data)
        loss = SF.ce_rate_loss()(spk_rec, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        accuracies.append(SF.accuracy_rate(spk_rec, targets))
    assert torch.equal(weights(net), weights(twin))
    assert (history.loss, history.accuracy) == (losses, accuracies)


@pytest.mark.parametrize("micro_batch", [1, 3, 8, 100])
def test_micro_batches_add_up_to_the_same_update(micro_batch: int) -> None:
    """8, 8 and 4 samples; a rest smaller than a micro-batch weighs less."""
    loader = DataLoader(small_dataset(20), batch_size=8)
    batches = [(data.double(), targets) for data, targets in loader]
    whole, parts = small_net().double(), small_net().double()
    parts.load_state_dict(whole.state_dict())
    expected = fit(whole, batches, 6)
    history = fit(parts, batches, 6, micro_batch=micro_batch)
    assert history.loss == pytest.approx(expected.loss, rel=1e-9)
    assert history.accuracy == pytest.approx(expected.accuracy)
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-7, atol=1e-9)


def test_mixed_precision_leaves_the_weights_in_float32() -> None:
    net, loader = small_net(), DataLoader(small_dataset(20), batch_size=10)
    history = fit(net, loader, 2, eval_loader=loader, autocast=torch.bfloat16)
    assert weights(net).dtype == torch.float32
    assert all(math.isfinite(loss) for loss in history.loss + history.eval_loss)


def test_the_same_seed_gives_the_same_run() -> None:
    data = small_dataset(30)

    def run(seed: int) -> tuple[History, Tensor]:
        torch.manual_seed(seed)
        net = small_net()
        loader = DataLoader(data, batch_size=10, shuffle=True)
        return fit(net, loader, 7, eval_loader=loader, eval_every=3), weights(net)

    (first, w1), (second, w2), (other, _) = run(1), run(1), run(2)
    assert first == second and torch.equal(w1, w2)
    assert first != other


def test_iteration_numbers() -> None:
    net, loader = small_net(), DataLoader(small_dataset(20), batch_size=10)
    optimizer = adam(net)
    history = fit(net, loader, 7, optimizer=optimizer, eval_loader=loader, eval_every=3)
    assert history.iterations == [1, 2, 3, 4, 5, 6, 7]
    assert history.eval_iterations == [0, 3, 6, 7]
    same = fit(
        net, loader, 3, optimizer=optimizer, eval_loader=loader, eval_every=3, history=history
    )
    assert same is history
    assert history.iterations == list(range(1, 11))
    assert history.eval_iterations == [0, 3, 6, 7, 9, 10]
    lengths = {len(history.loss), len(history.accuracy)}
    assert lengths == {10}
    for name in ("eval_loss", "eval_accuracy", "eval_decision_rate"):
        assert len(getattr(history, name)) == 6
    assert fit(net, loader, 2).eval_iterations == []
    json.dumps(history.state_dict())  # plain numbers


def test_evaluation_does_not_change_the_training() -> None:
    """Not even with loaders that draw from torch's generator at each pass."""
    data, start, found = small_dataset(20), small_net().state_dict(), []
    for evaluated in (False, True):
        net = small_net()
        net.load_state_dict(start)
        torch.manual_seed(1)
        loader = DataLoader(data, batch_size=10, shuffle=True)
        history = fit(net, loader, 6, eval_loader=loader if evaluated else None, eval_every=1)
        found.append((history.loss, weights(net).tolist()))
    assert found[0] == found[1]


def test_modes_and_gradients_of_training_and_evaluation() -> None:
    spy = Spy()
    net = nn.Sequential(spy, *small_net())
    net[1].eval()  # a layer that its owner keeps in evaluation mode
    before = [module.training for module in net.modules()]
    loader = DataLoader(small_dataset(20), batch_size=10)
    fit(net, loader, 1, eval_loader=loader)
    evaluation, training = (False, False), (True, True)
    assert [seen for seen, _ in groupby(spy.seen)] == [evaluation, training, evaluation]
    assert [module.training for module in net.modules()] == before
    spy.seen.clear()
    evaluate(net, loader, STEPS)
    assert set(spy.seen) == {evaluation}
    assert [module.training for module in net.modules()] == before
    assert torch.is_grad_enabled()
    bad = [(torch.randn(2, 5), torch.tensor([0, 1]))]
    for call in (lambda: fit(net, bad, 1), lambda: evaluate(net, bad, STEPS)):
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            call()
        assert [module.training for module in net.modules()] == before


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    net, loader = small_net(), DataLoader(small_dataset(20), batch_size=10)
    fit(net, loader, 2)
    assert capsys.readouterr() == ("", "")
    fit(net, loader, 2, progress=True)
    shown = capsys.readouterr().err
    assert "Training" in shown and "2/2" in shown and "loss=" in shown


# ---------------------------------------------------------------- data that varies in time


def frames(time_first: bool = True) -> list[tuple[Tensor, Tensor]]:
    """Two batches ``[T, B, 6]`` of 7 and 5 samples."""
    batches = DataLoader(small_dataset(12), batch_size=7)
    varying = [(x * torch.linspace(0, 2, STEPS).view(-1, 1, 1), y) for x, y in batches]
    return varying if time_first else [(x.transpose(0, 1), y) for x, y in varying]


@pytest.mark.parametrize("micro_batch", [None, 3])
def test_time_varying_data(micro_batch: int | None) -> None:
    net, twin, batches = small_net(), small_net(), frames()
    twin.load_state_dict(net.state_dict())
    optimizer = adam(twin)
    for data, targets in batches:
        spk_rec, _ = forward_pass(twin, STEPS, data, time_varying=True)
        optimizer.zero_grad()
        SF.ce_rate_loss()(spk_rec, targets).backward()
        optimizer.step()
    fit(net, batches, 2, time_varying=True, micro_batch=micro_batch, eval_loader=batches)
    torch.testing.assert_close(weights(net), weights(twin), rtol=1e-4, atol=1e-5)
    result = evaluate(net, batches, STEPS, time_varying=True)
    expected = [
        SF.predict_rate(forward_pass(net, STEPS, data, time_varying=True)[0])
        for data, _ in batches
    ]
    assert torch.equal(result.predictions, torch.cat(expected))
    images, targets = small_dataset(7).tensors
    still = [(images.expand(STEPS, 7, 6), targets)]
    constant = evaluate(net, [(images, targets)], STEPS, SF.ce_rate_loss())
    assert evaluate(net, still, STEPS, SF.ce_rate_loss(), time_varying=True).loss == constant.loss


def test_a_forgotten_flag_or_transpose_is_named() -> None:
    for call in (
        lambda batches, **kwargs: fit(small_net(), batches, 1, **kwargs),
        lambda batches, **kwargs: evaluate(small_net(), batches, STEPS, **kwargs),
    ):
        with pytest.raises(ValueError, match=r"8 samples and 7 targets.*needs time_varying=True"):
            call(frames())
        with pytest.raises(ValueError, match=r"8 samples and 7 targets.*data\.transpose\(0, 1\)"):
            call(frames(time_first=False), time_varying=True)


def test_a_generator_lasts_one_pass() -> None:
    once = (batch for batch in DataLoader(small_dataset(20), batch_size=10))
    with pytest.raises(ValueError, match=r"generator that is used up"):
        fit(small_net(), once, 3)


# ---------------------------------------------------------------- evaluate


@pytest.mark.parametrize("batch_size", [1, 4, 7, 10, 25])
def test_every_sample_counts_whatever_the_batches(batch_size: int) -> None:
    net, data = small_net(), small_dataset(25)
    fit(net, DataLoader(data, batch_size=25), 8)
    result = evaluate(net, DataLoader(data, batch_size=batch_size), STEPS, SF.ce_rate_loss())
    images, targets = data.tensors
    with torch.no_grad():
        spk_rec, _ = forward_pass(net, STEPS, images)
    assert result.num_samples == 25
    assert result.accuracy == pytest.approx(SF.accuracy_rate(spk_rec, targets))
    assert result.decision_rate == pytest.approx(SF.decision_rate(spk_rec))
    assert result.loss == pytest.approx(SF.ce_rate_loss()(spk_rec, targets).item(), rel=1e-6)
    assert torch.equal(result.targets, targets)
    assert torch.equal(result.predictions, SF.predict_rate(spk_rec))


def test_a_silent_net_is_reported() -> None:
    net = small_net()
    with torch.no_grad():
        net[2].weight.zero_()
        net[2].bias.zero_()
    result = evaluate(net, DataLoader(small_dataset(30), batch_size=8), STEPS)
    assert result.accuracy == pytest.approx(1 / 3)  # the share of class 0
    assert result.decision_rate == 0
    assert set(result.predictions.tolist()) == {-1}
    assert result.loss is None


# ---------------------------------------------------------------- seeds


def test_seed_everything() -> None:
    states = random.getstate(), np.random.get_state()
    try:
        draws = []
        for seed in (1, 1, 2):
            seed_everything(seed)
            draws.append((random.random(), float(np.random.rand()), torch.rand(1).item()))
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    assert draws[0] == draws[1]
    assert all(a != b for a, b in zip(draws[0], draws[2], strict=True))
    for bad in (-1, 2**32):
        with pytest.raises(ValueError, match=rf"between 0 and 2\*\*32 - 1, got {bad}"):
            seed_everything(bad)
    for bad in (1.0, True, "7"):
        with pytest.raises(TypeError, match=rf"seed must be an integer, got {bad!r}"):
            seed_everything(bad)
