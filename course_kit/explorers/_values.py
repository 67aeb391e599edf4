"""Values that an explorer is given: checked before anything is computed, and written as text."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

SLOPE_RANGE = (1e-3, 1e6)
"""Of a surrogate: beyond it, a picture shows nothing more."""


def number(name: str, value: float, low: float, high: float) -> float:
    """Return ``value`` if it is a number from ``low`` to ``high``.

    Raises:
        TypeError: if it is no number.
        ValueError: if it lies outside, or is NaN.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__}).")
    low, high = float(low), float(high)  # NumPy's overflow beside a huge int
    if not low <= value <= high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value!r}.")
    return value if isinstance(value, (int, float)) else float(value)  # NumPy's, a Fraction


def one_of(name: str, value: Any, options: Iterable[Any]) -> Any:
    """Return ``value`` if it is one of ``options``.

    Raises:
        ValueError: if it is none of them.
    """
    offered = options if isinstance(options, range) else list(options)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value not in offered:
        raise ValueError(f"{name} must be one of {offered}, got {value!r}.")
    return value


def short(value: float, digits: int = 3) -> str:
    """Return ``value`` with this many significant digits: "−0.0184", "2.10 × 10⁻⁸", "0"."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if value == 0:
        return "0"
    if -4 <= int(exponent) < 5:
        decimals = max(digits - 1 - int(exponent), 0)
        return f"{float(f'{mantissa}e{exponent}'):.{decimals}f}".replace("-", "−")
    return f"{mantissa.replace('-', '−')} × 10{str(int(exponent)).translate(_RAISED)}"
