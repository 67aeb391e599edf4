"""The course's accuracy: how its runs are made and read, and what is shipped of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from course_kit import accuracy as shipped
from tests.helpers import ROOT
from tools import accuracy, accuracy_tables
from tutorial_lib import data, networks
from tutorial_lib.data import _files
from tutorial_lib.simulation import forward_pass
from tutorial_lib.training.recipes import RECIPES

RESULTS = json.loads((ROOT / "results" / "accuracy.json").read_text())
NO_MNIST = bool(_files.missing(_files.find_folder(None)))


def chosen(runs: shipped.Runs) -> list[set[float]]:
    """For each seed, its test accuracy after each epoch of its best validation accuracy."""
    val = runs.val.mean(-1)
    best = val == val.max(1, keepdims=True)
    return [set(test[epochs]) for test, epochs in zip(runs.test.mean(-1), best, strict=True)]


def test_the_numbers_of_the_table_are_those_of_the_bits() -> None:
    for name, plan in RESULTS["plans"].items():
        runs = shipped.runs(name)
        found = [seed["test"] for seed in plan["seeds"]]
        assert len(found) == len(runs.test) == accuracy.PLANS[name].seeds
        assert runs.test.shape[1] == accuracy.PLANS[name].epochs
        for number, allowed in zip(found, chosen(runs), strict=True):
            assert any(number == pytest.approx(value, abs=1e-12) for value in allowed)
        assert plan["mean"] == pytest.approx(np.mean(found), abs=1e-12)
        for seed, run in zip(plan["seeds"], runs.test, strict=True):
            assert seed["last"] == pytest.approx(run[-1].mean(), abs=1e-12)
    written = (ROOT / "results" / "accuracy.md").read_text()
    assert written == accuracy_tables.table(RESULTS)


def test_recipes_are_still_those_that_ran() -> None:
    for name, plan in RESULTS["plans"].items():
        assert vars(accuracy.PLANS[name].settings) == plan["recipe"]


def test_more_epochs_and_steps_make_no_difference() -> None:
    """As book/accuracy.md says: 0.03 points, and each mean lies within the other's interval."""
    short, long = (RESULTS["plans"][name] for name in ("best", "best-40"))
    assert round(100 * (long["mean"] - short["mean"]), 2) == 0.03
    for one, other in ((short, long), (long, short)):
        assert one["interval"][0] < other["mean"] < one["interval"][1]
    assert shipped.runs("best").val[0].mean(-1).max() == pytest.approx(0.9932)
    assert shipped.runs("best-40").val[0].mean(-1).max() == pytest.approx(0.9932)
    assert round(100 * shipped.runs("best-1").val.mean(), 2) == 97.53


def test_shipped_files_are_small() -> None:
    assert shipped.FILE.stat().st_size < 1_000_000
    assert networks.PRETRAINED.stat().st_size < 150_000


def test_unknown_runs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"name must be one of best, .*, got 'tutorial'"):
        shipped.runs("tutorial")


def test_hard_images_are_those_that_all_seeds_get_wrong() -> None:
    seeds = RESULTS["plans"]["best"]["seeds"]
    right = shipped.runs("best").test
    wrong = np.logical_and.reduce([~right[i, seed["epoch"] - 1] for i, seed in enumerate(seeds)])
    hard = shipped.hard_images()
    assert hard.index.tolist() == np.flatnonzero(wrong).tolist()
    assert hard.images.shape == (len(hard.index), 28, 28) and hard.images.dtype == np.uint8
    if not NO_MNIST:
        images, labels = data.load("mnist", verbose=False).test.tensors
        assert labels[hard.index].tolist() == hard.labels.tolist()
        np.testing.assert_array_equal((images[hard.index, 0] * 255).round().numpy(), hard.images)


