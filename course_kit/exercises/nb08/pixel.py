"""One pixel of an event camera."""

import math
from typing import Any

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, describe

exercise = Exercise(__name__,
    "Write one pixel of an event camera: from intensities to events.",
    shows="Turn the rule of an event camera into code, with a level that follows.",
    kind="function")


@exercise.reference
def solved_pixel(intensities, threshold):
    level, found = math.log(intensities[0]), []
    for step, intensity in enumerate(intensities):
        change = math.log(intensity) - level
        for _ in range(math.floor(abs(change) / threshold)):
            found.append((step, 1 if change > 0 else 0))
            level += threshold if change > 0 else -threshold
    return found


FILMS = (
    ([1.0, 1.0, 1.0], 0.35),
    ([1.0, 1.3, 1.7, 2.1, 0.9], 0.35),
    ([1.0, 5.0, 5.0, 1.2], 0.35),
    ([0.5, 0.1, 0.6], 1.0),
    ([10.0, 14.0, 19.0, 12.0, 30.0, 31.0], 0.2),
)


@exercise.judge
def judge(pixel: Function) -> str:
    for intensities, threshold in FILMS:
        found = events_of(pixel(list(intensities), threshold))
        wanted = [(float(step), float(p)) for step, p in solved_pixel(intensities, threshold)]
        if found != wanted:
            raise Wrong(f"For the intensities {intensities} and the threshold {threshold}, you "
                f"have {written(found)}; expected {written(wanted)}.",
                "Which events does the logarithm make, step by step, and where is the level then?")
    return (f"All {len(FILMS)} films give the right events. A camera is thousands of such pixels, "
        "none of which waits for another.")


def written(events: list[tuple[float, float]]) -> str:
    """Events as a learner would write them, the first eight."""
    pairs = ", ".join(f"({step:g}, {p:g})" for step, p in events[:8])
    return f"[{pairs}{', ...' if len(events) > 8 else ''}]"


def events_of(answer: Any) -> list[tuple[float, float]]:
    """The pairs that a learner returned."""
    try:
        pairs = [tuple(pair) for pair in answer]
    except TypeError:
        pairs = None
    if pairs is None or any(len(pair) != 2 for pair in pairs):
        raise Wrong(f"Your function returns {describe(answer)}; expected a list of pairs "
            "(step, polarity). What does it return when nothing happens?")
    return [(as_number(s, "A step"), as_number(p, "A polarity")) for s, p in pairs]


@exercise.right("while loops")
def with_while(intensities, threshold):
    level, found = math.log(intensities[0]), []
    for step in range(1, len(intensities)):
        now = math.log(intensities[step])
        while now - level >= threshold:
            level = level + threshold
            found.append([step, True])
        while level - now >= threshold:
            level = level - threshold
            found.append([step, False])
    return found


@exercise.right("a ratio of intensities")
def with_ratios(intensities, threshold):
    level, found = intensities[0], ()
    for step, intensity in enumerate(intensities):
        while intensity >= level * math.exp(threshold):
            level, found = level * math.exp(threshold), (*found, (step, 1))
        while intensity <= level / math.exp(threshold):
            level, found = level / math.exp(threshold), (*found, (step, 0))
    return found


COUNT = "range(math.floor(abs(change) / threshold))"
exercise.wrong("The camera sees the intensity itself.",
    edit("math.log(intensity)", "intensity", "math.log(intensities[0])", "intensities[0]"),
    asks="Is it the intensity that must change by the threshold, or its logarithm?")
exercise.wrong("A change makes one event.",
    edit(COUNT, "range(min(1, math.floor(abs(change) / threshold)))"),
    asks="The level is 0.7, and ln 0.9 is -0.11. How many thresholds of 0.35 lie in between?")
exercise.wrong("The level stays at the first picture.",
    edit("level += threshold if change > 0 else -threshold", "pass"),
    asks="Where is the level after an event?")
exercise.wrong("After an event the level is the present value.",
    edit("level += threshold if change > 0 else -threshold", "level = math.log(intensity)"),
    asks="Is the rest below a threshold forgotten, if the level jumps to the present value?")
exercise.wrong("Only what becomes brighter is reported.",
    edit("abs(change)", "max(change, 0)"), asks="What does a pixel send that becomes darker?")
exercise.wrong("Off is -1.", edit("1 if change > 0 else 0", "1 if change > 0 else -1"),
    asks="Which number stands for darker here, as in the streams of cameras?")
exercise.wrong("A part of a threshold counts.", edit("math.floor", "math.ceil"),
    asks="Does a change below a whole threshold make an event?")
exercise.wrong("A pixel compares with the picture before.",
    edit("level += threshold if change > 0 else -threshold", "pass",
         "    return found", "        level = math.log(intensity)\n    return found"),
    asks="The change from picture to picture is small; but how far is it from the level?")
exercise.wrong("The polarity is enough.", edit("(step, 1 if change > 0 else 0)", "int(change > 0)"),
    told="expected a list of pairs")
exercise.wrong("Nothing is nothing.", edit("return found", "return found or None"),
    told="expected an empty list")
