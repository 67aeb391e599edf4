"""What the data room loads: sources, splits, loaders, and what it refuses."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from tests.small_mnist import check_form, install, pack, same, tensors
from tutorial_lib import data, training
from tutorial_lib.data._splits import split

REAL = os.environ.get("TUTORIAL_LIB_DATA", "")
mnist = pytest.fixture(autouse=True)(install)


@pytest.fixture
def root(mnist: dict[str, bytes], tmp_path: Path) -> Path:
    """A folder of the user's that holds only the four gz files."""
    return pack(tmp_path / "mine", mnist)


# What is loaded


def test_digits_are_those_of_scikit_learn(capsys: pytest.CaptureFixture[str]) -> None:
    from sklearn.datasets import load_digits

    digits = data.load("digits")
    check_form(digits, (1297, 200, 300))
    assert capsys.readouterr().out == f"Data: {digits.summary}\n"
    assert digits.source == "digits" and 'source="digits"' in digits.reason
    assert "1,297" in repr(digits) and digits.reason in repr(digits)
    # Each image is one of the originals, resized by a bilinear matrix written out here; no two are
    # the same one, and each has its target.
    original = load_digits()
    place = ((np.arange(28) + 0.5) * 8 / 28 - 0.5).clip(0, 7)
    weights = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(8)))
    resized = torch.from_numpy(weights @ (original.images / 16) @ weights.T).float()
    images = torch.cat(tensors(digits)[0::2]).flatten(1)
    distance, nearest = torch.cdist(images, resized.flatten(1)).min(1)
    assert distance.max() < 0.02 and len(nearest.unique()) == len(nearest) == 1797
    assert torch.equal(torch.tensor(original.target)[nearest], torch.cat(tensors(digits)[1::2]))


@pytest.mark.skipif(
    not (REAL and Path(REAL, "MNIST", "raw").is_dir()), reason="TUTORIAL_LIB_DATA has no MNIST"
)
def test_the_real_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # real checksums again
    before = {str(path): path.stat().st_mtime_ns for path in Path(REAL).rglob("*")}
    digits = data.load("mnist", root=REAL, download=False)
    assert {str(path): path.stat().st_mtime_ns for path in Path(REAL).rglob("*")} == before
    check_form(digits, (55_000, 5_000, 10_000))
    counts = torch.cat([digits.train.tensors[1], digits.val.tensors[1]]).bincount()
    # label counts of the MNIST training set
    assert counts.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert digits.test.tensors[1][:5].tolist() == [7, 2, 1, 0, 4]
    assert math.isclose(digits.train.tensors[0].mean().item(), 0.1307, abs_tol=5e-4)


# Where from


def test_data_variable_is_obeyed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTORIAL_LIB_DATA", str(root))
    digits = data.load()
    assert digits.source == "mnist" and "TUTORIAL_LIB_DATA" in digits.reason


def test_source_variable_is_obeyed_by_auto_only(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUTORIAL_LIB_SOURCE", "digits")
    digits = data.load(root=root)
    assert digits.source == "digits" and "TUTORIAL_LIB_SOURCE" in digits.reason
    assert data.load("mnist", root=root).source == "mnist"
    monkeypatch.setenv("TUTORIAL_LIB_SOURCE", "mnist")  # then auto does not fall back
    with pytest.raises(data.MissingFilesError):
        data.load(download=False)
    monkeypatch.setenv("TUTORIAL_LIB_SOURCE", "minst")
    with pytest.raises(ValueError, match="TUTORIAL_LIB_SOURCE must be .*got 'minst'"):
        data.load(root=root)
    assert data.load("digits").source == "digits"


# Splits


@given(st.data())
def test_split_is_a_partition_fixed_by_the_seed(drawn: st.DataObject) -> None:
    total = drawn.draw(st.integers(1, 300))
    first = drawn.draw(st.integers(0, total))
    second = drawn.draw(st.integers(0, total - first))
    seed = drawn.draw(st.integers(0, 2**32 - 1))
    parts = split(total, [first, second], seed)
    assert [len(part) for part in parts] == [first, second, total - first - second]
    assert torch.cat(parts).sort().values.tolist() == list(range(total))
    torch.manual_seed(drawn.draw(st.integers(0, 9)))
    again = split(total, [first, second], seed)
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 2), st.floats(0.01, 0.99))
def test_loaded_splits(seed: int, fraction: float) -> None:
    one = data.load("digits", val_fraction=fraction, seed=seed, verbose=False)
    assert same(one, data.load("digits", val_fraction=fraction, seed=seed, verbose=False))
    assert len(one.val) == round(1497 * fraction)
    assert len(one.train) + len(one.val) + len(one.test) == 1797
    # No image in two splits: the 1,797 images are all different, and still are when put together.
    assert len(torch.cat(tensors(one)[0::2]).flatten(1).unique(dim=0)) == 1797
    # The test set does not depend on the fraction; another seed gives another.
    assert torch.equal(tensors(one)[4], tensors(data.load("digits", seed=seed, verbose=False))[4])
    other = data.load("digits", seed=seed + 1, verbose=False)
    assert not torch.equal(tensors(one)[4], tensors(other)[4])


