"""What the training command is asked for: its options, its files, its settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .. import _checks
from . import _files
from .recipes import RECIPES, Recipe

SETTINGS = (*(field.name for field in fields(Recipe)), "iterations", "seed", "data")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options. A setting that is not asked for is absent: the recipe or checkpoint has it."""
    described = "; ".join(f"{name}: {recipe}" for name, recipe in RECIPES.items())
    parser = argparse.ArgumentParser(
        prog="python -m tutorial_lib.training",
        description="Train the course's network, 12C5-MP2-64C5-MP2-1024FC10.",
        epilog=f"Recipes: {described}. A resumed run takes its settings from the checkpoint.",
    )
    positive = _checked(int, partial(_checks.at_least_one, "it"))
    run = parser.add_argument_group("the run")
    option = run.add_argument
    option("--epochs", type=positive, help="passes over the training set (all that are left)")
    option("--eval-every", type=positive, default=100, help="updates between validations (100)")
    option("--micro-batch", type=positive, help="images at once; bounds the memory (all)")
    option("--device", type=_device, default="auto", help="auto, cpu, cuda, cuda:1, ... (auto)")
    option(
        "--cuda-graph", action="store_true",
        help="on a GPU, record the run over time and replay it; the same results, faster",
    )  # fmt: skip
    option("--checkpoint", type=Path, help="file to write after each epoch")
    option("--resume", type=Path, help="checkpoint to go on from")
    option("--json-log", type=Path, help="file to write: one object per iteration")
    option("--overwrite", action="store_true", help="replace checkpoint and log")

    settings = parser.add_argument_group("settings, which decide the result")

    def setting(name: str, **how: Any) -> None:
        settings.add_argument(name, default=argparse.SUPPRESS, **how)

    setting("--recipe", choices=RECIPES, help=f"named settings ({next(iter(RECIPES))})")
    for field in fields(Recipe):
        described = field.metadata
        how = {"help": described["help"], "choices": described.get("options")}
        if how["choices"] is None:
            kind = int if field.type == "int" else float
            how = {**how, "type": _checked(kind, partial(described["check"], "it"))}
        setting("--" + field.name.replace("_", "-"), **how)
    setting("--iterations", type=positive, help="updates per epoch (all)")
    setting("--data", choices=("auto", "mnist", "digits"), help="(auto)")
    setting("--seed", type=_checked(int, _checks.seed), help="(0)")
    return parser.parse_args(argv)


def chosen(
    args: argparse.Namespace, device: torch.device, saved: dict[str, Any] | None
) -> dict[str, Any]:
    """The settings of the run: of the checkpoint ``saved`` that it resumes, or else as asked for.

    Raises ValueError if the checkpoint holds no settings, or others than are asked for.
    """
    recipe = getattr(args, "recipe", None)
    asked = {name: getattr(args, name) for name in SETTINGS if hasattr(args, name)}
    if saved is None:
        basis = RECIPES[recipe or next(iter(RECIPES))].on(device)
        return {**asdict(basis), "iterations": None, "seed": 0, "data": "auto", **asked}
    settings = saved.get("settings", {})
    if missing := [name for name in SETTINGS if name not in settings]:
        raise ValueError(
            f"--resume {args.resume}: the checkpoint lacks the settings {', '.join(missing)}; it "
            "was not written by this command. Load it in Python: training.load_checkpoint."
        )
    if recipe is not None:
        asked = asdict(RECIPES[recipe].on(device)) | asked
    differ = [
        f"{name} {settings[name]} (asked for: {value})"
        for name, value in asked.items()
        if value not in (settings[name], "auto")
    ]
    if differ:
        raise ValueError(
            f"--resume {args.resume}: this run has {', '.join(differ)}. It goes on with its own "
            "settings: leave these options out, or start another run without --resume."
        )
    return {name: settings[name] for name in SETTINGS}


def check_files(args: argparse.Namespace) -> None:
    """Raise before any work if a file cannot be read or written, or should not be."""
    if args.resume is not None and not args.resume.is_file():
        raise FileNotFoundError(f"--resume {args.resume}: there is no such file.")
    for name, path in (("--checkpoint", args.checkpoint), ("--json-log", args.json_log)):
        if path is None:
            continue
        _files.check_path(name, path)
        # A log that goes on is looked at once the checkpoint is read.
        continued = args.resume is not None and (
            name == "--json-log" or _files.same_file(path, args.resume)
        )
        if path.exists() and not (args.overwrite or continued):
            raise exists(name, path)
    for other in (args.checkpoint, args.resume):
        if args.json_log and other and _one_file(args.json_log, other):
            raise FileExistsError(
                f"--json-log {args.json_log} is the checkpoint {other} as well. Give them "
                "different files."
            )


def exists(name: str, path: Path) -> FileExistsError:
    """The error for a file that is there and was not written by this run."""
    return FileExistsError(
        f"{name} {path} exists already. Choose another name, --resume it, or --overwrite."
    )


def _one_file(one: Path, other: Path) -> bool:
    """Also where upper and lower case make no difference, as on Windows and macOS."""
    spelled = (str(path.resolve()).casefold() for path in (one, other))
    return len(set(spelled)) == 1 or _files.same_file(one, other)


def _checked(kind: type[float], check: Callable[[Any], float]) -> Callable[[str], float]:
    """A type for argparse: text of this kind, refused in the words of the library's own check."""

    def convert(text: str) -> float:
        value = kind(text)
        try:
            return check(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    convert.__name__ = kind.__name__
    return convert


def _device(name: str) -> torch.device:
    there = torch.cuda.is_available()
    if name == "auto":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        return torch.device("cuda", local) if there else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"must be auto, cpu or cuda, got {name!r}") from error
    if device.type == "cuda" and not (there and (device.index or 0) < torch.cuda.device_count()):
        raise argparse.ArgumentTypeError(f"this machine has no GPU {name!r}; take cpu or auto")
    return device
