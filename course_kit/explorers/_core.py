"""A scene: what can be moved, what is computed from that, and how it is drawn and described."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.figure import Figure

__all__ = ["SPEEDS", "Control", "Scene"]

SPEEDS = {"slow": 900, "normal": 400, "fast": 150}
"""What a Play button offers: milliseconds from one value to the next."""


def _words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Control:
    """One thing that a reader moves.

    Attributes:
        name: the keyword of the explorer's ``compute``.
        label: what stands beside the control, with the unit if there is one.
        options: the values, in order.
        start: the value at first, one of ``options``.
        kind: "slider" for ordered values, "choice" for named ones.
        page: the values offered where there is no kernel, a part of ``options`` that contains
            ``start``; all of them if None.
        words: how a value reads beside the control; a number as ``f"{value:g}"`` if not given.

    Raises:
        ValueError: an unknown kind, a start that is not offered, or a page value that is not.
    """

    name: str
    label: str
    options: tuple[Any, ...]
    start: Any
    kind: Literal["slider", "choice"] = "slider"
    page: tuple[Any, ...] | None = None
    words: Callable[[Any], str] = _words

    def __post_init__(self) -> None:
        if self.kind not in ("slider", "choice"):
            raise ValueError(
                f"Control {self.name!r}: kind must be 'slider' or 'choice', got {self.kind!r}."
            )
        for name, values in (("options", self.options), ("page", self.page_options)):
            if self.start not in values:
                raise ValueError(
                    f"Control {self.name!r}: {name} must contain the start {self.start!r}, "
                    f"got {values!r}."
                )
        if strange := [value for value in self.page_options if value not in self.options]:
            raise ValueError(f"Control {self.name!r}: page has {strange!r}, which options lacks.")

    @property
    def page_options(self) -> tuple[Any, ...]:
        """The values offered without a kernel."""
        return self.options if self.page is None else self.page


@dataclass(frozen=True, repr=False)
class Scene:
    """A figure with controls; ``Explorer`` says what its attributes are."""

    name: str
    title: str
    controls: tuple[Control, ...]
    compute: Callable[..., Any]
    draw: Callable[[Figure, Any], None]
    describe: Callable[[Any], str]
    size: tuple[float, float] = (5.2, 4.2)
    play: str | None = None

    def __post_init__(self) -> None:
        names = [control.name for control in self.controls]
        if len(set(names)) < len(names):
            raise ValueError(f"Explorer {self.name!r}: two controls have one name, {names}.")
        sliders = [control.name for control in self.controls if control.kind == "slider"]
        if self.play is not None and self.play not in sliders:
            raise ValueError(
                f"Explorer {self.name!r}: play must name a slider, one of {sliders}, "
                f"got {self.play!r}."
            )

    def start(self) -> dict[str, Any]:
        """The position of the controls at first."""
        return {control.name: control.start for control in self.controls}

    def figure(self, **position: Any) -> Figure:
        """Draw one position, the controls not named being at their start.

        Raises:
            TypeError: for a control that does not exist.
        """
        if unknown := sorted(set(position) - set(self.start())):
            raise TypeError(
                f"{self.title} has no control {', '.join(unknown)}. "
                f"It has {', '.join(self.start())}."
            )
        figure = Figure(figsize=self.size, dpi=100, facecolor="white")
        self.draw(figure, self.compute(**{**self.start(), **position}))
        return figure

    def __repr__(self) -> str:
        start = ", ".join(f"{c.name}={c.words(c.start)}" for c in self.controls)
        return f"{self.title} ({start}): {self.describe(self.compute(**self.start()))}"

    def grid(self, *, page: bool = False) -> Iterator[dict[str, Any]]:
        """Every position of the controls, the last control changing fastest."""
        names = [control.name for control in self.controls]
        options = [c.page_options if page else c.options for c in self.controls]
        for values in itertools.product(*options):
            yield dict(zip(names, values, strict=True))
