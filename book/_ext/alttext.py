"""Warns about figures that a reader who cannot see them would miss; ``-W`` makes the build fail.

A figure in a cell's output needs a description with numbers: ``course_kit.figures.show`` and the
explorers compute one from what they plot. An image elsewhere on a page needs any description.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

GRAPHICS = ("img", "svg", "canvas")
_VOID = ("img", "br", "hr", "input", "source", "wbr", "meta", "link", "col", "area")

logger = logging.getLogger(__name__)


class _Graphics(HTMLParser):
    """Finds the graphics of an HTML text, and the problem of each."""

    def __init__(self, *, computed: bool) -> None:
        super().__init__()
        self.computed = computed
        self.problems: list[str] = []
        self.figures: list[list[Any]] = []  # the open <figure>s: has a name, holds a graphic
        self.hidden: list[tuple[str, bool]] = []  # the open tags: is what they hold decoration
        self.svg = 0  # depth inside an <svg>, whose parts need no description

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check a tag as it opens."""
        found = {name: value or "" for name, value in attrs}
        hidden = found.get("aria-hidden") == "true" or any(hidden for _, hidden in self.hidden)
        if tag == "figure":
            self.figures.append([bool(found.get("aria-label", "").strip()), False])
        if tag in GRAPHICS and not hidden and not self.svg:
            for figure in self.figures:
                figure[1] = True
            text = found.get("alt" if tag == "img" else "aria-label", "")
            if said := problem(tag, text, found.get("role"), computed=self.computed):
                self.problems.append(said)
        if tag == "svg":
            self.svg += 1
        if tag not in _VOID:
            self.hidden.append((tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        """Close a tag, with those that were left open inside it."""
        if tag not in (name for name, _ in self.hidden):
            return
        while self.hidden:
            closed, _ = self.hidden.pop()
            if closed == "svg":
                self.svg -= 1
            if closed == "figure":
                named, holds = self.figures.pop()
                if not named and not holds:
                    self.problems.append("<figure> without aria-label and without a graphic in it")
            if closed == tag:
                return


def problem(tag: str, text: str, role: str | None, *, computed: bool) -> str | None:
    """Return what is wrong with the description of one graphic, or None.

    Args:
        tag: one of ``GRAPHICS``.
        text: its description.
        role: its ARIA role; a drawing that no screen reader takes for one image is none.
        computed: whether the description must hold a number.
    """
    where = "alt" if tag == "img" else "aria-label"
    if not text.strip():
        return f"<{tag}> without {where}"
    if tag == "svg" and role not in ("img", "graphics-document"):
        return f'<svg> without role="img": its {where} is not read out'
    if computed and tag != "canvas" and not re.search(r"\d", text):
        return f"<{tag}> whose {where} holds no number computed from the data: {text[:80]!r}"
    return None


def problems(text: str, *, computed: bool) -> list[str]:
    """Return what is wrong with the graphics of an HTML text, one line each."""
    parser = _Graphics(computed=computed)
    parser.feed(text)
    parser.close()
    for name, _ in reversed(parser.hidden):
        parser.handle_endtag(name)
    return parser.problems


def check(app: Sphinx, doctree: nodes.document) -> None:
    """Warn about each graphic of this page that lacks its description."""
    for node in doctree.findall(lambda n: isinstance(n, (nodes.image, nodes.raw))):
        output = _in_output(node)
        if isinstance(node, nodes.image):
            said = problem("img", node.get("alt", ""), None, computed=output)
            found = [said] if said else []
        elif "html" in node.get("format", "").split():
            found = problems(node.astext(), computed=output)
        else:
            continue
        for line in found:
            hint = " Show it by course_kit.figures.show." if output else ""
            logger.warning("a figure without its description: %s.%s", line, hint, location=node)


def _in_output(node: nodes.Node) -> bool:
    while node is not None:
        if "cell_output" in getattr(node, "attributes", {}).get("classes", []):
            return True
        node = node.parent
    return False


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx to check each page once it is read."""
    app.connect("doctree-read", check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
