"""Exercises of notebook 05, fast simulation."""

from __future__ import annotations

import torch
from torch import nn

from . import _nb05_costs as costs
from . import _nb05_folding as folding
from . import _nb05_networks as nets
from . import _nb05_parts as parts
from . import _nb05_way_back as recursion
from ._core import Exercise, Mutant

__all__ = ["EXERCISES"]

SHARE = Exercise(
    id="05-hoist-share",
    title="Which share of all multiplications, in percent, does it save to run conv1 once in 50?",
    objective="Count what a layer costs before making it faster.",
    kind="number",
    judge=costs.share,
    reference=lambda: 12.0,
    stub=lambda: ...,
    mutants=(
        Mutant("its own", "What it saves is what matters.", lambda: 98, "do the other layers cost"),
        Mutant("always", "Once is never.", lambda: 12.24, "still has to run once"),
        Mutant("a third", "Layers cost alike.", lambda: 33.3, "cost a third"),
        Mutant("parameters", "Few weights are little work.", lambda: 1.03, "at how many places"),
        Mutant("pooled", "A layer works on its output.", lambda: 11.74, "before its pooling"),
        Mutant("one channel", "A filter is 5 by 5.", lambda: 59.33, "How many input channels"),
        Mutant("no fc", "Only convolutions count.", lambda: 12.08, "Where is the fully connected"),
        Mutant("fraction", "A share is below 1.", lambda: 0.12, "how many percent"),
        Mutant("of the rest", "What is left is all.", lambda: 13.63, "or of what is left"),
        Mutant("remaining", "Saved is what remains.", lambda: 88.0, "which share falls away"),
        Mutant("guess", "It must be a lot.", lambda: 50, "Which layer multiplies how often"),
    ),
    variants=(
        lambda: torch.tensor(12),
        lambda: 11.99,
        lambda: 100 * 49 * 172_800 / (50 * (172_800 + 1_228_800 + 10_240)),
    ),
)

FOLD = Exercise(
    id="05-fold-time",
    title="Run a layer without memory on all time steps in one call.",
    objective="Fold time into the batch and take the two apart again.",
    kind="function",
    judge=folding.time_in_batch,
    reference=lambda: folding.over_time,
    stub=lambda: lambda layer, x: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, folding.wrong_folding(slip), words)
        for slip, belief, words in (
            ("loop", "Time needs a loop.", "called 4 times; expected once"),
            ("still folded", "The batch may stay long.", "who takes them apart"),
            ("axes swapped", "The batch comes first.", "comes first in x"),
            ("samples apart", "A shape says it all.", "which number comes first"),
            ("flat", "Flatten means flatten.", "Which two axes become one"),
            ("fifty steps", "There are always 50 steps.", "take these two numbers from x"),
            ("mean", "Layers act on the mean.", "Is every step of every sample"),
            ("once for all", "All steps are alike.", "Is every step of every sample"),
            ("not folded", "A layer takes any shape.", "Is every step of every sample"),
            ("input shape", "A layer keeps the shape.", "leave the shape of the rest"),
            ("cut off", "Only numbers count.", "no gradient flows back"),
        )
    ),
    variants=tuple(folding.other_folding(s) for s in ("view", "batch first", "cat")),
)

BACK = Exercise(
    id="05-way-back",
    title="Write the way back through a run of neurons with reset to zero.",
    objective="Derive the backward recursion of a neuron from its update rule.",
    kind="function",
    judge=recursion.gradient_of_run,
    reference=lambda: recursion.way_back,
    stub=lambda: lambda mem_rec, grad_spk, beta, threshold, spike_grad: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, recursion.wrong_way_back(slip), words)
        for slip, belief, words in (
            ("subtract", "Every reset has one way back.", "what of U[t] is left"),
            ("later spike", "The spike that follows cuts.", "that cuts, or the one of"),
            ("fired only", "What fires hands back.", "Which neuron hands nothing back"),
            ("no decay", "Only the reset takes away.", "where is the decay"),
            ("no memory", "A spike is all there is.", "the membrane at the next step hand"),
            ("forward", "Time runs forward only.", "which step must be done first"),
            ("no surrogate", "A spike passes all on.", "where is the surrogate"),
            ("no loss", "A slope is a gradient.", "where is grad_spk"),
            ("no overdrive", "The slope is one of U.", "taken at U - threshold"),
            ("attached", "A reset has a slope.", "Is the reset attached"),
            ("summed", "A layer has one gradient.", "Is something summed"),
            ("in place", "What comes in is mine.", "Can you do without writing"),
        )
    ),
    variants=tuple(recursion.other_way_back(s) for s in ("carried", "matrix", "autograd")),
)

