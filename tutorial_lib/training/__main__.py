"""The course's training command, on one process or several.

Usage::

    python -m tutorial_lib.training --checkpoint csnn.pt
    python -m tutorial_lib.training --epochs 2 --resume csnn.pt --checkpoint csnn.pt
    python -m tutorial_lib.training --recipe best --seed 0 --checkpoint best.pt
    torchrun --nproc-per-node=2 -m tutorial_lib.training

What decides the result (the recipe's settings, the data and the seed) stands in the checkpoint; a
resumed run goes on with it as if it had never stopped. Under ``torchrun``, every process takes its
share of each batch and the gradients are averaged: the same training as in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import DataLoader

from .. import data, training
from .. import functional as SF
from ..fast import CudaGraph, keep_freed_memory
from ..simulation import Simulation
from . import _arguments, _checkpoints, _files
from ._batches import global_batches
from .recipes import Recipe

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> training.History:
    """Train 12C5-MP2-64C5-MP2-1024FC10 as the command line says; return the history.

    Raises:
        SystemExit: for arguments that do not parse or do not fit (argparse's way).
        OSError: if a file cannot be read or written, or exists and is not what is resumed.
        ValueError: if the checkpoint to resume is damaged, or has other settings than asked for.
        tutorial_lib.data.DataError: if the data is not available.
    """
    args = _arguments.parse(argv)
    _arguments.check_files(args)
    outputs = tuple(path and _files.Output(path) for path in (args.checkpoint, args.json_log))
    saved = None if args.resume is None else _checkpoints.read(args.resume)
    settings = _arguments.chosen(args, args.device, saved)
    with _process_group() as (rank, world):
        if settings["batch_size"] % world:
            raise SystemExit(
                f"--batch-size {settings['batch_size']} cannot be shared equally by {world} "
                f"processes. Take a multiple of {world}."
            )
        if args.cuda_graph and world > 1:
            raise SystemExit("--cuda-graph is for one process. Leave it out under torchrun.")
        return _run(args, settings, outputs if rank == 0 else (None, None), rank, world)


def _run(
    args: argparse.Namespace,
    settings: dict[str, Any],
    outputs: tuple[_files.Output | None, ...],
    rank: int,
    world: int,
) -> training.History:
    checkpoint, log = outputs
    recipe = Recipe(**{field.name: settings[field.name] for field in fields(Recipe)})
    seed, batch_size, num_steps = settings["seed"], recipe.batch_size, recipe.num_steps
    digits = data.load(settings["data"], verbose=rank == 0)  # the same splits for every seed
    settings = {**settings, "data": digits.source}
    per_epoch = len(digits.train) // batch_size
    epoch = settings["iterations"] or per_epoch
    training.seed_everything(seed)
    net = recipe.network().to(args.device)
    optimizer = recipe.optimizer(net)
    scheduler = recipe.scheduler(optimizer, recipe.schedule_epochs * max(epoch, 1))
    history = training.History()
    if args.resume:
        history = training.load_checkpoint(args.resume, net, optimizer) or history
    done = scheduler.last_epoch = len(history.iterations)  # "epochs" of a scheduler are its steps
    optimizer.register_step_post_hook(lambda *_: scheduler.step())
    epochs = _epochs(args, recipe, done, epoch)
    _check_log(args, history)
    parts = {"net": net, "optimizer": optimizer, "history": history, "settings": settings}
    save = partial(training.save_checkpoint, **parts, overwrite=True)

    simulation: Callable[[Tensor], tuple[Tensor, Tensor]] = Simulation(net, num_steps)
    if world > 1:
        simulation = nn.parallel.DistributedDataParallel(simulation)
    elif args.cuda_graph:
        simulation = CudaGraph(simulation)
    batches = global_batches(
        digits.train, batch_size, seed, done, rank, world, recipe.augmentation()
    )
    validation = DataLoader(digits.val, batch_size=batch_size) if rank == 0 else None
    for _ in range(epochs):
        training.train(
            net,
            batches,
            optimizer,
            SF.LOSSES[recipe.loss](),
            num_steps,
            num_iterations=epoch,
            eval_loader=validation,
            eval_every=args.eval_every,
            history=history,
            micro_batch=args.micro_batch,
            autocast=torch.bfloat16 if recipe.precision == "bf16" else None,
            progress=rank == 0,
            simulate=simulation,
        )
        if checkpoint:
            checkpoint.write(save)
        if log:
            log.write(lambda path: _files.write(path, "".join(_log_lines(history)).encode()))
    if rank == 0:
        print(f"iteration {len(history.iterations)}: loss {history.loss[-1]:.4f}")
        if history.eval_accuracy:
            decided = history.eval_decision_rate[-1]
            print(f"validation accuracy {history.eval_accuracy[-1]:.2%}, decided {decided:.2%}")
    return history


def _epochs(args: argparse.Namespace, recipe: Recipe, done: int, epoch: int) -> int:
    """The number of passes to make: those that are asked for, or all that the recipe has left."""
    left = recipe.schedule_epochs - done // max(epoch, 1)
    wanted = max(left, 1) if args.epochs is None else args.epochs
    if recipe.lr_schedule != "constant" and wanted > left:
        raise SystemExit(
            f"--epochs {wanted}: of the {recipe.schedule_epochs} passes of this run {left} are "
            "left, and at their end its learning rate has run out. Ask for no more, or start "
            "another run with a longer --schedule-epochs."
        )
    return wanted


def _check_log(args: argparse.Namespace, history: training.History) -> None:
    """Raise if the log that is there was not written by the run that goes on."""
    if args.json_log is None or args.overwrite or not args.json_log.exists():
        return
    there = args.json_log.read_bytes().splitlines(keepends=True)
    if there != [line.encode() for line in _log_lines(history)[: len(there)]]:
        raise _arguments.exists("--json-log", args.json_log)


@contextmanager
def _process_group() -> Iterator[tuple[int, int]]:
    """``(rank, world)``: what ``torchrun`` says, or one process alone."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield dist.get_rank(), world
    finally:
        dist.destroy_process_group()


def _log_lines(history: training.History) -> list[str]:
    """One object per iteration; evaluations stand with the iteration after which they ran."""
    lists = history.state_dict()
    entries = {iteration: {"iteration": iteration} for iteration in lists["iterations"]}
    for name in ("loss", "accuracy", "eval_loss", "eval_accuracy", "eval_decision_rate"):
        when = lists["eval_iterations" if name.startswith("eval_") else "iterations"]
        for iteration, value in zip(when, lists[name], strict=True):
            entries.get(iteration, {})[name] = value  # an evaluation before the first has no entry
    return [json.dumps(entry) + "\n" for entry in entries.values()]


if __name__ == "__main__":
    keep_freed_memory()  # the process is this command's own
    try:
        main()
    except (OSError, ValueError, data.DataError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
