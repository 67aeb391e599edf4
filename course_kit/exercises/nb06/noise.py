"""The noise whose density is the normalized fast sigmoid."""

import torch
from torch import Tensor

from tutorial_lib import surrogate

from ..exercise import Exercise, Function, Wrong, edit
from ..values import describe, show

exercise = Exercise(__name__,
    "Turn numbers from 0 to 1 into the noise that belongs to the normalized fast sigmoid.",
    shows="Find the noise of a neuron whose firing probability has a given derivative.",
    kind="function")


@exercise.reference
def solved_noise(u, k):
    y = 2 * u - 1  # from -1 to 1, where the primitive times 2, minus 1, lives
    return y / (k * (1 - y.abs()))


POINTS = 20_001
PROBES = tuple((k, x / k) for k in (2.0, 5.0) for x in (-0.25, -1.0, -4.0, 0.0, 0.25, 1.0, 4.0))


@exercise.judge
def judge(noise: Function) -> str:
    for k, x in PROBES:
        values = drawn(noise, k)
        below = (values < x).double().mean().item()
        wanted = surrogate.fast_sigmoid_normalized(k).primitive(torch.tensor(x).double()).item()
        if abs(below - wanted) > 2e-3:
            raise Wrong(f"With k = {show(k)}, {below:.1%} of your noise is below {show(x)}; "
                f"expected {wanted:.1%}, the primitive there.",
                "For which noise is the primitive equal to u? Solve for it on both sides of 0.")
    far = (drawn(noise, 5.0).abs() > 10).double().mean().item()
    return ("At each of 14 places the share of noise below is the primitive. Its tails are heavy: "
        f"at k = 5, one value in {1 / far:.0f} is more than 10 thresholds away.")


def drawn(noise: Function, k: float) -> Tensor:
    u = (torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS
    values = noise(u, k)
    if not isinstance(values, Tensor) or values.shape != u.shape:
        raise Wrong(f"For a tensor of shape [{POINTS}] your function returns {describe(values)}; "
            "expected one value of noise per entry.",
            "Does every entry of `u` give one value?")
    if not bool(values.isfinite().all()):
        raise Wrong(f"With k = {show(k)}, your noise holds a value that is not finite, for u from "
            f"{show(u[0].item())} to {show(u[-1].item())}; expected finite numbers.",
            "What do you divide by at u = 0.5?")
    return values


exercise.right("turned round", edit("2 * u - 1", "1 - 2 * u"))


@exercise.right("by odds, side by side")
def by_odds(u, k):
    low, high = 1 / k - 1 / (2 * k * u), (2 * u - 1) / (2 * k * (1 - u))
    return torch.where(u < 0.5, low, high)


exercise.right("a sign and a size", edit("y / (k", "y.sign() * y.abs() / (k"))

VALUE = "y / (k * (1 - y.abs()))"
exercise.wrong("Every noise is normal.", edit(VALUE, "torch.special.ndtri(u) / k"),
    asks="Is that normal noise? Its tails fall much faster than 1 / x^2.")
exercise.wrong("A sigmoid is logistic.", edit(VALUE, "torch.logit(u) / k"),
    asks="Logistic noise belongs to `sigmoid`. What is the primitive of the fast sigmoid?")
exercise.wrong("Heavy tails are those of atan.", edit(VALUE, "torch.tan(torch.pi * y / 2) / k"),
    asks="Is that Cauchy noise? It belongs to `atan`. What is the primitive here?")
exercise.wrong("The slope is a width.", edit("(k * (1 - y.abs()))", "(1 - y.abs()) * k"),
    asks="Does a larger k make the noise wider or narrower?")
exercise.wrong("The primitive rises from -1 to 1.", edit("2 * u - 1", "u - 0.5"),
    asks="The primitive runs from 0 to 1 and u as well: by what must u - 0.5 be multiplied?")
exercise.wrong("The surrogate turns u into noise.", edit(VALUE, "y / (1 + k * y.abs())"),
    asks="Is that the primitive itself? It leads from noise to u; which way do you need?")
exercise.wrong("Noise only hinders.", edit("2 * u - 1", "u"),
    asks="Noise of one sign has no values on the other side: is the density symmetric?")
exercise.wrong("The slope does not matter.", edit("(k * (1", "(1 * (1"),
    asks="Does k enter, and only once?")
exercise.wrong("The 2 of the primitive belongs to k.", edit("(k * (1", "(k / 2 * (1"),
    told="Does k enter, and only once?")
exercise.wrong("One value is noise enough.", edit(VALUE, f"({VALUE})[0]"),
    told="Does every entry of")
exercise.wrong("0 may be divided by 0.", edit(VALUE, "y * y.abs() / (k * (y.abs() - y**2))"),
    told="What do you divide by at u = 0.5")
