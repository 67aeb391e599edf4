"""The course's accuracy on MNIST: long runs, epoch by epoch.

Usage::

    python -m tools.accuracy FOLDER best 0     one run: a plan's name, a seed; go on by the same
    python -m tools.accuracy_tables FOLDER     once runs are there: write what is shipped of them

Each epoch of a run is a call of the training command, ``python -m tutorial_lib.training``, which
goes on with the checkpoint of the epoch before. A run can so be stopped at any time, and goes on to
the bit. After each epoch the network sees the validation images and the test images. Of the test
images only one bit each is kept, unseen: right or wrong. Nothing here or in training reads these
bits before ``accuracy_tables``, which picks each run's epoch by its validation images alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib import data
from tutorial_lib.fast import keep_freed_memory
from tutorial_lib.simulation import forward_pass
from tutorial_lib.training import _batches, seed_everything
from tutorial_lib.training.__main__ import main as train
from tutorial_lib.training.recipes import RECIPES, Recipe

ROOT = Path(__file__).resolve().parent.parent
BATCH = 500  # images at once, in evaluation


@dataclass(frozen=True)
class Plan:
    """Runs that are compared: a recipe, its number of epochs, its seeds."""

    recipe: str
    epochs: int
    seeds: int
    lr_schedule: str | None = None  # these two in place of the recipe's
    num_steps: int | None = None
    relu: bool = False
    data: Literal["mnist", "digits"] = "mnist"

    @property
    def settings(self) -> Recipe:
        """The recipe, its schedule stretched over the epochs of the plan."""
        recipe = RECIPES[self.recipe]
        return replace(
            recipe,
            lr_schedule=self.lr_schedule or recipe.lr_schedule,
            num_steps=self.num_steps or recipe.num_steps,
            schedule_epochs=self.epochs,
        )


PLANS = {
    "best": Plan("best", RECIPES["best"].schedule_epochs, 5),
    "relu": Plan("best", RECIPES["best"].schedule_epochs, 5, relu=True),
    "digits": Plan("best", RECIPES["best"].schedule_epochs, 5, data="digits"),
    "tutorial6": Plan("tutorial6", 1, 5),
    "tutorial6-20": Plan("tutorial6", 20, 1, lr_schedule="steps"),
    "best-1": Plan("best", 1, 5),
    "best-40": Plan("best", 40, 5, num_steps=10),
}


def main(argv: list[str] | None = None) -> None:
    """Train one run, from where it stopped."""
    parser = argparse.ArgumentParser(prog="python -m tools.accuracy")
    parser.add_argument("folder", type=Path)
    parser.add_argument("plan", choices=PLANS)
    parser.add_argument("seed", type=int)
    args = parser.parse_args(argv)
    run_plan(args.folder / args.plan / str(args.seed), PLANS[args.plan], args.seed)


def run_plan(folder: Path, plan: Plan, seed: int) -> None:
    """Make the epochs of a run that are missing in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    digits = data.load(plan.data, verbose=False)
    step = relu_epoch if plan.relu else spiking_epoch
    for epoch in range(1, plan.epochs + 1):
        bits = folder / f"{epoch:02}.npz"
        if bits.exists():
            continue
        start, busy = time.perf_counter(), time.process_time()
        count = step(folder, plan, seed, epoch, digits)
        found = {
            "seconds": time.perf_counter() - start,
            "core_seconds": time.process_time() - busy,  # other work on the machine left out
            "threads": torch.get_num_threads(),
        }
        for name in ("val", "test"):
            images, targets = getattr(digits, name).tensors
            counts = torch.cat([count(part) for part in images.split(BATCH)])
            found[name] = np.packbits((counts.argmax(1) == targets).numpy())
            if name == "val":
                found["val_loss"] = F.cross_entropy(counts, targets).item()
        part = folder / f"{epoch:02}.part.npz"
        np.savez(part, **found)
        part.rename(bits)
        right = np.unpackbits(found["val"])[: len(digits.val)].mean()
        print(
            f"{folder.parent.name} {folder.name}, epoch {epoch}: validation {right:.2%}", flush=True
        )


def spiking_epoch(
    folder: Path, plan: Plan, seed: int, epoch: int, digits: data.Digits
) -> Callable[[Tensor], Tensor]:
    """Train for one epoch by the course's command; return what counts the spikes."""
    there, last = (folder / f"{number:02}.pt" for number in (epoch, epoch - 1))
    recipe = plan.settings
    stretched = ["--lr-schedule", recipe.lr_schedule, "--schedule-epochs", str(plan.epochs)]
    steps = ["--num-steps", str(recipe.num_steps)]
    start = ["--recipe", plan.recipe, *stretched, *steps, "--seed", str(seed)]
    how = ["--resume", str(last)] if epoch > 1 else start
    train(
        [*how, "--data", plan.data, "--device", "cpu", "--epochs", "1", "--overwrite"]
        + ["--eval-every", "1000000", "--checkpoint", str(there)]
    )
    net = recipe.network()
    net.load_state_dict(torch.load(there, weights_only=True)["net"])
    net.eval()

    def count(images: Tensor) -> Tensor:
        with torch.no_grad():
            return forward_pass(net, recipe.num_steps, images)[0].sum(0)

    return count


def relu_net() -> nn.Sequential:
    """12C5-MP2-64C5-MP2-1024FC10 with ReLUs in place of neurons."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(12, 64, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip


def relu_epoch(
    folder: Path, plan: Plan, seed: int, epoch: int, digits: data.Digits
) -> Callable[[Tensor], Tensor]:
    """The same without spikes: order of images, movements, optimizer and schedule of the recipe.

    The gain of the recipe wakes neurons that have a threshold; ReLUs start as torch draws them.
    """
    recipe = plan.settings
    seed_everything(seed)
    net = relu_net()
    optimizer = recipe.optimizer(net)
    per_epoch = len(digits.train) // recipe.batch_size
    scheduler = recipe.scheduler(optimizer, plan.epochs * per_epoch)
    done = (epoch - 1) * per_epoch
    if done:
        saved = torch.load(folder / f"{epoch - 1:02}.pt", weights_only=True)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        scheduler.last_epoch = done
    batches = _batches.global_batches(
        digits.train, recipe.batch_size, seed, done, augmentation=recipe.augmentation()
    )
    for _ in range(per_epoch):
        images, targets = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(net(images), targets).backward()
        optimizer.step()
        scheduler.step()
    path = folder / f"{epoch:02}.pt"
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    return torch.no_grad()(net)


if __name__ == "__main__":
    keep_freed_memory()
    main()
