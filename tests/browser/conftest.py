"""A browser for the tests in this folder, or a clear reason why there is none.

The environment variable BROWSER_TESTS says what happens where something is missing: "auto" skips
(as `make test` does), "required" fails (as `make browser` does), "off" skips everything.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.browser import chromium, site

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

HOW = os.environ.get("BROWSER_TESTS", "auto")


def missing(what: str, remedy: str) -> NoReturn:
    """Skips the test, or fails it where it is required."""
    if HOW == "required":
        pytest.fail(f"{what}: {remedy}", pytrace=False)
    pytest.skip(f"{what}: {remedy}")


@pytest.fixture(scope="session")
def executable() -> str:
    """The path of a Chromium."""
    if HOW == "off":
        pytest.skip("BROWSER_TESTS=off")
    if importlib.util.find_spec("playwright") is None:
        missing("playwright is not installed", "run make setup")
    found = chromium.find_chromium()
    if found is None:
        missing("no Chromium was found", "run make browser, or set CHROMIUM to the path of one")
    return found


@pytest.fixture(scope="module")
def browser(executable: str) -> Iterator[BrowserContext]:
    """A headless Chromium."""
    with chromium.started(executable, viewport={"width": 1280, "height": 900}) as context:
        yield context


@pytest.fixture(scope="module")
def book(executable: str) -> Iterator[str]:
    """The address of the built book."""
    if not site.pages():
        missing("the book is not built", "run make book")
    with site.served(site.BOOK) as address:
        yield address
