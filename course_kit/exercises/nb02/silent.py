"""How many spikes does an untrained network send?"""

from functools import cache

from ...material import fresh, printed_digits
from ..exercise import Exercise, Wrong
from ._networks import layers_of

exercise = Exercise(__name__,
    "Untrained, 50 steps, 128 images: how many of 64,000 possible output spikes are sent?",
    shows="Predict that the untrained network's output is silent.", kind="choice",
    options={
        "a": "None.",
        "b": "A few: less than 2%.",
        "c": "About a tenth: with random weights, one class in ten fires.",
        "d": "About half: an untrained neuron fires as a coin falls.",
    })


@exercise.judge
def judge(key: str) -> str:
    (first, second, out), *others = spikes()
    share = max(row[-1] for row in spikes()) / (50 * 10 * 10)
    facts = (f"For ten printed digits and 50 steps, layer 1 sends {first:,} spikes, layer 2 "
        f"{second:,} and the output {out:,}")
    if key == ("a" if share == 0 else "b" if share < 0.02 else "c" if share < 0.3 else "d"):
        more = " and ".join(str(row[-1]) for row in others)
        return f"{facts}; with two other seeds the output sends {more}. Now see your own digits."
    raise Wrong(f"{facts}.")


@cache
def spikes() -> list[list[int]]:
    """Spikes by seed and layer for ten printed digits."""
    images, _ = printed_digits()
    return [[int(x.sum()) for x in layers_of(fresh(seed), 50, images)] for seed in range(3)]


exercise.wrong("Random weights say a little.", "b",
    asks="A few spikes would need inputs to the last layer: how many does layer 2 send it?")
exercise.wrong("Chance is a tenth.", "c",
    asks="Nobody has told the network that one class in ten is right: who would balance that?")
exercise.wrong("An untrained neuron is a coin.", "d",
    asks="A fair coin needs currents near threshold: how large are they, if most inputs are 0?")
