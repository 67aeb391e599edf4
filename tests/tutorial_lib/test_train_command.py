"""The training command: runs, settings, arguments, two processes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from tests.helpers import ROOT, TINY, Command, assert_same_weights, saved
from tutorial_lib import data, networks, training
from tutorial_lib.training import recipes
from tutorial_lib.training.__main__ import main


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
    assert training.load_checkpoint(path, net, torch.optim.AdamW(net.parameters())) == history
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
        a, b = saved(start)["net"]["3.weight"], saved(path)["net"]["3.weight"]
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


def test_a_resumed_run_has_the_settings_of_its_checkpoint(command: Command, tmp_path: Path) -> None:
    """Asked for or not; another value is named before anything is loaded or written."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    command("--epochs", 2, "--checkpoint", whole)
    command("--checkpoint", part)
    tutorial = dataclasses.asdict(recipes.RECIPES["tutorial6"])
    asked = {"beta": 0.9, "slope": 2.0, "lr": 0.01, "batch_size": 16, "num_steps": 5}
    run = {"iterations": 3, "seed": 0, "data": "digits"}
    assert saved(part)["settings"] == {**tutorial, **asked, **run}
    before = part.read_bytes()
    for option, value, had in [
        ("beta", 0.8, 0.9), ("slope", 25.0, 2.0), ("lr", 0.5, 0.01), ("batch_size", 32, 16),
        ("num_steps", 9, 5), ("precision", "bf16", "fp32"), ("seed", 7, 0),
        ("data", "mnist", "digits"), ("iterations", 2, 3),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=rf"{option} {had} \(asked for: {value}\)"):
            command("--resume", part, f"--{option.replace('_', '-')}", value)
    with pytest.raises(ValueError, match=r"beta 0\.9 \(asked for: 0\.5\), slope 2\.0 .*25"):
        main(["--resume", str(part), "--recipe", "tutorial6"])
    assert part.read_bytes() == before
    harmless = ["--iterations", "3", "--eval-every", "2", "--device", "cpu", "--data", "auto"]
    main([*harmless, "--resume", str(part), "--checkpoint", str(part)])
    assert_same_weights(whole, part)
    net = networks.conv_net(0.9)
    training.save_checkpoint(tmp_path / "other", net, torch.optim.Adam(net.parameters()))
    with pytest.raises(ValueError, match="lacks the settings .*beta, .* not written by this"):
        command("--resume", tmp_path / "other")


