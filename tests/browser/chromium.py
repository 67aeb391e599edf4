"""Finds a Chromium and starts it with no way to any other host."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Response

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
ARGS = [
    "--no-sandbox",  # root has no other way
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def find_chromium() -> str | None:
    """Returns the path of a Chromium: the one that $CHROMIUM names, else one that is found.

    Raises:
        FileNotFoundError: $CHROMIUM names something that is not there.
    """
    if named := os.environ.get("CHROMIUM"):
        if found := shutil.which(named):
            return found
        raise FileNotFoundError(
            f"CHROMIUM={named} is no program that can be run. "
            "Set it to the path of a Chromium or Chrome, or unset it."
        )
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or (MAC if os.access(MAC, os.X_OK) else None)


@contextmanager
def started(executable: str, **options: object) -> Iterator[BrowserContext]:
    """A headless Chromium with a profile of its own, which is gone afterwards."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=executable, args=ARGS, headless=True, **options
        )
        try:
            yield context
        finally:
            context.close()


class Watch:
    """Writes down what a page asks for and what goes wrong while it is looked at.

    Attributes:
        requests: (address, kind) of all that was asked for, in order; no data: and blob: ones.
        bytes: of the bodies that came back, by address.
        errors: one line each: requests that failed, errors in scripts.
    """

    def __init__(self, page: Page) -> None:
        """Watches this page from now on."""
        self.requests: list[tuple[str, str]] = []
        self.bytes: dict[str, int] = {}
        self.errors: list[str] = []
        page.on("request", self._asked)
        page.on("response", self._came)
        page.on("requestfailed", lambda r: self.errors.append(f"failed: {r.url} ({r.failure})"))
        page.on("websocket", lambda socket: self.requests.append((socket.url, "websocket")))
        page.on("pageerror", lambda error: self.errors.append(f"script error: {error}"))
        page.on("crash", lambda _: self.errors.append("the page crashed"))

    def clear(self) -> None:
        """Forgets everything, for the next page."""
        self.requests.clear()
        self.bytes.clear()
        self.errors.clear()

    def foreign(self, origin: str) -> list[str]:
        """What was asked from anywhere else than this "http://host:port"."""
        host = origin.split("//", 1)[1]
        own = tuple(f"{scheme}://{host}" + end for scheme in ("http", "ws") for end in ("/", ""))
        return sorted({url for url, _ in self.requests if not _starts(url, own)})

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append((request.url, request.resource_type))

    def _came(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")
        if not response.url.startswith(("data:", "blob:")):
            self.bytes[response.url] = int(response.headers.get("content-length", 0))


def _starts(url: str, own: tuple[str, ...]) -> bool:
    """Is this address below one of those, and not of a host whose name only begins so?"""
    return any(url == start or (start.endswith("/") and url.startswith(start)) for start in own)
