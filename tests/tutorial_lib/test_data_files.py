"""MNIST's files: read in each form, damage found, downloads, and nothing of the user's touched."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_mnist import (
    IMAGES,
    NAMES,
    TEST,
    TRAIN,
    check_form,
    idx,
    install,
    mirror,
    pack,
    same,
    snapshot,
)
from tutorial_lib import data
from tutorial_lib.data import _download, _files

mnist = pytest.fixture(autouse=True)(install)


@pytest.fixture
def root(mnist: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder of the user's that holds only the four gz files."""
    return pack(tmp_path / "mine", mnist)


# Read


@pytest.mark.parametrize("form", ["gz", "packed anew", "unpacked", "mixed"])
def test_mnist_is_read_from_each_form_and_the_folder_stays_as_it_is(
    form: str, mnist: dict[str, bytes], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = root / "MNIST" / "raw"
    for name, content in mnist.items():
        if form == "packed anew":
            (raw / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1, mtime=7))
        elif form == "unpacked" or (form == "mixed" and "labels" in name):
            (raw / f"{name}.gz").unlink()
            (raw / name).write_bytes(content)
    before = snapshot(root)
    digits = data.load("mnist", root=root)
    assert snapshot(root) == before
    check_form(digits, (55, 5, TEST))
    assert digits.source == "mnist" and "the folder given as root" in digits.reason
    assert capsys.readouterr().out == f"Data: {digits.summary}\n"
    test = np.frombuffer(mnist[NAMES[2]], np.uint8, offset=16).reshape(TEST, 1, 28, 28)
    assert np.array_equal(digits.test.tensors[0].numpy(), test.astype(np.float32) / 255)
    # Training and validation together are the 60 images, each with its own label.
    images = np.frombuffer(mnist[IMAGES], np.uint8, offset=16).reshape(TRAIN, -1)
    labels = np.frombuffer(mnist[NAMES[1]], np.uint8, offset=8)
    expected = sorted((image.tobytes(), int(y)) for image, y in zip(images, labels, strict=True))
    both = zip(digits.train.tensors, digits.val.tensors, strict=True)
    x, y = (torch.cat(parts) for parts in both)
    bytes_ = (x * 255).round().byte().flatten(1).numpy()
    found = sorted((image.tobytes(), int(y)) for image, y in zip(bytes_, y, strict=True))
    assert found == expected


def test_files_need_not_be_writable(root: Path) -> None:
    for path in [*root.rglob("*"), root]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = snapshot(root)
    assert data.load("mnist", root=root).source == "mnist"
    assert snapshot(root) == before
    for path in [root, *root.rglob("*")]:  # so that pytest can clean up
        path.chmod(0o755)


# Where it is looked for


@pytest.mark.parametrize(
    ("root", "environ", "platform", "expected"),
    [
        ("given", {"TUTORIAL_LIB_DATA": "/data"}, "linux", "given"),
        (None, {"TUTORIAL_LIB_DATA": "/data", "XDG_CACHE_HOME": "/x"}, "linux", "/data"),
        (None, {"TUTORIAL_LIB_DATA": "", "XDG_CACHE_HOME": "/x"}, "linux", "/x/tutorial_lib"),
        (None, {"XDG_CACHE_HOME": "relative"}, "linux", "~/.cache/tutorial_lib"),
        (None, {}, "darwin", "~/.cache/tutorial_lib"),
        (None, {"LOCALAPPDATA": "/local", "XDG_CACHE_HOME": "/x"}, "win32", "/local/tutorial_lib"),
        (None, {}, "win32", "~/AppData/Local/tutorial_lib"),
    ],
)
def test_folder(root: str | None, environ: dict[str, str], platform: str, expected: str) -> None:
    assert _files.find_folder(root, environ, platform).root == Path(expected).expanduser()


# Missing and damaged files


def changed(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]


