"""A comparison of two recipes without leaks."""

from typing import NamedTuple

import numpy as np

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number

exercise = Exercise(__name__,
    "Compare two recipes so that nothing leaks: neither the test set into the choice, nor luck "
    "into the seeds, nor time into the training.",
    shows="Repair a comparison in three places.", kind="function")


@exercise.reference
def solved_comparison(ours, theirs):
    epochs = min(ours.val.shape[1], theirs.val.shape[1])  # as long for both
    means = []
    for runs in (ours, theirs):
        val = runs.val[:, :epochs].mean(axis=-1)
        test = runs.test[:, :epochs].mean(axis=-1)
        picked = val.argmax(axis=1)  # by validation, for each seed
        means.append(test[np.arange(len(test)), picked].mean())  # of all seeds
    return 100 * (means[0] - means[1])


class Bits(NamedTuple):
    """Bits ``[seeds, epochs, images]``, as those of :class:`course_kit.accuracy.Runs`."""

    test: np.ndarray
    val: np.ndarray


@exercise.judge
def judge(comparison: Function) -> str:
    for number, (ours, theirs) in enumerate(CASES):
        leaks = "; ".join(leak for probe in PROBES if (leak := probe(comparison, ours, theirs)))
        if leaks:
            raise Wrong(f"This leaks: {leaks}.", "Which line lets it in?")
        found, wanted = call(comparison, ours, theirs), solved_comparison(ours, theirs)
        if abs(found - wanted) > 1e-4:
            raise Wrong(
                f"Nothing leaks, but for pair {number + 1} of recipes you have {found:.3f} points; "
                f"expected {wanted:.3f}.",
                "Is it the mean of ours minus the mean of theirs, each seed at its own epoch?",
            )
    return (
        "Nothing leaks. Your number stays the same when test bits change that were not to be "
        "looked at, it moves with every seed, and it gives neither recipe more epochs."
    )


def call(comparison: Function, ours: Bits, theirs: Bits) -> float:
    copies = (Bits(*(part.copy() for part in runs)) for runs in (ours, theirs))
    return as_number(comparison(*copies), "Your difference")


def drawn(chance: np.random.Generator, seeds: int, epochs: int, level: float) -> Bits:
    """Runs that grow better from epoch to epoch; no two epochs of a seed are equally good."""
    while True:
        truth = level + 0.02 * np.arange(epochs) + chance.normal(0, 0.015, (seeds, epochs))
        truth[:, 1::2] -= 0.05
        bits = [chance.random((seeds, epochs, n)) < truth[..., None] for n in (400, 300)]
        levels = [part.mean(axis=-1) for part in bits]
        distinct = all(len(set(row)) == epochs for part in levels for row in part)
        disagree = (levels[0].argmax(1) != levels[1].argmax(1)).any()
        if distinct and disagree:
            return Bits(*bits)


def made() -> list[tuple[Bits, Bits]]:
    chance = np.random.default_rng(1)
    sizes = ((4, 7), (3, 4)), ((3, 3), (5, 6))
    return [
        (drawn(chance, *ours, level=0.80), drawn(chance, *theirs, level=0.78))
        for ours, theirs in sizes
    ]


CASES = made()


def the_test_chooses(comparison: Function, ours: Bits, theirs: Bits) -> str:
    """Test bits of epochs that validation has not chosen become all right."""
    before = call(comparison, ours, theirs)
    epochs = min(ours.val.shape[1], theirs.val.shape[1])
    changed = []
    for runs in (ours, theirs):
        chosen = {runs.val.mean(-1).argmax(1)[i]: i for i in range(len(runs.val))}
        chosen |= dict.fromkeys(runs.val[:, :epochs].mean(-1).argmax(1))
        chosen |= dict.fromkeys((runs.val.shape[1] - 1, epochs - 1))
        chosen |= dict.fromkeys((runs.val.mean((0, 2)).argmax(),))
        test = runs.test.copy()
        for epoch in set(range(runs.val.shape[1])) - set(chosen):
            test[:, epoch] = True
        changed.append(runs._replace(test=test))
    after = [
        call(comparison, changed[0], theirs), call(comparison, ours, changed[1]),
    ]  # fmt: skip
    if max(abs(value - before) for value in after) < 1e-9:
        return ""
    return (
        "the test set chooses the epoch (your difference changes with test bits of epochs that "
        "validation has not chosen)"
    )


