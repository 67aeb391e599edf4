"""Exercises of notebook 00, the spiking neuron."""

from __future__ import annotations

import math

import torch

from . import _nb00_answers as answers
from . import _nb00_judges as judges
from . import _nb00_steps as steps
from ._core import Exercise, Mutant

__all__ = ["EXERCISES"]

TIME_CONSTANT = Exercise(
    id="00-time-constant",
    title="A layer has beta = 0.5 and steps of 2 ms. Its time constant in ms, to two decimals?",
    objective="Translate a decay per step into a time constant, exactly.",
    kind="number",
    judge=judges.time_constant,
    reference=lambda: -2 / math.log(0.5),
    stub=lambda: ...,
    mutants=(
        Mutant("euler", "beta is 1 - dt / tau.", lambda: 2 / (1 - 0.5), "Euler's"),
        Mutant("half-life", "After one tau, half is left.", lambda: 2.0, "after one `tau`"),
        Mutant("steps", "tau comes out in ms.", lambda: -1 / math.log(0.5), "counted in steps"),
        Mutant("inverse", "tau is a rate.", lambda: -math.log(0.5) / 2, "`1 / tau`"),
        Mutant("ratio", "It is dt / tau.", lambda: -math.log(0.5), "Is that `dt / tau`"),
        Mutant("one decimal", "2.9 is near enough.", lambda: 2.9, "to one decimal"),
        Mutant("sign", "The logarithm of 0.5 is positive.", lambda: 2 / math.log(0.5), "What sign"),
        Mutant("log10", "log is log10.", lambda: -2 / math.log10(0.5), "the natural one"),
        Mutant("guess", "beta and tau are proportional.", lambda: 0.5 * 2, "Which `tau` solves"),
    ),
    variants=(
        lambda: torch.tensor(2.0, dtype=torch.float64) / math.log(2),
        lambda: 2.885,
        lambda: (-2 / torch.log(torch.tensor([0.5]))).numpy(),
    ),
)

LEAKY_STEP = Exercise(
    id="00-leaky-step",
    title="Write one step of a leaky neuron with its threshold and its three kinds of reset.",
    objective="Turn the update rule into code: leak, input, reset, spike, in this order.",
    kind="function",
    judge=steps.leaky_step,
    reference=lambda: answers.leaky_step,
    stub=lambda: lambda cur, mem, beta, threshold=1.0, reset="subtract": ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, answers.wrong_step(slip), words)
        for slip, belief, words in (
            ("inverted reset", "The reset is spike minus threshold.", "there was no spike"),
            ("no decay", "The membrane only adds up.", "where does the membrane leak"),
            ("factor twice", "The current still needs its factor 1 - beta.", "1 - beta not in"),
            ("input decays", "Input comes before the leak.", "leak act on the input"),
            ("same step", "The membrane returned is reset already.", "already in the membrane"),
            ("old membrane", "The spike comes from the old U.", "before the input of this step"),
            ("at threshold", "Reaching the threshold is enough.", "exceed the threshold"),
            ("no reset", "A spike costs nothing.", "what does the spike of the step before cost"),
            ("subtracts first", "The reset acts before the leak.", "before the decay"),
            ("unit cost", "A spike costs 1.", "the threshold, or 1"),
            ("ignores the reset", "There is one reset only.", "look at `reset`"),
            ("wipes the input", "Reset to zero means U = 0.", "wiped out together"),
            ("swapped", "The membrane is returned first.", "Are they swapped"),
        )
    ),
    variants=(
        answers.step_with_branches,
        answers.step_on_tensors,
        answers.step_of_the_library,
    ),
)

RESET_COUNT = Exercise(
    id="00-reset-count",
    title="The constant current of 0.15 with beta 0.9: which reset gives more spikes in 100 steps?",
    objective="Predict what the two resets do to the firing rate.",
    kind="choice",
    judge=judges.reset_count,
    reference=lambda: "a",
    stub=lambda: None,
    mutants=(
        Mutant("excess", "subtract keeps the excess, so it is ahead.", lambda: "b", "whole thresh"),
        Mutant("same climb", "After any reset the climb is the same.", lambda: "c", "same climb"),
        Mutant(
            "no effect", "The steady state decides alone.", lambda: "d", "where is U after a spike"
        ),
    ),
    options=lambda: {
        "a": "Reset to zero.",
        "b": "Subtract, because it keeps what exceeds the threshold.",
        "c": "Both give the same number: each climbs from 0 to the threshold again and again.",
        "d": "Both fire at every step, as without a reset: 0.15 / (1 - 0.9) is above threshold.",
    },
)