def test_recipes(
    small_digits: data.Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tutorial 6 is the default; float32 where bfloat16 is slow, unless it is asked for."""
    twice = [torch.cat([tensor, tensor]) for tensor in small_digits.train.tensors]
    digits = dataclasses.replace(small_digits, train=TensorDataset(*twice))
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: digits)
    found = {}
    half = dataclasses.replace(recipes.RECIPES["tutorial6"], num_steps=4, precision="bf16")
    monkeypatch.setitem(recipes.RECIPES, "half", half)
    short = ["--data", "digits", "--device", "cpu", "--iterations", "1"]
    for name, options, units in [
        ("default", [], True),
        ("tutorial6", ["--recipe", "tutorial6"], True),
        ("other beta", ["--recipe", "half", "--beta", "0.9"], True),
        ("slow", ["--recipe", "half"], False),
        ("asked for", ["--recipe", "half", "--precision", "bf16"], False),
    ]:
        monkeypatch.setattr(recipes, "has_bf16_units", lambda units=units: units)
        main([*short, *options, "--checkpoint", str(tmp_path / name)])
        found[name] = saved(tmp_path / name)["settings"]
    published = {"beta": 0.5, "slope": 25.0, "lr": 1e-2, "batch_size": 128, "num_steps": 50}
    tutorial = dataclasses.asdict(recipes.RECIPES["tutorial6"])
    assert published.items() <= tutorial.items()
    assert found["default"] == {**tutorial, "iterations": 1, "seed": 0, "data": "digits"}
    assert found["tutorial6"] == found["default"]
    fast = {**found["default"], "num_steps": 4, "precision": "bf16"}
    assert found["other beta"] == {**fast, "beta": 0.9}
    assert found["slow"] == {**fast, "precision": "fp32"}
    assert found["asked for"] == fast


MOVING = ("--rotation", 10, "--zoom", 0.1, "--shift", 2, "--weight-decay", 0.1, "--gain", 2)


@pytest.mark.parametrize("schedule", ["one_cycle", "steps"])
def test_a_run_on_a_schedule_goes_on_to_the_bit(
    command: Command, tmp_path: Path, schedule: str
) -> None:
    """With moved images; all that is left is the default, and then there is nothing left."""
    settings = ("--lr-schedule", schedule, "--schedule-epochs", 4, "--loss", "ce_count_loss")
    whole, part = tmp_path / "whole", tmp_path / "part"
    uninterrupted = command(*settings, *MOVING, "--checkpoint", whole)
    assert len(uninterrupted.iterations) == 12  # four epochs of three updates
    command(*settings, *MOVING, "--epochs", 1, "--checkpoint", part)
    command("--epochs", 1, "--resume", part, "--checkpoint", part)
    assert command("--resume", part, "--checkpoint", part) == uninterrupted
    assert_same_weights(whole, part)
    before = part.read_bytes()
    for more, asked in (((), 1), (("--epochs", 2), 2)):
        with pytest.raises(SystemExit, match=rf"--epochs {asked}: of the 4 passes .* 0 are left"):
            command(*more, "--resume", part, "--checkpoint", part)
    assert part.read_bytes() == before


def test_schedules_of_the_learning_rate() -> None:
    """Read after each update: the rate of the next one."""
    found = {}
    for name in ("constant", "steps", "one_cycle"):
        recipe = dataclasses.replace(recipes.RECIPES["tutorial6"], lr=0.1, lr_schedule=name)
        optimizer = recipe.optimizer(recipe.network())
        scheduler = recipe.scheduler(optimizer, 40)
        rates = [optimizer.param_groups[0]["lr"]]
        for _ in range(40 - 1):
            optimizer.step()
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        found[name] = rates
    assert found["constant"] == [0.1] * 40
    assert found["steps"] == pytest.approx([0.1] * 20 + [0.01] * 10 + [0.001] * 10)
    rates = found["one_cycle"]
    assert rates.index(max(rates)) == 7 and max(rates) == pytest.approx(0.1)  # a fifth of 40
    assert rates[:8] == sorted(rates[:8]) and rates[7:] == sorted(rates[7:], reverse=True)
    assert rates[0] == pytest.approx(0.1 / 25) and rates[-1] < 1e-5


def test_each_setting_of_a_recipe_reaches_the_training(command: Command, tmp_path: Path) -> None:
    start = tmp_path / "start"
    options = ("--schedule-epochs", 2, "--epochs", 1)
    command(*options, "--checkpoint", start)
    others = [
        ("--gain", 2), ("--loss", "ce_count_loss"), ("--lr-schedule", "one_cycle"),
        ("--weight-decay", 1), ("--rotation", 20), ("--zoom", 0.3), ("--shift", 3),
    ]  # fmt: skip
    for number, option in enumerate(others):
        path = tmp_path / str(number)
        command(*options, *option, "--checkpoint", path)
        a, b = saved(start)["net"], saved(path)["net"]
        assert (a["3.weight"] - b["3.weight"]).abs().max() > 1e-4, option


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gain", "0"), "--gain: it must be a finite number above 0, got 0"),
        (("--weight-decay", "-1"), "--weight-decay: it must be at least 0, got -1"),
        (("--zoom", "1"), "--zoom: it must be at least 0 and below 1, got 1"),
        (("--loss", "hinge"), "--loss: invalid choice: 'hinge'"),
        (("--lr-schedule", "cosine"), "--lr-schedule: invalid choice: 'cosine'"),
        (("--epochs", "0"), "--epochs: it must be at least 1, got 0"),
        (("--iterations", "-1"), "--iterations: it must be at least 1, got -1"),
        (("--batch-size", "1.5"), "--batch-size: invalid int value: '1.5'"),
        (("--micro-batch", "0"), "--micro-batch: it must be at least 1"),
        (("--num-steps", "x"), "--num-steps: invalid int value: 'x'"),
        (("--lr", "nan"), "--lr: it must be a finite number above 0, got nan"),
        (("--lr", "inf"), "--lr: it must be a finite number above 0, got inf"),
        (("--slope", "0"), "--slope: it must be a finite number above 0, got 0"),
        (("--beta", "1.1"), "--beta: it must lie between 0 and 1, got 1.1"),
        (("--seed", "-1"), "--seed: seed must lie between 0 and 2**32 - 1, got -1"),
        (("--device", "gpu"), "--device: must be auto, cpu or cuda, got 'gpu'"),
        (("--device", "cuda:99"), "--device: this machine has no GPU 'cuda:99'"),
        (("--recipe", "best-ever"), "--recipe: invalid choice: 'best-ever'"),
        (("--beta", "nan"), "--beta: it must lie between 0 and 1, got nan"),
        (("--data", "cifar"), "--data: invalid choice: 'cifar'"),
        (("--precision", "fp16"), "--precision: invalid choice: 'fp16'"),
        (("--eval-every", "0"), "--eval-every: it must be at least 1"),
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