def test_the_shipped_network_is_the_recipe_s() -> None:
    net, recipe = networks.pretrained(), RECIPES["best"]
    assert networks.PRETRAINED_STEPS == recipe.num_steps
    assert sum(parameter.numel() for parameter in net.parameters()) == 29_826
    assert all(layer.beta == recipe.beta for layer in net if hasattr(layer, "beta"))
    assert [layer.spike_grad.slope for layer in net if hasattr(layer, "beta")] == [recipe.slope] * 3
    digits = data.load("digits", verbose=False)  # of another source than it was trained on
    images, targets = digits.test.tensors
    with torch.no_grad():
        counts = forward_pass(net, recipe.num_steps, images)[0].sum(0)
    share = (counts.argmax(1) == targets).double().mean()
    assert share > 0.1 + 10 * (0.1 * 0.9 / 300) ** 0.5  # ten standard errors above guessing


@pytest.mark.skipif(NO_MNIST, reason="MNIST is not at hand")
def test_the_shipped_network_gets_each_image_as_recorded() -> None:
    """In float64, where rounding decides no spike; the run itself was judged in float32."""
    net = networks.pretrained().double()
    images, targets = data.load("mnist", verbose=False).test.tensors
    with torch.no_grad():
        counts = torch.cat(
            [
                forward_pass(net, networks.PRETRAINED_STEPS, part.double())[0].sum(0)
                for part in images.split(accuracy.BATCH)
            ]
        )
    right = (counts.argmax(1) == targets).numpy()
    with np.load(shipped.FILE) as file:
        recorded = np.unpackbits(file["pretrained_test"], count=len(targets)).astype(bool)
    assert (right == recorded).all()
    run = RESULTS["pretrained"]
    in_float32 = shipped.runs("best").test[run["seed"], run["epoch"] - 1]
    assert (right != in_float32).sum() <= 3
    assert right.mean() == pytest.approx(run["test"], abs=3e-4)


