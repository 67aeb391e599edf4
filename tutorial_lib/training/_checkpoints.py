"""Checkpoints: state dicts on disk, never pickled code."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import _checks
from .._parameters import values
from ..neurons import Leaky
from ..utils import device_of
from . import _files
from ._guards import check_optimizer, check_weights
from ._history import History

# torch.save writes a zip file, and a zip file ends in a comment. Ours is this mark and the SHA-256
# of all that stands before it: a changed byte is noticed wherever it is.
MARK, DIGEST = b"tutorial_lib sha256 ", 64


def save_checkpoint(
    path: str | Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    history: History | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Save state dicts, never the pickled model: what is loaded later is data, not code.

    The file appears whole or not at all, and carries a checksum. It can be read with
    ``torch.load(path, weights_only=True)`` as well; ``["net"]`` is the network's state dict.

    Args:
        path: file to write; its folder must exist.
        net, optimizer, history: what to save.
        settings: numbers and texts by name, to tell later how the network was trained.
        overwrite: replace a file that is there.

    Returns:
        The path written.

    Raises:
        FileExistsError: if the file exists and ``overwrite`` is False.
        OSError: if it cannot be written. A file that was there is as before.
        ValueError: if a weight is NaN or infinite, or the optimizer is another network's.
        TypeError: for an argument of the wrong type, or if what is to be saved holds other objects
            than tensors, numbers, texts, lists and dictionaries, which nothing would load.
    """
    device_of(net)  # raises for what is no network, or on the device "meta"
    _checks.flag("overwrite", overwrite)
    path = _files.check_path("path", path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists already. Choose another name, or pass overwrite=True to replace it."
        )
    content: dict[str, Any] = {"net": net.state_dict()}
    check_weights(net, "and is not worth a checkpoint")
    if optimizer is not None:
        check_optimizer(net, optimizer)
        content["optimizer"] = {**_described(net, optimizer), "state": optimizer.state_dict()}
    if history is not None:
        if not isinstance(history, History):
            raise TypeError(f"history must be a History or None, got {type(history).__name__}.")
        content["history"] = history.state_dict()
    if settings is not None:
        if not isinstance(settings, Mapping):
            raise TypeError(
                f"settings must map names to numbers and texts, got {settings!r}. "
                'Write settings={"beta": 0.5}.'
            )
        content["settings"] = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in settings.items()
        }
        for name, value in content["settings"].items():
            _check_readable(f"settings[{name!r}]", value)
    for name, part in content.items():
        _check_readable(name, part)
    _files.write(path, pack(content))
    return path


