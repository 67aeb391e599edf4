"""The training loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .. import _checks
from .. import functional as SF
from ..simulation import forward_pass
from ..utils import mode
from ._evaluation import evaluate
from ._guards import (
    Batches,
    LossFunction,
    autocasting,
    check_gradients,
    check_loader,
    check_loss,
    check_loss_value,
    check_run,
    check_trainable,
    check_weights,
    unpacked,
)
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
    time_varying: bool = False,
    micro_batch: int | None = None,
    autocast: torch.dtype | None = None,
    simulate: Simulate | None = None,
    progress: bool = True,
) -> History:
    """Train ``net`` in place for ``num_iterations`` weight updates, over ``loader`` as needed.

    Each update: forward pass over ``num_steps``, loss of the output spikes, backpropagation through
    time, one optimizer step. The evaluation runs before the first update, at every iteration that
    is a multiple of ``eval_every``, and after the last one. It leaves torch's generator as it was:
    the training does not depend on it.

    Args:
        net: see :func:`tutorial_lib.simulation.forward_pass`. Batches are moved to its device.
        loader: training batches ``(data [B, ...], targets [B])``, in its order; a shuffling one
            follows torch's seed.
        optimizer: a torch optimizer over the parameters of ``net``.
        loss_fn: a loss of ``(spk_rec, targets)``.
        num_steps: number of time steps T.
        num_iterations: number of weight updates, at least 1.
        eval_loader: validation batches. Not the test set: data you tune on is no longer unseen.
        eval_every: iterations between two evaluations.
        history: a history to continue; a new one is returned otherwise.
        time_varying: whether the data of a batch has a time axis in front, ``[T, B, ...]`` with T
            equal to ``num_steps``.
        micro_batch: run at most this many samples at once and add up their gradients: the same
            update up to rounding, in less memory. Needs a loss that is a mean over the samples.
        autocast: ``torch.bfloat16`` for mixed precision; membranes and weights stay in float32.
        simulate: what runs the network over time, with the same ``num_steps`` and ``time_varying``;
            ``forward_pass`` by default, which evaluations always use. For instance a
            :class:`~tutorial_lib.simulation.Simulation` wrapped in DistributedDataParallel.
        progress: show a progress bar.

    Returns:
        The :class:`History`.

    Raises:
        ValueError: if a count is below 1, the optimizer holds none of the network's parameters or
            only frozen ones, a batch is missing or does not fit, or ``loss_fn`` gives no mean over
            the samples. And as soon as the loss, a gradient or a weight is NaN or infinite, with
            what to try; where it is the loss or a gradient, the update is not made.
        TypeError: for an argument or a batch of the wrong type.
    """
    num_steps = _checks.at_least_one("num_steps", num_steps)
    num_iterations = _checks.at_least_one("num_iterations", num_iterations)
    _checks.at_least_one("eval_every", eval_every)
    if micro_batch is not None:
        micro_batch = _checks.at_least_one("micro_batch", micro_batch)
    _checks.flag("progress", progress)
    device = check_run(net, loader, num_steps, time_varying)
    check_trainable(net, optimizer)
    if eval_loader is not None:
        check_loader("eval_loader", eval_loader, often=True)
    whole = micro_batch is None and eval_loader is None
    check_loss(loss_fn, ("mean", "sum") if whole else ("mean",))
    precision = autocasting(device, autocast)
    batches = unpacked(loader, device, num_steps, time_varying, endless=True)
    if not isinstance(history, (History, type(None))):
        raise TypeError(f"history must be a History or None, got {type(history).__name__}.")
    if simulate is not None and not callable(simulate):
        raise TypeError(f"simulate must be a function of the data, got {simulate!r}.")
    history = History() if history is None else history
    start = len(history.iterations)
    stop = start + num_iterations
    axis = int(time_varying)
    options = {"time_varying": time_varying, "autocast": autocast}

    def run(data: Tensor) -> tuple[Tensor, Tensor]:
        return forward_pass(net, num_steps, data, time_varying=time_varying)

    def run_evaluation(iteration: int) -> None:
        if eval_loader is None or iteration in history.eval_iterations:
            return
        with torch.random.fork_rng(devices=[]):
            try:
                result = evaluate(net, eval_loader, num_steps, loss_fn, **options)
            except (TypeError, ValueError) as error:
                error.add_note(f"It was the loader given as eval_loader, at iteration {iteration}.")
                raise
        history.eval_iterations.append(iteration)
        history.eval_loss.append(result.loss)
        history.eval_accuracy.append(result.accuracy)
        history.eval_decision_rate.append(result.decision_rate)

    with mode(net, training=True), _progress_bar(num_iterations, progress) as bar:
        run_evaluation(start)
        for iteration in range(start + 1, stop + 1):
            data, targets = next(batches)
            optimizer.zero_grad()
            loss = accuracy = 0.0
            size = micro_batch or len(targets)
            for part, labels in zip(data.split(size, axis), targets.split(size), strict=True):
                share = len(labels) / len(targets)
                with precision:
                    spk_rec, _ = (simulate or run)(part)
                    part_loss = loss_fn(spk_rec, labels)
                check_loss_value(part_loss)
                (part_loss * share).backward()
                loss += part_loss.item() * share
                accuracy += float(SF.accuracy_rate(spk_rec, labels)) * share
            check_gradients(net, loss, iteration)
            optimizer.step()
            check_weights(net, f"after iteration {iteration}")
            history.iterations.append(iteration)
            history.loss.append(loss)
            history.accuracy.append(accuracy)
            if iteration % eval_every == 0 or iteration == stop:
                run_evaluation(iteration)
            bar.set_postfix(_summary(history), refresh=False)
            bar.update()
    return history


def _progress_bar(total: int, show: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=total, disable=not show, desc="Training", unit="it", mininterval=1)


def _summary(history: History) -> dict[str, str]:
    shown = {"loss": f"{history.loss[-1]:.3f}"}
    if history.eval_accuracy:
        shown["eval"] = f"{history.eval_accuracy[-1]:.1%}"
    return shown
