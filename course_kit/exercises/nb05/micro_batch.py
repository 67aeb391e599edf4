"""One update from a batch in parts."""

import weakref

import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib import simulation
from tutorial_lib.neurons import Leaky

from ..exercise import Exercise, Function, Wrong, edit
from ..values import show

exercise = Exercise(__name__,
    "Make one update of a large batch, with only a few images in memory at a time.",
    shows="Add up gradients of parts so that the update is that of the whole.", kind="function")


@exercise.reference
def solved_update(optimizer, loss_of, images, targets, size):
    optimizer.zero_grad()
    parts = zip(images.split(size), targets.split(size), strict=True)
    for part, labels in parts:
        loss = loss_of(part, labels) * len(part) / len(images)
        loss.backward()
    optimizer.step()


class Descent:
    """Plain gradient descent. torch's own does the same, but takes seconds to be imported."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.weights, self.steps = weights, 0
        self.param_groups = [{"params": weights, "lr": 1.0}]  # where torch's have their weights

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.weights:
            weight.grad = None if set_to_none else torch.zeros_like(weight)

    def step(self, closure: Function | None = None) -> None:
        if closure is not None:
            closure()
        self.steps += 1
        with torch.no_grad():
            for weight in self.weights:
                if weight.grad is not None:
                    weight -= weight.grad


class Bench:
    """A small spiking network, its loss, and a record of how the loss was asked for."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 3), Leaky(0.9, init_hidden=True, output=True))
        self.weights = list(self.net.parameters())
        self.optimizer = Descent(self.weights)
        for weight in self.weights:
            weight.grad = torch.ones_like(weight)  # left over from the update before
        self.sizes: list[int] = []
        self.alive: list[int] = []
        self._kept: weakref.WeakSet[Function] = weakref.WeakSet()  # tensors, for a backward pass

    def loss_of(self, images: Tensor, targets: Tensor) -> Tensor:
        self.alive.append(len(self._kept))
        self.sizes.append(len(images))

        def keep(tensor: Tensor) -> Function:
            def kept() -> Tensor:
                return tensor

            self._kept.add(kept)
            return kept

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept()):
            return self.mean_loss(images, targets)

    def mean_loss(self, images: Tensor, targets: Tensor) -> Tensor:
        spk_rec, _ = simulation.forward_pass(self.net, 4, images, schedule="step")
        return SF.ce_rate_loss()(spk_rec, targets)


@exercise.judge
def judge(update: Function) -> str:
    generator = torch.Generator().manual_seed(0)
    for count, size in ((8, 4), (10, 4), (17, 3), (10, 2), (4, 1), (3, 5)):
        images = 2 * torch.rand(count, 6, generator=generator)
        targets = torch.arange(count) % 3
        bench = Bench()
        start = [weight.detach().clone() for weight in bench.weights]
        whole = torch.autograd.grad(bench.mean_loss(images, targets), bench.weights)
        update(bench.optimizer, bench.loss_of, images, targets, size)
        said = f"{count} images, at most {size} at a time: "
        expect_parts(bench, count, size, said)
        moved = [old - new.detach() for old, new in zip(start, bench.weights, strict=True)]
        got, wanted = (torch.cat([x.flatten() for x in each]) for each in (moved, whole))
        if not torch.allclose(got, wanted, rtol=1e-3, atol=1e-6):
            raise Wrong(f"{said}the weights move by {show(got.norm().item())}; expected "
                f"{show(wanted.norm().item())}, as from the whole batch.",
                "How much does one image count in a part, and how much in the whole batch?")
    return ("One update as from the whole batch, one part in memory at a time, and a smaller last "
        "part does no harm. Batch and steps are yours to choose now, if one image fits in memory.")


def expect_parts(bench: Bench, count: int, size: int, said: str) -> None:
    """Raises Wrong unless all images came once, few enough at a time, and one step was made."""
    if max(bench.sizes, default=0) > size:
        raise Wrong(f"{said}`loss_of` was called with {max(bench.sizes)}; expected at most {size}.",
            "What does `images.split(size)` give?")
    if sum(bench.sizes) != count:
        raise Wrong(f"{said}`loss_of` has seen {sum(bench.sizes)} images; expected all {count}, "
            "each once. Is the last part there, which may be smaller?")
    if any(bench.alive):
        raise Wrong(f"{said}when a later part began, {max(bench.alive)} tensors of the parts "
            "before it were still kept for the backward pass; expected 0. What frees them, "
            "when is it called, and is anything told to keep them?")
    if (steps := bench.optimizer.steps) != 1:
        raise Wrong(f"{said}the optimizer made {steps} steps; expected 1.",
            "Which weights should the second part be computed with?"
            if steps
            else "The gradients are there: what moves the weights by them?")


@exercise.right("by index")
def by_index(optimizer, loss_of, images, targets, size):
    optimizer.zero_grad()
    losses = []
    for start in range(0, len(images), size):
        part = images[start : start + size]
        loss = loss_of(part, targets[start : start + size])
        loss.backward(torch.tensor(len(part) / len(images), dtype=loss.dtype))
        losses.append(loss.item() * len(part) / len(images))
    optimizer.step()
    optimizer.zero_grad()
    return sum(losses)


@exercise.right("in a closure")
def in_closure(optimizer, loss_of, images, targets, size):
    def add_up():
        optimizer.zero_grad()
        for part, labels in zip(images.split(size), targets.split(size), strict=True):
            (loss_of(part, labels) * len(part) / len(images)).backward()

    optimizer.step(add_up)


CLEAR, PARTS = "    optimizer.zero_grad()\n", "images.split(size), targets.split(size)"

exercise.right("smaller parts", edit(CLEAR, f"    size = max(1, size // 2)\n{CLEAR}"))

exercise.wrong("A batch is a batch.", edit(PARTS, "[images], [targets]"),
    told="What does `images.split(size)` give")
exercise.wrong("A chunk is a part.", edit(PARTS, "images.chunk(size), targets.chunk(size)"),
    asks="`chunk(n)` makes n parts. Which method makes parts of n?")
exercise.wrong("Parts are equal.",
    edit("        loss = ", "        if len(part) < size:\n            continue\n        loss = "),
    told="Is the last part there")
exercise.wrong("Gradients just add up.", edit(" * len(part) / len(images)", ""),
    asks="Each part has its own mean: is the sum of means the mean of all?")
exercise.wrong("A mean of means is the mean.",
    edit("* len(part) / len(images)", "/ len(images.split(size))"),
    asks="The last part is smaller: should it weigh as much as the others?")
exercise.wrong("A part is a batch.",
    edit("    optimizer.step()", "        optimizer.step()\n        optimizer.zero_grad()"),
    told="Which weights should the second part")
exercise.wrong("Clear before backward, always.",
    edit("        loss.backward()", "        optimizer.zero_grad()\n        loss.backward()"),
    asks="Only the last part has moved the weights: where are the gradients cleared?")
exercise.wrong("backward() starts anew.", edit(CLEAR, ""),
    asks="Were the gradients of the update before still there?")
exercise.wrong("Losses add up, so add them.",
    edit(CLEAR, f"{CLEAR}    total = 0\n",
         "loss.backward()\n", "total = total + loss\n    total.backward()\n"),
    told="What frees them")
exercise.wrong("A graph must be kept for the next part.",
    edit("loss.backward()", "loss.backward(retain_graph=True)\n        kept.append(loss)",
         CLEAR, f"{CLEAR}    kept = []\n"), told="is anything told to keep them")
exercise.wrong("backward() updates.", edit("\n    optimizer.step()", ""),
    told="the optimizer made 0 steps; expected 1. The gradients are there")