DAMAGE = {
    "byte changed": (changed, ""),
    "truncated": (lambda packed: packed[: len(packed) // 2], "truncated"),
    "empty": (lambda packed: b"", "is empty"),
    "a web page": (lambda packed: b"<html>403</html>", "cannot be unpacked"),
    "another IDX": (lambda packed: gzip.compress(idx(np.zeros((TRAIN, 28, 28), "u1"))), "MD5"),
    "cut IDX": (lambda packed: gzip.compress(gzip.decompress(packed)[:-9]), "header announces"),
    "no IDX": (lambda packed: gzip.compress(b"PNG..."), "IDX"),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("name", [IMAGES, NAMES[3]])
def test_damaged_file_is_found_and_left_alone(
    kind: str,
    name: str,
    root: Path,
    tmp_path: Path,
    mnist: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage, fault = DAMAGE[kind]
    file = root / "MNIST" / "raw" / f"{name}.gz"
    file.write_bytes(damage(file.read_bytes()))
    before = snapshot(root)
    with mirror(pack(tmp_path / "net", mnist) / "MNIST" / "raw", monkeypatch) as asked:
        with pytest.raises(data.DamagedFileError) as error:
            data.load("mnist", root=root)
        for part in (str(file), fault, "download=True", "TUTORIAL_LIB_DATA", 'source="digits"'):
            assert part in str(error.value)
        assert capsys.readouterr().out == ""
        digits = data.load("auto", root=root)
    assert digits.source == "digits" and f"{name}.gz" in digits.reason
    assert "damaged" in digits.reason and str(root) not in digits.reason
    assert capsys.readouterr().out == f"Data: {digits.summary}\n"
    assert snapshot(root) == before and asked == []


def test_damaged_unpacked_file_and_unreadable_file(root: Path, mnist: dict[str, bytes]) -> None:
    raw = root / "MNIST" / "raw"
    (raw / f"{IMAGES}.gz").unlink()
    (raw / IMAGES).write_bytes(mnist[IMAGES][:1000])
    with pytest.raises(data.DamagedFileError, match="1,000 bytes, its header announces 47,056"):
        data.load("mnist", root=root)
    (raw / IMAGES).unlink()
    (raw / IMAGES).mkdir()
    with pytest.raises(data.DamagedFileError, match="cannot be read"):
        data.load("mnist", root=root)


def test_missing_files_without_download(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "MNIST" / "raw" / f"{IMAGES}.gz").unlink()
    with pytest.raises(data.MissingFilesError) as error:
        data.load("mnist", root=root, download=False)
    for part in (str(root), IMAGES, "download=True", "TUTORIAL_LIB_DATA", 'source="digits"'):
        assert part in str(error.value)
    assert NAMES[1] not in str(error.value)
    assert data.load(root=root, download=False).source == "digits"
    assert capsys.readouterr().out.count("\n") == 1


# Download


def test_download_from_a_mirror(
    mnist: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    source = pack(tmp_path / "net", mnist)
    with mirror(source / "MNIST" / "raw", monkeypatch) as asked:
        digits = data.load("auto")
        assert digits.source == "mnist" and "downloaded to your cache folder" in digits.reason
        assert capfd.readouterr().out == f"Data: {digits.summary}\n"
        count = len(asked)
        assert {path.strip("/") for path in asked} == {f"{name}.gz" for name in NAMES}
        again = data.load("mnist", verbose=False)
        assert len(asked) == count and same(digits, again)
        fresh = data.load("mnist", root=tmp_path / "silent", verbose=False)
        assert capfd.readouterr() == ("", "") and same(digits, fresh)
    home = tmp_path / "cache" / "tutorial_lib"
    assert sorted(p.name for p in home.rglob("*") if p.is_file()) == sorted(
        f"{name}.gz" for name in NAMES
    )
    assert [p.name for p in home.iterdir()] == ["MNIST"]


def test_download_completes_a_folder_and_touches_no_file_in_it(
    mnist: dict[str, bytes], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = root / "MNIST" / "raw"
    whole = (raw / f"{IMAGES}.gz").read_bytes()
    (raw / f"{IMAGES}.gz").unlink()
    (raw / f"{NAMES[1]}.gz").write_bytes(gzip.compress(mnist[NAMES[1]], 1, mtime=7))
    (raw / "notes.txt").write_text("mine")
    files = {path.name: path.stat().st_ino for path in raw.iterdir()}
    before = {name: (raw / name).read_bytes() for name in files}
    with mirror(pack(tmp_path / "net", mnist) / "MNIST" / "raw", monkeypatch):
        assert data.load("mnist", root=root).source == "mnist"
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == {
        **before,
        f"{IMAGES}.gz": whole,
    }
    assert all((raw / name).stat().st_ino == inode for name, inode in files.items())


def test_damaged_download_leaves_nothing(
    mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pack(tmp_path / "net", mnist) / "MNIST" / "raw"
    (source / f"{NAMES[2]}.gz").write_bytes(b"not what was promised")
    home = tmp_path / "home"
    with mirror(source, monkeypatch):
        with pytest.raises(data.DownloadError, match="could not be downloaded"):
            data.load("mnist", root=home)
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert [path.name for path in home.iterdir()] == ["MNIST"]


def test_what_killed_downloads_leave_is_removed(
    mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a running one needs is not."""
    home = tmp_path / "home"
    old, new = (home / f"{_download.STAGE}{name}" for name in ("old", "new"))
    for stage in (old, new):
        stage.mkdir(parents=True)
        (stage / NAMES[0]).write_bytes(b"half")
    os.utime(old, (0, 0))
    with mirror(pack(tmp_path / "net", mnist) / "MNIST" / "raw", monkeypatch):
        assert data.load("mnist", root=home, verbose=False).source == "mnist"
    assert sorted(path.name for path in home.iterdir()) == [new.name, "MNIST"]
    assert (new / NAMES[0]).read_bytes() == b"half"


def test_another_mirror_answers_where_one_does_not(
    mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (closed,) = _download.MIRRORS
    with mirror(pack(tmp_path / "net", mnist) / "MNIST" / "raw", monkeypatch):
        monkeypatch.setattr(_download, "MIRRORS", [closed, *_download.MIRRORS])
        assert data.load("mnist", root=tmp_path / "home", verbose=False).source == "mnist"


def test_another_mirror_sends_what_the_one_that_answers_sends_damaged(
    mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (pack(tmp_path / name, mnist) / "MNIST" / "raw" for name in ("bad", "good"))
    for name in NAMES[1:]:
        (bad / f"{name}.gz").write_bytes(b"<html>Moved</html>")
    (good / f"{NAMES[0]}.gz").unlink()
    with mirror(bad, monkeypatch) as asked:
        damaged = list(_download.MIRRORS)
        with mirror(good, monkeypatch):
            monkeypatch.setattr(_download, "MIRRORS", [*damaged, *_download.MIRRORS])
            assert data.load("mnist", root=tmp_path / "home", verbose=False).source == "mnist"
        assert f"/{NAMES[1]}.gz" in asked


def test_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    with pytest.raises(data.DownloadError) as error:
        data.load("mnist", root=home)
    for part in (str(home), "no mirror answered", "TUTORIAL_LIB_DATA", 'source="digits"'):
        assert part in str(error.value)
    assert capsys.readouterr().out == ""
    digits = data.load(root=home)
    assert digits.source == "digits" and "could not be downloaded" in digits.reason
    assert capsys.readouterr().out == f"Data: {digits.summary}\n"
    assert not home.exists()


@pytest.mark.parametrize("server", ["is silent", "drips", "stops in the middle"])
def test_a_stalled_network_is_given_up(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the header, within it, and after it. The process-wide time-out is then as it was."""
    monkeypatch.setattr(_download, "TIMEOUT", 0.4)
    stop = threading.Event()
    patience = time.monotonic() + 6  # without a time-out the test fails, but does not hang

    def serve(listener: socket.socket) -> None:
        clients: list[socket.socket] = []
        while not stop.is_set() and time.monotonic() < patience:
            with contextlib.suppress(TimeoutError):
                clients.append(listener.accept()[0])
                if server == "stops in the middle":
                    clients[-1].recv(4096)
                    clients[-1].sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            for client in clients if server == "drips" else []:
                with contextlib.suppress(OSError):
                    client.sendall(b"H")
        for client in clients:
            client.close()

    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        monkeypatch.setattr(_download, "MIRRORS", [address])
        start = time.monotonic()
        try:
            with pytest.raises(data.DownloadError, match="no answer within|timed out"):
                data.load("mnist", root=tmp_path / "home", verbose=False)
            assert time.monotonic() - start < 4
        finally:
            stop.set()
            thread.join()
    assert socket.getdefaulttimeout() == before
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_folder_that_cannot_be_written(
    mnist: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    with mirror(pack(tmp_path / "net", mnist) / "MNIST" / "raw", monkeypatch):
        with pytest.raises(data.DownloadError, match="cannot be written"):
            data.load("mnist", root=tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"
