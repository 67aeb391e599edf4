"""What a training run leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real


@dataclass
class History:
    """What a training run did. Iteration k means: after k weight updates.

    Attributes:
        iterations: 1, 2, ..., one entry for each update.
        loss: training loss of each update's batch, before the update.
        accuracy: training accuracy of the same batch.
        eval_iterations: iterations at which the evaluation loader was run, 0 included.
        eval_loss, eval_accuracy, eval_decision_rate: what it gave.

    Raises:
        ValueError: if a list has not one number for each of its iterations.
    """

    iterations: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    eval_iterations: list[int] = field(default_factory=list)
    eval_loss: list[float] = field(default_factory=list)
    eval_accuracy: list[float] = field(default_factory=list)
    eval_decision_rate: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if not isinstance(values, list) or not all(isinstance(v, Real) for v in values):
                raise ValueError(f"A history's {name} must be a list of numbers, got {values!r}.")
            counted = self.eval_iterations if name.startswith("eval_") else self.iterations
            if len(values) != len(counted):
                raise ValueError(
                    f"A history's {name} must be a list of {len(counted)} entries, one for each of "
                    f"its iterations, got {values!r}."
                )

    def state_dict(self) -> dict[str, list]:
        """All lists as a dictionary of Python's own numbers, for a checkpoint or JSON.

        Raises:
            ValueError: if what was added since does not fit, as for a new history.
        """
        self.__post_init__()
        return {
            name: [int(v) if isinstance(v, Integral) else float(v) for v in values]
            for name, values in vars(self).items()
        }
