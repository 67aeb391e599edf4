"""The live explorers in JupyterLab, moved by keyboard as a reader would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import nbformat
import pytest

from course_kit import explorers
from tests.browser import lab
from tests.browser.chromium import Watch

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

NOTEBOOK = "00_spiking_neuron.ipynb"
EACH = "each_explorer.ipynb"
SETUP = """import torch
from course_kit import explorers
from tutorial_lib import data, events, networks
torch.manual_seed(0)
net = networks.conv_net(threshold=0.2)  # untrained, but it spikes
image, label = data.load().test[0]
(stream,) = events.saccades(image[None])"""
CELLS = {
    "surrogates": "explorers.surrogates()",
    "neuron": "explorers.neuron()",
    "rates": "explorers.rates()",
    "start": "explorers.start()",
    "gradient": "explorers.gradient()",
    "losses": "explorers.losses()",
    "schedules": "explorers.schedules()",
    "event_player": "explorers.event_player(stream)",
    "spike_player": "explorers.spike_player(net, image[None], 10, target=label)",
    "draw_digit": "explorers.draw_digit(net, 10, source='digits')",
}


@pytest.fixture(scope="module")
def jupyter(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab over copies, so that nothing of the reader's is touched."""
    repository = tmp_path_factory.mktemp("repository")
    nbformat.write(every_explorer(), lab.clone(repository) / EACH)
    with lab.serving(tmp_path_factory.mktemp("jupyter"), repository) as address:
        yield address


def every_explorer() -> nbformat.NotebookNode:
    """A notebook with one explorer per cell."""
    cells = [nbformat.v4.new_code_cell(SETUP, id="setup")]
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
    assert watch.foreign(jupyter) == []
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
    return changed(cell, before)


def changed(cell: Locator, before: tuple[str, str]) -> tuple[str, str]:
    """Waits until picture and alt text are others than these, and for a while the same."""
    last = before
    for _ in range(50):
        cell.page.wait_for_timeout(300)
        after = shown(cell)
        if after == last and after[0] != before[0] and after[1] != before[1]:
            return after
        last = after
    raise AssertionError(f"the figure or its alt text stays as it was: {before[1]}")


def test_a_notebook_of_the_course_runs_without_errors(course: Page) -> None:
    assert lab.faults(course) == []
    cells = course.locator(".jp-CodeCell").all()
    folded = [cell.locator(".jp-InputPlaceholder, .jp-Placeholder").count() > 0 for cell in cells]
    shown = [str(number) for number, hidden in enumerate(folded, start=1) if not hidden]
    assert [lab.prompt(cell) for cell in cells if lab.prompt(cell)] == shown  # a fold hides its own


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


def cell_of(page: Page, name: str) -> Locator:
    """The cell that shows this explorer, in the notebook with all of them."""
    cell = page.locator(".jp-CodeCell").nth(1 + list(CELLS).index(name))
    cell.scroll_into_view_if_needed()
    cell.locator(".widget-html img").wait_for(timeout=60_000)
    return cell


def test_no_explorer_is_forgotten() -> None:
    assert set(CELLS) == {name for name in explorers.__all__ if name.islower()}


@pytest.mark.parametrize("name", [name for name in CELLS if name != "draw_digit"])
def test_each_control_is_moved_by_keyboard(all_of_them: Page, name: str) -> None:
    cell = cell_of(all_of_them, name)
    sliders = cell.get_by_role("slider").all()
    for slider in sliders:
        at_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
        moved(cell, "ArrowLeft" if at_end else "ArrowRight", slider)
        track = slider.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]")
        assert track.bounding_box()["width"] > 100, "too short to be moved by mouse"
    groups = cell.locator(".widget-toggle-buttons")
    for group in groups.filter(has_not_text="Speed").all():
        moved(cell, "Enter", group.locator("button:not(.mod-active)").first)
    assert sliders or groups.count()
    assert cell.get_by_role("combobox").count() == 0  # JupyterLab takes its arrow keys
    assert lab.faults(all_of_them) == []


def test_the_player_plays_and_pauses(all_of_them: Page) -> None:
    cell = cell_of(all_of_them, "spike_player")
    slider = cell.get_by_role("slider").first
    slider.press("Home")
    all_of_them.wait_for_timeout(500)
    before = shown(cell)
    button = cell.locator(".widget-play button").first
    button.press("Enter")
    all_of_them.wait_for_function(
        "e => +e.getAttribute('aria-valuenow') >= 2", arg=slider.element_handle(), timeout=30_000
    )
    button.press("Enter")
    seen = [slider.get_attribute("aria-valuenow")]
    while len(seen) < 8 and seen[-1:] != seen[-2:-1]:  # what is on its way on a busy machine comes
        all_of_them.wait_for_timeout(1500)
        seen.append(slider.get_attribute("aria-valuenow"))
    assert seen[-1] == seen[-2] != slider.get_attribute("aria-valuemax"), seen
    assert shown(cell) != before


def test_the_canvas_answers_to_mouse_and_keys(all_of_them: Page) -> None:
    cell = cell_of(all_of_them, "draw_digit")
    canvas = cell.locator("canvas")
    said = cell.locator("[role=status]")
    empty = shown(cell)
    sentence = said.inner_text()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + 0.2 * box["height"]
    all_of_them.mouse.move(x, y)
    all_of_them.mouse.down()
    all_of_them.mouse.move(x, y + 0.6 * box["height"], steps=10)
    all_of_them.mouse.up()
    drawn = changed(cell, empty)
    assert said.inner_text() != sentence
    lab.rerun(all_of_them, cell, seconds=60)
    assert shown(cell_of(all_of_them, "draw_digit")) == drawn
    cell.locator("canvas").press("Delete")
    assert changed(cell, drawn) == empty
    for key in ["Space", *["ArrowRight"] * 8, "Space"]:
        cell.locator("canvas").press(key)
    changed(cell, empty)
    assert lab.faults(all_of_them) == []
