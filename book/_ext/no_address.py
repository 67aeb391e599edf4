"""Says on every page that its buttons lead nowhere, as long as the repository has no address."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

TEXT = (
    "This copy of the course has no address yet: links and buttons to its repository and to Colab "
    "lead nowhere."
)


def announce(app: Sphinx, config: Config) -> None:
    """Put the text above every page while the owner is a placeholder."""
    options = config.html_theme_options
    if "/OWNER/" in options.get("repository_url", ""):
        options["announcement"] = TEXT


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the address once the configuration is read, before the theme does."""
    app.connect("config-inited", announce)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
