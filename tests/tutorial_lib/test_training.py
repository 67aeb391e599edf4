"""The training loop, evaluation, seeds and checkpoints."""

from __future__ import annotations

import json
import math
import pickle
import random
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tutorial_lib import Leaky, surrogate
from tutorial_lib import functional as SF
from tutorial_lib.simulation import forward_pass
from tutorial_lib.training import (
    History,
    evaluate,
    load_checkpoint,
    save_checkpoint,
    seed_everything,
    train,
)

STEPS = 8


def small_net(classes: int = 3) -> nn.Sequential:
    g = surrogate.fast_sigmoid(slope=5)
    return nn.Sequential(
        nn.Linear(6, 16),
        Leaky(0.8, spike_grad=g, init_hidden=True),
        nn.Linear(16, classes),
        Leaky(0.8, spike_grad=g, init_hidden=True, output=True),
    )


def dataset(size: int) -> TensorDataset:
    """Three noisy patterns of six inputs."""
    targets = torch.arange(size) % 3
    data = torch.eye(3).repeat(1, 2)[targets] * 2 + 0.3 * torch.randn(size, 6)
    return TensorDataset(data, targets)


def adam(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(net.parameters(), lr=1e-2)


def fit(net: nn.Module, loader: object, iterations: int, **kwargs: object) -> History:
    optimizer = kwargs.pop("optimizer", None) or adam(net)
    loss_fn = kwargs.pop("loss_fn", SF.ce_rate_loss())
    kwargs.setdefault("progress", False)
    return train(net, loader, optimizer, loss_fn, STEPS, num_iterations=iterations, **kwargs)


def weights(net: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


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
    net, loader = small_net(), DataLoader(dataset(90), batch_size=30)
    test = DataLoader(dataset(31), batch_size=10)
    history = fit(net, loader, 60, eval_loader=test, eval_every=20)
    assert history.loss[-1] < history.loss[0] - 0.3
    assert history.eval_loss[-1] < history.eval_loss[0] - 0.3
    assert history.eval_accuracy[-1] > 0.95
    assert history.eval_decision_rate[-1] > 0.95
    assert evaluate(net, test, STEPS).accuracy == history.eval_accuracy[-1]


def test_equal_to_the_loop_written_out() -> None:
    net, twin = small_net(), small_net()
    twin.load_state_dict(net.state_dict())
    batches = list(DataLoader(dataset(20), batch_size=8))  # 8, 8 and 4 samples
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
    batches = [(data.double(), targets) for data, targets in DataLoader(dataset(20), batch_size=8)]
    whole, parts = small_net().double(), small_net().double()
    parts.load_state_dict(whole.state_dict())
    expected = fit(whole, batches, 6)
    history = fit(parts, batches, 6, micro_batch=micro_batch)
    assert history.loss == pytest.approx(expected.loss, rel=1e-9)
    assert history.accuracy == pytest.approx(expected.accuracy)
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-7, atol=1e-9)


def test_mixed_precision_leaves_the_weights_in_float32() -> None:
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
    history = fit(net, loader, 2, eval_loader=loader, autocast=torch.bfloat16)
    assert weights(net).dtype == torch.float32
    assert all(math.isfinite(loss) for loss in history.loss + history.eval_loss)
    with pytest.raises(ValueError, match=r"bfloat16 or None, got torch\.float16"):
        fit(net, loader, 1, autocast=torch.float16)


def test_the_same_seed_gives_the_same_run() -> None:
    data = dataset(30)

    def run(seed: int) -> tuple[History, Tensor]:
        torch.manual_seed(seed)
        net = small_net()
        loader = DataLoader(data, batch_size=10, shuffle=True)
        return fit(net, loader, 7, eval_loader=loader, eval_every=3), weights(net)

    (first, w1), (second, w2), (other, _) = run(1), run(1), run(2)
    assert first == second and torch.equal(w1, w2)
    assert first != other


def test_iteration_numbers() -> None:
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
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
    data = list(DataLoader(dataset(20), batch_size=10))
    nets = [small_net(), small_net()]
    nets[1].load_state_dict(nets[0].state_dict())
    histories = [fit(nets[0], data, 6), fit(nets[1], data, 6, eval_loader=data, eval_every=1)]
    assert torch.equal(weights(nets[0]), weights(nets[1]))
    assert histories[0].loss == histories[1].loss


def test_modes_and_gradients_of_training_and_evaluation() -> None:
    spy = Spy()
    net = nn.Sequential(spy, *small_net())
    net[1].eval()  # a layer that its owner keeps in evaluation mode
    before = [module.training for module in net.modules()]
    loader = DataLoader(dataset(20), batch_size=10)
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
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
    fit(net, loader, 2)
    assert capsys.readouterr() == ("", "")
    fit(net, loader, 2, progress=True)
    shown = capsys.readouterr().err
    assert "Training" in shown and "2/2" in shown and "loss=" in shown


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite(bad: float) -> None:
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
    calls = iter([1.0, bad])

    def loss_fn(spk_rec: Tensor, targets: Tensor) -> Tensor:
        return SF.ce_rate_loss()(spk_rec, targets) * next(calls)

    history = History()
    with pytest.raises(ValueError, match=rf"loss is {bad} at iteration 2.*learning rate"):
        fit(net, loader, 5, loss_fn=loss_fn, history=history)
    assert history.iterations == [1]
    assert torch.isfinite(weights(net)).all()


def test_bad_input_of_train() -> None:
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
    before = weights(net)
    cases: list[tuple[Callable[[], object], type[Exception], str]] = [
        (lambda: fit(net, loader, 0), ValueError, r"num_iterations must be at least 1, got 0"),
        (lambda: fit(net, loader, 1.5), TypeError, r"num_iterations must be an integer, got 1\.5"),
        (lambda: fit(net, loader, 1, eval_every=0), ValueError, r"eval_every must be .*got 0"),
        (lambda: fit(net, [], 1), ValueError, r"training loader yields no batch"),
        (lambda: fit(net, loader, 1, optimizer=3), TypeError, r"torch optimizer, got int"),
        (
            lambda: fit(net, loader, 1, optimizer=adam(small_net())),
            ValueError,
            r"none of this network's parameters.*net\.parameters\(\)",
        ),
        (
            lambda: fit(net, loader, 1, loss_fn=SF.ce_rate_loss(reduction="none")),
            ValueError,
            r"one number, got the shape \[10\].*reduction='mean'",
        ),
        (
            lambda: train(len, loader, adam(net), SF.ce_rate_loss(), 5, num_iterations=1),
            TypeError,
            r"nn\.Module, got builtin",
        ),
        (
            lambda: train(net, loader, adam(net), SF.ce_rate_loss(), 0, num_iterations=1),
            ValueError,
            r"num_steps must be at least 1, got 0",
        ),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()
    assert torch.equal(weights(net), before)


def test_a_generator_lasts_one_pass() -> None:
    once = (batch for batch in DataLoader(dataset(20), batch_size=10))
    with pytest.raises(ValueError, match=r"generator used up"):
        fit(small_net(), once, 3)


# ---------------------------------------------------------------- evaluate


@pytest.mark.parametrize("batch_size", [1, 4, 7, 10, 25])
def test_every_sample_counts_whatever_the_batches(batch_size: int) -> None:
    net, data = small_net(), dataset(25)
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
    result = evaluate(net, DataLoader(dataset(30), batch_size=8), STEPS)
    assert result.accuracy == pytest.approx(1 / 3)  # the share of class 0
    assert result.decision_rate == 0
    assert set(result.predictions.tolist()) == {-1}
    assert result.loss is None


def test_bad_input_of_evaluate() -> None:
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
    with pytest.raises(ValueError, match=r"loader yields no batch.*used up"):
        evaluate(net, [], STEPS)
    with pytest.raises(ValueError, match=r"num_steps must be at least 1, got -1"):
        evaluate(net, loader, -1)
    with pytest.raises(TypeError, match=r"nn\.Module, got function"):
        evaluate(lambda x: x, loader, STEPS)


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


# ---------------------------------------------------------------- checkpoints


def test_round_trip(tmp_path: Path) -> None:
    net, loader = small_net(), DataLoader(dataset(20), batch_size=10)
    history = fit(net, loader, 4, eval_loader=loader)
    path = save_checkpoint(str(tmp_path / "net.pt"), net, history=history)
    assert path == tmp_path / "net.pt"
    assert [p.name for p in tmp_path.iterdir()] == ["net.pt"]
    twin, data = small_net(), torch.randn(5, 6)
    assert load_checkpoint(path, twin) == history
    for a, b in zip(forward_pass(net, STEPS, data), forward_pass(twin, STEPS, data), strict=True):
        assert torch.equal(a, b)
    assert load_checkpoint(save_checkpoint(tmp_path / "bare.pt", net), twin) is None


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    batches = list(DataLoader(dataset(30), batch_size=10))
    start = small_net().state_dict()
    whole, first, second = small_net(), small_net(), small_net()
    for net in (whole, first):
        net.load_state_dict(start)
    uninterrupted = fit(whole, batches, 12, eval_loader=batches, eval_every=3)
    optimizer = adam(first)
    history = fit(first, batches, 6, optimizer=optimizer, eval_loader=batches, eval_every=3)
    path = save_checkpoint(tmp_path / "net.pt", first, optimizer, history)
    optimizer = adam(second)
    history = load_checkpoint(path, second, optimizer)
    fit(
        second,
        batches,
        6,
        optimizer=optimizer,
        eval_loader=batches,
        eval_every=3,
        history=history,
    )
    assert history == uninterrupted
    assert torch.equal(weights(whole), weights(second))


def test_a_checkpoint_is_data_not_code(tmp_path: Path) -> None:
    net = small_net()
    path = save_checkpoint(tmp_path / "net.pt", net, adam(net), History())
    content = torch.load(path, weights_only=True)
    assert set(content) == {"net", "optimizer", "history"}
    assert set(content["net"]) == set(net.state_dict())


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"mine")
    net = small_net()
    with pytest.raises(FileExistsError, match=r"mine\.pt exists already.*overwrite=True"):
        save_checkpoint(path, net)
    assert path.read_bytes() == b"mine"
    save_checkpoint(path, net, overwrite=True)
    load_checkpoint(path, net)
    with pytest.raises(IsADirectoryError, match=r"is a folder"):
        save_checkpoint(tmp_path, net, overwrite=True)
    with pytest.raises(FileNotFoundError, match=r"absent does not exist. Create it"):
        save_checkpoint(tmp_path / "absent" / "net.pt", net)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.pt"]
    assert not tmp_path.with_name(tmp_path.name + ".part").exists()


def test_a_crash_while_saving_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_checkpoint(tmp_path / "net.pt", small_net())
    before = path.read_bytes()

    def crash(content: object, file: Path) -> None:
        Path(file).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, small_net(), overwrite=True)
    assert path.read_bytes() == before


