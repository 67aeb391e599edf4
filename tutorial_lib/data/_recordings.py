"""``recordings``: N-MNIST where the reader has it, or digits filmed by the library's own camera."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from .. import _checks, events
from ._files import (
    DamagedFileError,
    DataError,
    DownloadError,
    MissingFilesError,
    MNISTFolder,
    find_folder,
)
from ._load import NAMES, load
from ._splits import split

Source = Literal["auto", "nmnist", "synthetic"]

NUMBERS = {"train.zip": 60_000, "test.zip": 10_000}  # recordings in the archives of N-MNIST


@dataclass(frozen=True, eq=False, repr=False)
class Recordings:
    """Streams of events, each of a digit that makes the three movements of N-MNIST.

    Attributes:
        streams: N structured arrays, as :mod:`tutorial_lib.events` describes them.
        targets: the digits, int64 ``[N]`` in 0..9.
        source: "nmnist" or "synthetic".
        reason: says why this source was taken.
    """

    streams: list[np.ndarray]
    targets: Tensor
    source: Literal["nmnist", "synthetic"]
    reason: str

    @property
    def summary(self) -> str:
        """One line: source, size, reason."""
        name = "N-MNIST" if self.source == "nmnist" else "synthetic events"
        return f"{name}: {len(self.streams):,} recordings. {self.reason}"

    def __repr__(self) -> str:
        return f"Recordings({self.summary})"


def recordings(
    n: int,
    source: Source = "auto",
    *,
    train: bool = True,
    root: str | Path | None = None,
    download: bool = False,
    seed: int = 0,
    verbose: bool = True,
) -> Recordings:
    """Load recordings of moving digits, and say in one printed line which ones, and why.

    ``"nmnist"`` reads N-MNIST (Orchard et al. 2015, CC BY-SA 4.0) through the package tonic, which
    you install (``pip install tonic``), from ``NMNIST/train.zip`` or ``test.zip`` in the folder of
    :func:`load`. ``"synthetic"`` makes the digits of :func:`load` move in front of the camera of
    :mod:`tutorial_lib.events`. ``"auto"`` takes N-MNIST where it is there, else synthetic ones,
    and these also where the environment variable TUTORIAL_LIB_SOURCE asks for certain digits.

    Args:
        n: how many; different ones, chosen by ``seed``.
        source: "auto", "nmnist" or "synthetic".
        train: from the training set or from the test set.
        root: folder that holds ``NMNIST/`` and ``MNIST/``; as for :func:`load`.
        download: fetch N-MNIST if it is not there: 1 GB for training, 170 MB for testing.
        seed: fixes the choice.
        verbose: print the line.

    Raises:
        TypeError, ValueError: for an argument of the wrong type or out of range; ValueError if the
            set has fewer than ``n``.
        DataError: with ``source="nmnist"``, if tonic is not installed or N-MNIST is missing,
            damaged or could not be downloaded.
    """
    n, seed = _checks.at_least_one("n", n), _checks.seed(seed)
    _checks.choice("source", source, get_args(Source))
    for name, value in (("train", train), ("download", download), ("verbose", verbose)):
        _checks.flag(name, value)
    digits = os.environ.get("TUTORIAL_LIB_SOURCE", "auto")
    reason = f'source="{source}" asks for it.'
    if source == "auto" and digits != "auto":
        source, reason = "synthetic", "TUTORIAL_LIB_SOURCE asks for certain digits."
    found = None
    if source != "synthetic":
        try:
            found = _nmnist(n, train, find_folder(root), download, seed)
        except DataError as error:
            if source == "nmnist":
                raise
            reason = f"Taken because {error.brief}."
    if found is None:
        found = _synthetic(n, train, root, seed, reason)
    if verbose:
        print(f"Events: {found.summary}")
    return found


def _synthetic(n: int, train: bool, root: str | Path | None, seed: int, reason: str) -> Recordings:
    digits = load(root=root, verbose=False)
    images, targets = (digits.train if train else digits.test).tensors
    chosen = _chosen(n, len(images), seed)
    reason = f"{reason} Filmed from {NAMES[digits.source]}: {digits.reason}"
    return Recordings(events.saccades(images[chosen]), targets[chosen], "synthetic", reason)


def _chosen(n: int, total: int, seed: int) -> Tensor:
    if n > total:
        raise ValueError(f"n must be at most the {total:,} recordings of the set, got {n:,}.")
    return split(total, [n], seed)[0]


def _nmnist(n: int, train: bool, folder: MNISTFolder, download: bool, seed: int) -> Recordings:
    try:
        import tonic.datasets
        import tonic.download_utils
        import tonic.io
    except ImportError as error:
        raise MissingFilesError(
            f"N-MNIST is read through tonic, which cannot be imported: {error}.\n"
            'Way out: pip install tonic; or use source="synthetic", which needs nothing.',
            "tonic, which reads N-MNIST, is not installed",
        ) from error
    archive = folder.root / "NMNIST" / ("train.zip" if train else "test.zip")
    chosen = _chosen(n, NUMBERS[archive.name], seed)
    how = f"found in {folder.phrase}"
    if not archive.exists():
        if not download:
            raise MissingFilesError(
                f"N-MNIST is not in {folder.root}: {archive} is missing.\n"
                "Way out: call recordings with download=True; or set TUTORIAL_LIB_DATA (or "
                'root=...) to the folder that holds NMNIST/; or use source="synthetic".',
                f"N-MNIST is not in {folder.phrase}",
            )
        _fetch(tonic, archive, train)
        how = f"downloaded to {folder.phrase}"
    try:
        with zipfile.ZipFile(archive) as opened:
            names = sorted(name for name in opened.namelist() if name.endswith(".bin"))
            if len(names) != NUMBERS[archive.name]:
                raise ValueError(f"it has {len(names):,} of {NUMBERS[archive.name]:,} recordings")
            streams = [_read(tonic, opened, names[i]) for i in chosen]
            targets = torch.tensor([int(Path(names[i]).parent.name) for i in chosen])
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
        raise DamagedFileError(
            f"The N-MNIST file {archive} is damaged: {error}. It was left as it is.\n"
            "Way out: delete this file and call recordings with download=True to fetch it anew; or "
            'use source="synthetic", which needs no files.',
            f"{archive.name} in {folder.phrase} is damaged",
        ) from error
    return Recordings(streams, targets, "nmnist", f"It was {how}.")


def _read(tonic: ModuleType, opened: zipfile.ZipFile, name: str) -> np.ndarray:
    """One recording; zipfile compares what it reads with the checksum in the archive."""
    with opened.open(name) as file:
        content = file.read()
    try:
        if len(content) % 5:
            raise ValueError("it stops in the middle of an event")
        stream = io.BytesIO(content)
        return events.checked(tonic.io.read_mnist_file(stream, events.DTYPE, is_stream=True))
    except ValueError as error:
        raise ValueError(f"{name} is no recording: {error}") from error


def _fetch(tonic: ModuleType, archive: Path, train: bool) -> None:
    """Download an archive, checked against tonic's MD5 sum; it appears when it is whole."""
    kind = tonic.datasets.NMNIST
    url, md5 = (kind.train_url, kind.train_md5) if train else (kind.test_url, kind.test_md5)
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".download-") as stage:
            tonic.download_utils.download_url(url, stage, archive.name, md5)
            os.replace(Path(stage) / archive.name, archive)
    except (OSError, RuntimeError, ValueError) as error:
        raise DownloadError(
            f"N-MNIST could not be downloaded to {archive}: {error}.\n"
            "Way out: check the network and the folder and try again; or use "
            'source="synthetic", which needs no download.',
            "N-MNIST could not be downloaded",
        ) from error
