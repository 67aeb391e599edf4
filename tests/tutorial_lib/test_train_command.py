"""The training command: its files, its arguments, the order of its batches, two processes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import TensorDataset

import tutorial_lib
from tutorial_lib import data, networks, training
from tutorial_lib.training.__main__ import global_batches, main

ROOT = Path(tutorial_lib.__file__).parent.parent
# Few and wide enough steps for every layer to fire from the first iteration on.
NET = ["--num-steps", "5", "--beta", "0.9", "--slope", "2", "--batch-size", "16"]
TINY = ["--data", "digits", "--device", "cpu", "--iterations", "3", "--eval-every", "2", *NET]
Command = Callable[..., training.History]


@pytest.fixture(scope="module")
def small_digits() -> data.Digits:
    digits = data.load("digits", verbose=False)
    return dataclasses.replace(
        digits, train=data.subset(digits.train, 100), val=data.subset(digits.val, 20)
    )


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, small_digits: data.Digits) -> Command:
    """``main`` in this process, on a hundred digits."""
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: small_digits)
    return lambda *options: main([*TINY, *map(str, options)])


def weights(path: Path) -> dict[str, Tensor]:
    return torch.load(path, weights_only=True)["net"]


def assert_same_weights(one: Path, other: Path, atol: float = 0.0) -> None:
    a, b, start = weights(one), weights(other), networks.conv_net().state_dict()
    assert a.keys() == b.keys() == start.keys()
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=0, atol=atol)
    torch.manual_seed(0)
    start = dict(networks.conv_net().named_parameters())
    assert all(not torch.equal(a[name], value) for name, value in start.items())


def run(launcher: list[str], *options: object) -> subprocess.CompletedProcess[str]:
    """The command itself, in processes of its own."""
    return subprocess.run(
        [sys.executable, *launcher, "-m", "tutorial_lib.training", *map(str, options)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


# ---------------------------------------------------------------- the command and its files


def test_a_run_leaves_checkpoint_and_log(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, log = tmp_path / "net.pt", tmp_path / "log.jsonl"
    history = command("--epochs", 2, "--checkpoint", path, "--json-log", log)
    assert history.iterations == [1, 2, 3, 4, 5, 6]
    assert history.eval_iterations == [0, 2, 3, 4, 6]
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["iteration"] for entry in entries] == history.iterations
    assert [entry["loss"] for entry in entries] == history.loss
    assert [entry["accuracy"] for entry in entries] == history.accuracy
    evaluated = [entry for entry in entries if "eval_loss" in entry]
    assert [entry["iteration"] for entry in evaluated] == [2, 3, 4, 6]
    assert [entry["eval_accuracy"] for entry in evaluated] == history.eval_accuracy[1:]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log.jsonl", "net.pt"]
    net = networks.conv_net(beta=0.9)
    assert training.load_checkpoint(path, net, torch.optim.Adam(net.parameters())) == history
    said = capsys.readouterr().out
    assert f"iteration 6: loss {history.loss[-1]:.4f}" in said
    assert f"validation accuracy {history.eval_accuracy[-1]:.2%}" in said


def test_no_file_is_written_unasked(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command()
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(command: Command, tmp_path: Path) -> None:
    """Over the end of an epoch of 6 batches; the checkpoint and the log are carried on in place."""
    whole, part, log, half = (tmp_path / name for name in ("whole", "part", "log", "half"))
    uninterrupted = command("--epochs", 3, "--checkpoint", whole)
    command("--checkpoint", part, "--json-log", log)
    half.write_bytes(log.read_bytes())
    assert len(half.read_text().splitlines()) == 3
    resumed = command(
        "--epochs", 2, "--resume", part, "--checkpoint", part, "--json-log", log
    )
    assert resumed == uninterrupted
    assert_same_weights(whole, part)
    assert len(log.read_text().splitlines()) == 9
    assert log.read_text().startswith(half.read_text())


def test_options_reach_the_training(command: Command, tmp_path: Path) -> None:
    """Micro-batches change nothing but rounding; each of the others changes the result."""
    start = tmp_path / "start"
    command("--checkpoint", start)
    others = [
        ("--lr", 0.1), ("--seed", 1), ("--beta", 0.5), ("--slope", 9), ("--num-steps", 4),
        ("--batch-size", 8), ("--precision", "bf16"), ("--iterations", 2), ("--epochs", 2),
    ]  # fmt: skip
    for number, option in enumerate(others):
        path = tmp_path / str(number)
        command(*option, "--checkpoint", path)
        a, b = weights(start)["3.weight"], weights(path)["3.weight"]
        assert (a - b).abs().max() > 1e-4, option
    parts = tmp_path / "parts"
    command("--micro-batch", 5, "--checkpoint", parts)
    assert_same_weights(start, parts, atol=1e-5)
    recorded = tmp_path / "recorded"
    command("--cuda-graph", "--checkpoint", recorded)  # on a CPU it changes nothing
    assert_same_weights(start, recorded)


def test_by_default_an_epoch_is_all_full_batches(command: Command) -> None:
    options = [word for word in TINY if word not in ("--iterations", "3")]
    assert len(main([*options, "--num-steps", "1", "--batch-size", "30"]).loss) == 3


def test_nothing_is_overwritten_unasked(command: Command, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    good = tmp_path / "good.pt"
    command("--checkpoint", good)
    before = good.read_bytes()
    cases: list[tuple[tuple[object, ...], type[Exception], str]] = [
        (("--checkpoint", mine), FileExistsError, "--checkpoint .*mine exists already"),
        (("--json-log", mine), FileExistsError, "--json-log .*mine exists already"),
        (("--resume", good, "--checkpoint", mine), FileExistsError, "mine exists already"),
        (("--resume", good, "--json-log", mine), FileExistsError, "mine exists already"),
        (("--resume", good, "--json-log", good), FileExistsError, "is the checkpoint as well"),
        (
            ("--checkpoint", tmp_path / "new", "--json-log", tmp_path / "new"),
            FileExistsError,
            "is the checkpoint as well",
        ),
        (("--checkpoint", tmp_path), IsADirectoryError, "is a folder"),
        (("--checkpoint", tmp_path, "--overwrite"), IsADirectoryError, "is a folder"),
        (("--json-log", tmp_path, "--overwrite"), IsADirectoryError, "is a folder"),
        (("--checkpoint", tmp_path / "no" / "x"), FileNotFoundError, "does not exist. Create it"),
        (("--json-log", tmp_path / "no" / "x"), FileNotFoundError, "does not exist. Create it"),
        (("--resume", tmp_path / "absent"), FileNotFoundError, "absent: there is no such file"),
    ]
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            command(*options)
    assert mine.read_text() == "mine" and good.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["good.pt", "mine"]
    command("--checkpoint", mine, "--overwrite")
    assert_same_weights(mine, good)


def test_a_log_of_another_run_is_not_overwritten(command: Command, tmp_path: Path) -> None:
    one, other, log = (tmp_path / name for name in ("one", "other", "log"))
    command("--checkpoint", one, "--json-log", log)
    command("--checkpoint", other, "--seed", 1)
    before = log.read_bytes()
    with pytest.raises(FileExistsError, match="--json-log .*log exists already"):
        command("--resume", other, "--json-log", log)
    assert log.read_bytes() == before
    command("--resume", other, "--json-log", log, "--overwrite")
    assert len(log.read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", "0"), "--epochs: must be above 0, got 0"),
        (("--iterations", "-1"), "--iterations: must be above 0, got -1"),
        (("--batch-size", "1.5"), "--batch-size: invalid int value: '1.5'"),
        (("--micro-batch", "0"), "--micro-batch: must be above 0"),
        (("--num-steps", "x"), "--num-steps: invalid int value: 'x'"),
        (("--lr", "nan"), "--lr: must be above 0, got nan"),
        (("--lr", "inf"), "--lr: must be above 0, got inf"),
        (("--slope", "0"), "--slope: must be above 0, got 0"),
        (("--beta", "1.1"), "--beta: must lie between 0 and 1, got 1.1"),
        (("--beta", "nan"), "--beta: must lie between 0 and 1, got nan"),
        (("--data", "cifar"), "--data: invalid choice: 'cifar'"),
        (("--precision", "fp16"), "--precision: invalid choice: 'fp16'"),
        (("--eval-every", "0"), "--eval-every: must be above 0"),
        (("--speed", "9"), "unrecognized arguments: --speed 9"),
    ],
)
def test_bad_arguments(
    options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*TINY, *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_batch_larger_than_the_training_set(command: Command) -> None:
    with pytest.raises(ValueError, match=r"batch of 101 is larger than the training set of 100"):
        command("--batch-size", 101)


# ---------------------------------------------------------------- the order of the batches


def numbered(size: int) -> TensorDataset:
    return TensorDataset(torch.arange(size).view(-1, 1) * 10, torch.arange(size))


def take(count: int, *args: int) -> list[Tensor]:
    batches = list(itertools.islice(global_batches(numbered(args[0]), *args[1:]), count))
    for images, targets in batches:
        assert torch.equal(images.flatten(), targets * 10)  # they stay together
    return [targets for _, targets in batches]


SIZES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(0, 5))


@given(SIZES, st.integers(1, 4), st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_shards_are_the_global_batch(
    sizes: tuple[int, int, int], world: int, seed: int, start: int
) -> None:
    """All ranks together see each sample of a batch once, in equal shares."""
    per_rank, batches, rest = sizes
    size = per_rank * world
    total = size * batches + min(rest, size - 1)
    whole = take(2 * batches + 1, total, size, seed, start)
    shards = [
        take(2 * batches + 1, total, size, seed, start, rank, world) for rank in range(world)
    ]
    for batch, parts in zip(whole, zip(*shards, strict=True), strict=True):
        assert [len(part) for part in parts] == [per_rank] * world
        assert torch.equal(torch.cat(parts).sort().values, batch.sort().values)


@given(SIZES, st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_a_later_start_passes_over_batches(
    sizes: tuple[int, int, int], seed: int, start: int
) -> None:
    size, batches, rest = sizes
    total = size * batches + min(rest, size - 1)
    whole = take(start + 5, total, size, seed, 0)
    later = take(5, total, size, seed, start)
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], later, strict=True))


@given(SIZES, st.integers(0, 2**32 - 1))
def test_an_epoch_holds_each_sample_at_most_once(sizes: tuple[int, int, int], seed: int) -> None:
    size, batches, rest = sizes
    total = size * batches + min(rest, size - 1)
    found = take(3 * batches, total, size, seed, 0)
    for epoch in range(3):
        samples = torch.cat(found[epoch * batches : (epoch + 1) * batches])
        assert len(samples) == size * batches == len(samples.unique())


def test_epochs_and_seeds_differ_and_nothing_else_matters() -> None:
    before = torch.get_rng_state()
    orders = [torch.cat(take(3, 60, 20, seed, 3 * epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert torch.equal(before, torch.get_rng_state())
    for a, b in itertools.combinations(orders, 2):
        assert not torch.equal(a, b)
    torch.manual_seed(9)
    assert torch.equal(torch.cat(take(3, 60, 20, 0, 0)), orders[0])


def test_a_data_set_that_is_too_small_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"batch of 8 is larger than the training set of 7"):
        global_batches(numbered(7), 8, 0, 0)


# ---------------------------------------------------------------- one process and two


def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """Over gloo, each with half of every batch, micro-batches of its own, an evaluation between."""
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    options = [*TINY, "--epochs", "2", "--iterations", "2"]
    main([*options, "--checkpoint", str(one)])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    log = tmp_path / "two.jsonl"
    options += ["--micro-batch", "5", "--checkpoint", two, "--json-log", log]
    together = run(launcher, *options)
    assert together.returncode == 0, together.stderr
    assert "FutureWarning" not in together.stderr
    assert together.stdout.count("iteration 4: loss") == 1  # one process speaks
    assert together.stdout.count("1,297 training") == 1
    assert [json.loads(line)["iteration"] for line in log.read_text().splitlines()] == [1, 2, 3, 4]
    assert_same_weights(one, two, atol=1e-5)


def test_a_batch_that_two_processes_cannot_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before any data is loaded. The process group is of one, which thinks that it is two."""
    from torch import distributed as dist

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(dist, "init_process_group", lambda backend: None)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    ended = []
    monkeypatch.setattr(dist, "destroy_process_group", lambda: ended.append(True))
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: pytest.fail("too early"))
    with pytest.raises(SystemExit, match=r"--batch-size 15 cannot be shared equally by 2"):
        main([*TINY, "--batch-size", "15"])
    with pytest.raises(SystemExit, match=r"--cuda-graph is for one process"):
        main([*TINY, "--cuda-graph"])
    assert ended == [True, True]
