"""Every page of the built book, in a browser: offline, accessible, within its window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.browser import audits, site
from tests.browser.chromium import Watch
from tools import address as addresses

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

PAGES = site.pages() or ["index.html"]
NOTEBOOKS = sorted(path.stem for path in (site.ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
SLUG = addresses.own_slug(site.ROOT)


@dataclass(frozen=True)
class Visit:
    """A page that is open in the browser."""

    name: str
    page: Page
    watch: Watch
    book: str


@pytest.fixture(scope="module")
def tab(browser: BrowserContext) -> tuple[Page, Watch]:
    """The one tab in which all pages are opened."""
    page = browser.new_page()
    return page, Watch(page)


@pytest.fixture(scope="module", params=PAGES)
def visit(request: pytest.FixtureRequest, tab: tuple[Page, Watch], book: str) -> Iterator[Visit]:
    """Each page in turn, opened once for all tests."""
    page, watch = tab
    page.goto("about:blank")
    watch.clear()
    page.set_viewport_size(DESKTOP)
    page.emulate_media(color_scheme="light", media="screen")
    page.goto(f"{book}/{request.param}", wait_until="networkidle")
    audits.still(page)
    yield Visit(request.param, page, watch, book)


def test_headings_are_in_order(visit: Visit) -> None:
    assert audits.headings(visit.page) == []


def test_every_formula_is_set(visit: Visit) -> None:
    assert audits.mathematics(visit.page) == []


def test_every_picture_says_what_it_shows(visit: Visit) -> None:
    assert audits.pictures(visit.page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit: Visit, theme: str) -> None:
    visit.page.emulate_media(color_scheme=theme)
    visit.page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
    assert audits.axe(visit.page) == []


def test_everything_is_reached_by_keyboard(visit: Visit) -> None:
    assert audits.keyboard(visit.page) == []


def test_what_is_folded_opens_by_keyboard(visit: Visit) -> None:
    assert audits.folds(visit.page) == []


def test_a_phone_shows_the_page_within_its_width(visit: Visit) -> None:
    visit.page.set_viewport_size(PHONE)
    try:
        assert audits.overflow(visit.page) == []
    finally:
        visit.page.set_viewport_size(DESKTOP)


def test_a_laptop_shows_every_figure_whole(visit: Visit) -> None:
    """At 1280 pixels, with both sidebars. On a phone, wide figures scroll."""
    assert audits.cut(visit.page) == []


def test_nothing_is_asked_of_another_host_and_nothing_fails(visit: Visit) -> None:
    assert visit.watch.foreign(visit.book) == []
    assert visit.watch.errors == []
    assert len(visit.watch.requests) > 1


# What only some pages have


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_notebook_opens_in_colab(tab: tuple[Page, Watch], book: str, name: str) -> None:
    page, _ = tab
    page.goto(f"{book}/notebooks/{name}.html")
    target = f"https://colab.research.google.com/github/{SLUG}/blob/main/notebooks/{name}.ipynb"
    links = page.get_by_role("link", name="Colab").all()
    assert target in [link.get_attribute("href") for link in links if link.is_visible()]


def test_the_search_finds_something(tab: tuple[Page, Watch], book: str) -> None:
    page, watch = tab
    page.set_viewport_size(DESKTOP)
    page.goto(f"{book}/index.html", wait_until="networkidle")
    watch.clear()
    page.keyboard.press("Control+k")
    page.keyboard.type("surrogate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=surrogate*")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    assert any("01_surrogate_gradients" in a.get_attribute("href") for a in results.all())
    assert watch.foreign(book) == [] and watch.errors == []


def test_equations_are_numbered_and_works_are_cited(tab: tuple[Page, Watch], book: str) -> None:
    page, _ = tab
    page.goto(f"{book}/notebooks/{NOTEBOOKS[1]}.html")
    numbers = [e.inner_text() for e in page.locator(".eqno").all()]
    assert len(numbers) >= 3 and len(set(numbers)) == len(numbers)
    page.goto(f"{book}/book/index.html")
    works = page.locator("a.reference[href*='bibliography.html#']")
    assert works.count() >= 5
    works.first.click()
    assert page.locator(".citation:target").is_visible()