def load_checkpoint(
    path: str | Path, net: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> History | None:
    """Load what :func:`save_checkpoint` wrote into ``net`` (and ``optimizer``), in place.

    All or nothing: an error leaves both as they were. What is not learned must be as in the
    checkpoint: ``beta``, ``threshold``, the reset rule. The surrogate is not in it: build the
    network with the one to go on with. The learning rate is part of the optimizer's state: to go
    on with another one, set ``optimizer.param_groups[0]["lr"]`` afterwards.

    Args:
        path: the checkpoint. Loaded with ``weights_only=True``: no code in it is run.
        net: a network of the same architecture and settings.
        optimizer: an optimizer over it, of the kind that was saved, if its state is wanted too.

    Returns:
        The saved :class:`History`, or None if there was none.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged or not written by :func:`save_checkpoint`, if settings
            of the network differ, or if the optimizer's state is missing or another kind's.
        RuntimeError: if the architecture differs (raised by torch, which names the parameters).
    """
    device_of(net)
    content = read(path)
    history = _restored(path, content["history"]) if "history" in content else None
    _check_settings(path, net, content["net"])
    if optimizer is not None:
        check_optimizer(net, optimizer)
        _check_kind(path, _described(net, optimizer), content.get("optimizer"))
    before = copy.deepcopy(net.state_dict())
    try:
        net.load_state_dict(content["net"])
        if optimizer is not None:
            optimizer.load_state_dict(content["optimizer"]["state"])  # itself all or nothing
    except BaseException as error:
        net.load_state_dict(before)  # torch may have loaded the parameters that fit
        for name, inner in net.named_children():
            if inner.state_dict().keys() == content["net"].keys():
                error.add_note(f"It fits what is wrapped: load_checkpoint(path, net.{name}).")
        raise
    return history


def _check_readable(name: str, part: Any) -> None:
    buffer = io.BytesIO()
    try:
        torch.save(part, buffer)
        buffer.seek(0)
        torch.load(buffer, weights_only=True)
    except Exception as error:
        raise TypeError(
            f"{name} must hold tensors, numbers and texts, or lists and dictionaries of them, got "
            f"{_checks.shown(part)}. Nothing else is loaded from a checkpoint; convert it, for "
            "instance with str(...)."
        ) from error


def pack(content: Mapping[str, Any]) -> bytes:
    """The bytes of a checkpoint file: a zip file of torch's, sealed with its checksum."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    zipped = buffer.getvalue()  # ends in the length of its comment, 0
    sealed = zipped[:-2] + struct.pack("<H", len(MARK) + DIGEST) + MARK
    return sealed + hashlib.sha256(sealed).hexdigest().encode()


def read(path: str | Path) -> dict[str, Any]:
    """What :func:`pack` packed into the file at ``path``, its tensors on the CPU."""
    path = _files.as_path("path", path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no checkpoint at {path}. Save one with save_checkpoint.")
    packed = path.read_bytes()
    sealed, digest = packed[:-DIGEST], packed[-DIGEST:]
    fault, content = "its checksum is missing or does not match", None
    if sealed.endswith(MARK) and hashlib.sha256(sealed).hexdigest().encode() == digest:
        fault = "it holds more than plain data, or no entry 'net'"
        with contextlib.suppress(Exception):  # whatever a file made on purpose may raise
            content = torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or "net" not in content:
        raise ValueError(
            f"{path} is no checkpoint written by save_checkpoint, or it is damaged: {fault}. "
            "Nothing in it was run. Take an older copy, or save a new one."
        )
    return content


def _restored(path: str | Path, lists: Any) -> History:
    try:
        return History(**lists)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no history of this library: {error}") from error


def _described(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimizer's state belongs to: its kind, and the names of its parameters."""
    names = {id(p): name for name, p in net.named_parameters()}
    groups = [
        [names.get(id(p), f"another of shape {list(p.shape)}") for p in group["params"]]
        for group in optimizer.param_groups
    ]
    return {"kind": type(optimizer).__name__, "parameters": groups}


def _check_kind(path: str | Path, ours: dict[str, Any], saved: dict[str, Any] | None) -> None:
    if saved is None:
        raise ValueError(
            f"{path} holds no optimizer state. Save it with save_checkpoint(path, net, optimizer), "
            "or load the network alone."
        )
    for what, own in ours.items():
        if saved[what] != own:
            raise ValueError(
                f"The optimizer of {path} has another {what.rstrip('s')} than this one: saved was "
                f"{saved[what]}, this one has {own}. Build it as it was, or load the network alone."
            )


def _check_settings(path: str | Path, net: nn.Module, saved: Mapping[str, Any]) -> None:
    """Raise ValueError if neurons have another beta or threshold, which nobody learned."""
    for name, layer in net.named_modules():
        buffers = dict(layer.named_buffers(recurse=False)) if isinstance(layer, Leaky) else {}
        for setting, own in buffers.items():
            value = saved.get(f"{name}.{setting}" if name else setting)
            if isinstance(value, Tensor) and not _close(own, value):
                raise ValueError(
                    f"{path} was saved with {setting} = {values(value)} in the neurons of layer "
                    f"{name!r}, but this network has {values(own)}. Build it with the settings of "
                    "the checkpoint. (To take over the checkpoint's, whatever they are: "
                    "net.load_state_dict(torch.load(path, weights_only=True)['net']).)"
                )


def _close(own: Tensor, saved: Tensor) -> bool:
    """Equal up to the coarser of two precisions; other shapes are load_state_dict's to refuse."""
    if own.shape != saved.shape:
        return True
    rounding = max(torch.finfo(x.dtype).eps for x in (own, saved))
    return torch.allclose(own.detach().cpu().double(), saved.double(), rtol=rounding)
