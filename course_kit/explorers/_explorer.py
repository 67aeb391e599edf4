"""An explorer shows its scene where it is: with a kernel, on a page, or as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import frontend
from . import _live, _page
from ._core import Control, Scene

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["Control", "Explorer"]


@dataclass(frozen=True, repr=False)
class Explorer(Scene):
    """A figure to play with, which shows itself as the last expression of a cell.

    Attributes:
        name: of its kind, "neuron"; positions are kept under it when its cell is run again.
        title: what it is, for readers who do not see it: "Neuron explorer".
        controls: what can be moved.
        compute: from one value per control, as keywords, what is to be shown; pure.
        draw: draws a result of ``compute`` on an empty figure, with artists alone (no pyplot).
        describe: says a result of ``compute`` in words and numbers; the picture's alt text.
        size: of the figure, in inches.
        play: name of the slider that a Play button moves, if there is one.

    Raises:
        ValueError: two controls of one name, or a ``play`` that names no slider.
    """

    def widget(self) -> ipywidgets.Widget:
        """The explorer for a reader with a kernel."""
        return _live.view(self)

    def html(self) -> str:
        """The explorer for a reader without a kernel: one piece of a page that loads nothing."""
        return _page.page(self)

    def _ipython_display_(self) -> None:
        """Show it with widgets, as a piece of a page, or as text, whichever can be seen here."""
        from IPython.display import HTML, display

        if frontend.has_widgets():
            display(self.widget())
        elif frontend.has_kernel():
            display(HTML(self.html()))
        else:
            print(repr(self))
