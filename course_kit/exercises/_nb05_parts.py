"""Notebook 05: one update from parts of a batch, right and wrong, and how it is judged."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib import simulation
from tutorial_lib.neurons import Leaky

from ._values import Mistake, judge, show

__all__ = ["in_parts", "one_update", "other_parts", "wrong_parts"]

Function = Callable[..., Any]


def in_parts(optimizer, loss_of, images, targets, size):  # noqa: ANN001, ANN201
    """The reference: each part weighs as much as it has images, and is forgotten at once."""
    optimizer.zero_grad()
    for part, wanted in zip(images.split(size), targets.split(size), strict=True):
        loss = loss_of(part, wanted) * len(part) / len(images)
        loss.backward()
    optimizer.step()


def other_parts(spelling: str) -> Callable[[], Function]:
    """Make the maker of another right update."""

    def update(
        optimizer: Any, loss_of: Function, images: Tensor, targets: Tensor, size: int
    ) -> Any:
        total = len(images)
        size = max(1, size // 2) if spelling == "smaller parts" else size
        optimizer.zero_grad()
        losses = []
        for start in range(0, total, size):
            part = images[start : start + size]
            loss = loss_of(part, targets[start : start + size])
            loss.backward(torch.tensor(len(part) / total, dtype=loss.dtype))
            losses.append(loss.item() * len(part) / total)
        optimizer.step()
        optimizer.zero_grad()
        return sum(losses)

    return lambda: update


def wrong_parts(slip: str) -> Callable[[], Function]:
    """Make the maker of an update that is wrong in one way."""

    def update(
        optimizer: Any, loss_of: Function, images: Tensor, targets: Tensor, size: int
    ) -> None:
        if slip == "whole batch":
            size = len(images)
        parts = list(zip(images.split(size), targets.split(size), strict=True))
        if slip == "drops the rest":
            parts = [(part, wanted) for part, wanted in parts if len(part) == size]
        total = sum(len(part) for part, _ in parts)
        if slip != "old gradients":
            optimizer.zero_grad()
        losses = []
        for part, wanted in parts:
            share = 1 / len(parts) if slip == "equal parts" else len(part) / total
            loss = loss_of(part, wanted) * (1 if slip == "sum of means" else share)
            if slip == "cleared each time":
                optimizer.zero_grad()
            if slip == "backward at the end":
                losses.append(loss)
                continue
            loss.backward(retain_graph=slip == "graph kept")
            losses.append(loss if slip == "graph kept" else loss.item())
            if slip == "a step each":
                optimizer.step()
                optimizer.zero_grad()
        if slip == "backward at the end":
            sum(losses).backward()
        if slip not in ("a step each", "no step"):
            optimizer.step()

    return lambda: update


# How it is judged


class _Descent:
    """Plain gradient descent. torch's own does the same, but takes seconds to be imported."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.weights, self.steps = weights, 0
        self.param_groups = [{"params": weights, "lr": 1.0}]  # where torch's have their weights

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.weights:
            weight.grad = None if set_to_none else torch.zeros_like(weight)

    def step(self, closure: Callable[[], Any] | None = None) -> None:
        if closure is not None:
            closure()
        self.steps += 1
        with torch.no_grad():
            for weight in self.weights:
                if weight.grad is not None:
                    weight -= weight.grad


class _Kept:
    """One tensor that autograd keeps for the way back."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Bench:
    """A small spiking network, its loss, and a record of how the loss was asked for."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 3), Leaky(0.9, init_hidden=True, output=True))
        self.weights = list(self.net.parameters())
        self.optimizer = _Descent(self.weights)
        for weight in self.weights:
            weight.grad = torch.ones_like(weight)  # left over from the update before
        self.sizes: list[int] = []
        self.seen: list[Tensor] = []
        self.alive: list[int] = []
        self._kept: weakref.WeakSet[_Kept] = weakref.WeakSet()

    def loss_of(self, images: Tensor, targets: Tensor) -> Tensor:
        self.alive.append(len(self._kept))
        self.sizes.append(len(images))
        self.seen.append(images.detach())

        def keep(tensor: Tensor) -> _Kept:
            kept = _Kept(tensor)
            self._kept.add(kept)
            return kept

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept.tensor):
            spk_rec, _ = simulation.forward_pass(self.net, 4, images, schedule="step")
            return SF.ce_rate_loss()(spk_rec, targets)

    def gradient(self, images: Tensor, targets: Tensor) -> list[Tensor]:
        spk_rec, _ = simulation.forward_pass(self.net, 4, images, schedule="step")
        return list(torch.autograd.grad(SF.ce_rate_loss()(spk_rec, targets), self.weights))


