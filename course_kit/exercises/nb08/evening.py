"""An event camera in a tenth of the light."""

import torch

from tutorial_lib import events

from ..exercise import Exercise, Wrong

exercise = Exercise(__name__,
    "Bar and ground have a tenth of their light. How many events does the passing bar make now?",
    shows="See that an event camera reports ratios of intensities.", kind="choice",
    options={
        "a": "800, as before.",
        "b": "80: a tenth of the light, a tenth of the change.",
        "c": "Fewer, by ln 10 / 0.35 for each pixel.",
        "d": "None: the changes are below the threshold.",
    })


@exercise.judge
def judge(key: str) -> str:
    bright, dark = count(1.0), count(0.1)
    if key == ("a" if bright == dark else "b"):
        return (f"In full light the bar makes {bright} events, in a tenth of it {dark}: ln 0.5 - "
            "ln 0.1 is ln 5 - ln 1. Only ratios count, so the camera sees in the evening what it "
            "sees at noon (but for noise, which ours has not).")
    raise Wrong("We let the bar pass, at 5 on a ground of 1, and at 0.5 on 0.1, and counted the "
        "events: your answer does not say what came out.")


def count(light: float) -> int:
    """Events of a bar of ratio 5 that passes over 100 pixels."""
    film = torch.ones(24, 1, 5, 20)
    for step in range(24):
        film[step, 0, :, max(0, step - 3) : step] = 5.0
    return len(events.camera(light * film, range(0, 24_000, 1000), 0.35)[0])


exercise.wrong("The change of the intensity counts.", "b",
    asks="The difference is a tenth. But what is ln 0.5 - ln 0.1?")
exercise.wrong("The logarithm of the light is lost.", "c",
    asks="ln 10 is taken from the bar, and from the ground too. What is left in the difference?")
exercise.wrong("Dark things fall below the threshold.", "d",
    asks="Is the threshold one of intensity, or one of the change of its logarithm?")
