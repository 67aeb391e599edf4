"""Repair what the theme and Sphinx write so that a screen reader gets lost in it.

Done in the finished pages, since some of it is written by the theme's templates:

- the arrow that folds a part of the table of contents has no name;
- a signature over several lines is a ``<dl>`` that has no ``<dt>``;
- the bibliography is called a list, but what it holds is no list item;
- the index of source code has lists directly inside lists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ARROW = re.compile(r"(<a [^>]*>([^<]*)</a><details[^>]*><summary)(?=>)")
SIGNATURE = re.compile(r'<dl>\s*((?:<dd><em class="sig-param">.*?</dd>\s*)+)</dl>', re.DOTALL)
BIBLIOGRAPHY = re.compile(r'<div role="list" class="citation-list">')
SOURCES = "<h1>All modules for which code is available</h1>"


def repaired(page: str) -> str:
    """Return the text of a page, repaired; a page that is in order stays as it is."""
    page = ARROW.sub(r'\1 aria-label="Pages of: \2"', page)
    page = SIGNATURE.sub(
        lambda found: (
            '<span class="sig-lines">'
            + found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
            + "</span>"
        ),
        page,
    )
    if SOURCES in page:
        page = re.sub(r"</li>\s*<ul>", "<ul>", page)
        page = re.sub(r"</ul>\s*(?=<li>|</ul>)", "</ul></li>", page)
    return BIBLIOGRAPHY.sub('<div class="citation-list">', page)


def repair_all(app: Sphinx, exception: Exception | None) -> None:
    """Repair each page of the finished book."""
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        before = path.read_text(encoding="utf-8")
        if (after := repaired(before)) != before:
            path.write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx to repair the pages in the end."""
    app.connect("build-finished", repair_all)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
