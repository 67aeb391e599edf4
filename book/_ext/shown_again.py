"""Shows an explorer of a notebook on another page too: one run, one drawing, two places.

In Markdown, with the notebook's path from the book's root and the explorer's title::

    ```{shown-again} /notebooks/04_spike_visualisation
    Spike player
    ```

A notebook whose outputs hold no such explorer is a warning, so ``-W`` makes the build fail.
"""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


class Place(nodes.General, nodes.Element):
    """Where an explorer is to stand, until every page has been read."""


class ShownAgain(SphinxDirective):
    """Marks the place."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the place; this page is made anew when the notebook changes."""
        notebook = self.arguments[0].lstrip("/")
        self.env.note_dependency(str(self.env.doc2path(notebook)))
        place = Place(notebook=notebook, title="\n".join(self.content))
        self.set_source_info(place)
        return [place]


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put a copy of the explorer into each place of this page."""
    for place in list(doctree.findall(Place)):
        found = explorer(app, place["notebook"], place["title"])
        if found is None:
            logger.warning(
                "%s shows no explorer with the title %r: was it executed?",
                place["notebook"],
                place["title"],
                location=place,
            )
            place.parent.remove(place)
            continue
        output = nodes.container("", found.deepcopy(), classes=["output", "text_html"])
        place.replace_self(nodes.container("", output, classes=["cell_output", "shown-again"]))


def explorer(app: Sphinx, notebook: str, title: str) -> nodes.raw | None:
    """Return the output of this notebook that shows the explorer of this title."""
    if notebook not in app.env.found_docs:
        return None
    start = f'<figure class="explorer" role="group" aria-label="{escape(title)}"'
    outputs = app.env.get_doctree(notebook).findall(nodes.raw)
    return next((raw for raw in outputs if raw.astext().startswith(start)), None)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive; its places are filled once all pages have been read."""
    app.add_node(Place)
    app.add_directive("shown-again", ShownAgain)
    app.connect("doctree-resolved", fill)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
