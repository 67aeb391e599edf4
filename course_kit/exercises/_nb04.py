"""Exercises of notebook 04, looking at spikes."""

from __future__ import annotations

import torch

from tutorial_lib import functional as SF

from . import _nb04_decoding as decoding
from . import _nb04_judges as judges
from . import _nb04_rules as rules
from ._core import Exercise, Mutant

__all__ = ["EXERCISES"]

ALWAYS = Exercise(
    id="04-always",
    title="From which constant current on does a neuron of layer 1 fire at every step?",
    objective="Find where a count saturates, from the update rule.",
    kind="number",
    judge=judges.always,
    reference=lambda: 1.5,
    stub=lambda: ...,
    mutants=(
        Mutant("threshold", "A current above 1 fires.", lambda: 1.0, "cost the steps after it"),
        Mutant("rheobase", "Firing is firing always.", lambda: 0.5, "fires at all"),
        Mutant("gain", "The threshold is multiplied by 2.", lambda: 2.0, "1 / (1 - beta)"),
        Mutant("twice", "The decay counts twice.", lambda: 3.0, "decay in it twice"),
        Mutant("guess", "A bit above threshold.", lambda: 1.25, "must come back above"),
        Mutant("large", "The more, the better.", lambda: 10, "Which smaller current"),
    ),
    variants=(lambda: torch.tensor(1.5), lambda: 2 - 0.5, lambda: 1.5001),
)

STOP = Exercise(
    id="04-early-stop",
    title="Write a rule that stops each image as soon as one class leads by so many spikes.",
    objective="Decide from the counts so far, without hindsight.",
    kind="function",
    judge=rules.stopping,
    reference=lambda: decoding.stop_early,
    stub=lambda: lambda spk_rec, lead: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, decoding.wrong_stopper(slip), words)
        for slip, belief, words in (
            ("from 0", "The index of a step is the number of steps.", "count the steps from 0"),
            ("more than", "A lead must be exceeded.", "want more than the lead"),
            ("count", "The first with so many spikes wins.", "Is a lead the same as a count"),
            ("no last step", "argmax finds nothing where there is nothing.", "no class ever leads"),
            ("one too many", "No decision takes one more.", "a step after the last"),
            ("one step", "A lead is one of a step.", "or in the spikes of one step"),
            ("ahead of the mean", "A lead is over the average.", "or of the mean"),
            ("all at once", "A batch stops together.", "stopped for itself"),
            ("lowest of ties", "argmax settles a tie.", "level at the stop"),
            ("swapped", "The order of two results is free.", "the answers second"),
            ("hindsight", "A lead counts if it stays.", "nobody knows what would have come"),
            ("final answer", "The answer is that of the whole run.", "when the run stops, not"),
            ("last spike", "Who fires at the stop has won.", "when the run stops, not"),
        )
    ),
    variants=(decoding.other_stopper("by image"), decoding.other_stopper("in one sweep")),
)

FIRST = Exercise(
    id="04-first-spike",
    title="Decode by the first spike, and tell silence and ties from class 0.",
    objective="Read a latency code, and handle neurons that never fire.",
    kind="function",
    judge=rules.first_spike,
    reference=lambda: decoding.decode_first,
    stub=lambda: lambda spk_rec: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, decoding.wrong_decoder(slip), words)
        for slip, belief, words in (
            ("count", "The count is the only code.", "or the number of them"),
            ("silence is early", "argmax of no spikes is no step.", "That class never fires"),
            ("silence is late", "Silence fires at the last step.", "fires at the last step"),
            ("silence is class 0", "No answer is class 0.", "that nothing was said"),
            ("lowest wins", "There are no ties.", "Two are first at once"),
            ("latest", "The last spike decides.", "or the last"),
            ("steps", "The step is the answer.", "Is that a step"),
            ("first step", "Who matters is there at once.", "how far along the run"),
            ("minus two", "Any negative number is no answer.", "Which number shall say"),
        )
    ),
    variants=(decoding.other_decoder("by image"), decoding.other_decoder("by weights")),
)

UNDECIDED = Exercise(
    id="04-undecided",
    title="Let the mean membrane decide where the spikes do not.",
    objective="Use what a silent neuron still tells, and only where it is needed.",
    kind="function",
    judge=rules.deciding,
    reference=lambda: decoding.decide,
    stub=lambda: lambda spk_rec, mem_rec: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, decoding.wrong_decider(slip), words)
        for slip, belief, words in (
            ("membrane always", "The membrane knows better.", "decide where they can"),
            ("lowest class", "argmax settles a tie.", "whom does the membrane favor"),
            ("unchanged", "-1 is an answer.", "whom does the membrane favor"),
            ("ties only", "Silence is no tie.", "Is silence undecided"),
            ("last step", "The last membrane says it all.", "mean over all steps"),
            ("highest peak", "The peak says it all.", "mean over all steps"),
            ("depth", "What is far from zero is loud.", "a membrane below zero"),
            ("only the level ones", "The others are out.", "only the two that are level"),
        )
    ),
    variants=(decoding.other_decider("with an index"), decoding.other_decider("by image")),
)

RATE, MEMBRANE, COUNT = "ce_rate_loss", "ce_max_membrane_loss", "mse_count_loss"


def said(a: str, b: str, c: str) -> dict[str, str]:
    """An answer: the losses of A, B and C."""
    return {"A": a, "B": b, "C": c}


WHICH = Exercise(
    id="04-which-loss",
    title="Find out from rasters alone which of three networks was trained with which loss.",
    objective="Recognize what a loss asks of the spikes.",
    kind="open",
    judge=judges.which_loss,
    reference=lambda: said(COUNT, RATE, MEMBRANE),
    stub=lambda: said(..., ..., ...),
    mutants=(
        Mutant(
            "membrane for count",
            "A loss on membranes makes even rates.",
            lambda: said(MEMBRANE, RATE, COUNT),
            "hold the target back",
        ),
        Mutant(
            "rate for count",
            "ce_rate_loss sets rates.",
            lambda: said(RATE, COUNT, MEMBRANE),
            "ask so little of the target",
        ),
        Mutant(
            "rate for membrane",
            "Only the target's row is looked at.",
            lambda: said(COUNT, MEMBRANE, RATE),
            "silence nearly all of the others",
        ),
        Mutant(
            "twice",
            "Two networks may share a loss.",
            lambda: said(COUNT, RATE, RATE),
            "each of the three losses once",
        ),
        Mutant(
            "not among them",
            "Any loss will do.",
            lambda: said("ce_count_loss", RATE, MEMBRANE),
            "expected one of",
        ),
        Mutant(
            "round",
            "A full row is what the mean square wants.",
            lambda: said(RATE, MEMBRANE, COUNT),
            "ask so little of the target",
        ),
    ),
    variants=(
        lambda: {"C": f"{MEMBRANE}()", "A": f"SF.{COUNT}", "B": RATE},
        lambda: {"A": SF.mse_count_loss, "B": SF.ce_rate_loss(), "C": SF.ce_max_membrane_loss},
    ),
)

EXERCISES: tuple[Exercise, ...] = (ALWAYS, STOP, FIRST, UNDECIDED, WHICH)
