"""Draw a digit, and see what class a network takes it for."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from .. import frontend
from . import _digit_view as view
from ._drawings import PEN, Source, check_source, strokes
from ._examples import EXAMPLES
from ._explorer import Control, Explorer
from ._values import one_of

if TYPE_CHECKING:
    import ipywidgets

    from ._pad import DigitPad

__all__ = ["DrawDigit", "draw_digit"]

NO_CANVAS = (
    "The canvas needs the package anywidget. Install it with <code>pip install anywidget</code>, "
    "then restart the kernel and reload the page. Until then, choose from some drawings:"
)


@dataclass(frozen=True, repr=False)
class DrawDigit(Explorer):
    """An explorer whose control is a canvas, where a kernel runs and anywidget is installed.

    Elsewhere it is an explorer of some drawings made before.

    Attributes:
        pen: width of a stroke in pixels of the canvas.
    """

    pen: int = 12

    def canvas(self) -> tuple[DigitPad, ipywidgets.HTML]:
        """The canvas and the picture of the result, which follows the canvas's ``pixels``.

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
            result: view.Classification = self.compute(ink=inked(pad.pixels))
            image.value = picture(self, result)
            pad.answer = result.sentence

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
    """Draw a digit with mouse, finger or keys, and see how a network classifies it.

    The drawing is scaled and centered as the images of the dataset were, then injected as a
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
    check_source(source)
    drawings = {name: strokes(lines, PEN[source]) for name, lines in EXAMPLES.items()}
    classify = partial(view.classify, net, num_steps, source)
    classify(drawings["nothing"])  # a network that does not fit fails here, not at the first stroke

    def compute(drawn: str = "", ink: object = None) -> view.Classification:
        if ink is not None:
            return classify(ink)
        return classify(drawings[one_of("drawn", drawn, drawings)], drawn)

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
