"""What is shipped of the long runs: the bits, the weights of the run in the middle, the tables.

Usage::

    python -m tools.accuracy_tables FOLDER     FOLDER: that of tools.accuracy

Plans whose runs are not all there stay as they are shipped.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from benchmarks import measure
from course_kit import accuracy as shipped
from tools.accuracy import BATCH, PLANS, ROOT, Plan
from tutorial_lib import data, networks
from tutorial_lib.simulation import forward_pass
from tutorial_lib.training import _files

RESULTS = ROOT / "results" / "accuracy.json"
NAMES = {
    "best": "the course's recipe",
    "relu": "the same with ReLUs and without time",
    "tutorial6": "tutorial 6 as printed",
    "tutorial6-20": "tutorial 6 for 20 epochs, with a rate that falls",
    "best-1": "the course's recipe in one epoch",
    "best-40": "the course's recipe in 40 epochs and 10 steps",
    "digits": "the course's recipe on the embedded digits",
}


def main(argv: list[str] | None = None) -> None:
    """Write what is shipped, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tools.accuracy_tables")
    parser.add_argument("folder", type=Path)
    write(parser.parse_args(argv).folder)


def write(folder: Path) -> None:
    """Write what is shipped of the runs in ``folder``; keep what is shipped of others.

    Nothing is written before all of it is there.
    """
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    with np.load(shipped.FILE) as file:
        before: dict[str, Any] = dict(file)
    made = {"commit": measure.commit(), "machine": measure.machine()}
    weights = None
    plans: dict[str, Any] = {}
    bits = {key: value for key, value in before.items() if key.startswith(("hard_", "pretrained_"))}
    for name, plan in PLANS.items():
        keys = [f"{name}_{key}" for key in ("test", "tests", "val", "vals")]
        runs = [_run(folder / name / str(seed), plan) for seed in range(plan.seeds)]
        if None in runs:
            kept = found["plans"].get(name, {}).get("recipe") == asdict(plan.settings)
            if kept:
                plans[name] = found["plans"][name]
                bits |= {key: before[key] for key in keys}
            print(f"{name}: runs are missing; {'kept' if kept else 'left out'}")
            continue
        images = data.load(plan.data, verbose=False)
        sizes = {part: len(getattr(images, part)) for part in ("test", "val")}
        for part, size in sizes.items():
            bits[f"{name}_{part}"] = np.stack([run[part] for run in runs])
            bits[f"{name}_{part}s"] = np.array(size)
        alike = all(np.array_equal(bits[key], before.get(key)) for key in keys)
        by = found["plans"][name]["made"] if alike else made
        plans[name] = {"made": by, **_summary(plan, runs, sizes)}
        if name == "best":
            found["pretrained"], weights = _middle(folder / name, plans[name]["seeds"])
            bits |= _of_the_best(weights, shown(bits, name), plans[name]["seeds"])
    found["plans"] = plans
    text = table(found)
    if weights:
        _files.write(networks.PRETRAINED, _bytes(lambda file: torch.save(weights, file)))
    _files.write(shipped.FILE, _bytes(lambda file: np.savez_compressed(file, **bits)))
    _files.write(RESULTS, json.dumps(found, indent=1).encode() + b"\n")
    _files.write(RESULTS.with_suffix(".md"), text.encode())


