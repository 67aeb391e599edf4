"""The training command's files: looked at before any work, whole, and never over a stranger's."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from torch.utils.data import TensorDataset

from tests.helpers import Command, assert_same_weights, largest_file, names, saved
from tutorial_lib import data, training
from tutorial_lib.training import _files


def test_files_are_looked_at_before_any_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, good, link, twin = (tmp_path / name for name in ("mine", "good.pt", "link", "twin"))
    mine.write_text("mine")
    command("--checkpoint", good)
    link.symlink_to(good)
    twin.hardlink_to(good)
    before, there = good.read_bytes(), names(tmp_path)
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: pytest.fail("too late"))
    new, upper = tmp_path / "new", tmp_path / "NEW"
    cases: list[tuple[tuple[object, ...], type[Exception], str]] = [
        (("--checkpoint", mine), FileExistsError, "--checkpoint .*mine exists already"),
        (("--json-log", mine), FileExistsError, "--json-log .*mine exists already"),
        (("--resume", good, "--checkpoint", mine), FileExistsError, "mine exists already"),
        (("--checkpoint", tmp_path), IsADirectoryError, "is a folder"),
        (("--checkpoint", tmp_path, "--overwrite"), IsADirectoryError, "is a folder"),
        (("--json-log", tmp_path, "--overwrite"), IsADirectoryError, "is a folder"),
        (("--checkpoint", tmp_path / "no" / "x"), FileNotFoundError, "does not exist. Create it"),
        (("--json-log", tmp_path / "no" / "x"), FileNotFoundError, "does not exist. Create it"),
        (("--resume", tmp_path / "absent"), FileNotFoundError, "absent: there is no such file"),
        (("--resume", mine), ValueError, "mine is no checkpoint"),
    ]
    if Path("/proc").is_dir():  # no file can be made there, not even by root
        cases += [
            (("--checkpoint", "/proc/x"), OSError, "/proc/x could not be written"),
            (("--json-log", "/proc/x"), OSError, "/proc/x could not be written"),
        ]
    if os.geteuid():  # root writes everywhere
        tmp_path.joinpath("fixed").write_text("old")
        tmp_path.joinpath("fixed").chmod(0o444)
        there = names(tmp_path)
        options = ("--json-log", tmp_path / "fixed", "--overwrite")
        cases.append((options, PermissionError, "fixed is write-protected"))
    for one, other in [(new, new), (new, upper), (new, tmp_path / "." / "x" / ".." / "new")]:
        options = ("--checkpoint", one, "--json-log", other)
        cases.append((options, FileExistsError, "is the checkpoint .* as well"))
    for log in (good, link, twin, tmp_path / "." / "good.pt"):
        for option in ("--resume", "--checkpoint"):
            options = (option, good, "--json-log", log, "--overwrite")
            cases.append((options, FileExistsError, "is the checkpoint .* as well"))
    os.mkfifo(tmp_path / "pipe")
    cases.append((("--json-log", tmp_path / "pipe", "--overwrite"), OSError, "pipe is a device or"))
    (tmp_path / "x").mkdir()
    there = names(tmp_path)
    for options, error, message in cases:
        with pytest.raises(error, match=message):
            command(*options)
    assert mine.read_text() == "mine" and good.read_bytes() == before and names(tmp_path) == there


def test_a_resumed_checkpoint_is_known_by_any_name(command: Command, tmp_path: Path) -> None:
    good, link = tmp_path / "good.pt", tmp_path / "link"
    command("--checkpoint", good)
    link.symlink_to(good)
    (tmp_path / "x").mkdir()
    for count, name in enumerate((tmp_path / "x" / ".." / "good.pt", link), start=2):
        history = command("--resume", good, "--checkpoint", name)
        assert len(history.iterations) == 3 * count
        assert len(saved(good)["history"]["loss"]) == 3 * count
    assert link.is_symlink()


def test_overwriting_is_asked_for(command: Command, tmp_path: Path) -> None:
    mine, good = tmp_path / "mine", tmp_path / "good.pt"
    mine.write_text("mine")
    command("--checkpoint", good)
    command("--checkpoint", mine, "--overwrite")
    assert_same_weights(mine, good)


def test_a_file_that_appears_during_training_is_left_alone(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Another program writes to both names: at first, and again after the first epoch."""
    net, log = tmp_path / "net.pt", tmp_path / "log.jsonl"
    (tmp_path / "net-2.pt").write_text("mine")
    original, epochs = training.train, []

    def train(*args: object, **kwargs: object) -> training.History:
        epochs.append(original(*args, **kwargs))
        (net if len(epochs) == 1 else log).write_text("theirs")
        return epochs[-1]

    monkeypatch.setattr(training, "train", train)
    history = command("--epochs", 3, "--checkpoint", net, "--json-log", log)
    assert net.read_text() == log.read_text() == "theirs"
    assert (tmp_path / "net-2.pt").read_text() == "mine"
    assert len((tmp_path / "log-2.jsonl").read_text().splitlines()) == len(history.loss) == 9
    assert saved(tmp_path / "net-3.pt")["history"]["loss"] == history.loss
    assert names(tmp_path) == ["log-2.jsonl", "log.jsonl", "net-2.pt", "net-3.pt", "net.pt"]
    assert "net.pt was written by another program meanwhile. Using" in capsys.readouterr().out


def test_a_log_of_another_run_is_not_overwritten(command: Command, tmp_path: Path) -> None:
    one, other, log = (tmp_path / name for name in ("one", "other", "log"))
    command("--checkpoint", one, "--json-log", log)
    command("--checkpoint", other, "--seed", 1)
    whole = log.read_bytes()
    resume = ("--resume", other, "--seed", 1, "--json-log", log)
    for there, options in [(whole, resume), (whole[:-9], ("--resume", one, "--json-log", log))]:
        log.write_bytes(there)  # another run's, or torn in the middle of a line
        with pytest.raises(FileExistsError, match="--json-log .*log exists already"):
            command(*options)
        assert log.read_bytes() == there
    command(*resume, "--overwrite")
    assert len(log.read_text().splitlines()) == 6


def test_a_full_disk_leaves_whole_files(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of the first epoch is whole; that of the second does not fit any more."""
    log, original = tmp_path / "log", _files.write
    command("--json-log", log)
    first = log.read_bytes()
    log.unlink()

    def write(path: Path, content: bytes) -> None:
        with largest_file(len(first) + 50):
            original(path, content)

    monkeypatch.setattr(_files, "write", write)
    with pytest.raises(OSError, match=r"log could not be written .*disk full"):
        command("--epochs", 2, "--json-log", log)
    assert log.read_bytes() == first and names(tmp_path) == ["log"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nothing_is_saved_once_a_number_is_not_finite(
    bad: float, command: Command, small_digits: data.Digits, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    images, targets = small_digits.train.tensors
    broken = TensorDataset(torch.full_like(images, bad), targets)
    digits = dataclasses.replace(small_digits, train=broken)
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: digits)
    with pytest.raises(ValueError, match="NaN|finite"):
        command("--checkpoint", tmp_path / "net", "--json-log", tmp_path / "log")
    assert names(tmp_path) == []