# ---------------------------------------------------------------- how runs are made and read


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Plans of a few updates on the embedded digits; all files in a folder of the test."""
    plans = {
        name: accuracy.Plan("best", 3, 3, relu=relu, data="digits")
        for name, relu in (("best", False), ("relu", True))
    }
    digits = data.load("digits", verbose=False)
    monkeypatch.setattr(accuracy, "PLANS", plans)
    monkeypatch.setattr(accuracy_tables, "PLANS", plans)
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: digits)
    monkeypatch.setattr(accuracy_tables, "RESULTS", tmp_path / "accuracy.json")
    monkeypatch.setattr(shipped, "FILE", tmp_path / "accuracy.npz")
    monkeypatch.setattr(networks, "PRETRAINED", tmp_path / "pretrained.pt")
    accuracy_tables.RESULTS.write_text('{"plans": {}}')
    np.savez(shipped.FILE)
    return tmp_path


@pytest.mark.parametrize("plan", ["best", "relu"])
def test_a_run_that_stopped_goes_on_to_the_bit(tiny: Path, plan: str) -> None:
    whole, parts = tiny / "whole", tiny / "parts"
    accuracy.main([str(whole), plan, "1"])
    accuracy.main([str(parts), plan, "1"])
    for name in ("02.npz", "03.npz", "03.pt"):
        (parts / plan / "1" / name).unlink()
    accuracy.main([str(parts), plan, "1"])
    for epoch in (1, 2, 3):
        one, two = (np.load(folder / plan / "1" / f"{epoch:02}.npz") for folder in (whole, parts))
        assert one["val"].tolist() == two["val"].tolist()
        assert one["test"].tolist() == two["test"].tolist()
        assert one["val_loss"] == two["val_loss"]
    last = (torch.load(f / plan / "1" / "03.pt", weights_only=True)["net"] for f in (whole, parts))
    first, second = last
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def runs(tiny: Path) -> Path:
    """Runs made by hand, whose best epoch on the test images is never the one to choose."""
    generator = np.random.default_rng(0)
    for plan in ("best", "relu"):
        for seed in range(3):
            folder = tiny / "runs" / plan / str(seed)
            folder.mkdir(parents=True)
            for epoch, (val, test) in enumerate([(0.9, 0.95), (0.97, 0.9), (0.97, 0.99)], start=1):
                shuffled = {
                    part: generator.permutation(size) < round(share * size)
                    for part, share, size in (("val", val, 200), ("test", test - seed / 50, 300))
                }
                np.savez(
                    folder / f"{epoch:02}.npz",
                    val_loss=0.1 * epoch,  # of the two with 97 %, the earlier one is better
                    core_seconds=30.0,
                    **{part: np.packbits(bits) for part, bits in shuffled.items()},
                )
            net = networks.conv_net()
            torch.save({"net": net.state_dict()}, folder / "02.pt")
    return tiny / "runs"


def test_the_epoch_is_chosen_by_validation_images(tiny: Path, runs: Path) -> None:
    accuracy_tables.main([str(runs)])
    found = json.loads((tiny / "accuracy.json").read_text())
    seeds = found["plans"]["best"]["seeds"]
    assert [seed["epoch"] for seed in seeds] == [2, 2, 2]
    assert [seed["test"] for seed in seeds] == pytest.approx([0.9, 0.88, 0.86])
    assert [seed["best_on_test"] for seed in seeds] == pytest.approx([0.99, 0.97, 0.95], abs=2e-3)
    assert found["plans"]["best"]["mean"] == pytest.approx(0.88)
    # Student's interval of 0.90, 0.88, 0.86: t(0.975, 2) = 4.3027, times 0.02 / sqrt(3).
    assert found["plans"]["best"]["interval"] == pytest.approx([0.83032, 0.92968], abs=1e-5)
    assert found["pretrained"]["seed"] == 1  # the middle one of the three
    assert "88.00 %" in (tiny / "accuracy.md").read_text()
    assert shipped.runs("best").test.shape == (3, 3, 300)


def test_what_is_shipped_of_other_runs_stays(tiny: Path, runs: Path) -> None:
    accuracy_tables.main([str(runs)])
    found = json.loads((tiny / "accuracy.json").read_text())
    bits, weights = shipped.runs("best"), networks.PRETRAINED.read_bytes()
    found["plans"]["relu"]["made"]["commit"] = found["plans"]["best"]["made"]["commit"] = "older"
    (tiny / "accuracy.json").write_text(json.dumps(found))
    (runs / "best" / "2" / "03.npz").unlink()
    other = dict(np.load(runs / "relu" / "0" / "01.npz"))
    np.savez(runs / "relu" / "0" / "01.npz", **{**other, "test": ~other["test"]})
    accuracy_tables.main([str(runs)])
    again = json.loads((tiny / "accuracy.json").read_text())
    assert again["plans"]["best"] == found["plans"]["best"]
    assert again["pretrained"] == found["pretrained"]
    assert (shipped.runs("best").test == bits.test).all()
    assert networks.PRETRAINED.read_bytes() == weights
    assert again["plans"]["relu"]["made"]["commit"] != "older"
    text = (tiny / "accuracy.md").read_text()
    assert "commit older (the course's recipe);" in text


def test_a_plan_with_other_settings_is_not_kept(
    tiny: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy_tables.main([str(runs)])
    longer = {**accuracy.PLANS, "relu": accuracy.Plan("best", 4, 3, relu=True, data="digits")}
    monkeypatch.setattr(accuracy_tables, "PLANS", longer)
    accuracy_tables.main([str(runs)])
    assert list(json.loads((tiny / "accuracy.json").read_text())["plans"]) == ["best"]
    with pytest.raises(ValueError, match="name must be one of best"):
        shipped.runs("relu")


def test_a_damaged_run_leaves_all_that_is_shipped(tiny: Path, runs: Path) -> None:
    (runs / "relu" / "1" / "02.npz").write_bytes(b"damaged")
    before = (tiny / "accuracy.json").read_text()
    with pytest.raises(ValueError, match="."):
        accuracy_tables.main([str(runs)])
    assert (tiny / "accuracy.json").read_text() == before
    assert not networks.PRETRAINED.exists()


@pytest.mark.parametrize("page", ["README.md", "book/index.md"])
def test_the_front_pages_state_the_number_with_its_interval(page: str) -> None:
    best = RESULTS["plans"]["best"]
    low, high = best["interval"]
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert f"{100 * best['mean']:.2f} % of MNIST's test images" in text
    assert f"95 % interval {100 * low:.2f} to {100 * high:.2f}" in text
    assert "accuracy.md" in text
