"""Recordings of moving digits: a small N-MNIST in its own format, whole, damaged and missing."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_mnist import install, served, snapshot
from tutorial_lib import data, events
from tutorial_lib.data import _recordings

SIZES = {"train.zip": 60, "test.zip": 20}
mnist = pytest.fixture(autouse=True)(install)  # no network, no variable set, an empty cache


def written(stream: np.ndarray) -> bytes:
    """A recording as N-MNIST has it: 40 bits per event, x, y, polarity, and 23 bits of time."""
    x, y, t, p = (stream[name].astype(np.int64) for name in "xytp")
    columns = (x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255)
    return np.stack(columns, 1).astype(np.uint8).tobytes()


def recording(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    made = np.empty(50 + number, events.DTYPE)
    made["x"], made["y"] = rng.integers(0, 34, (2, len(made)))
    made["t"], made["p"] = np.sort(rng.integers(0, 315_000, len(made))), rng.integers(0, 2)
    return made


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two archives, laid out as tonic and Mendeley have them."""
    pytest.importorskip("tonic")
    monkeypatch.setattr(_recordings, "NUMBERS", SIZES)
    folder = tmp_path / "mine" / "NMNIST"
    folder.mkdir(parents=True)
    for name, size in SIZES.items():
        with zipfile.ZipFile(folder / name, "w") as archive:
            for number in reversed(range(size)):
                path = f"{name[:-4].capitalize()}/{number % 10}/{number:05d}.bin"
                archive.writestr(path, written(recording(number)))
    return folder.parent