@judge
def one_update(answer: Callable[..., Any]) -> str:
    generator = torch.Generator().manual_seed(0)
    for count, size in ((8, 4), (10, 4), (3, 5)):
        images = 2 * torch.rand(count, 6, generator=generator)
        targets = torch.arange(count) % 3
        bench = _Bench()
        start = [weight.detach().clone() for weight in bench.weights]
        whole = bench.gradient(images, targets)
        with torch.enable_grad():
            answer(bench.optimizer, bench.loss_of, images, targets, size)
        said = f"{count} images, at most {size} at a time: "
        _expect_parts(bench, images, size, said)
        moved = [old - new.detach() for old, new in zip(start, bench.weights, strict=True)]
        if not all(map(_near, moved, whole)):
            _explain_update(bench, moved, whole, (images, targets, size), said)
    return (
        "One update as from the whole batch, with one part in memory at a time, and a last part "
        "that is smaller does no harm. Batch and number of steps are yours to choose now, whatever "
        "memory you have."
    )


def _near(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-3, atol=1e-6)


def _expect_parts(bench: _Bench, images: Tensor, size: int, said: str) -> None:
    """Raise a Mistake unless all images came once, few enough at a time, and one step was made."""
    if not bench.sizes and not bench.optimizer.steps:
        raise Mistake(
            f"{said}neither the loss was asked for, nor a step made. Where is `loss_of(part, ...)`?"
        )
    if bench.sizes and max(bench.sizes) > size:
        raise Mistake(
            f"{said}`loss_of` was called with {max(bench.sizes)}; expected at most {size}. What "
            "does `images.split(size)` give?"
        )
    seen = torch.cat(bench.seen) if bench.seen else images[:0]
    if len(seen) != len(images):
        raise Mistake(
            f"{said}`loss_of` has seen {len(seen)} images; expected all {len(images)}, each once. "
            "Is the last part there, which may be smaller?"
        )
    if max(bench.alive) > 0:
        raise Mistake(
            f"{said}when a later part began, {max(bench.alive)} tensors of the parts before it "
            "were still kept for the way back; expected 0. What frees them, and when is it called?"
        )
    if bench.optimizer.steps != 1:
        raise Mistake(
            f"{said}the optimizer made {bench.optimizer.steps} steps; expected 1. Which weights "
            "shall the second part be computed with?"
        )


def _explain_update(
    bench: _Bench, moved: list[Tensor], whole: list[Tensor], batch: tuple[Tensor, Tensor, int],
    said: str,
) -> None:  # fmt: skip
    """Raise the Mistake for weights that moved otherwise."""
    images, targets, size = batch
    fresh = _Bench()
    split = list(zip(images.split(size), targets.split(size), strict=True))
    grads = [fresh.gradient(*part) for part in split]
    sums = [torch.stack(parts).sum(0) for parts in zip(*grads, strict=True)]
    last = [grad * len(split[-1][0]) / len(images) for grad in grads[-1]]
    slips = [
        (sums, "Each part has a mean of its own: is the sum of means the mean of all?"),
        (
            [total / len(split) for total in sums],
            f"The last part has {len(split[-1][0])} images: shall it weigh as much as one of "
            f"{size}?",
        ),
        ([grad + 1 for grad in whole], "Were the gradients of the update before still there?"),
        (last, "Only the last part has moved the weights: where are the gradients cleared?"),
    ]
    question = "How much does one image count in a part, and how much in the whole batch?"
    for wrong, doubt in slips:
        if all(map(_near, moved, wrong)):
            question = doubt
            break
    first, wanted = moved[0].norm().item(), whole[0].norm().item()
    raise Mistake(
        f"{said}the weights move by {show(first)}; expected {show(wanted)}, as from the whole "
        f"batch. {question}"
    )
