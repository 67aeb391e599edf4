"""Where an output will be seen: by a reader with a kernel and buttons, or without."""

from __future__ import annotations

import os
import sys

STATIC = "TUTORIAL_LIB_STATIC"
"""Environment variable: if set, pages will be read without a kernel. The book's build sets it."""


def has_kernel() -> bool:
    """Does a notebook's kernel run this?"""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def has_widgets() -> bool:
    """Is there a kernel that can answer a click, and somebody to click?"""
    if os.environ.get(STATIC) or not has_kernel():
        return False
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True
