"""Let the book work without a network: MathJax comes with it, and nothing else is fetched.

The PyPI package ``sphinx-mathjax-offline`` carries MathJax 3.2.2. Its own extension copies all
24 MB of it; this one takes the part that a page can ask for. A page that would still load a
script, a style sheet, an image or a frame from another host is a warning, so ``-W`` fails on it.
"""

from __future__ import annotations

import importlib.util
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

PACKAGE = "sphinx-mathjax-offline"
# The bundle, what it loads when a formula uses a rare macro, and its screen-reader support.
PARTS = (
    "tex-svg.js",
    "input/tex/extensions",
    "a11y",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
)
LOADING = {"audio", "embed", "iframe", "img", "link", "script", "source", "track", "video"}
REMOTE = ("http:", "https:", "//")

logger = logging.getLogger(__name__)


class _Loads(HTMLParser):
    """Collects the addresses on other hosts that a page loads by itself. Plain links are fine."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one start tag."""
        for name, value in attrs:
            if tag in LOADING and name in ("src", "href", "data", "poster"):
                if (value or "").strip().lower().startswith(REMOTE):
                    self.found.append(str(value))


def mathjax_folder() -> Path:
    """Return the folder that holds MathJax.

    Raises:
        ExtensionError: The package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ExtensionError(f"the package {PACKAGE} is missing: pip install {PACKAGE}")
    return Path(spec.origin).parent / "static" / "mathjax"


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Put MathJax into the finished book."""
    if exception is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "mathjax"
        for part in PARTS:
            source = mathjax_folder() / part
            if not source.exists():
                raise ExtensionError(f"{PACKAGE} has no {part}: is it version 0.0.2?")
            if source.is_dir():
                shutil.copytree(source, target / part, dirs_exist_ok=True)
            else:
                (target / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target / part)


def drop_thebe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out sphinx-thebe: this book does not use it, and it would load from another host."""

    def is_thebe(script: Any) -> bool:
        body = getattr(script, "attributes", {}).get("body") or ""
        return "thebe" in str(getattr(script, "filename", "") or "").lower() or "THEBE" in body

    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]


def check_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Warn about each thing that this page would load from another host."""
    page = _Loads()
    page.feed(context.get("body") or "")
    for file in [*context.get("script_files", []), *context.get("css_files", [])]:
        name = str(getattr(file, "filename", file) or "")
        if name.startswith(REMOTE):
            page.found.append(name)
    for address in dict.fromkeys(page.found):
        logger.warning(
            "loads %s, which a reader without a network does not get: let the book serve it",
            address,
            location=pagename,
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what to leave out, to check and to copy."""
    mathjax_folder()
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", check_page, priority=950)
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