def test_only_the_training_loader_uses_the_global_generator(root: Path) -> None:
    before = torch.get_rng_state()
    digits = data.load("mnist", root=root)
    data.load("digits")
    data.subset(digits.train, 5)
    train, *others = data.loaders(digits, batch_size=8)
    for loader in others:
        list(loader)
    assert torch.equal(torch.get_rng_state(), before)
    list(train)
    assert not torch.equal(torch.get_rng_state(), before)


# Loaders and subsets


def numbered(n: int) -> TensorDataset:
    return TensorDataset(torch.arange(n).float().view(n, 1, 1, 1), torch.arange(n) % 10)


def order(loader: torch.utils.data.DataLoader) -> list[int]:
    return [int(value) for images, _ in loader for value in images.flatten()]


SIZE = st.integers(1, 60)


@given(SIZE, SIZE, SIZE, st.integers(1, 70), st.integers(0, 9))
def test_loaders_drop_nothing_and_follow_the_global_seed(
    a: int, b: int, c: int, batch: int, seed: int
) -> None:
    """The same cell twice gives the same batches; two epochs differ."""
    digits = data.Digits(numbered(a), numbered(b), numbered(c), "digits", "Made up.")
    train, val, test = data.loaders(digits, batch_size=batch)

    def cell(seed: int) -> list[list[int]]:
        training.seed_everything(seed)
        epochs = []
        for _ in range(2):
            epochs.append(order(train))
            assert order(val) == list(range(b)) and order(test) == list(range(c))
        return epochs

    first, second = cell(seed)
    assert cell(seed) == [first, second]
    assert sorted(first) == sorted(second) == list(range(a))
    assert len(train) == math.ceil(a / batch) and len(next(iter(test))[0]) == min(batch, c)
    if a > 30:
        assert first != second and first != list(range(a)) and cell(seed + 1)[0] != first


@given(st.integers(1, 80), st.data())
def test_subset(total: int, drawn: st.DataObject) -> None:
    n = drawn.draw(st.integers(1, total))
    dataset = numbered(total)
    chosen = data.subset(dataset, n, seed=3)
    images, targets = chosen.tensors
    assert isinstance(chosen, TensorDataset) and len(chosen) == n == len(images.unique())
    assert torch.equal(targets, images.flatten().long() % 10)  # each with its own target
    assert torch.equal(images, data.subset(dataset, n, seed=3).tensors[0])


# What is refused


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "minst"}, ValueError, r"one of \('auto', 'mnist', 'digits'\), got 'minst'"),
        ({"source": None}, ValueError, "got None"),
        ({"source": ["mnist"]}, ValueError, "got .'mnist'."),
        ({"root": 3}, TypeError, "root must be the path of a folder or None, got 3"),
        ({"root": ""}, TypeError, "got ''"),
        ({"download": "no"}, TypeError, "download must be True or False, got 'no'"),
        ({"verbose": 1}, TypeError, "verbose must be True or False, got 1"),
        ({"val_fraction": 0}, ValueError, "strictly between 0 and 1, got 0"),
        ({"val_fraction": 1.0}, ValueError, "strictly between 0 and 1, got 1.0"),
        ({"val_fraction": 5000}, ValueError, "val_fraction must lie between 0 and 1, got 5000"),
        ({"val_fraction": math.nan}, ValueError, "got nan"),
        ({"val_fraction": "a"}, TypeError, "val_fraction must be a number, got 'a'"),
        ({"val_fraction": 1e-6}, ValueError, "leaves 0 for validation and 1,497 for training"),
        ({"seed": -1}, ValueError, "seed must lie between 0 and .*got -1"),
        ({"seed": 2**32}, ValueError, "seed must lie between 0"),
        ({"seed": 0.5}, TypeError, "seed must be an integer, got 0.5"),
        ({"seed": True}, TypeError, "seed must be an integer, got True"),
    ],
)
def test_load_refuses(
    arguments: dict, error: type[Exception], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=message):
        data.load(**{"source": "digits", **arguments})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        (data.loaders, {"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        (data.loaders, {"batch_size": 12.5}, TypeError, "batch_size must be an integer, got 12.5"),
        (data.loaders, {"batch_size": True}, TypeError, "batch_size must be an integer, got True"),
        (data.loaders, {"digits": numbered(3)}, TypeError, "data.load.. returns, got TensorDat"),
        (data.subset, {"n": 0}, ValueError, "n must be at least 1, got 0"),
        (data.subset, {"n": 11}, ValueError, "at most the 10 samples of the dataset, got 11"),
        (data.subset, {"n": 2.0}, TypeError, "n must be an integer, got 2.0"),
        (data.subset, {"seed": "a"}, TypeError, "seed must be an integer, got 'a'"),
        (data.subset, {"dataset": [1, 2]}, TypeError, "must be a TensorDataset .* got list"),
    ],
)
def test_loaders_and_subset_refuse(
    function, arguments: dict, error: type[Exception], message: str
) -> None:
    digits = data.Digits(numbered(5), numbered(5), numbered(5), "digits", "Made up.")
    good = {"digits": digits} if function is data.loaders else {"dataset": numbered(10), "n": 2}
    with pytest.raises(error, match=message):
        function(**{**good, **arguments})
