"""Time to quality: minutes until a recipe reaches the best of the long run of tutorial 6's.

The iterations come from the runs behind ``results/accuracy.md``, the time of one from here: all in
one process, on the same machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from course_kit import accuracy
from tutorial_lib import data, training
from tutorial_lib import functional as SF
from tutorial_lib.training._batches import global_batches
from tutorial_lib.training.recipes import RECIPES

from . import contenders, measure

SNNTORCH, SAME, BEST = "tutorial 6, snnTorch", "tutorial 6, ours", "the course's recipe, ours"
TRAINING_IMAGES = 55_000  # in an epoch of the runs
UPDATES = 10  # of the course's recipe, whose updates are short, for one of tutorial 6's


def time_to_quality(device: str, rounds: int = 5) -> dict[str, Any]:
    """Iterations and minutes to the best validation accuracy of the long run; how often reached.

    Evaluations are not counted. The spikes of both libraries are equal, so the long run, made with
    ours, counts the iterations for both.

    Raises:
        ValueError: no run of the course's recipe reaches it.
    """
    long, best = (accuracy.runs(name).val.mean(-1) for name in ("tutorial6-20", "best"))
    goal = float(long.max())
    reached = (best >= goal).any(1)
    if not reached.any():
        raise ValueError(f"No run of the course's recipe reaches {goal:.2%} of the validation set.")
    theirs = float(_epochs_until(long, goal).mean()) * _per_epoch("tutorial6")
    ours = float(_epochs_until(best[reached], goal).mean()) * _per_epoch("best")
    seconds = measure.interleaved(_works(device), rounds=rounds, device=device)
    rows = {}
    for name, iterations, updates in (
        (SNNTORCH, theirs, 1),
        (SAME, theirs, 1),
        (BEST, ours, UPDATES),
    ):
        middle = sorted(seconds[name])[rounds // 2] / updates
        faster = measure.ratio(seconds, SNNTORCH, name) * updates
        rows[name] = {
            "iterations": iterations,
            "minutes": iterations * middle / 60,
            "ratio": faster * theirs / iterations,
        }
    print(f"\nTo {goal:.2%} of the validation images, the best of tutorial 6's long run")
    for name, row in rows.items():
        print(f"{name:<26}{row['iterations']:>7.0f} iterations{row['minutes']:>8.1f} min", end="")
        print(f"{row['ratio']:>8.1f} times as fast", flush=True)
    print(f"({reached.sum()} of {len(best)} runs of the course's recipe reach it)")
    return {
        "goal": goal,
        "runs": len(best),
        "reached": int(reached.sum()),
        "precision": RECIPES["best"].on(torch.device(device)).precision,
        "rows": rows,
    }


def _epochs_until(right: np.ndarray, goal: float) -> np.ndarray:
    """The number of epochs after which each run first has ``goal``, of ``[runs, epochs]``."""
    return (right >= goal).argmax(1) + 1


def _per_epoch(recipe: str) -> int:
    return TRAINING_IMAGES // RECIPES[recipe].batch_size


def _works(device: str) -> dict[str, Callable[[], None]]:
    """What is timed: an update of tutorial 6's recipe in each library, ten of the course's."""
    digits = data.load(verbose=False)  # embedded ones take as long
    recipe = RECIPES["best"].on(torch.device(device))
    net = recipe.network().to(device)
    optimizer = recipe.optimizer(net)
    batches = global_batches(
        digits.train, recipe.batch_size, seed=0, start=0, augmentation=recipe.augmentation()
    )

    def course() -> None:
        training.train(
            net,
            batches,
            optimizer,
            SF.LOSSES[recipe.loss](),
            recipe.num_steps,
            num_iterations=UPDATES,
            autocast=torch.bfloat16 if recipe.precision == "bf16" else None,
            progress=False,
        )

    steps, size = RECIPES["tutorial6"].num_steps, RECIPES["tutorial6"].batch_size
    images, targets = (part[:size].to(device) for part in digits.train.tensors)
    made = {
        SNNTORCH: contenders.make("snnTorch", device),
        SAME: contenders.make("ours, layer", device),
    }
    works = {name: lambda c=c: c.train(images, targets, steps) for name, c in made.items()}
    return {**works, BEST: course}
