"""Time to quality: minutes until a recipe reaches the best of the long run of tutorial 6's.

The iterations come from the runs behind ``results/accuracy.md``, the time of one from here: all in
one process, on the same machine.
"""

from __future__ import annotations

import numpy as np
import torch

from course_kit import accuracy
from tutorial_lib import data, training
from tutorial_lib import functional as SF
from tutorial_lib.training._batches import global_batches
from tutorial_lib.training.recipes import RECIPES

from . import contenders, measure

SNNTORCH, SAME, BEST = "tutorial 6, snnTorch", "tutorial 6, ours", "the course's recipe, ours"
UPDATES = 10  # of the course's recipe, whose updates are short, for one of tutorial 6's


def time_to_quality(device: str, rounds: int = 5) -> dict[str, object]:
    """Iterations and minutes to the best validation accuracy of the long run; how often reached.

    Evaluations are not counted. The spikes of both libraries are equal, so the long run, made with
    ours, counts the iterations for both.
    """
    long = accuracy.runs("tutorial6-20").val.mean(-1)
    goal = float(long.max())
    best = accuracy.runs("best").val.mean(-1)
    reached = (best >= goal).any(1)
    digits = data.load(verbose=False)
    recipe = RECIPES["best"].on(torch.device(device))
    per_epoch = 55_000 // recipe.batch_size
    seconds = measure.interleaved(_works(digits, device), rounds=rounds, device=device)
    iterations = {
        SNNTORCH: per_epoch * int(_first(long, goal)[0]),
        SAME: per_epoch * int(_first(long, goal)[0]),
        BEST: per_epoch * float(_first(best[reached], goal).mean()),
    }
    found: dict[str, object] = {
        "goal": goal,
        "runs": len(best),
        "reached": int(reached.sum()),
        "precision": recipe.precision,
        "rows": {
            name: {
                "iterations": iterations[name],
                "minutes": iterations[name] * sorted(seconds[name])[rounds // 2] / parts / 60,
                "ratio": measure.ratio(seconds, SNNTORCH, name)
                * parts * iterations[SNNTORCH] / iterations[name],
            }
            for name, parts in ((SNNTORCH, 1), (SAME, 1), (BEST, UPDATES))
        },
    }  # fmt: skip
    print(f"\nTo {goal:.2%} of the validation images, the best of tutorial 6's long run")
    for name, row in found["rows"].items():
        print(f"{name:<26}{row['iterations']:>7.0f} iterations{row['minutes']:>8.1f} min", end="")
        print(f"{row['ratio']:>8.1f} times as fast", flush=True)
    print(f"({found['reached']} of {found['runs']} runs of the course's recipe reach it)")
    return found


def _first(right: np.ndarray, goal: float) -> np.ndarray:
    """The number of epochs after which each run first has ``goal``, of ``[runs, epochs]``."""
    return (right >= goal).argmax(1) + 1


def _works(digits: data.Digits, device: str) -> dict[str, object]:
    """What is timed: an update of tutorial 6's recipe in each library, ten of the course's."""
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
