"""The built book, served on loopback for as long as the tests look at it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book" / "_build" / "html"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".woff2": "font/woff2",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes to another page breaks its connections: nothing to report."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves this folder; gives its address, "http://127.0.0.1:port"."""
    server = _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def pages(folder: Path = BOOK) -> list[str]:
    """The pages of a built book, as paths below its folder; none if it is not built."""
    found = (path.relative_to(folder) for path in folder.rglob("*.html"))
    return sorted(p.as_posix() for p in found if not p.parts[0].startswith("_static"))
