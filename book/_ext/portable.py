"""Plain Markdown that reads well everywhere, dressed up for the book.

A block quote whose first words are bold and whose lead is one of ``KINDS`` becomes an admonition::

    > **Predict.** Will this neuron fire?

JupyterLab and Colab show the quote as it is.

A linked badge, ``[![Open in Colab](https://...svg)](https://...)``, is an image from another host.
The book shows its alt text instead, as a plain link.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

# First word of the lead -> admonition class (its color and icon): the theme's, or custom.css's.
KINDS = {
    "exercise": "exercise",
    "hint": "hint",
    "note": "note",
    "objectives": "tip",
    "predict": "predict",
    "prerequisites": "note",
    "remember": "tip",
    "see": "seealso",
    "solution": "seealso",
    "summary": "tip",
    "take-away": "tip",
    "tip": "tip",
    "try": "exercise",
    "warning": "warning",
}


class QuotesToAdmonitions(SphinxTransform):
    """Replaces each block quote with a known bold lead by an admonition of that title."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the page in place."""
        for quote in list(self.document.findall(nodes.block_quote)):
            if box := admonition(quote):
                quote.replace_self(box)


def admonition(quote: nodes.block_quote) -> nodes.admonition | None:
    """Return the admonition for this quote, or None if its lead is not a known one."""
    if not quote.children or not isinstance(quote[0], nodes.paragraph):
        return None
    # MyST puts an empty text first.
    words = [child for child in quote[0].children if child.astext()]
    if not words or not isinstance(words[0], nodes.strong):
        return None
    lead = words[0].astext()
    kind = KINDS.get(lead.split()[0].strip(".:").lower())
    if kind is None:
        return None
    title = nodes.title("", "", *[child.deepcopy() for child in words[0].children])
    if isinstance(title[-1], nodes.Text):
        title[-1] = nodes.Text(title[-1].astext().rstrip(".:"))
    box = nodes.admonition("", title, classes=["admonition", kind])
    rest = nodes.paragraph("", "", *words[1:])
    if rest.astext().strip():
        if isinstance(rest[0], nodes.Text):
            rest[0] = nodes.Text(rest[0].astext().lstrip())
        box += rest
    box += quote.children[1:]
    return box


class BadgesToText(SphinxTransform):
    """Replaces each linked image from another host by its alt text."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Change the page in place."""
        for image in list(self.document.findall(nodes.image)):
            remote = image["uri"].startswith(("http:", "https:"))
            if remote and image.get("alt") and isinstance(image.parent, nodes.reference):
                image.replace_self(nodes.Text(image["alt"]))


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx about both transforms."""
    app.add_transform(QuotesToAdmonitions)
    app.add_transform(BadgesToText)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
