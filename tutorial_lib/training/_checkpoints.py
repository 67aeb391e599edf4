"""Checkpoints: state dicts on disk, never pickled code."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import nn

from ._devices import device_of
from ._history import History


def save_checkpoint(
    path: str | Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    history: History | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Save state dicts, never the pickled model: what is loaded later is data, not code.

    The file is written beside its final name first, so a crash leaves no half-written checkpoint.

    Args:
        path: file to write; its folder must exist.
        net, optimizer, history: what to save.
        overwrite: replace a file that is there.

    Returns:
        The path written.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is False.
        IsADirectoryError: if ``path`` is a folder.
        FileNotFoundError: if its folder does not exist.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Give the name of a file in it, as net.pt.")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists already. Choose another name, or pass overwrite=True to replace it."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder {path.parent} does not exist. Create it first.")
    content = {"net": net.state_dict()}
    if optimizer is not None:
        content["optimizer"] = optimizer.state_dict()
    if history is not None:
        content["history"] = history.state_dict()
    handle, unfinished = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        torch.save(content, unfinished)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    return path


def load_checkpoint(
    path: str | Path, net: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> History | None:
    """Load what :func:`save_checkpoint` wrote into ``net`` (and ``optimizer``), in place.

    All or nothing: an error leaves both as they were.

    Args:
        path: the checkpoint. Loaded with ``weights_only=True``: no code in it is run.
        net: a network of the same architecture.
        optimizer: an optimizer over it, if its state shall be restored as well.

    Returns:
        The saved :class:`History`, or None if there was none.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no checkpoint of this function's, or holds no optimizer state
            though one is asked for.
        RuntimeError: if the architecture differs (raised by torch, which names the parameters).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint at {path}. Save one with save_checkpoint.")
    try:
        content = torch.load(path, map_location=device_of(net), weights_only=True)
    except (EOFError, KeyError, RuntimeError, UnpicklingError) as error:
        raise ValueError(
            f"{path} is no checkpoint written by save_checkpoint: it is damaged, or holds more "
            "than plain data, such as a whole pickled model. Nothing in it was run. Save a new one."
        ) from error
    if not isinstance(content, dict) or "net" not in content:
        raise ValueError(
            f"{path} is no checkpoint written by save_checkpoint: it holds no entry 'net'."
        )
    if optimizer is not None and "optimizer" not in content:
        raise ValueError(
            f"{path} holds no optimizer state. Save it with save_checkpoint(path, net, optimizer), "
            "or load the network alone."
        )
    before = {name: value.clone() for name, value in net.state_dict().items()}
    try:
        net.load_state_dict(content["net"])
        if optimizer is not None:
            optimizer.load_state_dict(content["optimizer"])
    except (RuntimeError, ValueError):
        net.load_state_dict(before)  # torch may have loaded the parameters that fit
        raise
    return History(**content["history"]) if "history" in content else None
