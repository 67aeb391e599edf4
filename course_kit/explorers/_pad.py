"""The canvas: a widget with its JavaScript view. Imported only when a canvas is shown."""

from __future__ import annotations

from pathlib import Path

import anywidget
import numpy as np
import traitlets

from ._drawings import SIDE

__all__ = ["DigitPad", "inked", "packed"]

BLANK = "0" * SIDE**2


def packed(ink: np.ndarray) -> str:
    """Ink ``[112, 112]`` as text, row by row: "1" where there is ink, else "0"."""
    return "".join("1" if pixel else "0" for pixel in ink.ravel())


def inked(pixels: str) -> np.ndarray:
    """The ink that :func:`packed` gave, bool ``[112, 112]``."""
    return (np.frombuffer(pixels.encode(), np.uint8) == ord("1")).reshape(SIDE, SIDE)


class DigitPad(anywidget.AnyWidget):
    """A square to draw on.

    Attributes:
        pixels: the ink, row by row, as :func:`packed` gives it; changes a moment after each stroke.
        answer: a sentence that a screen reader reads out when it changes.
        side: pixels of the canvas in each direction.
        pen: width of a stroke in these pixels.
    """

    _esm = Path(__file__).with_name("_pad.js").read_text(encoding="utf-8")
    pixels = traitlets.Unicode(BLANK).tag(sync=True)
    answer = traitlets.Unicode("").tag(sync=True)
    side = traitlets.Int(SIDE).tag(sync=True)
    pen = traitlets.Int(12).tag(sync=True)

    @traitlets.validate("pixels")
    def _check(self, proposal: traitlets.Bunch) -> str:
        pixels = proposal["value"]
        if len(pixels) != SIDE**2 or set(pixels) - {"0", "1"}:
            raise traitlets.TraitError(
                f"pixels must be {SIDE} rows of {SIDE} characters 0 or 1, without breaks, got "
                f"{len(pixels)} characters."
            )
        return pixels
