"""From a stream of events to frames."""

from typing import Any

import numpy as np
import torch

from tutorial_lib import events

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe

exercise = Exercise(__name__,
    "Count the events of a stream in frames of equal duration.",
    shows="Turn a stream into frames, and count an index twice that comes twice.",
    kind="function")


@exercise.reference
def solved_frames(stream, window, num_steps):
    frames = np.zeros((num_steps, 2, 34, 34), dtype=np.int64)
    step = stream["t"] // window
    kept = stream[step < num_steps]
    place = step[step < num_steps], kept["p"].astype(int), kept["y"], kept["x"]
    np.add.at(frames, place, 1)
    return frames


@exercise.judge
def judge(frames: Function) -> str:
    for window, num_steps, first in ((1000, 5, 0), (1300, 4, 0), (700, 3, 400)):
        stream = random_stream(first)
        wanted = solved_frames(stream, window, num_steps)
        counts = as_counts(frames(stream, window, num_steps), wanted.shape)
        case = (f"For {len(stream)} events, the first at {stream['t'][0]}, windows of {window} and "
            f"{num_steps} frames")
        if counts.sum() != wanted.sum():
            raise Wrong(f"{case}, your frames hold {counts.sum():g} events; expected "
                f"{wanted.sum()}.",
                "Which events are missing, or too many?")
        per_step = counts.sum(axis=(1, 2, 3))
        if (per_step != wanted.sum(axis=(1, 2, 3))).any():
            raise Wrong(f"{case}, your frames hold {per_step.astype(int).tolist()} events; "
                f"expected {wanted.sum(axis=(1, 2, 3)).tolist()}.",
                "From when to when does each frame last?")
        if (counts != wanted).any():
            raise Wrong(f"{case}, each frame has the right number of events, but "
                f"{int((counts != wanted).sum())} of its pixels differ.",
                "Which axis is which? The order is step, polarity, row, column.")
    return "Frames of three lengths hold each event once, in its place."


def random_stream(first: int) -> np.ndarray:
    """600 events from `first` to 5 ms on a few pixels, so that many of them share one."""
    chance = np.random.default_rng(0)
    stream = np.zeros(600, events.DTYPE)
    stream["t"] = np.sort(chance.integers(first, 5000, 600))
    stream["x"], stream["y"] = chance.integers(3, 8, 600), chance.integers(20, 26, 600)
    stream["p"] = chance.random(600) < 0.4
    return stream


def as_counts(answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The frames that a learner returned, as numbers."""
    if isinstance(answer, torch.Tensor):
        answer = answer.detach().cpu().numpy()
    if not isinstance(answer, np.ndarray) or answer.shape != shape:
        raise Wrong(f"Your function returns {describe(answer)}; expected an array of shape "
            f"{list(shape)}. Which axes does it have: steps, polarities, rows, columns?")
    return answer.astype(float)


@exercise.right("a loop over events")
def with_loop(stream, window, num_steps):
    frames = torch.zeros(num_steps, 2, 34, 34)
    for x, y, t, p in stream:
        if t < num_steps * window:
            frames[int(t // window), int(p), y, x] += 1
    return frames


@exercise.right("the library")
def with_library(stream, window, num_steps):
    to_frame = events.ToFrame(events.SENSOR_SIZE,
        time_window=window, start_time=0, end_time=num_steps * window)
    return to_frame(stream)


ADD = "np.add.at(frames, place, 1)"
exercise.wrong("An index that comes twice adds twice.", edit(ADD, "frames[place] += 1"),
    asks="Does `frames[place] += 1` count a place twice that stands in `place` twice?")
exercise.wrong("x comes before y.", edit('kept["y"], kept["x"]', 'kept["x"], kept["y"]'),
    asks="Which of x and y is the row of an image?")
exercise.wrong("On comes first.", edit('kept["p"].astype(int)', '1 - kept["p"].astype(int)'),
    asks="Polarity 0 is off: does it stand at index 0?")
exercise.wrong("Polarities do not matter.", edit('kept["p"].astype(int)', '0 * kept["x"]'),
    told="of its pixels differ")
exercise.wrong("What comes late belongs to the last frame.",
    edit('step = stream["t"] // window',
         'step = np.minimum(stream["t"] // window, num_steps - 1)'),
    asks="Where do the events go that come after the last frame?")
exercise.wrong("The frames share the stream.",
    edit('stream["t"] // window', 'np.arange(len(stream)) * num_steps // len(stream)'),
    asks="Those frames hold equal numbers of events. Are they of equal duration?")
exercise.wrong("The stream has no last frame.",
    edit("kept = stream[step < num_steps]", "kept = stream[step < num_steps - 1]",
         "place = step[step < num_steps]", "place = step[step < num_steps - 1]"),
    asks="Is the last frame filled?")
exercise.wrong("The first frame begins with the first event.",
    edit('stream["t"] // window', '(stream["t"] - stream["t"][0]) // window'),
    asks="At which time does frame 0 begin, if the first event comes late?")
exercise.wrong("Frames are flat.", edit("return frames", "return frames.reshape(num_steps, -1)"),
    told="Which axes does it have")
