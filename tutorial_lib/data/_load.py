"""MNIST or the embedded digits, as the same tensors, split by seed; loaders over them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from .. import _checks
from ._download import download as _download
from ._files import DataError, MissingFilesError, MNISTFolder, RawMNIST, find_folder, read
from ._splits import split

Source = Literal["auto", "mnist", "digits"]

MNIST_VAL = 5_000 / 60_000
DIGITS_TEST, DIGITS_VAL = 300, 200 / 1_497
NAMES = {"mnist": "MNIST", "digits": "embedded 8x8 digits resized to 28x28"}


@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Handwritten digits in three disjoint splits.

    Attributes:
        train: images float32 ``[N, 1, 28, 28]`` in [0, 1], and targets int64 ``[N]`` in 0..9.
        val: the same, for choices made during training.
        test: the same, for the final number.
        source: "mnist" or "digits".
        reason: one sentence that says why this source was taken.
    """

    train: TensorDataset
    val: TensorDataset
    test: TensorDataset
    source: Literal["mnist", "digits"]
    reason: str

    @property
    def summary(self) -> str:
        """One line: source, sizes, reason."""
        return (
            f"{NAMES[self.source]}: {len(self.train):,} training, {len(self.val):,} validation, "
            f"{len(self.test):,} test images. {self.reason}"
        )

    def __repr__(self) -> str:
        return f"Digits({self.summary})"


def load(
    source: Source = "auto",
    *,
    root: str | Path | None = None,
    download: bool = True,
    val_fraction: float | None = None,
    seed: int = 0,
    verbose: bool = True,
) -> Digits:
    """Load handwritten digits and say in one printed line which ones, and why.

    ``"mnist"`` looks for ``MNIST/raw/`` (as torchvision lays it out) in ``root``, else in the
    folder that the environment variable TUTORIAL_LIB_DATA names, else in your cache folder. It
    downloads what is missing, and never falls back. ``"digits"`` takes the 1,797 digits that come
    with scikit-learn: no files, no network. ``"auto"`` does what the environment variable
    TUTORIAL_LIB_SOURCE says; if that is not set, it takes MNIST where it is available, else the
    digits. Files on disk are verified before use, and no existing file is changed or deleted.

    Args:
        source: "auto", "mnist" or "digits".
        root: folder that holds ``MNIST/raw/``, or will after a download.
        download: whether missing files may be downloaded.
        val_fraction: share of the training pool held out for validation, between 0 and 1. ``None``
            means 5,000 of MNIST's 60,000, or 200 of the 1,497 digits that are not for testing.
        seed: fixes the splits, which depend on nothing else but the sizes. MNIST keeps its own
            10,000 test images; 300 of the digits are drawn for testing.
        verbose: print the line, and a progress bar during a download.

    Returns:
        The three splits, their source, and why it was taken.

    Raises:
        ValueError: for an argument out of range, or a ``val_fraction`` that leaves a split empty.
        TypeError: for an argument of the wrong type.
        DataError: if MNIST was asked for and a file is missing (``MissingFilesError``), damaged
            (``DamagedFileError``) or cannot be downloaded (``DownloadError``).
    """
    _checks.choice("source", source, get_args(Source))
    if root is not None and not (isinstance(root, (str, Path)) and str(root)):
        raise TypeError(f"root must be the path of a folder or None, got {root!r}.")
    _checks.flag("download", download)
    _checks.flag("verbose", verbose)
    if val_fraction is not None and not 0 < _checks.fraction("val_fraction", val_fraction) < 1:
        raise ValueError(
            f"val_fraction must lie strictly between 0 and 1, got {val_fraction!r}: training and "
            "validation both need samples."
        )
    _checks.seed(seed)

    asked = f'source="{source}" asks for it'
    if source == "auto" and os.environ.get("TUTORIAL_LIB_SOURCE"):
        source = os.environ["TUTORIAL_LIB_SOURCE"]  # type: ignore[assignment]
        _checks.choice("The environment variable TUTORIAL_LIB_SOURCE", source, get_args(Source))
        asked = "TUTORIAL_LIB_SOURCE asks for it"

    if source == "digits":
        digits = _embedded(val_fraction, seed, f"{asked}.")
    else:
        folder = find_folder(root)
        try:
            raw, how = _mnist(folder, download, verbose)
        except DataError as error:
            if source == "mnist":
                raise
            digits = _embedded(val_fraction, seed, f"Taken because {error.brief}.")
        else:
            reason = f"{asked}; it was {how}." if source == "mnist" else f"It was {how}."
            digits = _from_mnist(raw, val_fraction, seed, reason)
    if verbose:
        print(f"Data: {digits.summary}")
    return digits


