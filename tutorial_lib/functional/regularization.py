"""Terms that are added to a loss."""

from __future__ import annotations

from torch import Tensor

from .. import _checks
from ._loss import full_precision

__all__ = ["l1_rate_sparsity"]


class l1_rate_sparsity:
    r"""A penalty on every spike, so that a network fires less: called like a function.

    .. math:: L = \lambda \sum_{t,b,i} S_{b,i}[t]

    Summed over steps, samples and neurons, as in snnTorch: it grows with the size of the batch.

    Args:
        Lambda: the factor :math:`\lambda`, 0 or more.

    Raises:
        ValueError: if ``Lambda`` is negative or not finite.
        TypeError: if it is no number.
    """

    def __init__(self, Lambda: float = 1e-5) -> None:
        self.Lambda = _checks.finite("Lambda", Lambda)
        if self.Lambda < 0:
            raise ValueError(
                f"Lambda must be 0 or more, got {Lambda!r}: a negative one would reward spikes."
            )

    def __call__(self, spk_out: Tensor) -> Tensor:
        """Return the penalty, a single number, of spikes ``[T, B, C]``.

        Raises:
            TypeError, ValueError: for a malformed record.
        """
        return self.Lambda * full_precision(_checks.spikes("spk_out", spk_out)).sum()

    def __repr__(self) -> str:
        return f"l1_rate_sparsity(Lambda={self.Lambda!r})"
