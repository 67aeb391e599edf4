"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn

from .. import _checks
from .. import functional as SF
from ..simulation import forward_pass
from ._devices import autocasting, device_of, mode
from ._evaluation import Batches, LossFunction, evaluate
from ._history import History

Simulate = Callable[[Tensor], tuple[Tensor, Tensor]]


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
    micro_batch: int | None = None,
    autocast: torch.dtype | None = None,
    simulate: Simulate | None = None,
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
        micro_batch: run at most so many samples at once and add up their gradients: the same
            update up to rounding, in less memory. Needs a loss that is a mean over the samples.
        autocast: ``torch.bfloat16`` for mixed precision; membranes and weights stay in float32.
        simulate: what runs the network over time; ``forward_pass(net, num_steps, data)`` by
            default. For instance a :class:`~tutorial_lib.simulation.Simulation` wrapped in
            DistributedDataParallel.
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
    if micro_batch is not None:
        _checks.at_least_one("micro_batch", micro_batch)
    device = device_of(net)
    autocasting(device, autocast)
    _check_optimizer(net, optimizer)
    history = History() if history is None else history
    start = len(history.iterations)
    stop = start + num_iterations
    simulate = simulate or (lambda data: forward_pass(net, num_steps, data))

    def run_evaluation(iteration: int) -> None:
        if eval_loader is None or iteration in history.eval_iterations:
            return
        result = evaluate(net, eval_loader, num_steps, loss_fn, autocast=autocast)
        history.eval_iterations.append(iteration)
        history.eval_loss.append(result.loss)
        history.eval_accuracy.append(result.accuracy)
        history.eval_decision_rate.append(result.decision_rate)

    with mode(net, training=True), _progress_bar(num_iterations, progress) as bar:
        run_evaluation(start)
        batches = _endless(loader)
        for iteration in range(start + 1, stop + 1):
            data, targets = next(batches)
            data, targets = data.to(device), targets.to(device)
            optimizer.zero_grad()
            loss = hits = 0.0
            size = micro_batch or len(targets)
            for part, labels in zip(data.split(size), targets.split(size), strict=True):
                share = len(labels) / len(targets)
                with autocasting(device, autocast):
                    spk_rec, _ = simulate(part)
                    part_loss = loss_fn(spk_rec, labels)
                _check_loss(part_loss, iteration)
                (part_loss * share).backward()
                loss += part_loss.item() * share
                hits += float(SF.accuracy_rate(spk_rec, labels)) * share
            optimizer.step()
            history.iterations.append(iteration)
            history.loss.append(loss)
            history.accuracy.append(hits)
            if iteration % eval_every == 0 or iteration == stop:
                run_evaluation(iteration)
            bar.set_postfix(_summary(history), refresh=False)
            bar.update()
    return history


def _check_loss(loss: Tensor, iteration: int) -> None:
    if loss.numel() != 1:
        raise ValueError(
            f"The loss must be one number, got the shape {list(loss.shape)}. "
            "Build the loss function with reduction='mean'."
        )
    if not bool(torch.isfinite(loss)):
        raise ValueError(
            f"The loss is {loss.item()} at iteration {iteration}. Try a smaller learning rate, or "
            "look for infinities in the data."
        )


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
