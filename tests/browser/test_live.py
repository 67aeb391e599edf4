"""The live explorers in JupyterLab, moved by keyboard as a reader would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.browser import lab, site
from tests.browser.chromium import Watch

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

NOTEBOOK = "00_spiking_neuron.ipynb"
BADGE = "/assets/colab-badge.svg"  # its alt text does without a network
EACH = "each_explorer.ipynb"
CELLS = {
    "surrogates": "explorers.surrogates()",
    "neuron": "explorers.neuron()",
}


@pytest.fixture(scope="module")
def jupyter(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab over copies, so that nothing of the reader's is touched."""
    work = tmp_path_factory.mktemp("notebooks")
    shutil.copy(site.ROOT / "notebooks" / NOTEBOOK, work)
    nbformat.write(every_explorer(), work / EACH)
    with lab.serving(tmp_path_factory.mktemp("jupyter"), work) as address:
        yield address


def every_explorer() -> nbformat.NotebookNode:
    """A notebook with one explorer per cell."""
    cells = [nbformat.v4.new_code_cell("from tutorial_lib import explorers", id="import")]
    cells += [nbformat.v4.new_code_cell(code, id=name) for name, code in CELLS.items()]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def course(browser: BrowserContext, jupyter: str) -> Iterator[Page]:
    """A copy of notebook 00, all cells run."""
    yield from opened(browser, jupyter, NOTEBOOK)


@pytest.fixture(scope="module")
def all_of_them(browser: BrowserContext, jupyter: str) -> Iterator[Page]:
    """The notebook with every explorer, all cells run."""
    yield from opened(browser, jupyter, EACH)


def opened(browser: BrowserContext, jupyter: str, name: str) -> Iterator[Page]:
    page = browser.new_page()
    watch = Watch(page)
    lab.open_notebook(page, jupyter, name)
    lab.run_all(page, seconds=300)
    yield page
    assert [url for url in watch.foreign(jupyter) if not url.endswith(BADGE)] == []
    assert [error for error in watch.errors if error.startswith("script error")] == []
    page.close()


def explorer_cell(page: Page) -> Locator:
    """The first cell of the notebook that shows an explorer."""
    picture = page.locator(".jp-OutputArea .widget-html img")
    cell = page.locator(".jp-CodeCell").filter(has=picture).first
    cell.scroll_into_view_if_needed()
    cell.locator(".widget-html img").wait_for(timeout=20_000)
    return cell


def shown(cell: Locator) -> tuple[str, str]:
    """The one picture of an explorer and its alt text."""
    pictures = cell.locator(".widget-html img").all()
    assert len(pictures) == 1
    return pictures[0].get_attribute("src"), pictures[0].get_attribute("alt")


def moved(cell: Locator, key: str, control: Locator) -> tuple[str, str]:
    """Presses a key on a control; the picture and its alt text, both of them new."""
    before = shown(cell)
    control.press(key)
    for _ in range(100):
        after = shown(cell)
        if after[0] != before[0] and after[1] != before[1]:
            return after
        cell.page.wait_for_timeout(100)
    raise AssertionError(f"{key} left the figure or its alt text as it was: {before[1]}")


def test_a_notebook_of_the_course_runs_without_errors(course: Page) -> None:
    assert lab.faults(course) == []
    prompts = [lab.prompt(cell) for cell in course.locator(".jp-CodeCell").all()]
    assert all(re.fullmatch(r"\d+", prompt) for prompt in prompts), prompts


def test_a_slider_moved_by_keyboard_changes_the_figure(course: Page) -> None:
    cell = explorer_cell(course)
    source, alt = shown(cell)
    assert source.startswith("data:image/svg+xml") and re.search(r"\d", alt)
    slider = cell.get_by_role("slider").first
    right = moved(cell, "ArrowRight", slider)
    assert moved(cell, "ArrowLeft", slider) == (source, alt) != right


def test_a_rerun_keeps_the_position_and_piles_nothing_up(course: Page) -> None:
    cell = explorer_cell(course)
    left = moved(cell, "ArrowRight", cell.get_by_role("slider").first)
    lab.rerun(course, cell, seconds=60)
    assert shown(explorer_cell(course)) == left
    assert cell.locator(".jp-OutputArea-child").count() == 1


@pytest.mark.parametrize("name", CELLS)
def test_each_explorer_is_moved_by_keyboard(all_of_them: Page, name: str) -> None:
    cell = all_of_them.locator(".jp-CodeCell").nth(1 + list(CELLS).index(name))
    cell.scroll_into_view_if_needed()
    cell.locator(".widget-html img").wait_for(timeout=20_000)
    for slider in cell.get_by_role("slider").all():
        at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        moved(cell, "ArrowLeft" if at_end else "ArrowRight", slider)
    assert lab.faults(all_of_them) == []
