"""Prints how large each page of the built book is and how much it asks for.

``python -m tests.browser.sizes``: one line per page, as a first visit sees it. Everything is
counted uncompressed, as it lies on the disk.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tests.browser import chromium, site

HEADER = f"{'page':<42}{'html':>9}{'own files':>11}{'shared':>9}{'requests':>10}{'elsewhere':>11}"


@dataclass(frozen=True)
class Size:
    """What one visit took; sizes in bytes."""

    page: str
    html: int
    own: int  # pictures and the like that lie in _images and _downloads
    shared: int  # style, scripts, fonts and MathJax, which all pages share
    requests: int
    elsewhere: int  # requests to other hosts

    def __str__(self) -> str:
        kilobytes = (
            f"{self.html / 1e3:>6.0f} kB{self.own / 1e3:>8.0f} kB{self.shared / 1e3:>6.0f} kB"
        )
        return f"{self.page:<42}{kilobytes}{self.requests:>10}{self.elsewhere:>11}"


def measure(executable: str, address: str, pages: list[str]) -> list[Size]:
    """Visits each page with an empty cache."""
    found = []
    with chromium.started(executable, viewport={"width": 1280, "height": 900}) as browser:
        page = browser.new_page()
        browser.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        watch = chromium.Watch(page)
        for name in pages:
            page.goto("about:blank")
            watch.clear()
            page.goto(f"{address}/{name}", wait_until="networkidle")
            sizes = {url.removeprefix(f"{address}/"): size for url, size in watch.bytes.items()}
            html = sizes.pop(name)
            own = sum(s for url, s in sizes.items() if url.startswith(("_images/", "_downloads/")))
            total = sum(sizes.values())
            count, elsewhere = len(watch.requests), len(watch.foreign(address))
            found.append(Size(name, html, own, total - own, count, elsewhere))
    return found


def main() -> int:
    """Prints the table."""
    executable = chromium.find_chromium()
    if executable is None or not site.pages():
        print("Needs a Chromium and the built book: make browser", file=sys.stderr)
        return 1
    print(HEADER)
    with site.served(site.BOOK) as address:
        for size in measure(executable, address, site.pages()):
            print(size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
