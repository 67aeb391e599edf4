"""The figures to play with, in the built book: moved by keyboard, with no kernel behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from course_kit import explorers
from tests.browser import site
from tests.browser.chromium import Watch

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

TITLE = re.compile(r'<figure class="explorer" role="group" aria-label="([^"]*)"')
PIECES = [
    (name, title, place)
    for name in site.pages()
    for place, title in enumerate(TITLE.findall((site.BOOK / name).read_text(encoding="utf-8")))
] or [("index.html", "none", 0)]


@pytest.fixture(scope="module")
def tab(browser: BrowserContext) -> Page:
    """The one tab in which all pages are opened."""
    return browser.new_page()


@pytest.fixture(params=PIECES, ids=lambda piece: f"{piece[0].split('/')[-1][:2]} {piece[1]}")
def explorer(request: pytest.FixtureRequest, tab: Page, book: str) -> Iterator[Locator]:
    """Each explorer of the book in turn, on a fresh page."""
    name, title, place = request.param
    watch = Watch(tab)
    tab.goto(f"{book}/{name}")
    figure = tab.locator("figure.explorer").nth(place)
    figure.scroll_into_view_if_needed()
    tab.wait_for_function(
        "place => document.querySelectorAll('figure.explorer')[place].dataset.on === ''", arg=place
    )
    yield figure
    assert watch.errors == []


def shown(figure: Locator) -> tuple[str, str]:
    """The drawing and what a screen reader says of it."""
    svg = figure.locator("svg").first
    return svg.inner_html(), svg.get_attribute("aria-label")


def test_every_explorer_of_the_library_stands_in_the_book(book: str) -> None:
    functions = [name for name in explorers.__all__ if name.islower()]
    assert len({title for _, title, _ in PIECES}) >= len(functions), PIECES


def test_each_control_moves_the_drawing_and_its_description(explorer: Locator) -> None:
    controls = explorer.locator("[data-words]").all()
    assert controls
    for control in controls:
        seen = [shown(explorer)]
        control.focus()
        for key in positions(control):
            explorer.page.keyboard.press(key)
            seen.append(shown(explorer))
        label = control.evaluate("e => e.closest('label').firstElementChild.textContent")
        assert len({drawing for drawing, _ in seen}) > 1, f"{label} leaves the drawing as it is"
        assert len({said for _, said in seen}) > 1, f"{label} leaves the description as it is"
        assert all(re.search(r"\d", said) for _, said in seen), f"{label}: no number is said"


def positions(control: Locator) -> list[str]:
    """The keys that take a slider to both ends and one step on, or a list through its entries."""
    if control.evaluate("e => e.tagName") == "SELECT":
        count = control.evaluate("e => e.options.length")
        return ["ArrowDown"] * (count - 1) + ["ArrowUp"] * (count - 1)
    return ["Home", "ArrowRight", "End"]


def test_what_is_moved_is_said_once_the_reader_pauses(explorer: Locator) -> None:
    control = explorer.locator("[data-words]").first
    said = explorer.locator("[role=status]")
    before = shown(explorer)[1]
    assert said.inner_text() == ""
    control.focus()
    slides = control.get_attribute("type") == "range"
    for key in ["End", "ArrowLeft"] if slides else positions(control)[:1]:
        explorer.page.keyboard.press(key)
    explorer.page.wait_for_timeout(1000)
    assert said.text_content() == shown(explorer)[1] != before
    if slides:
        value = control.evaluate("e => JSON.parse(e.dataset.words)[e.value]")
        assert control.get_attribute("aria-valuetext") == value


def test_the_player_plays_and_pauses(explorer: Locator) -> None:
    button = explorer.locator(".explorer-play button")
    if not button.count():
        pytest.skip("nothing to play")
    slider = explorer.locator("[data-play]")
    slider.focus()
    explorer.page.keyboard.press("Home")
    before = shown(explorer)
    button.focus()
    explorer.page.keyboard.press("Enter")
    assert button.inner_text() == "Pause"
    explorer.page.wait_for_function(
        "e => +e.value >= 3", arg=slider.element_handle(), timeout=20_000
    )
    explorer.page.keyboard.press("Space")
    assert button.inner_text() == "Play"
    stopped = slider.input_value()
    assert shown(explorer) != before
    explorer.page.wait_for_timeout(1500)
    assert slider.input_value() == stopped


def test_a_print_shows_the_first_frame_and_no_controls(explorer: Locator) -> None:
    page = explorer.page
    page.emulate_media(media="print")
    try:
        assert explorer.locator("svg").first.bounding_box()["width"] > 200
        assert explorer.locator("figcaption").is_visible()
        assert not any(c.is_visible() for c in explorer.locator("input, select, button").all())
    finally:
        page.emulate_media(media="screen")


def test_without_scripts_the_first_frame_is_there(browser: BrowserContext, book: str) -> None:
    page = browser.new_page()
    switch = browser.new_cdp_session(page)
    switch.send("Emulation.setScriptExecutionDisabled", {"value": True})
    for name in sorted({name for name, _, _ in PIECES}):
        page.goto(f"{book}/{name}")
        for figure in page.locator("figure.explorer").all():
            svg = figure.locator("svg").first
            assert svg.bounding_box()["width"] > 200
            assert svg.get_attribute("aria-label")
            assert not figure.locator("[data-words]").first.is_visible()