LAYERWISE = Exercise(
    id="05-layerwise",
    title="Which of these networks cannot be run layer by layer?",
    objective="Tell what has to wait for the step before from what need not.",
    kind="choice",
    judge=nets.layerwise,
    reference=lambda: "c",
    stub=lambda: None,
    mutants=(
        Mutant("skip", "Layers must stand in a row.", lambda: "a", "have to wait for anything"),
        Mutant("film", "The image must stand still.", lambda: "b", "differ from step to step"),
        Mutant("diverse", "Neurons must be alike.", lambda: "d", "beyond its own neuron"),
    ),
    options=lambda: nets.OPTIONS,
)

READY = Exercise(
    id="05-layer-ready",
    title="Rewrite a network, without changing a spike, so that it can be run layer by layer.",
    objective="Keep states in layers, and wiring in forward().",
    kind="class",
    judge=nets.ready,
    reference=lambda: nets.Ready,
    stub=lambda: type("Untouched", (nn.Module,), {"forward": lambda self, x: ...}),
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, nets.unready(slip), words)
        for slip, belief, words in (
            ("as given", "It runs, so it is ready.", "uses 'mem1', a tensor"),
            ("state on self", "Only the view is in the way.", "uses 'mem1', a tensor"),
            ("view", "A shape is a number.", "flattens all but the first axis"),
            ("explicit", "A state may start at each call.", "Which argument of Leaky"),
            ("both return membranes", "output=True belongs to all.", "Which layer alone needs"),
            ("all flat", "The batch axis is an axis.", "Which axes may be flattened"),
            ("from the end", "Axes may be counted from the end.", "counts from the last axis"),
            ("not flat", "A linear layer takes an image.", "one row of numbers"),
            ("one for both", "One neuron serves two layers.", "How many membranes does"),
            ("no output", "Spikes are all we need.", "What does each layer of neurons"),
            ("other decay", "Betas are alike.", "Are both decays as they were"),
        )
    ),
    variants=tuple(nets.other_ready(s) for s in ("in a row", "in two parts")),
)

PARTS = Exercise(
    id="05-micro-batch",
    title="Make one update of a large batch, with only a few images in memory at a time.",
    objective="Add up gradients of parts so that the update is that of the whole.",
    kind="function",
    judge=parts.one_update,
    reference=lambda: parts.in_parts,
    stub=lambda: lambda optimizer, loss_of, images, targets, size: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, parts.wrong_parts(slip), words)
        for slip, belief, words in (
            ("whole batch", "A batch is a batch.", "What does `images.split(size)` give"),
            ("drops the rest", "Parts are equal.", "Is the last part there"),
            ("sum of means", "Gradients just add up.", "is the sum of means the mean"),
            ("equal parts", "A mean of means is the mean.", "weigh as much as one of"),
            ("a step each", "A part is a batch.", "Which weights shall the second part"),
            ("cleared each time", "Clear before backward, always.", "Only the last part has moved"),
            ("old gradients", "backward() starts anew.", "of the update before still there"),
            ("backward at the end", "Losses add up, so add them.", "What frees them"),
            ("graph kept", "retain_graph does no harm.", "What frees them"),
            ("no step", "backward() updates.", "the optimizer made 0 steps"),
        )
    ),
    variants=tuple(parts.other_parts(s) for s in ("by index", "smaller parts")),
)

EXERCISES: tuple[Exercise, ...] = (SHARE, FOLD, BACK, LAYERWISE, READY, PARTS)
