"""A figure as SVG text, always as the same bytes, and the parts in which many figures differ."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.text import Text

from ._core import Scene

__all__ = ["Table", "clean", "draw", "tabulate"]

DECIMALS = 2  # of a coordinate in points: 0.01 is a hundredth of a pixel
_FONTS = "'DejaVu Sans', 'Verdana', sans-serif"
_RIMMED = " with a rim"
_RIM = "paint-order:stroke;stroke:#fff;stroke-width:3px"
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
_NUMBER = re.compile(rf"-?\d+\.\d{{{DECIMALS + 1},}}")
_TAG = re.compile(r"<[^>]*>")
_GROUP = re.compile(r'<g id="[^"]*"/?>|<g(?: [^>]*[^>/])?>|</g>')
MARK = "<g data-part>"


def draw(scene: Scene, result: Any) -> str:
    """Return a result of the explorer as SVG text; its groups still carry their names.

    Whatever style the session has set, the picture looks the same. The session's settings stay.
    """
    # The one font is named, so that a page looks alike where it is installed.
    look = {
        "svg.fonttype": "none",
        "svg.hashsalt": scene.name,
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
        "path.simplify": True,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(look)
        figure = Figure(figsize=scene.size, dpi=72, facecolor="white")
        scene.draw(figure, result)
        _mark_rims(figure)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA)
    return _shorten(file.getvalue())


def clean(svg: str) -> str:
    """Return ``svg`` without the names of its groups, which would clash on a page of several."""
    return re.sub(r'<g id="[^"]*"(/?)>', lambda tag: "<g></g>" if tag[1] else "<g>", svg)


def _mark_rims(figure: Figure) -> None:
    """Take the white rims of texts away, which would turn them into outlines of letters.

    The names of their groups say that a rim belongs there; :func:`_with_rims` draws it.
    """
    for text in figure.findobj(Text):
        if text.get_path_effects():
            text.set_path_effects([])
            text.set_gid(f"{text.get_gid() or 'text'}{_RIMMED}")


def _with_rims(svg: str) -> str:
    first, *groups = svg.split('<g id="')
    for i, group in enumerate(groups):
        if group.split('"')[0].endswith(_RIMMED):
            groups[i] = group.replace('<text style="', f'<text style="{_RIM};')
    return '<g id="'.join([first, *groups])


def _shorten(svg: str) -> str:
    """Drop what a page does not need, and round the coordinates; text stays as it is."""
    svg = svg[svg.index("<svg") :]
    # Inside a page this rule would hold for every drawing on it.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r">\s*\n\s*<", "><", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg).strip()
    svg = _TAG.sub(lambda tag: _shorter(tag.group()), svg)
    svg = _with_rims(svg)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box[1]} {box[2]}" '
        f'style="stroke-linejoin:round;stroke-linecap:butt;font-family:{_FONTS}">'
    )
    # The clip paths stand last, in a separate group: a state may need fewer of them.
    svg = re.sub(r"(<defs>(?:(?!<defs>).)*</defs>)</svg>$", r'<g id="clips">\1</g></svg>', svg)
    return head + svg[svg.index(">") + 1 :]


def _shorter(tag: str) -> str:
    tag = tag.replace(f"; font-family: {_FONTS}", "").replace(' "', '"').replace("xlink:", "")
    tag = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", tag)
    return _NUMBER.sub(_rounded, tag)


def _rounded(number: re.Match[str]) -> str:
    text = f"{float(number.group()):.{DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(frozen=True)
class Table:
    """Drawings of one figure in many states, each part that differs kept once per look.

    Attributes:
        template: the SVG text of all states, with an empty ``<g data-part>`` for each part.
        parts: for each part, the inner texts that it can have.
        states: for each state, which of them each part has.
    """

    template: str
    parts: list[list[str]]
    states: list[list[int]]

    def assemble(self, state: int) -> str:
        """Return the drawing of one state, its parts put in as the page's script does it."""
        texts = [part[i] for part, i in zip(self.parts, self.states[state], strict=True)]
        first, *rest = self.template.split(MARK)
        return first + "".join(MARK + a + b for a, b in zip(texts, rest, strict=True))


def tabulate(drawings: list[str]) -> Table:
    """Return the table of these drawings, each from :func:`draw`.

    The smallest named groups that differ become parts. Where two states have different artists,
    the group around them becomes one part, which costs space.

    Raises:
        ValueError: there is no drawing, or they differ in size.
    """
    if not drawings:
        raise ValueError("There is no drawing to put into a table: the explorer has no state.")
    trees = [_tree(svg) for svg in drawings]
    if len({_frame(tree) for tree in trees}) > 1:
        raise ValueError(
            "The drawings differ outside their groups: is it the size of the figure? Draw every "
            "state in the same size, on axes of the same places, with the same limits."
        )
    parts: list[list[str]] = []
    choices: list[list[int]] = []
    template = _merge(trees, parts, choices)
    states = [[choice[k] for choice in choices] for k in range(len(drawings))]
    return Table(template, parts, states)


@dataclass
class _Group:
    """A named group of a drawing: texts and named groups, in order."""

    items: list[str | _Group]

    def inner(self) -> str:
        return "".join(i if isinstance(i, str) else f"<g>{i.inner()}</g>" for i in self.items)


def _tree(svg: str) -> _Group:
    """Read the named groups of an SVG text; everything else is plain text here."""
    root = _Group([])
    open_groups: list[_Group | None] = [root]  # None: a group without a name
    holder, last = root, 0
    for tag in _GROUP.finditer(svg):
        text = tag.group()
        if text.startswith("<g id="):
            holder.items.append(svg[last : tag.start()])
            group = _Group([])
            holder.items.append(group)
            last = tag.end()
            if not text.endswith("/>"):
                open_groups.append(group)
                holder = group
        elif text != "</g>":
            open_groups.append(None)
        elif open_groups.pop() is not None:
            holder.items.append(svg[last : tag.start()])
            holder = next(g for g in reversed(open_groups) if g is not None)
            last = tag.end()
    root.items.append(svg[last:])
    return root


def _frame(group: _Group) -> tuple[str | None, ...]:
    """The texts of a group, with a gap for each group in it."""
    return tuple(item if isinstance(item, str) else None for item in group.items)


def _merge(groups: list[_Group], parts: list[list[str]], choices: list[list[int]]) -> str:
    """Return what these groups have in common inside; note the parts in which they differ."""
    text = ""
    for column in zip(*(group.items for group in groups), strict=True):
        if isinstance(column[0], str):
            text += column[0]
            continue
        insides = [group.inner() for group in column]
        unique = list(dict.fromkeys(insides))
        if len(unique) == 1:
            text += f"<g>{unique[0]}</g>"
        elif len({_frame(group) for group in column}) == 1:
            text += f"<g>{_merge(list(column), parts, choices)}</g>"
        else:
            place = {inside: i for i, inside in enumerate(unique)}
            parts.append(unique)
            choices.append([place[inside] for inside in insides])
            text += f"{MARK}</g>"
    return text
