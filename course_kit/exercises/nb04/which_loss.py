"""The handwriting of three losses."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from tutorial_lib import functional as SF

from ...material import LOSSES, mystery_networks
from ..exercise import Exercise, Wrong
from ..values import entries

exercise = Exercise(__name__,
    "Find out from rasters alone which of three networks was trained with which loss.",
    shows="Recognize what a loss asks of the spikes.", kind="open")

solved_diagnosis = exercise.reference(
    {"P": "mse_count_loss", "Q": "ce_rate_loss", "R": "ce_max_membrane_loss"}
)


@exercise.judge
def judge(answer: Any) -> str:
    names = named(answer)
    for letter, (name, spk_rec, targets) in mystery_networks().items():
        if names[letter] != name:
            target, others, often, never = rates(spk_rec, targets)
            raise Wrong(f"You take {letter} for {names[letter]}. In {letter}, the target fires at "
                f"{target:.0%} of the steps and the others at {others:.0%}. Of the others, "
                f"{never:.0%} never fire, and {often:.0%} fire at half of the steps or more.",
                "What does each loss ask of the target, and what of the others?")
    return ("All three are right. A loss leaves its handwriting: full and empty rows, rates in "
        "between, or spikes that nobody has asked for. It tells you how a network was trained.")


def named(answer: Any) -> dict[str, str]:
    given, names = entries(answer, *"PQR"), {}
    for letter in "PQR":
        value = given[letter]
        name = value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
        name = name.strip("` ").removesuffix("()").removeprefix("SF.")
        if name not in LOSSES:
            raise Wrong(f"For {letter} you gave {name!r}; expected one of {', '.join(LOSSES)}.")
        names[letter] = name
    if len(set(names.values())) < 3:
        raise Wrong(f"You gave {', '.join(names.values())}; expected each of the three losses "
            "once. What is different in the rasters to which you gave the same?")
    return names


def rates(spk_rec: Tensor, targets: Tensor) -> tuple[float, float, float, float]:
    """Rates of target and others; shares of the others that fire often, and never."""
    rate = spk_rec.mean(0)
    target = F.one_hot(targets, rate.shape[-1]).bool()
    others = rate[~target]
    often, never = (others >= 0.5).float().mean(), (others == 0).float().mean()
    return rate[target].mean().item(), others.mean().item(), often.item(), never.item()


RATE, MEMBRANE, COUNT = "ce_rate_loss", "ce_max_membrane_loss", "mse_count_loss"


exercise.right("as calls", {"R": f"{MEMBRANE}()", "P": f"SF.{COUNT}", "Q": RATE})
exercise.right("the losses themselves",
    {"P": SF.mse_count_loss, "Q": SF.ce_rate_loss(), "R": SF.ce_max_membrane_loss})

exercise.wrong("A loss on membranes makes even rates.", {"P": MEMBRANE, "Q": RATE, "R": COUNT},
    asks=f"Why would {MEMBRANE}, which never looks at a spike, hold the target of P back?")
exercise.wrong("ce_rate_loss sets rates.", {"P": RATE, "Q": COUNT, "R": MEMBRANE},
    asks=f"Would {RATE}, which charges for every wrong spike at every step, leave that many in P?")
exercise.wrong("Only the target's row is looked at.", {"P": COUNT, "Q": MEMBRANE, "R": RATE},
    asks=f"Why would {MEMBRANE}, which never looks at a spike, silence nearly all others in Q?")
exercise.wrong("Two networks may share a loss.", {"P": COUNT, "Q": RATE, "R": RATE},
    told="each of the three losses once")
exercise.wrong("Any loss will do.", {"P": "ce_count_loss", "Q": RATE, "R": MEMBRANE},
    told="expected one of")
