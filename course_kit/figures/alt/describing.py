"""Descriptions of figures, computed from the artists drawn, for readers who cannot see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from matplotlib.figure import Figure, SubFigure

from . import artists, words
from .facts import Band, Curve, Level, Panel

LETTERS = 640  # what a whole figure may take: about 40 seconds of listening
LEAST = 150  # what each panel may take, however many there are
TITLES = 60  # what the titles of panels that are summed up may take; longer ones are left out
ALONE = 4  # more panels of one kind, or more curves in a panel, are summed up


def describe(fig: Figure | SubFigure) -> str:
    """Return in words what ``fig`` plots, for those who cannot see it; :func:`show` calls this.

    Each panel is named by its title and its axes. Then follow, as far as there is room: of a raster
    the spikes, the neurons that fire and the first spike; of spikes above a membrane their number,
    the first and the last; of bars the highest; of an image its size and the largest value; of a
    curve its ends, its highest and its lowest point; lines across, such as a threshold. Numbers
    have three digits. More than 4 panels or curves that are alike are summed up. What lies outside
    the limits of the axes is not there.

    Args:
        fig: a figure with at least one axes.

    Returns:
        One paragraph of plain text.

    Raises:
        TypeError: if ``fig`` is no Figure.
        ValueError: if it has no axes.
    """
    if not isinstance(fig, (Figure, SubFigure)):
        raise TypeError(
            f"fig must be a matplotlib Figure, got {type(fig).__name__}. "
            "plt.subplots() returns (fig, ax): pass the first; ax.figure is that of an axes."
        )
    if not fig.axes:
        raise ValueError(f"fig has no axes, got {fig}: draw something first.")
    panels = artists.panels(fig)
    alike: dict[tuple[str, ...], list[Panel]] = defaultdict(list)
    for panel in panels:
        alike[panel.kinds()].append(panel)
    singly = [panel for panel in panels if len(alike[panel.kinds()]) <= ALONE]
    room = max(LETTERS // max(len(singly), 1), LEAST)
    common = _common(singly) if len(singly) == len(panels) > 1 else ""
    parts = [f"{len(panels)} panels of {common}."] if common else []
    parts += [_summary(group) for group in alike.values() if len(group) > ALONE]
    for panel in singly:
        name = words.plain(panel.title)
        if not name and len(panels) > 1:
            name = f"Panel {panels.index(panel) + 1}"
        axes = "" if common else _axes(panel, span=True)
        parts.append(_sentence(", ".join(part for part in (name, axes) if part), panel, room))
    return " ".join(parts)


def _sentence(head: str, panel: Panel, room: int) -> str:
    """Describe one panel; facts of one kind that are many or find no room are summed up."""
    used, said = len(head), []
    for kind, (single, plural) in words.NOUNS.items():
        facts = [fact for fact in panel.facts if isinstance(fact, kind)]
        if not facts:
            continue
        points = {fact.points for fact in facts if isinstance(fact, Curve)}
        alike = len(facts) > 1 and len(points) == 1 and 1 not in points
        text = "; ".join(words.one(fact, points=not alike) for fact in facts)
        if alike:
            text = f"{len(facts)} {plural} of {points.pop()} points: {text}"
        full = used + len(text) > room and bool(said or len(facts) > 1)
        if full and kind in (Level, Band):
            text = f"and {len(facts)} {plural if len(facts) > 1 else single}"
        elif len(facts) > ALONE or (full and len(facts) > 1):
            names = [words.plain(fact.name) for fact in facts]
            text = f"{len(facts)} {plural}, {words.several(facts, names)}"
        said.append(text)
        used += len(text) + 2
    body = "; ".join(said) or "nothing is drawn"
    return f"{head}: {body}." if head else f"{body[0].upper()}{body[1:]}."


def _summary(group: Sequence[Panel]) -> str:
    """Describe panels that are alike: their axes, then the extremes of each kind of fact."""
    parts = []
    for kind in words.NOUNS:
        facts, names = [], []
        for number, panel in enumerate(group, start=1):
            found = [fact for fact in panel.facts if isinstance(fact, kind)]
            facts += found
            names += [words.plain(panel.title) or f"panel {number}"] * len(found)
        if facts:
            parts.append(words.several(facts, names))
    common = _common(group)
    head = f"{len(group)} panels of {common}" if common else f"{len(group)} panels"
    titles = ", ".join(words.plain(panel.title) for panel in group)
    if len(titles) <= TITLES and all(panel.title for panel in group):
        head += f", titled {titles}"
    return f"{head}: {'; '.join(parts) or 'nothing is drawn'}."


def _common(panels: Sequence[Panel]) -> str:
    """Return the axes that all these panels have, or nothing."""
    found = {_axes(panel, span=False) for panel in panels}
    return found.pop() if len(found) == 1 else ""


def _axes(panel: Panel, *, span: bool) -> str:
    """Return what the axes of a panel measure, with ``span`` from where to where curves go."""
    x, y = words.plain(panel.x), words.plain(panel.y)
    spans = [fact.span for fact in panel.facts if isinstance(fact, Curve) and fact.span]
    if x and span and spans:
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
        x = f"{x} from {words.number(low)} to {words.number(high)}"
    axes = f"{y} against {x}" if x and y else y or x
    return ", in color ".join(part for part in (axes, words.plain(panel.color)) if part)
