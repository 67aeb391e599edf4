"""What a figure plots, as numbers: counts, places, extremes. ``artists`` reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

Position = str | float  # a position on an axis: the label of its tick, or the number


@dataclass(frozen=True)
class Level:
    """A line right across the panel: a threshold, a floor, a limit."""

    name: str
    value: float
    upright: bool


@dataclass(frozen=True)
class Band:
    """A shaded stretch of the x axis, or of the y axis."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Curve:
    """A line, or points without a line: ``joined`` says which."""

    name: str
    points: int
    joined: bool
    first: float
    last: float
    high: tuple[float, Position]  # the largest value, and where it is reached first
    low: tuple[float, Position]
    inside: tuple[bool, bool]  # whether the highest and the lowest lie between the ends
    span: tuple[float, float] | None  # from where to where; None where places have names


@dataclass(frozen=True)
class Cloud:
    """Points of a scatter plot."""

    name: str
    points: int
    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True)
class Raster:
    """Spikes of many neurons; of two equals, the lower neuron number is named."""

    name: str
    spikes: int
    neurons: int
    steps: int
    row: str = "neuron"  # what the rows are called
    firing: int = 0
    first: tuple[float, Position] = (0, 0)  # time step, neuron
    most: tuple[int, Position] = (0, 0)  # spikes, neuron


@dataclass(frozen=True)
class Strokes:
    """Spikes of one neuron: the row of strokes above its membrane."""

    name: str
    spikes: int
    first: float | None
    last: float | None


@dataclass(frozen=True)
class Bars:
    """Bars or a histogram."""

    name: str
    count: int
    high: tuple[float, Position]
    then: tuple[tuple[float, Position], ...]  # the other bars above 0, falling, if they are few
    zeros: int


@dataclass(frozen=True)
class Picture:
    """An image or a heat map; masked cells do not count."""

    name: str
    rows: int
    columns: int
    low: float
    high: float
    place: tuple[str, Position, str, Position]  # of the largest value, each after what it counts
    filled: int  # cells above 0
    total: float | None  # the sum of whole numbers in some of the cells; None otherwise


Fact = Level | Band | Curve | Cloud | Raster | Strokes | Bars | Picture


@dataclass(frozen=True)
class Panel:
    """What one axes holds."""

    title: str
    x: str
    y: str
    color: str  # what the color of an image measures
    facts: list[Fact] = field(default_factory=list)

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of facts, to find panels that are alike."""
        return tuple(sorted({type(fact).__name__ for fact in self.facts}))
