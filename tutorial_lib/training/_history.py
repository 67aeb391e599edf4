"""What a training run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields


@dataclass
class History:
    """What a training run did. Iteration k means: after k weight updates.

    Attributes:
        iterations: 1, 2, ..., one entry for each update.
        loss: training loss of each update's batch, before the update.
        accuracy: training accuracy of the same batch.
        eval_iterations: iterations at which the evaluation loader was run, 0 included.
        eval_loss, eval_accuracy, eval_decision_rate: what it gave.
    """

    iterations: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    eval_iterations: list[int] = field(default_factory=list)
    eval_loss: list[float] = field(default_factory=list)
    eval_accuracy: list[float] = field(default_factory=list)
    eval_decision_rate: list[float] = field(default_factory=list)

    def state_dict(self) -> dict[str, list]:
        """All lists as a plain dictionary, for a checkpoint or JSON."""
        return asdict(self)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, list]) -> History:
        """The history that :meth:`state_dict` describes.

        Raises:
            ValueError: if a list is missing, unknown, or not as long as those beside it.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(state, Mapping) or set(state) != names:
            raise ValueError(f"A history holds lists named {sorted(names)}, got {state!r}.")
        history = cls(**state)
        history.check()
        return history

    def check(self) -> None:
        """Raise ValueError unless there is one entry for each update and each evaluation."""
        for name, values in asdict(self).items():
            counted = self.eval_iterations if name.startswith("eval_") else self.iterations
            if not isinstance(values, list) or len(values) != len(counted):
                raise ValueError(
                    f"The history's {name} must be a list of {len(counted)} entries, one for each "
                    f"of its iterations, got {values!r}."
                )
