"""How the exercises of this notebook call a learner's neuron for one step."""

from typing import Any

import torch

from tutorial_lib import neurons

from ..exercise import Function, Wrong
from ..values import as_number, describe, is_near, show


def library_step(cur, mem, beta, threshold=1.0, reset="subtract"):
    """The library's neuron, with numbers in and out."""
    cur, mem = (torch.tensor(value, dtype=torch.float64) for value in (cur, mem))
    spk, mem = neurons.lif_step(cur, mem, beta, threshold, reset_mechanism=reset)
    return spk.item(), mem.item()


def stepped(step: Function, *inputs: Any) -> tuple[float, float]:
    """Spike and membrane after a step. Raises Wrong for anything but two numbers in this order."""
    result = step(*inputs)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Wrong(f"Your step returns {describe(result)}; expected `return spk, mem`.")
    spk, mem = as_number(result[0], "Your spike"), as_number(result[1], "Your membrane")
    wanted = library_step(*inputs)[1]
    if is_near(spk, wanted, 1e-5) and not is_near(mem, wanted, 1e-5) and mem in (0, 1):
        raise Wrong(f"Your step returns {show(spk)} and {show(mem)}; expected the spike first, "
            f"then the membrane, which becomes {show(wanted)}. Are they swapped?")
    return spk, mem


def expect_step(step: Function, *inputs: Any) -> float:
    """Returns the spike. Raises Wrong if the membrane after the step differs from the library's."""
    spk, mem = stepped(step, *inputs)
    wanted = library_step(*inputs)[1]
    if not is_near(mem, wanted, 1e-5):
        raise Wrong(f"{given(*inputs)}, the new membrane is {show(mem)}; expected {show(wanted)}:",
            "which term of the update differs?")
    return spk


def given(cur: float, mem: float, beta: float, threshold: float = 1.0, reset: str = "") -> str:
    """The inputs of a step in words."""
    side = "above" if mem > threshold else "below"
    how = f", `reset={reset!r}`" if reset else ""
    driven = f"an input of {show(cur)}" if cur else "no input"
    return (f"At U = {show(mem)}, {side} the threshold of {show(threshold)}, with beta = {beta}"
        f"{how} and {driven}")
