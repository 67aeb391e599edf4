"""Puts the facts of a figure into words, one by one or summed up. Numbers have three digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .facts import Band, Bars, Cloud, Curve, Fact, Level, Picture, Position, Raster, Strokes

MOST = 4  # more levels than this are counted

# In this order they are said; the last are left out first. One of a kind, and several.
NOUNS: dict[type, tuple[str, str]] = {
    Raster: ("raster", "rasters"),
    Strokes: ("row of spikes", "rows of spikes"),
    Bars: ("set of bars", "sets of bars"),
    Picture: ("image", "images"),
    Cloud: ("set of points", "sets of points"),
    Curve: ("curve", "curves"),
    Level: ("line across", "lines across"),
    Band: ("shaded stretch", "shaded stretches"),
}


def number(value: float) -> str:
    """Return a number with three digits, and a minus sign that a screen reader reads."""
    whole = float(value).is_integer() and abs(value) < 1e5
    text = f"{value:.0f}" if whole else f"{value:.3g}"
    if 1e3 <= abs(value) < 1e7:  # 290000, not 2.9e5
        text = f"{float(value if whole else text):.0f}"
    text = re.sub(r"e([+-])0*", lambda sign: "e" + sign[1].replace("+", ""), text)
    return ("0" if text == "-0" else text).replace("-", "\N{MINUS SIGN}")


def plain(text: str) -> str:
    r"""Return a label without line breaks and without the signs of mathtext: ``\beta`` is beta."""
    text = re.sub(r"\\(?:mathrm|mathbf|mathit|text)\b", "", text)
    text = re.sub(r"\\[,;:! ]", " ", text)
    text = re.sub(r"\\([A-Za-z]+)", r"\1 ", text)
    text = re.sub(r"\s+", " ", re.sub(r"[${}\\]", "", text))
    return re.sub(r" ([)\],.;:])", r"\1", text).strip()


def one(fact: Fact, *, points: bool = True) -> str:
    """Return one fact in words; without ``points``, not how many a curve has."""
    name = plain(fact.name)
    match fact:
        case Level():
            name = name or ("upright" if fact.upright else "level")
            return f"{name} line at {number(fact.value)}"
        case Band():
            return f"{name or 'shaded'} from {number(fact.start)} to {number(fact.end)}"
        case Raster():
            return _raster(fact)
        case Strokes():
            return _strokes(fact, name)
        case Bars():
            zeros = f", {fact.zeros} of them 0" if fact.zeros else ""
            then = ", ".join(_at(bar) for bar in fact.then)
            text = f"{fact.count} {name or 'bars'}{zeros}, the highest {_at(fact.high)}"
            return f"{text}, then {then}" if then else text
        case Picture():
            return _picture(fact, name or "image")
        case Cloud():
            across, up = (f"{number(low)} to {number(high)}" for low, high in (fact.x, fact.y))
            return f"{fact.points} {name or 'points'}, from {across} across and {up} up"
        case Curve():
            return _curve(fact, name, points)


def several(facts: Sequence[Any], names: Sequence[str]) -> str:
    """Sum up facts of one kind: the largest, the smallest and whose they are, what is empty.

    Args:
        facts: at least one, all of one kind.
        names: what each is called, such as the title of its panel; empty if it has no name.
    """
    kind = type(facts[0])
    if kind in (Level, Band):
        texts = list(dict.fromkeys(one(fact) for fact in facts))
        more = len(texts) - MOST
        return "; ".join(texts[:MOST]) + (f"; and {more} more" if more > 0 else "")
    if kind is Cloud:
        return f"{sum(fact.points for fact in facts)} points"
    if kind in (Raster, Strokes):
        return _most_spikes([fact.spikes for fact in facts], names)
    if kind is Picture:
        return _pictures(facts, names)
    high, top = _largest([fact.high for fact in facts], names)
    if kind is Bars:
        return f"highest {_at(high)}{_of(top)}"
    low, bottom = _largest([(-value, place) for value, place in (f.low for f in facts)], names)
    return f"highest {_at(high)}{_of(top)}, lowest {_at((-low[0], low[1]))}{_of(bottom)}"


def _raster(fact: Raster) -> str:
    if not fact.spikes:
        return f"no spikes of {fact.neurons} neurons in {fact.steps} steps"
    (step, first), (count, busiest) = fact.first, fact.most
    return (
        f"{_spikes(fact.spikes)} of {fact.firing} of {fact.neurons} neurons in {fact.steps} steps, "
        f"the first at step {number(step)} in {_row(fact.row, first)}, "
        f"most, {count}, in {_row(fact.row, busiest)}"
    )


def _strokes(fact: Strokes, name: str) -> str:
    if fact.first is None or fact.last is None:
        return f"no spikes of {name}" if name else "no spikes"
    ends = f"at {number(fact.first)}"
    if fact.spikes > 1:
        ends = f"the first {ends}, the last at {number(fact.last)}"
    return f"{_spikes(fact.spikes)}{' of ' * bool(name)}{name}, {ends}"


def _picture(fact: Picture, name: str) -> str:
    if fact.total is not None:
        counts = f"{number(fact.total)} {name} in {fact.filled} cells"
        return f"{counts}, most, {number(fact.high)}, {_cell(fact)}"
    size = f"{fact.rows} by {fact.columns}"
    if fact.low == fact.high:
        return f"{name} of {size}, all {number(fact.high)}"
    filled = f"{fact.filled} above 0, " if fact.low >= 0 else ""
    return f"{name} of {size}, {filled}highest {number(fact.high)} {_cell(fact)}"


def _pictures(facts: Sequence[Picture], names: Sequence[str]) -> str:
    best, name = max(zip(facts, names, strict=True), key=lambda pair: pair[0].high)
    sizes = {(fact.rows, fact.columns) for fact in facts}
    size = f"{best.rows} by {best.columns} each, " if len(sizes) == 1 else ""
    empty = sum(fact.low == fact.high == 0 for fact in facts)
    if empty == len(facts):
        return f"{size}all 0"
    blank = f", {empty} of them all 0" if empty else ""
    filled = [fact.filled for fact in facts]
    if not empty and min(fact.low for fact in facts) == 0:
        blank = f", {min(filled)} to {max(filled)} above 0 in each"
    return f"{size}highest {number(best.high)} {_cell(best)}{_of(name)}{blank}"


def _curve(fact: Curve, name: str, points: bool) -> str:
    if fact.points == 1:
        return f"{name or 'point'} {_at(fact.high)}"
    parts = [name or "curve"] if name or fact.joined else []
    parts += [f"{fact.points} points"] if points or not parts else []
    if fact.high[0] == fact.low[0]:
        return f"{', '.join(parts)}, constant at {number(fact.high[0])}"
    if fact.joined:
        parts.append(f"from {number(fact.first)} to {number(fact.last)}")
    if fact.inside[0] or not fact.joined:
        parts.append(f"highest {_at(fact.high)}")
    if fact.inside[1] or not fact.joined:
        parts.append(f"lowest {_at(fact.low)}")
    return ", ".join(parts)


def _largest(
    values: Sequence[tuple[float, Position]], names: Sequence[str]
) -> tuple[tuple[float, Position], str]:
    return max(zip(values, names, strict=True), key=lambda pair: pair[0][0])


def _most_spikes(counts: Sequence[int], names: Sequence[str]) -> str:
    if not max(counts):
        return "no spikes in any"
    most, least = counts.index(max(counts)), counts.index(min(counts))
    silent = counts.count(0)
    rest = f"none in {silent}" if silent else f"fewest, {counts[least]},{_of(names[least])}"
    return f"{_spikes(sum(counts))} in all, most, {counts[most]},{_of(names[most])}, {rest}"


def _spikes(count: int) -> str:
    return f"{count} spike{'s' * (count != 1)}"


def _of(name: str) -> str:
    return f" in {name}" if name else ""


def _say(place: Position) -> str:
    return plain(place) if isinstance(place, str) else number(place)


def _row(row: str, place: Position) -> str:
    return f"{row} {_say(place)}" if re.fullmatch(r"[\d.]+", _say(place)) else _say(place)


def _cell(fact: Picture) -> str:
    row, up, column, across = fact.place
    return f"at {_row(row, up)}, {_row(column, across)}"


def _at(extreme: tuple[float, Position]) -> str:
    return f"{number(extreme[0])} at {_say(extreme[1])}"
