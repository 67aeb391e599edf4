"""What a learner meets at the first start of `make lab`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from course_kit import workspace
from tests.browser import lab
from tests.browser.chromium import Watch
from tests.helpers import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

LESSONS = workspace.lessons_in(ROOT / "notebooks")
CHANGED = ".lm-DockPanel .lm-TabBar-tab.jp-mod-dirty"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab.clone(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def jupyter(
    executable: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with lab.serving(tmp_path_factory.mktemp("jupyter"), folder.parent) as address:
        yield address


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def test_the_first_start(page: Page, jupyter: str) -> None:
    """The first notebook, in a folder with nothing but notebooks, and nobody asks anything."""
    watch = Watch(page)
    page.goto(jupyter)
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    tab = page.locator(".lm-DockPanel .lm-TabBar-tab.lm-mod-current")
    assert tab.all_inner_texts() == [LESSONS[0].name]
    assert page.locator(".jp-DirListing-itemText").all_inner_texts() == [p.name for p in LESSONS]
    assert page.locator(".Toastify__toast, .jp-Dialog").all_inner_texts() == []
    pictures = page.locator(".jp-MarkdownOutput img").all()
    assert [picture for picture in pictures if picture.get_attribute("src")[:5] != "data:"] == []
    assert watch.foreign(jupyter) == []
    cell = page.locator(".jp-CodeCell").first
    assert "In Colab this cell installs" in cell.locator(".jp-Placeholder").inner_text()
    assert cell.locator(".cm-content").count() == 0


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_an_opened_notebook_is_not_marked_until_it_is_changed(
    page: Page, jupyter: str, folder: Path, lesson: Path
) -> None:
    before = (folder / lesson.name).read_bytes()
    lab.open_notebook(page, jupyter, lesson.name)
    page.wait_for_timeout(2000)
    assert page.locator(CHANGED).count() == 0
    page.keyboard.press("Control+s")
    page.wait_for_timeout(500)
    assert (folder / lesson.name).read_bytes() == before
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.type("# mine")
    page.locator(CHANGED).wait_for(timeout=10_000)
    page.keyboard.press("Control+s")
    page.locator(CHANGED).wait_for(state="detached", timeout=10_000)
    assert b"# mine" in (folder / lesson.name).read_bytes()
    assert not workspace.is_generated((folder / lesson.name).read_bytes())