def _mnist(folder: MNISTFolder, download: bool, verbose: bool) -> tuple[RawMNIST, str]:
    try:
        return read(folder), f"found in {folder.phrase}"
    except MissingFilesError:
        if not download:
            raise
    _download(folder, verbose)
    return read(folder), f"downloaded to {folder.phrase}"


def _from_mnist(raw: RawMNIST, val_fraction: float | None, seed: int, reason: str) -> Digits:
    total = len(raw.train_images)
    val, train = split(total, [_val_size(total, val_fraction, MNIST_VAL)], seed)
    pool, pool_labels, test, test_labels = raw
    pairs = (pool[train], pool_labels[train]), (pool[val], pool_labels[val]), (test, test_labels)
    parts = (TensorDataset(x.unsqueeze(1).float().div_(255), y.long()) for x, y in pairs)
    return Digits(*parts, source="mnist", reason=reason)


def _embedded(val_fraction: float | None, seed: int, reason: str) -> Digits:
    """scikit-learn's copy of the UCI optical digits: 8x8 pixels in 0..16, resized bilinearly."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = enlarged(torch.from_numpy(bunch.images).float().unsqueeze(1) / 16)
    targets = torch.from_numpy(bunch.target).long()
    val_size = _val_size(len(images) - DIGITS_TEST, val_fraction, DIGITS_VAL)
    test, val, train = split(len(images), [DIGITS_TEST, val_size], seed)
    parts = (TensorDataset(images[index], targets[index]) for index in (train, val, test))
    return Digits(*parts, source="digits", reason=reason)


def enlarged(small: Tensor) -> Tensor:
    """Resize images of the embedded digits, ``[N, 1, 8, 8]`` from 0 to 1, to ``[N, 1, 28, 28]``.

    Raises:
        TypeError, ValueError: for anything else.
    """
    if _checks.images("small", small).shape[1:] != (1, 8, 8):
        raise ValueError(f"small must have the shape [N, 1, 8, 8], got {list(small.shape)}.")
    large = torch.nn.functional.interpolate(small, size=(28, 28), mode="bilinear")
    return large.clamp_(0, 1)


def _val_size(pool: int, fraction: float | None, default: float) -> int:
    size = round(pool * (default if fraction is None else fraction))
    if not 0 < size < pool:
        raise ValueError(
            f"val_fraction={fraction!r} of {pool:,} samples leaves {size:,} for validation and "
            f"{pool - size:,} for training. Choose it so that both get at least one."
        )
    return size


class Loaders(NamedTuple):
    """Batches ``(images [B, 1, 28, 28], targets [B])``; the last batch may be smaller."""

    train: DataLoader[tuple[Tensor, ...]]
    val: DataLoader[tuple[Tensor, ...]]
    test: DataLoader[tuple[Tensor, ...]]


def loaders(digits: Digits, batch_size: int = 128) -> Loaders:
    """Loaders over the three splits. No sample is dropped.

    The training set is shuffled anew in each epoch, by torch's global generator as with any
    ``DataLoader``: a cell that begins with ``training.seed_everything(0)`` trains on the same
    batches each time it is run. The validation and test sets are never shuffled, and a pass over
    them leaves the global generator as it was.

    Args:
        digits: what :func:`load` returned.
        batch_size: samples per batch, 1 or more.

    Raises:
        TypeError: if ``digits`` is no ``Digits``, or ``batch_size`` no integer.
        ValueError: if ``batch_size`` is below 1.
    """
    if not isinstance(digits, Digits):
        raise TypeError(
            f"digits must be the Digits that data.load() returns, got {type(digits).__name__}. "
            "For a single dataset use torch.utils.data.DataLoader."
        )
    batch_size = _checks.at_least_one("batch_size", batch_size)

    def in_order(split: TensorDataset) -> DataLoader[tuple[Tensor, ...]]:
        # Without a generator, each pass would draw a seed for workers from the global one.
        return DataLoader(split, batch_size=batch_size, generator=torch.Generator())

    train = DataLoader(digits.train, batch_size=batch_size, shuffle=True)
    return Loaders(train, in_order(digits.val), in_order(digits.test))