def _bytes(save: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def _middle(folder: Path, seeds: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The run in the middle by its test accuracy, and its weights."""
    middle = sorted(range(len(seeds)), key=lambda seed: seeds[seed]["test"])[len(seeds) // 2]
    source = folder / str(middle) / f"{seeds[middle]['epoch']:02}.pt"
    weights = torch.load(source, weights_only=True)["net"]
    return {"seed": middle, **seeds[middle]}, weights


def _of_the_best(
    weights: dict[str, Tensor], right: np.ndarray, seeds: list[dict[str, Any]]
) -> dict[str, np.ndarray]:
    """Which test images the shipped weights get right, and those that every seed gets wrong."""
    digits = data.load("mnist", verbose=False)
    return {
        "pretrained_test": np.packbits(_right_in_double(weights, digits)),
        "pretrained_tests": np.array(len(digits.test)),
        **_hard(digits, right, seeds),
    }


def shown(bits: dict[str, Any], name: str) -> np.ndarray:
    """Whether each test image was right, ``[seeds, epochs, images]``."""
    return np.unpackbits(bits[f"{name}_test"], axis=-1, count=bits[f"{name}_tests"]).astype(bool)


def _run(folder: Path, plan: Plan) -> dict[str, Any] | None:
    """The epochs of one run: packed bits ``[epochs, ...]``, losses, seconds."""
    epochs = [folder / f"{epoch:02}.npz" for epoch in range(1, plan.epochs + 1)]
    if not all(path.exists() for path in epochs):
        return None
    opened = [dict(np.load(path)) for path in epochs]
    return {key: np.stack([epoch[key] for epoch in opened]) for key in opened[0]}


def _summary(plan: Plan, runs: list[dict[str, Any]], sizes: dict[str, int]) -> dict[str, Any]:
    seeds = []
    for run in runs:
        share = {
            part: np.unpackbits(run[part], axis=-1, count=size).mean(-1)
            for part, size in sizes.items()
        }
        # The epoch is chosen by validation images alone; of equals, by their loss.
        epoch = max(range(plan.epochs), key=lambda e: (share["val"][e], -run["val_loss"][e]))
        seeds.append(
            {
                "epoch": epoch + 1,
                "val": share["val"][epoch],
                "test": share["test"][epoch],
                "last": share["test"][-1],
                "best_on_test": share["test"].max(),
                "core_minutes": run["core_seconds"].sum() / 60,
            }
        )
    chosen = np.array([seed["test"] for seed in seeds])
    recipe = plan.settings
    ran = "fp32" if plan.relu else recipe.on(torch.device("cpu")).precision
    summary = {"recipe": asdict(recipe), "relu": plan.relu, "precision": ran, "seeds": seeds}
    summary["mean"] = chosen.mean()
    if len(chosen) > 1:
        half = stats.t.ppf(0.975, len(chosen) - 1) * chosen.std(ddof=1) / len(chosen) ** 0.5
        summary |= {
            "std": chosen.std(ddof=1),
            "interval": [chosen.mean() - half, chosen.mean() + half],
        }
    return summary


def _right_in_double(weights: dict[str, Tensor], digits: data.Digits) -> np.ndarray:
    """Whether the weights get each test image right, in float64: alike everywhere."""
    net = PLANS["best"].settings.network().eval().double()
    net.load_state_dict(weights)
    images, targets = digits.test.tensors
    with torch.no_grad():
        counts = [
            forward_pass(net, networks.PRETRAINED_STEPS, part.double())[0].sum(0)
            for part in images.split(BATCH)
        ]
    return (torch.cat(counts).argmax(1) == targets).numpy()


def _hard(
    digits: data.Digits, right: np.ndarray, seeds: list[dict[str, Any]]
) -> dict[str, np.ndarray]:
    """The test images that every seed gets wrong after its chosen epoch."""
    chosen = np.stack([right[seed, run["epoch"] - 1] for seed, run in enumerate(seeds)])
    index = np.flatnonzero(~chosen.any(0))
    images, labels = digits.test.tensors
    grey = (images[index, 0] * 255).round().to(torch.uint8).numpy()
    return {"hard_index": index, "hard_images": grey, "hard_labels": labels[index].numpy()}


def table(found: dict[str, Any]) -> str:
    """The table of ``results/accuracy.md``."""
    where: dict[str, list[str]] = {}
    for name, plan in found["plans"].items():
        machine, commit = plan["made"]["machine"], plan["made"]["commit"]
        place = (
            f"{machine['processor']}, Python {machine['python']}, torch "
            f"{machine['versions']['torch']}, commit {commit}"
        )
        where.setdefault(place, []).append(NAMES[name])
    if len(where) > 1:
        places = "; ".join(f"{place} ({', '.join(names)})" for place, names in where.items())
    else:
        (places,) = where
    lines = [
        "Made with `python -m tools.accuracy` and `python -m tools.accuracy_tables`, a thread for "
        f"each run, on {places}. Each run's epoch is chosen by its 5,000 validation "
        "images (200 of the embedded digits); then the test images count. The interval is "
        "Student's, for the mean over seeds, at 95 %.",
        "",
        "| runs | test accuracy, mean | interval | each seed, in % | epochs | core minutes a run |",
        "|---|---:|:---:|---|---:|---:|",
    ]
    for name, plan in found["plans"].items():
        seeds = plan["seeds"]
        interval = " to ".join(f"{100 * end:.2f}" for end in plan.get("interval", ())) or "one run"
        each = ", ".join(f"{100 * seed['test']:.2f}" for seed in seeds)
        minutes = np.mean([seed["core_minutes"] for seed in seeds])
        lines.append(
            f"| {NAMES[name]} | {100 * plan['mean']:.2f} % | {interval} | {each} "
            f"| {plan['recipe']['schedule_epochs']} | {minutes:.1f} |"
        )
    half = [NAMES[name] for name, plan in found["plans"].items() if plan["precision"] == "bf16"]
    middle = found["pretrained"]
    lines += [
        "",
        f"Currents were in bfloat16 in: {'; '.join(half) or 'none'}. "
        f"`networks.pretrained()` is the run in the middle, seed {middle['seed']} after epoch "
        f"{middle['epoch']}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
