"""What is asked of a page. Each function looks at one and returns the problems, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPTS = (Path(__file__).parent / "audits.js").read_text(encoding="utf-8")
GRAVE = ("serious", "critical")


def still(page: Page) -> None:
    """Stops all transitions: what is looked at is never halfway between two colors."""
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")


def axe(page: Page) -> list[str]:
    """What axe-core calls serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    # Without "preload": it would fetch style sheets again, from wrong addresses.
    options = {"resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]} {_why(node)}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def headings(page: Page) -> list[str]:
    """One h1, and no level left out on the way down."""
    return _asked(page, "headings")


def mathematics(page: Page) -> list[str]:
    """Formulas that MathJax has not set, or has set as an error."""
    _ready(page)
    return _asked(page, "mathematics")


def overflow(page: Page) -> list[str]:
    """What makes the page itself wider than its window, or is cut off at its edge."""
    return _asked(page, "overflow")


def cut(page: Page) -> list[str]:
    """Figures of cells that are wider than their column, so that a reader has to scroll."""
    return _asked(page, "cut")


def pictures(page: Page) -> list[str]:
    """Pictures without an alt text of their own, or that did not load."""
    return _asked(page, "pictures")


def keyboard(page: Page) -> list[str]:
    """Presses Tab through the whole page.

    Everything that can be clicked must get the focus once, and must look different then.
    """
    _ready(page)
    still(page)
    count = _asked(page, "startWalk")
    page.mouse.move(0, 0)
    for press in range(2 * count + 50):
        page.keyboard.press("Tab")
        if press % 10 == 9 and page.evaluate("() => window.audits.walkIsOver()"):
            break
    return _asked(page, "endWalk")


def folds(page: Page) -> list[str]:
    """Opens and closes everything folded by keyboard."""
    problems = []
    for fold in page.locator("details > summary:first-of-type").all():
        if not fold.is_visible():
            continue
        before = fold.evaluate("e => e.parentElement.open")
        for wanted in (not before, before):
            fold.press("Enter")
            if fold.evaluate("e => e.parentElement.open") != wanted:
                problems.append(f"Enter does not fold: {fold.inner_text()[:80]}")
    return problems


def _asked(page: Page, name: str) -> list[str]:
    page.evaluate(f"() => {{ if (!window.audits) {{ {SCRIPTS} }} }}")
    return page.evaluate(f"() => window.audits.{name}()")


def _ready(page: Page) -> None:
    """Waits until MathJax is done, where a page uses it, and the fonts are there."""
    page.evaluate(
        "async () => { await document.fonts.ready;"
        " if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise; }"
    )


def _why(node: dict) -> str:
    return " ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
