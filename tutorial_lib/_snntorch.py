"""How this library meets snnTorch 1.0.0.

Names it lacks, arguments taken at their default only, entries of state dicts.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import torch
from torch import Tensor

from . import _checks

_TABLE = Path(__file__).with_name("snntorch_names.toml").read_text(encoding="utf-8")
INSTEAD: dict[str, dict[str, str]] = tomllib.loads(_TABLE)
"""For each namespace of snnTorch its names that are not here; for Leaky, arguments too."""

_MODULES = {
    "snntorch": {"backprop", "export_nir", "import_nir", "spikegen", "spikeplot", "spikevision"},
    "functional": {"acc", "loss", "probe", "quant", "reg", "stdp_learner"},
}


def missing(namespace: str, name: str, here: str) -> AttributeError | ImportError:
    """The error for a name that ``here`` lacks; with what to write if snnTorch has it.

    A module of snnTorch's gives an ImportError, as only such an error keeps its message in
    ``from tutorial_lib import backprop``.
    """
    instead = INSTEAD[namespace].get(name)
    if instead is None:
        return AttributeError(f"{here} has no attribute {name!r}.")
    kind = ImportError if name in _MODULES.get(namespace, ()) else AttributeError
    return kind(f"{here} has no {name!r} as snnTorch has. {instead}")


def check_defaults(state_quant: object, graded_spikes_factor: object, **flags: bool) -> None:
    """Accept arguments of snnTorch's ``Leaky`` at values that change nothing.

    Raises:
        TypeError: if a flag is not True or False.
        ValueError: for another value, with what to write instead.
    """
    default_true = "reset_delay"  # the other flags are False
    other = {
        name: _checks.flag(name, value) != (name == default_true) for name, value in flags.items()
    }
    other["state_quant"] = state_quant is not False and state_quant is not None
    other["graded_spikes_factor"] = not _is_one(graded_spikes_factor)
    given = flags | {"state_quant": state_quant, "graded_spikes_factor": graded_spikes_factor}
    for name in other:
        if other[name]:
            raise ValueError(
                f"Leaky takes snnTorch's {name} at its default only, got "
                f"{_checks.shown(given[name])}. {INSTEAD['Leaky'][name]}"
            )


def _is_one(value: object) -> bool:
    try:
        return bool((torch.as_tensor(value, device="cpu") == 1).all())
    except (TypeError, ValueError, RuntimeError):
        return False


class Missing:
    """A class attribute of snnTorch's that is not here: to use it raises :func:`missing`."""

    def __init__(self, namespace: str, name: str) -> None:
        self.namespace, self.name = namespace, name

    def __get__(self, instance: object, owner: type) -> None:
        raise missing(self.namespace, self.name, owner.__name__)


# What the state dict of a Leaky holds besides beta and threshold. The first two are snnTorch's
# buffers; the third stands there only where it differs from what snnTorch does.
SETTINGS = ("graded_spikes_factor", "reset_mechanism_val", "detach_reset")
RESETS = ("subtract", "zero", "none")  # in the order of snnTorch's numbers


def differences(
    entries: dict[str, Tensor | None], reset_mechanism: str, detach_reset: bool
) -> list[str]:
    """Where a state dict's entries (None: not there) say something else than a Leaky's settings."""
    problems = []
    code, factor = entries["reset_mechanism_val"], entries["graded_spikes_factor"]
    if code is not None:
        saved = dict(enumerate(RESETS)).get(int(code), int(code))
        if saved != reset_mechanism:
            problems.append(
                f"reset_mechanism is {saved!r} in the state dict, {reset_mechanism!r} here: build "
                f"the layer with reset_mechanism={saved!r}"
            )
    if factor is not None and not _is_one(factor):
        problems.append(
            f"graded_spikes_factor is {factor.tolist()} in the state dict, 1 here: multiply the "
            "spikes by it, or the weights that follow, and set it to 1 in the state dict"
        )
    detached = entries["detach_reset"] is None or bool(entries["detach_reset"])
    if detached != detach_reset:
        problems.append(
            f"detach_reset is {detached} in the state dict, {detach_reset} here: build the layer "
            f"with detach_reset={detached}"
        )
    return problems
