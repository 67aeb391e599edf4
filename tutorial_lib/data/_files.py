"""Where the MNIST files lie, and how they are read and checked. Nothing is written here."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# MD5 of the four *unpacked* files. A .gz may be packed anew and still hold the same digits, so the
# content is checked, not the wrapping; the archives of the mirrors unpack to exactly these.
CONTENT_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


class DataError(RuntimeError):
    """MNIST is not available. ``brief`` is the reason in a few words, without a path."""

    def __init__(self, message: str, brief: str) -> None:
        super().__init__(message)
        self.brief = brief


class MissingFilesError(DataError):
    """Files of MNIST are not in the folder."""


class DamagedFileError(DataError):
    """A file is there, but not with the content that MNIST has."""


class DownloadError(DataError):
    """MNIST could not be downloaded."""


class MNISTFolder(NamedTuple):
    """The folder that holds ``MNIST/raw`` (or will after a download), and how messages name it."""

    root: Path
    phrase: str

    @property
    def raw(self) -> Path:
        return self.root / "MNIST" / "raw"


class RawMNIST(NamedTuple):
    """The four files: images uint8 ``[N, 28, 28]``, labels uint8 ``[N]``."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def find_folder(
    root: str | Path | None,
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> MNISTFolder:
    """The folder named by ``root``, else by TUTORIAL_LIB_DATA, else a cache folder of the user."""
    if root is not None:
        return MNISTFolder(Path(root).expanduser(), "the folder given as root")
    if environ.get("TUTORIAL_LIB_DATA"):
        folder = Path(environ["TUTORIAL_LIB_DATA"]).expanduser()
        return MNISTFolder(folder, "the folder that TUTORIAL_LIB_DATA names")
    if platform == "win32":
        base = environ.get("LOCALAPPDATA") or "~/AppData/Local"
    else:
        base = environ.get("XDG_CACHE_HOME", "")
        if not base.startswith("/"):  # the XDG rule: a relative path is ignored
            base = "~/.cache"
    return MNISTFolder(Path(base).expanduser() / "tutorial_lib", "your cache folder")


def missing(folder: MNISTFolder) -> list[str]:
    """Names of the MNIST files of which neither the .gz nor the unpacked file is there."""
    return [
        name
        for name in CONTENT_MD5
        if not any(os.path.lexists(folder.raw / form) for form in (f"{name}.gz", name))
    ]


def read(folder: MNISTFolder) -> RawMNIST:
    """Read and verify the four files, packed or not.

    Raises:
        DamagedFileError: if a file cannot be read or does not hold MNIST's bytes.
        MissingFilesError: if a file is not there, and those that are there are sound.
    """
    gone = missing(folder)
    tensors = []
    for name, md5 in CONTENT_MD5.items():
        if name in gone:
            continue
        file = folder.raw / f"{name}.gz"
        if not os.path.lexists(file):
            file = folder.raw / name
        try:
            tensors.append(verified(file.read_bytes(), md5, packed=file.suffix == ".gz"))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise DamagedFileError(
                f"The MNIST file {file} is damaged: {_fault(error)}. It was left as it is.\n"
                "Way out: delete this file and call load with download=True to fetch it anew; or "
                "set TUTORIAL_LIB_DATA (or root=...) to a folder with a good copy; or use "
                'source="digits", which needs no files.',
                f"{file.name} in {folder.phrase} is damaged",
            ) from error
    if gone:
        raise MissingFilesError(
            f"MNIST is not (or not completely) in {folder.root}: MNIST/raw/ lacks "
            f"{', '.join(gone)} (with or without .gz).\n"
            "Way out: call load with download=True; or set TUTORIAL_LIB_DATA (or root=...) to the "
            'folder that holds MNIST/raw/; or use source="digits", which needs no files.',
            f"MNIST is not in {folder.phrase}",
        )
    return RawMNIST(*tensors)


def verified(content: bytes, md5: str, *, packed: bool) -> Tensor:
    """The values in an IDX file of this MD5; ValueError, EOFError, OSError, zlib.error: damaged."""
    if not content:
        raise ValueError("it is empty")
    if packed:
        content = gzip.decompress(content)
    tensor = _parse_idx(content)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise ValueError(f"its content has the MD5 {found}, MNIST's has {md5}")
    return tensor


def _parse_idx(content: bytes) -> Tensor:
    """IDX, as the MNIST page defines it: 0, 0, type (8: uint8), rank, big-endian sizes, values."""
    rank = content[3] if len(content) > 3 else 0
    start = 4 + 4 * rank
    if len(content) < start or content[:3] != b"\x00\x00\x08" or rank == 0:
        raise ValueError(f"it does not begin like an IDX file of bytes ({content[:8]!r})")
    shape = [int(size) for size in np.frombuffer(content, ">u4", rank, 4)]
    if len(content) != start + math.prod(shape):
        raise ValueError(
            f"it holds {len(content):,} bytes, its header announces {start + math.prod(shape):,}"
        )
    values = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    return torch.from_numpy(values.copy())


def _fault(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it stops in the middle (truncated)"
    if isinstance(error, (gzip.BadGzipFile, zlib.error)):
        return f"it cannot be unpacked ({error})"
    if isinstance(error, OSError):
        return f"it cannot be read ({error.strerror or error})"
    return str(error)
