"""An explorer for a reader with a kernel: widgets that ipywidgets 7.7 has, as Colab does."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING, Any

from . import _svg
from ._core import SPEEDS, Control, Scene
from ._page import PHONE, PIXELS

if TYPE_CHECKING:
    import ipywidgets

__all__ = ["POSITIONS", "picture", "view"]

LONG = 24  # characters of a label from which on labels are as wide as their text, not all alike

POSITIONS: dict[str, dict[str, Any]] = {}
"""Where the reader left each explorer, so that running its cell again does not lose the place."""


def picture(scene: Scene, result: Any) -> str:
    """Return the drawing of one result as an HTML image with its description."""
    svg = _svg.clean(_svg.draw(scene, result))
    least, most = (round(72 * scene.size[0] * scale) for scale in PIXELS)
    image = (
        f'<img alt="{escape(scene.describe(result))}" '
        f'src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" '
        f'style="display:block;width:100%;min-width:{least}px;max-width:{most}px;height:auto;'
        'background:#fff">'
    )
    scrolls = ' tabindex="0" role="region" aria-label="Figure, scrolls sideways"'
    return (
        f'<div style="overflow-x:auto;max-width:100%"{scrolls if least > PHONE else ""}>'
        f"{image}</div>"
    )


def view(scene: Scene) -> ipywidgets.VBox:
    """Return the explorer as a box: the figure, then a widget for each control, then Play.

    The picture is an HTML widget whose text is replaced in place, so nothing can pile up. The
    controls start where the reader left them, if those values are still offered.
    """
    import ipywidgets as widgets

    place = POSITIONS.setdefault(scene.name, {})
    longest = max((len(c.label) for c in scene.controls), default=0)
    width = f"{longest + 1}ch" if longest < LONG else "initial"
    fields = {c.name: _field(c, place.get(c.name, c.start), width) for c in scene.controls}
    image = widgets.HTML(layout={"width": "100%"})

    def show(_: Any = None) -> None:
        for control in scene.controls:
            place[control.name] = control.options[fields[control.name].index]
        position = {control.name: place[control.name] for control in scene.controls}
        image.value = picture(scene, scene.compute(**position))

    show()
    for field in fields.values():
        field.observe(show, names="index")
    children = [image, *fields.values()]
    if scene.play is not None:
        children.append(_play(fields[scene.play]))
    return widgets.VBox(children)


def _field(control: Control, value: Any, width: str) -> ipywidgets.Widget:
    import ipywidgets as widgets

    options = [(control.words(option), i) for i, option in enumerate(control.options)]
    start = control.options.index(value if value in control.options else control.start)
    # No Dropdown: JupyterLab takes the arrow keys before the list gets them.
    kind = widgets.SelectionSlider if control.kind == "slider" else widgets.ToggleButtons
    style = {"description_width": width}
    if control.kind == "choice":
        style["button_width"] = "auto"
    return kind(
        options=options,
        index=start,
        description=control.label,
        style=style,
        layout={"width": "auto", "height": "auto", "max_width": "46em", "flex_flow": "row wrap"},
    )


def _play(slider: ipywidgets.SelectionSlider) -> ipywidgets.HBox:
    """Play and pause, and three speeds, for a slider that stays the place to scrub."""
    import ipywidgets as widgets
    from traitlets import link

    play = widgets.Play(
        min=0, max=len(slider.options) - 1, value=slider.index, interval=SPEEDS["normal"]
    )
    link((play, "value"), (slider, "index"))
    speed = widgets.ToggleButtons(
        options=list(SPEEDS.items()),
        value=SPEEDS["normal"],
        description="Speed",
        style={"description_width": "initial", "button_width": "auto"},
        layout={"width": "auto"},
    )
    link((speed, "value"), (play, "interval"))
    return widgets.HBox([play, speed])
