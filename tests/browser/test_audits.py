"""The audits find what they are there for: small pages, each with one fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import audits, chromium, site

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
SOUND = f"""<!doctype html><html lang="en"><head><title>A page</title></head><body><main><article>
<h1>One</h1><p>Text with <a href="#two">a link</a>.</p><h2 id="two">Two</h2>
<details><summary>More</summary><p>And <a href="#one">another link</a>.</p></details>
<label>Step <input type="range"></label><button>Play</button>
<span class="math"><mjx-container><svg width="9" height="9"></svg></mjx-container></span>
<div class="cell_output"><img alt="A dot" src="{PIXEL}"></div><h3>Three</h3>
<div style="overflow-x: auto" tabindex="0" role="region" aria-label="wide">
<pre style="width: 3000px">wide</pre></div></article></main></body></html>"""
AUDITS = [
    audits.axe,
    audits.headings,
    audits.mathematics,
    audits.pictures,
    audits.keyboard,
    audits.folds,
    audits.overflow,
    audits.cut,
]
LINK = '<a href="#two">a link</a>'
FAULTS = [
    (audits.axe, LINK, '<span style="color: #ccc">pale</span>', "color-contrast"),
    (audits.axe, "Step <input", "<input", "label"),
    (audits.headings, "<h2 id", "<h3 id", "h3 after h1"),
    (audits.headings, "<h1>One</h1>", "", "0 headings"),
    (audits.headings, "<h3>Three</h3>", "<h1>Three</h1>", "2 headings"),
    (audits.mathematics, "<mjx-container>", "<span>", "not set"),
    (audits.mathematics, "<svg width", '<mjx-merror data-mjx-error="x"/><svg width', "error"),
    (audits.mathematics, '<svg width="9"', '<svg width="0"', "no width"),
    (audits.pictures, 'alt="A dot"', "", "no alt text"),
    (audits.pictures, 'alt="A dot"', 'alt="../_images/ab.png"', "no alt text"),
    (audits.pictures, PIXEL, "data:image/gif;base64,AAAA", "no picture"),
    (audits.keyboard, '<a href="#two"', '<a tabindex="-1" href="#two"', "does not reach"),
    (audits.keyboard, "<button", '<button style="outline: none"', "looks the same"),
    (
        audits.keyboard,
        "<button",
        "<button onkeydown=\"event.key === 'Tab' && event.preventDefault()\">x</button><button",
        "does not reach <button>Play",
    ),
    (
        audits.folds,
        "<summary",
        "<summary onkeydown=\"event.key === 'Enter' && event.preventDefault()\"",
        "does not fold: More",
    ),
    (audits.overflow, "overflow-x: auto", "", "px wide in a window of"),
    (audits.cut, 'alt="A dot"', 'alt="A dot" style="width: 4000px"', "4000 px wide in"),
    (audits.overflow, "overflow-x: auto", "overflow-x: clip", "reaches to"),
]


@pytest.fixture(scope="module")
def tab(browser: BrowserContext) -> Page:
    return browser.new_page()


@pytest.mark.parametrize("audit", AUDITS, ids=lambda audit: audit.__name__)
def test_a_sound_page_has_no_problem(tab: Page, audit: Callable[[Page], list[str]]) -> None:
    tab.set_content(SOUND)
    assert audit(tab) == []


@pytest.mark.parametrize(("audit", "old", "new", "said"), FAULTS)
def test_each_fault_is_found(
    tab: Page, audit: Callable[[Page], list[str]], old: str, new: str, said: str
) -> None:
    assert SOUND.count(old) == 1
    tab.set_content(SOUND.replace(old, new))
    problems = audit(tab)
    assert any(said in problem for problem in problems), problems


def test_requests_that_leave_or_fail_are_seen(browser: BrowserContext, tmp_path: Path) -> None:
    page = browser.new_page()
    watch = chromium.Watch(page)
    (tmp_path / "index.html").write_text(
        "<img src='missing.png'><img src='http://127.0.0.1.example.org/x.png'>"
        "<link rel='icon' href='data:,'><script>throw Error('a fault')</script>"
    )
    with site.served(tmp_path) as address:
        page.goto(f"{address}/index.html", wait_until="networkidle")
        assert watch.foreign(address) == ["http://127.0.0.1.example.org/x.png"]
        assert f"{address}/index.html" in watch.bytes
    said = "\n".join(watch.errors)
    assert "404" in said and "failed: http://127.0.0.1.example.org" in said and "a fault" in said


def test_a_chromium_that_is_named_but_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHROMIUM", "/no/such/program")
    with pytest.raises(FileNotFoundError, match="CHROMIUM=/no/such/program"):
        chromium.find_chromium()
