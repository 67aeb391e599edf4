"""The training loop, evaluation over whole datasets, seeds and checkpoints."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain, repeat
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from . import _checks
from . import functional as SF
from .simulation import forward_pass

__all__ = [
    "Evaluation",
    "History",
    "evaluate",
    "load_checkpoint",
    "save_checkpoint",
    "seed_everything",
    "train",
]

LossFunction = Callable[[Tensor, Tensor], Tensor]
Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass
class Evaluation:
    """What a network does on a whole dataset.

    Attributes:
        accuracy: share of samples whose target has the highest spike count (ties to the lowest
            class).
        decision_rate: share of samples with one class ahead of all others. The rest are silent or
            tied.
        loss: mean loss per sample; None if no loss function was given.
        num_samples: number of samples, all of the loader.
        targets: class indices ``[N]``, in the loader's order.
        predictions: winning classes ``[N]``, -1 for silence or a tie.
    """

    accuracy: float
    decision_rate: float
    loss: float | None
    num_samples: int
    targets: Tensor = field(repr=False)
    predictions: Tensor = field(repr=False)


@dataclass
class History:
    """What a training run did. Iteration k means: after k weight updates.

    Attributes:
        iterations: 1, 2, ..., one entry for each update.
        loss: training loss of each update's batch, before the update.
        accuracy: training accuracy of the same batch.
        eval_iterations: iterations at which the evaluation loader was run, 0 included.
        eval_loss, eval_accuracy, eval_decision_rate: what it gave.
    """

    iterations: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    eval_iterations: list[int] = field(default_factory=list)
    eval_loss: list[float] = field(default_factory=list)
    eval_accuracy: list[float] = field(default_factory=list)
    eval_decision_rate: list[float] = field(default_factory=list)

    def state_dict(self) -> dict[str, list]:
        """All lists as a plain dictionary, for a checkpoint or JSON."""
        return asdict(self)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators.

    Raises:
        TypeError: if ``seed`` is no integer. ValueError: if it is not in [0, 2**32).
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an integer, got {seed!r}.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must lie in [0, 2**32), got {seed}.")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def evaluate(
    net: nn.Module, loader: Batches, num_steps: int, loss_fn: LossFunction | None = None
) -> Evaluation:
    """Run ``net`` over every sample of ``loader``, in evaluation mode and without gradients.

    No batch is dropped, whatever its size; the mode of each layer is as before afterwards.

    Args:
        net: see :func:`tutorial_lib.simulation.forward_pass`. Batches are moved to its device.
        loader: batches ``(data [B, ...], targets [B])``.
        num_steps: number of time steps T.
        loss_fn: a loss of ``(spk_rec, targets)`` with mean reduction, or None.

    Returns:
        An :class:`Evaluation`.

    Raises:
        ValueError: if the loader yields nothing, or ``num_steps`` is below 1.
        TypeError: as :func:`tutorial_lib.simulation.forward_pass`.
    """
    _checks.at_least_one("num_steps", num_steps)
    device = _device(net)
    all_targets, all_predictions = [], []
    hits = loss_sum = 0.0
    with _mode(net, training=False), torch.no_grad():
        for data, targets in loader:
            data, targets = data.to(device), targets.to(device)
            spk_rec, _ = forward_pass(net, num_steps, data)
            hits += SF.accuracy_rate(spk_rec, targets) * len(targets)
            if loss_fn is not None:
                loss_sum += float(loss_fn(spk_rec, targets)) * len(targets)
            all_targets.append(targets.cpu())
            all_predictions.append(SF.predict_rate(spk_rec).cpu())
    if not all_targets:
        raise ValueError("The loader yields no batch. Is its dataset empty, or was it used up?")
    targets, predictions = torch.cat(all_targets), torch.cat(all_predictions)
    return Evaluation(
        accuracy=hits / len(targets),
        decision_rate=float((predictions >= 0).double().mean()),
        loss=None if loss_fn is None else loss_sum / len(targets),
        num_samples=len(targets),
        targets=targets,
        predictions=predictions,
    )


def train(
    net: nn.Module,
    loader: Batches,
    optimizer: torch.optim.Optimizer,
    loss_fn: LossFunction,
    num_steps: int,
    *,
    num_iterations: int,
    eval_loader: Batches | None = None,
    eval_every: int = 50,
    history: History | None = None,
    progress: bool = True,
) -> History:
    """Train ``net`` in place for ``num_iterations`` weight updates, over ``loader`` as needed.

    Each update: forward pass over ``num_steps``, loss of the output spikes, backpropagation through
    time, one optimizer step. The evaluation runs before the first update, at every iteration that
    is a multiple of ``eval_every``, and after the last one.

    Args:
        net: see :func:`tutorial_lib.simulation.forward_pass`. Batches are moved to its device.
        loader: training batches ``(data [B, ...], targets [B])``, one pass an epoch.
        optimizer: a torch optimizer over the parameters of ``net``.
        loss_fn: a loss of ``(spk_rec, targets)``.
        num_steps: number of time steps T.
        num_iterations: number of weight updates, at least 1.
        eval_loader: validation batches. Not the test set: what steers you, the network has seen.
        eval_every: iterations between two evaluations.
        history: a history to continue; a new one is returned otherwise.
        progress: show a progress bar.

    Returns:
        The :class:`History`.

    Raises:
        ValueError: if a count is below 1, the optimizer holds none of the network's parameters, the
            loader yields nothing, or the loss is not one number or stops being finite (with what to
            try).
        TypeError: as :func:`tutorial_lib.simulation.forward_pass`.
    """
    for name, value in (
        ("num_steps", num_steps),
        ("num_iterations", num_iterations),
        ("eval_every", eval_every),
    ):
        _checks.at_least_one(name, value)
    device = _device(net)
    _check_optimizer(net, optimizer)
    history = History() if history is None else history
    start = len(history.iterations)
    stop = start + num_iterations

    def run_evaluation(iteration: int) -> None:
        if eval_loader is None or iteration in history.eval_iterations:
            return
        result = evaluate(net, eval_loader, num_steps, loss_fn)
        history.eval_iterations.append(iteration)
        history.eval_loss.append(result.loss)
        history.eval_accuracy.append(result.accuracy)
        history.eval_decision_rate.append(result.decision_rate)

    with _mode(net, training=True), _progress_bar(num_iterations, progress) as bar:
        run_evaluation(start)
        batches = _endless(loader)
        for iteration in range(start + 1, stop + 1):
            data, targets = next(batches)
            data, targets = data.to(device), targets.to(device)
            spk_rec, _ = forward_pass(net, num_steps, data)
            loss = loss_fn(spk_rec, targets)
            if loss.numel() != 1:
                raise ValueError(
                    f"The loss must be one number, got the shape {list(loss.shape)}. "
                    "Build the loss function with reduction='mean'."
                )
            if not bool(torch.isfinite(loss)):
                raise ValueError(
                    f"The loss is {loss.item()} at iteration {iteration}. Try a smaller learning "
                    "rate, or look for infinities in the data."
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.iterations.append(iteration)
            history.loss.append(loss.item())
            history.accuracy.append(SF.accuracy_rate(spk_rec, targets))
            if iteration % eval_every == 0 or iteration == stop:
                run_evaluation(iteration)
            bar.set_postfix(_summary(history), refresh=False)
            bar.update()
    return history


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
    unfinished = path.with_name(path.name + ".part")
    torch.save(content, unfinished)
    unfinished.replace(path)
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
        content = torch.load(path, map_location=_device(net), weights_only=True)
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


@contextmanager
def _mode(net: nn.Module, training: bool) -> Iterator[None]:
    """Training or evaluation mode for a while; each layer's own mode comes back."""
    before = {module: module.training for module in net.modules()}
    net.train(training)
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


def _device(net: nn.Module) -> torch.device:
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be an nn.Module, got {type(net).__name__}.")
    first = next(chain(net.parameters(), net.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def _endless(loader: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in repeat(None):
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError(
                "The training loader yields no batch. Is its dataset empty, or was a generator "
                "used up?"
            )


def _check_optimizer(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer must be a torch optimizer, got {type(optimizer).__name__}.")
    ours = {id(p) for p in net.parameters()}
    if not any(id(p) in ours for group in optimizer.param_groups for p in group["params"]):
        raise ValueError(
            "The optimizer holds none of this network's parameters. Build it after the network: "
            "torch.optim.Adam(net.parameters(), lr=1e-2)."
        )


def _progress_bar(total: int, show: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, disable=not show, desc="Training", unit="it", mininterval=1)


def _summary(history: History) -> dict[str, str]:
    shown = {"loss": f"{history.loss[-1]:.3f}"}
    if history.eval_accuracy:
        shown["eval"] = f"{history.eval_accuracy[-1]:.1%}"
    return shown
