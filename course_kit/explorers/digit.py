"""Draw a digit: the network answers what the reader draws."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from tutorial_lib import _checks

from .. import frontend
from . import _answer as view
from ._core import Control, Explorer
from ._examples import EXAMPLES
from ._ink import PEN, Source, check_source, strokes

if TYPE_CHECKING:
    import ipywidgets

    from ._answer import Answer
    from ._pad import DigitPad

__all__ = ["DrawDigit", "draw_digit"]

NO_CANVAS = (
    "The canvas needs the package anywidget. Install it with <code>pip install anywidget</code>, "
    "then restart the kernel and reload the page. Until then, choose from some drawings:"
)


@dataclass(frozen=True)
class DrawDigit(Explorer):
    """An explorer whose control is a canvas, where a kernel runs and anywidget is installed.

    Elsewhere it is an explorer of some drawings made before.

    Attributes:
        pen: width of a stroke in pixels of the canvas.
    """

    pen: int = 12

    def canvas(self) -> tuple[DigitPad, ipywidgets.HTML]:
        """The canvas and the picture of the answer, which follows the canvas's ``pixels``.

        Running the cell again does not lose the drawing.

        Raises:
            ModuleNotFoundError: anywidget is not installed.
        """
        import ipywidgets as widgets

        from ._live import POSITIONS, picture
        from ._pad import BLANK, DigitPad, inked

        place = POSITIONS.setdefault(self.name, {})
        pad = DigitPad(pixels=place.get("pixels", BLANK), pen=self.pen)
        image = widgets.HTML(layout={"width": "100%"})

        def show(_: object = None) -> None:
            place["pixels"] = pad.pixels
            said: Answer = self.compute(ink=inked(pad.pixels))
            image.value = picture(self, said)
            pad.answer = said.sentence

        show()
        pad.observe(show, names="pixels")
        return pad, image

    def _ipython_display_(self) -> None:
        """Show the canvas where it can work, the drawings made before elsewhere.

        Canvas and picture are two outputs: Colab finds the canvas's code only if it is not inside
        another widget.
        """
        if not frontend.has_widgets():
            super()._ipython_display_()
            return
        from IPython.display import HTML, display

        if importlib.util.find_spec("anywidget") is None:
            display(HTML(f"<p>{NO_CANVAS}</p>"))
            super()._ipython_display_()
            return
        for part in self.canvas():
            display(part)


def draw_digit(net: nn.Module, num_steps: int, source: Source = "mnist") -> DrawDigit:
    """Draw a digit with mouse, finger or keys, and see the spikes with which a network answers.

    The drawing is scaled and centered as the images of the data set were, then injected as a
    constant current. Where no kernel runs, and where anywidget is not installed, one chooses from
    drawings made before: ten digits, one between two of them, one that is none, and no ink.

    Args:
        net: a trained network for images ``[1, 1, 28, 28]``.
        num_steps: number of time steps T.
        source: the data that it was trained on, as ``data.load().source`` says: "mnist" or
            "digits". They want the drawing prepared differently.

    Returns:
        The explorer.

    Raises:
        TypeError: if ``net`` is no module or ``num_steps`` no integer.
        ValueError: if ``num_steps`` is below 1, ``source`` is unknown, or the network cannot run
            on such images.
    """
    _checks.at_least_one("num_steps", num_steps)
    check_source(source)
    drawings = {name: strokes(lines, PEN[source]) for name, lines in EXAMPLES.items()}
    answer = partial(view.answer, net, num_steps, source)
    answer(drawings["nothing"])  # a network that does not fit fails here, not at the first stroke

    def compute(drawn: str = "", ink: object = None) -> Answer:
        return answer(drawings[drawn], drawn) if ink is None else answer(ink)

    return DrawDigit(
        name="draw a digit",
        title="Draw a digit",
        controls=(
            Control(
                name="drawn",
                label="Which drawing",
                options=tuple(drawings),
                start="a 3",
                kind="choice",
            ),
        ),
        compute=compute,
        draw=view.draw,
        describe=view.describe,
        size=view.SIZE,
        pen=PEN[source],
    )
