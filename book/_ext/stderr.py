"""Keep progress bars off the pages, and let no real warning vanish.

tqdm writes to stderr. A cell's stderr that holds nothing but progress bars is left out. Anything
else is left out too, but it is a warning of the build, so ``-W`` fails on it. A cell that shows a
warning on purpose carries the tag ``keep-stderr``; the page then shows all of it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

# "Training:  42%|####      | 21/50 [00:01<00:01, 20.1it/s]" or "21it [00:01, 20.1it/s]", from the
# start of the line. A warning that follows on the same line stays.
BAR = re.compile(r"^.*?(?:\d+%\|[^|]*\|[^\[]*|\d+\S* )\[[\d:?]+[^\]]*\]")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

logger = logging.getLogger(__name__)


def without_bars(text: str) -> str:
    """Return what is left of a stderr text when the progress bars are taken out."""
    lines = re.split(r"[\r\n]+", ANSI.sub("", text))
    return "\n".join(rest for line in lines if (rest := BAR.sub("", line).strip()))


def clean(app: Sphinx, doctree: nodes.document) -> None:
    """Remove the stderr outputs of this page; warn about those that say something."""
    for block in list(doctree.findall(nodes.literal_block)):
        if "stderr" not in block["classes"]:
            continue
        cell = block.parent
        while cell is not None and "cell" not in cell.get("classes", []):
            cell = cell.parent
        if cell is not None and "tag_keep-stderr" in cell["classes"]:
            continue
        if rest := without_bars(block.astext()):
            logger.warning("a cell wrote to stderr: %s", rest, location=block)
        block.parent.remove(block)


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx to clean each page once it is read."""
    app.connect("doctree-read", clean)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