CLOCK_CURRENT = Exercise(
    id="00-clock-current",
    title="Find a constant current that fires a neuron (beta 0.9, reset to zero) every 5 steps.",
    objective="Use the formula of the firing period backward.",
    kind="number",
    judge=judges.clock_current,
    reference=lambda: 0.27,
    stub=lambda: ...,
    mutants=(
        Mutant("no leak", "Five inputs add up to the threshold.", lambda: 1 / 5, "to the leak"),
        Mutant("rheobase", "The rheobase is enough.", lambda: 0.1, "above the rheobase"),
        Mutant("bound", "Reaching 1 is firing.", lambda: 0.1 / (1 - 0.9**5), "on the bound"),
        Mutant("too strong", "Only step 5 matters, not step 4.", lambda: 0.3, "After 4 steps"),
        Mutant("rounded down", "0.24 is near enough.", lambda: 0.24, "only 0.9828"),
        Mutant("just below", "0.2441 is near enough.", lambda: 0.2441, "only 0.9996"),
        Mutant(
            "from 0",
            "The fifth step has n = 6.",
            lambda: 0.1 / (1 - 0.9**6) + 0.001,
            "steps from 0",
        ),
    ),
    variants=(
        lambda: torch.tensor(0.25),
        lambda: 0.29,
        lambda: 0.2442,
        lambda: 0.2907,
        lambda: (0.1 / (1 - 0.9**5) + 0.1 / (1 - 0.9**4)) / 2,
    ),
)

SPOT_RESET = Exercise(
    id="00-spot-reset",
    title="Spot the fault in the three published lines, and mend it.",
    objective="Find the inverted reset by testing a neuron with no input.",
    kind="function",
    judge=steps.mended_step,
    reference=lambda: answers.mended_step,
    stub=lambda: lambda cur, mem, beta, threshold=1.0: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, answers.faulty_step(slip), words)
        for slip, belief, words in (
            ("as published", "The lines are right.", "subtracted when there was no spike"),
            ("swapped difference", "Only the order is wrong.", "although there was no spike"),
            ("always", "The reset does not depend on the spike.", "although there was no spike"),
            ("sign", "The reset is added.", "Look at the signs"),
            ("removed", "The reset is the fault, so away with it.", "what does a spike cost"),
            ("unit cost", "The threshold is always 1.", "the threshold, or 1"),
            ("to zero", "All resets are one.", "reset to zero"),
            ("subtracts first", "The reset acts before the leak.", "before the decay"),
            ("same step", "The reset acts at once.", "in the step of the spike"),
        )
    ),
    variants=(
        answers.mended_with_a_branch,
        answers.mended_and_updated_first,
        answers.step_of_the_library,
    ),
)

EVEN_ENCODER = Exercise(
    id="00-even-encoder",
    title="Invent an encoding: spikes in proportion to brightness, evenly spaced, without chance.",
    objective="See that a neuron without leak is an encoder.",
    kind="open",
    judge=judges.even_encoding,
    reference=lambda: answers.even_encode,
    stub=lambda: lambda image, num_steps: ...,
    mutants=tuple(
        Mutant(slip.replace(" ", "-"), belief, answers.uneven_encode(slip), words)
        for slip, belief, words in (
            ("constant current", "A gray value is a spike.", "A gray value is no spike"),
            ("rate", "Rates need chance.", "Are there dice"),
            ("frozen dice", "A seed makes chance even.", "if only seeded"),
            ("latency", "One spike is enough to count.", "allowed one spike only"),
            ("burst", "Only the total counts.", "spread evenly"),
            ("whole period", "Every period is a whole number.", "pay for its spike"),
            ("fixed length", "There are always 50 steps.", "one entry per step"),
            ("time last", "Time comes last.", "Is time the first axis"),
        )
    ),
    variants=(answers.even_by_counting, answers.even_by_layer, answers.even_in_place),
)

EXERCISES: tuple[Exercise, ...] = (
    TIME_CONSTANT,
    LEAKY_STEP,
    RESET_COUNT,
    CLOCK_CURRENT,
    SPOT_RESET,
    EVEN_ENCODER,
)