def test_what_is_in_the_archive_is_read(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(root)
    found = data.recordings(20, train=False, root=root)
    assert found.source == "nmnist" and "the folder given as root" in found.reason
    assert capsys.readouterr().out == f"Events: {found.summary}\n" and "20 rec" in found.summary
    numbers = [len(stream) - 50 for stream in found.streams]
    assert sorted(numbers) == list(range(20)) and numbers != list(range(20))
    assert found.targets.tolist() == [number % 10 for number in numbers]
    for number, stream in zip(numbers, found.streams, strict=True):
        assert stream.dtype == events.DTYPE and np.array_equal(stream, recording(number))
    assert len(data.recordings(60, root=root, verbose=False).streams) == 60
    assert snapshot(root) == before


def test_tonic_reads_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through its own dataset, from the archive unpacked."""
    from tonic.datasets import NMNIST

    monkeypatch.setattr(NMNIST, "_folder_contains_at_least_n_files_of_type", lambda *_: True)
    with zipfile.ZipFile(root / "NMNIST" / "test.zip") as archive:
        archive.extractall(root / "NMNIST")
    theirs = {len(stream): (stream, target) for stream, target in NMNIST(str(root), train=False)}
    ours = data.recordings(20, train=False, root=root, verbose=False)
    for stream, target in zip(ours.streams, ours.targets.tolist(), strict=True):
        other, digit = theirs[len(stream)]
        assert digit == target
        assert all(np.array_equal(stream[name], other[name]) for name in "xytp")


def test_a_seed_fixes_the_choice(root: Path) -> None:
    def lengths(n: int, seed: int) -> list[int]:
        found = data.recordings(n, root=root, seed=seed, verbose=False)
        return [len(stream) for stream in found.streams]

    assert lengths(9, 0) == lengths(9, 0) != lengths(9, 1)
    assert lengths(9, 0) == lengths(30, 0)[:9] and len(set(lengths(60, 0))) == 60


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200] ^= 255
    path.write_bytes(bytes(content))


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Every recording changed, in an archive that is sound as such."""

    def rewrite(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, change(content))

    return rewrite


def thinned(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Train/3/00003.bin", written(recording(3)))


DAMAGE = {
    "truncated": (truncated, "not a zip file"),
    "flipped": (flipped, "Bad CRC-32"),
    "empty": (lambda path: path.write_bytes(b""), "not a zip file"),
    "thinned": (thinned, "it has 1 of 60 recordings"),
    "cut": (rewritten(lambda content: content[:-2]), "stops in the middle of an event"),
    "outside": (rewritten(lambda content: b"\x28" + content[1:]), "field x .* to 40"),
    "backwards": (rewritten(lambda content: content[-5:] + content), "must not run backwards"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_archives(how: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With source="nmnist" that is an error; with "auto" synthetic streams take the place."""
    spoil, fault = DAMAGE[how]
    archive = root / "NMNIST" / "train.zip"
    spoil(archive)
    before = snapshot(root)
    for download in (False, True):  # what is there is never overwritten
        with pytest.raises(data.DamagedFileError, match=fault) as error:
            data.recordings(60, "nmnist", root=root, download=download)
        for part in (str(archive), "left as it is", "download=True", 'source="synthetic"'):
            assert part in str(error.value)
    assert capsys.readouterr().out == ""
    found = data.recordings(5, root=root)
    assert (found.source == "synthetic") == ("train.zip" in found.reason)
    assert snapshot(root) == before


def test_missing_archives(root: Path) -> None:
    (root / "NMNIST" / "train.zip").unlink()
    with pytest.raises(data.MissingFilesError) as error:
        data.recordings(5, "nmnist", root=root)
    for part in ("train.zip", "download=True", "TUTORIAL_LIB_DATA", 'source="synthetic"'):
        assert part in str(error.value)
    found = data.recordings(5, root=root, verbose=False)
    assert found.source == "synthetic" and "N-MNIST is not in the folder" in found.reason


def test_without_tonic_synthetic_streams_stand_in_and_say_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tonic", None)
    with pytest.raises(data.MissingFilesError, match="pip install tonic"):
        data.recordings(5, "nmnist")
    found = data.recordings(5)
    said = capsys.readouterr().out
    assert said == f"Events: {found.summary}\n" and said.startswith("Events: synthetic events: 5 ")
    assert "tonic, which reads N-MNIST, is not installed" in said and "8x8 digits" in said


def test_synthetic_streams_are_the_digits_filmed() -> None:
    found = data.recordings(12, "synthetic", train=False, verbose=False)
    images, targets = data.load("digits", verbose=False).test.tensors
    chosen = data.subset(torch.utils.data.TensorDataset(images, targets), 12).tensors
    assert torch.equal(found.targets, chosen[1])
    for ours, direct in zip(found.streams, events.saccades(chosen[0]), strict=True):
        assert np.array_equal(ours, direct)


def test_a_setting_that_asks_for_digits_is_heeded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORIAL_LIB_SOURCE", "digits")
    found = data.recordings(3, root=root, verbose=False)
    assert found.source == "synthetic" and "TUTORIAL_LIB_SOURCE" in found.reason


@pytest.mark.parametrize("train", [True, False])
def test_download(root: Path, tmp_path: Path, train: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonic.datasets import NMNIST

    name = "train.zip" if train else "test.zip"
    content = (root / "NMNIST" / name).read_bytes()
    home = tmp_path / "home"
    with served(root / "NMNIST") as (address, asked):
        monkeypatch.setattr(NMNIST, f"{name[:-4]}_url", address + name)
        monkeypatch.setattr(NMNIST, f"{name[:-4]}_md5", hashlib.md5(content[1:]).hexdigest())
        with pytest.raises(data.DownloadError, match="could not be downloaded"):
            data.recordings(5, "nmnist", root=home, train=train, download=True)
        assert [path for path in home.rglob("*") if path.is_file()] == []
        monkeypatch.setattr(NMNIST, f"{name[:-4]}_md5", hashlib.md5(content).hexdigest())
        found = data.recordings(5, root=home, train=train, download=True, verbose=False)
        assert found.source == "nmnist" and "downloaded to" in found.reason
        count = len(asked)
        again = data.recordings(5, root=home, train=train, download=True, verbose=False)
        assert len(asked) == count and torch.equal(again.targets, found.targets)
    assert [path.name for path in home.rglob("*")] == ["NMNIST", name]


def test_no_network(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tonic.datasets import NMNIST

    with served(tmp_path) as (address, _):
        pass
    monkeypatch.setattr(NMNIST, "train_url", address)
    with pytest.raises(data.DownloadError, match="check the network"):
        data.recordings(5, "nmnist", root=tmp_path / "home", download=True)
    found = data.recordings(5, root=tmp_path / "home", download=True, verbose=False)
    assert found.source == "synthetic" and "could not be downloaded" in found.reason


def test_more_than_there_are(root: Path) -> None:
    with pytest.raises(ValueError, match="at most the 60 recordings of the set, got 61"):
        data.recordings(61, root=root)
    with pytest.raises(ValueError, match="at most the 1,297 recordings"):
        data.recordings(1298, "synthetic", verbose=False)