def one_seed_speaks(comparison: Function, ours: Bits, theirs: Bits) -> str:
    """Each seed in turn answers nothing right any more in the test."""
    before = call(comparison, ours, theirs)
    for place, runs in enumerate((ours, theirs)):
        heard = []
        for seeds in (*range(len(runs.test)), slice(None)):  # each, then all
            test = runs.test.copy()
            test[seeds] = False
            pair = [ours, theirs]
            pair[place] = runs._replace(test=test)
            heard.append(abs(call(comparison, *pair) - before) > 1e-9)
        *each, together = heard
        if not all(each):
            fault = "a seed is left out" if sum(each) > 1 else "one seed speaks for all"
            fault = fault if together else "no seed's test images are asked"
            return f"{fault} (a seed may fail entirely in the test, and your difference stays)"
    return ""


def unequal_epochs(comparison: Function, ours: Bits, theirs: Bits) -> str:
    """The epochs that only the longer run has become perfect, in validation and test."""
    before = call(comparison, ours, theirs)
    epochs = min(ours.val.shape[1], theirs.val.shape[1])
    changed = []
    for runs in (ours, theirs):
        test, val = runs.test.copy(), runs.val.copy()
        test[:, epochs:], val[:, epochs:] = True, True
        changed.append(Bits(test, val))
    if abs(call(comparison, *changed) - before) < 1e-9:
        return ""
    return (
        "one recipe trains for longer (your difference changes with epochs that the other recipe "
        "does not have)"
    )


PROBES = (the_test_chooses, one_seed_speaks, unequal_epochs)


@exercise.right("a function for each recipe")
def by_function(ours, theirs):
    def mean(runs, epochs):
        found = []
        for val, test in zip(runs.val, runs.test, strict=True):
            best = max(range(epochs), key=lambda epoch: val[epoch].sum())
            found.append(test[best].mean() * 100)
        return sum(found) / len(found)

    epochs = min(runs.val.shape[1] for runs in (ours, theirs))
    return mean(ours, epochs) - mean(theirs, epochs)


exercise.right("the epoch is taken along", edit("test[np.arange(len(test)), picked].mean()",
    "np.take_along_axis(test, picked[:, None], axis=1).mean()"))

CUT = "min(ours.val.shape[1], theirs.val.shape[1])"
exercise.wrong("The test set may choose the epoch.", edit("val.argmax", "test.argmax"),
    told="the test set chooses the epoch")
exercise.wrong("The best seed shows what a recipe can do.", edit("picked].mean()", "picked].max()"),
    told="one seed speaks for all")
exercise.wrong("The seed may be chosen by validation.",
    edit("picked].mean()", "picked][val.max(axis=1).argmax()]"), told="one seed speaks for all")
exercise.wrong("Each trains for as long as it likes.", edit(CUT, "None"),
    told="one recipe trains for longer")


@exercise.wrong("A result is the best that was seen.", told="; one seed speaks for all")
def as_published(ours, theirs):
    best = [runs.test.mean(axis=-1).max() for runs in (ours, theirs)]
    return 100 * (best[0] - best[1])


exercise.wrong("Ours may be looked at more closely.",
    edit("picked = val.argmax(axis=1)",
         "picked = (test if runs is ours else val).argmax(axis=1)"),
    told="the test set chooses the epoch")
exercise.wrong("The last epoch needs no choice.",
    edit("val.argmax(axis=1)", "np.full(len(val), epochs - 1)"),
    asks="Nobody peeks there, but does validation choose?")
exercise.wrong("One epoch suits all seeds.",
    edit("val.argmax(axis=1)", "np.full(len(val), val.mean(axis=0).argmax())"),
    asks="Has each seed an epoch of its choice?")
exercise.wrong("A share is a point.", edit("100 * ", ""),
    asks="Is a difference of one point 0.01?")
exercise.wrong("A difference has no direction.",
    edit("100 * (means[0] - means[1])", "100 * (means[1] - means[0])"),
    asks="Which of the two is taken from the other?")
exercise.wrong("The validation accuracy is the result.",
    edit("means.append(test[np", "means.append(val[np"),
    told="no seed's test images are asked")
exercise.wrong("Both need as many seeds.",
    edit("in (ours, theirs):", "in (Bits(*(x[:3] for x in both)) for both in (ours, theirs)):"),
    told="a seed is left out")
