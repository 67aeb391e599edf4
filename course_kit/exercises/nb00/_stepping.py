"""How the exercises of this notebook call a learner's neuron for one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..diagnose import describe
from ..exercise import Wrong
from ..values import as_number, is_near, show


def stepped(step: Callable[..., Any], *inputs: Any, wanted: float) -> tuple[float, float]:
    """Returns spike and membrane after one step.

    Raises:
        Wrong: the step returns anything but two numbers, or the wanted membrane first.
    """
    result = step(*inputs)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Wrong(
            f"Your step returns {describe(result)}; expected two values, `return spk, mem`."
        )
    spk, mem = as_number(result[0], "Your spike"), as_number(result[1], "Your membrane")
    if is_near(spk, wanted, 1e-5) and not is_near(mem, wanted, 1e-5) and mem in (0, 1):
        raise Wrong(
            f"Your step returns {show(spk)} and {show(mem)}; expected the spike first, then the "
            f"membrane, which becomes {show(wanted)}. Are they swapped?"
        )
    return spk, mem