class Trap:
    """Unpickling this runs code."""

    ran = False

    @staticmethod
    def spring() -> None:
        Trap.ran = True

    def __reduce__(self) -> tuple:
        return Trap.spring, ()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    net, path = small_net(), tmp_path / "net.pt"
    good = save_checkpoint(path, net).read_bytes()
    bad_files = {
        "text": b"hello",
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "pickle": pickle.dumps({"net": 1}, protocol=4),
        "trap": pickle.dumps(Trap(), protocol=2),
    }
    for name, content in bad_files.items():
        bad = tmp_path / name
        bad.write_bytes(content)
        kind = ValueError if name != "pickle" else (ValueError, TypeError)
        with pytest.raises(kind, match=rf"{name} is no checkpoint|state_dict"):
            load_checkpoint(bad, net)
    whole = tmp_path / "whole.pt"
    torch.save(net, whole)
    with pytest.raises(ValueError, match=r"whole\.pt is no checkpoint.*whole pickled model"):
        load_checkpoint(whole, net)
    torch.save(net.state_dict(), whole)
    with pytest.raises(ValueError, match=r"no entry 'net'"):
        load_checkpoint(whole, net)
    assert not Trap.ran
    pickle.loads(bad_files["trap"])
    assert Trap.ran  # it would have
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*absent\.pt.*save_checkpoint"):
        load_checkpoint(tmp_path / "absent.pt", net)


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    other = small_net(classes=4)
    path = save_checkpoint(tmp_path / "four.pt", other)
    net = small_net()
    before = weights(net)
    with pytest.raises(RuntimeError, match=r"size mismatch for 2\.weight"):
        load_checkpoint(path, net)
    assert torch.equal(weights(net), before)
    path = save_checkpoint(tmp_path / "three.pt", small_net())
    with pytest.raises(ValueError, match=r"holds no optimizer state"):
        load_checkpoint(path, net, adam(net))
    saved = small_net()
    path = save_checkpoint(tmp_path / "adam.pt", saved, adam(saved))
    fewer = torch.optim.Adam([net[0].weight])
    with pytest.raises(ValueError, match=r"doesn't match the size"):
        load_checkpoint(path, net, fewer)
    assert torch.equal(weights(net), before)
