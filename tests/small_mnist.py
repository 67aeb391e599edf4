"""A small MNIST with checksums of its own, and a mirror on loopback that serves it."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tutorial_lib import data
from tutorial_lib.data import _download, _files

NAMES = list(_files.CONTENT_MD5)
IMAGES = "train-images-idx3-ubyte"
TRAIN, TEST = 60, 20
SHAPES = [(TRAIN, 28, 28), (TRAIN,), (TEST, 28, 28), (TEST,)]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return header + values.tobytes()


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that can change below ``folder``: names, times, identities, contents."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.stat().st_ino,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """A small MNIST: its unpacked files by name. No variable set, and no network: a closed port."""
    rng = np.random.default_rng(0)
    files = {
        name: idx(rng.integers(0, 256 if len(shape) == 3 else 10, shape, dtype=np.uint8))
        for name, shape in zip(NAMES, SHAPES, strict=True)
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    monkeypatch.setattr(_download, "MIRRORS", [f"http://127.0.0.1:{closed}/"])
    for name, raw in files.items():
        monkeypatch.setitem(_files.CONTENT_MD5, name, md5(raw))
    for variable in ("TUTORIAL_LIB_DATA", "TUTORIAL_LIB_SOURCE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return files


def pack(root: Path, files: dict[str, bytes]) -> Path:
    """Lay ``files`` out under ``root`` as torchvision does, packed."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
    return root


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve ``folder`` on loopback; yields the address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            asked.append(self.path)

    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
        server.shutdown()


@contextlib.contextmanager
def mirror(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serve ``folder`` as a mirror of MNIST; yields the paths that were asked for."""
    with served(folder) as (address, asked):
        monkeypatch.setattr(_download, "MIRRORS", [address])
        yield asked


def tensors(digits: data.Digits) -> list[torch.Tensor]:
    return [t for part in (digits.train, digits.val, digits.test) for t in part.tensors]


def same(one: data.Digits, other: data.Digits) -> bool:
    pairs = zip(tensors(one), tensors(other), strict=True)
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


def check_form(digits: data.Digits, sizes: tuple[int, int, int]) -> None:
    assert tuple(len(part) for part in (digits.train, digits.val, digits.test)) == sizes
    for part in (digits.train, digits.val, digits.test):
        images, targets = part.tensors
        assert images.shape == (len(part), 1, 28, 28) and images.dtype == torch.float32
        assert images.min() >= 0 and 0.5 < images.max() <= 1
        assert targets.shape == (len(part),) and targets.dtype == torch.int64
        assert targets.min() >= 0 and targets.max() <= 9
