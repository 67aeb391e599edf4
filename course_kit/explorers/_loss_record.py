"""What the loss explorer computes: one output record, every loss of it, and the push of one.

Ten output neurons run for 50 steps. A constant current drives the neuron of the right class, over
all steps or half of them; another one drives a rival over the first half; the other eight get none.
Spikes and membranes come from the library's neuron, so they belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from tutorial_lib import functional as SF
from tutorial_lib.neurons import Leaky
from tutorial_lib.simulation import forward_pass

from ._values import number, one_of

__all__ = ["LossResult", "best_record", "compute", "record"]

STEPS, CLASSES, BETA = 50, 10, 0.5
RIGHT, RIVAL, OTHER = 3, 5, 0  # OTHER stands for the eight classes that get no current
LOSSES: dict[str, SF.Loss] = {name: loss() for name, loss in SF.LOSSES.items()}
LOSSES["mse_count_loss(0.8, 0.2)"] = SF.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)
"""Every loss of the library, and one with the rates that snnTorch's tutorials take."""
ON_MEMBRANES = tuple(name for name, loss in LOSSES.items() if loss.reads == "membranes")
CURRENTS = (0.0, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.6)
RIVALS = (0.0, 0.45, 0.8, 1.6)
WINDOWS = {
    "all 50 steps": slice(0, STEPS),
    "first half": slice(0, STEPS // 2),
    "second half": slice(STEPS // 2, STEPS),
}


@dataclass(frozen=True)
class LossResult:
    """What the loss explorer shows at one position of its controls.

    Attributes:
        loss: name of the chosen loss, one of ``LOSSES``.
        current: into the right class, in threshold units.
        when: during which steps it flows, one of ``WINDOWS``.
        rival: current into the rival, first half.
        spikes, membranes: the output record, each ``[T, C]`` = [50, 10].
        values: every loss of this record, in the order of ``LOSSES``, shape [L].
        floors: the lowest value of each, from its best record, shape [L].
        silences: the value of each for a record without spikes or charge, shape [L].
        push: minus the gradient of the chosen loss with respect to the spikes (membranes, for a
            loss on those), ``[T, C]``: positive where it asks for more.
        full_push: the largest size of that for the record without spikes or charge.
    """

    loss: str
    current: float
    when: str
    rival: float
    spikes: np.ndarray
    membranes: np.ndarray
    values: np.ndarray
    floors: np.ndarray
    silences: np.ndarray
    push: np.ndarray
    full_push: float

    @property
    def counts(self) -> tuple[int, int, int]:
        """Spikes of the right class, of the rival, and steps in which both fire."""
        right, rival = self.spikes[:, RIGHT], self.spikes[:, RIVAL]
        return int(right.sum()), int(rival.sum()), int((right * rival).sum())


def record(current: float, when: str, rival: float) -> tuple[Tensor, Tensor]:
    """Drive ten neurons with these currents; return their spikes and membranes, ``[50, 1, 10]``.

    Args:
        current: into the right class, in threshold units, from 0 to 2.
        when: during which steps that flows, one of ``WINDOWS``.
        rival: current into the rival in the first half, from 0 to 2.

    Raises:
        ValueError: for a current out of range or an unknown window.
    """
    current = number("current", current, 0, 2)
    one_of("when", when, WINDOWS)
    rival = number("rival", rival, 0, 2)
    currents = torch.zeros(STEPS, 1, CLASSES, dtype=torch.float64)
    currents[WINDOWS[when], :, RIGHT] = current
    currents[WINDOWS["first half"], :, RIVAL] = rival
    beta = torch.tensor(BETA, dtype=torch.float64)
    neurons = nn.Sequential(Leaky(beta, init_hidden=True, output=True))
    return forward_pass(neurons, STEPS, currents, time_varying=True)


def best_record(loss: str) -> Tensor:
    """Return the record with the lowest value of this loss, ``[50, 1, 10]``, of these few.

    The right class spikes at every step and no other does; or each as often as ``mse_count_loss``
    wants; for a loss on membranes, the right one is at 1 and all others at 0, or at 1,000:
    ``ce_max_membrane_loss`` tends to 0 as it grows without bound.
    """
    function = LOSSES[one_of("loss", loss, LOSSES)]
    right = torch.zeros(STEPS, 1, CLASSES, dtype=torch.float64)
    right[:, :, RIGHT] = 1
    records = [right, 1000 * right] if loss in ON_MEMBRANES else [right]
    if isinstance(function, SF.mse_count_loss):
        wanted = torch.zeros_like(right)
        wanted[: int(STEPS * function.incorrect_rate)] = 1
        wanted[: int(STEPS * function.correct_rate), :, RIGHT] = 1
        records.append(wanted)
    return min(records, key=lambda rec: _value(loss, rec))


def compute(
    loss: str = "ce_rate_loss",
    current: float = 0.8,
    when: str = "all 50 steps",
    rival: float = 0.0,
) -> LossResult:
    """Compute the record that these currents make, every loss of it, and the push of one.

    Args:
        loss: the loss whose gradient is wanted, one of ``LOSSES``.
        current: into the right class, in threshold units, from 0 to 2.
        when: during which steps it flows, one of ``WINDOWS``.
        rival: current into the rival in the first half, from 0 to 2.

    Raises:
        ValueError: for an unknown loss or window, or a current out of range.
    """
    best_record(loss)
    spikes, membranes = record(current, when, rival)
    records = {name: membranes if name in ON_MEMBRANES else spikes for name in LOSSES}
    floors, silences = _bounds()
    push = _push(loss, records[loss])
    return LossResult(
        loss=loss,
        current=current,
        when=when,
        rival=rival,
        spikes=spikes[:, 0].numpy(),
        membranes=membranes[:, 0].numpy(),
        values=np.array([_value(name, rec) for name, rec in records.items()]),
        floors=floors,
        silences=silences,
        push=push,
        full_push=float(np.abs(_push(loss, torch.zeros_like(spikes))).max()),
    )


def _value(loss: str, rec: Tensor) -> float:
    return float(LOSSES[loss](rec, torch.tensor([RIGHT])))


def _push(loss: str, rec: Tensor) -> np.ndarray:
    """Minus the gradient of the loss with respect to the record, ``[T, C]``."""
    leaf = rec.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(LOSSES[loss](leaf, torch.tensor([RIGHT])), leaf)
    return 0.0 - gradient[:, 0].numpy()


@lru_cache(maxsize=1)
def _bounds() -> tuple[np.ndarray, np.ndarray]:
    """Each loss of its best record, and of the empty one; read-only."""
    empty = torch.zeros(STEPS, 1, CLASSES, dtype=torch.float64)
    floors = np.array([_value(name, best_record(name)) for name in LOSSES])
    silences = np.array([_value(name, empty) for name in LOSSES])
    floors.setflags(write=False)
    silences.setflags(write=False)
    return floors, silences
