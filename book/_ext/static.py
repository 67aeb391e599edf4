"""Tells the notebooks' kernels that their pages will be read without them: no buttons then.

``tutorial_lib`` reads the environment variable; kernels inherit it from the build.
"""

from __future__ import annotations

import os
from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set the variable for the kernels that this build starts."""
    os.environ["TUTORIAL_LIB_STATIC"] = "1"
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
