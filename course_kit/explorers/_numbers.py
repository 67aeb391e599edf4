"""Numbers as they stand in pictures and in their alt texts."""

from __future__ import annotations

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def short(value: float, digits: int = 3) -> str:
    """Return ``value`` with this many significant digits: "−0.0184", "2.10 × 10⁻⁸", "0"."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if value == 0:
        return "0"
    if -4 <= int(exponent) < 5:
        decimals = max(digits - 1 - int(exponent), 0)
        return f"{float(f'{mantissa}e{exponent}'):.{decimals}f}".replace("-", "−")
    return f"{mantissa.replace('-', '−')} × 10{str(int(exponent)).translate(_RAISED)}"
