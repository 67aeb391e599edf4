"""Every figure of the course is shown with its description; what would miss it is found."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import v4

from course_kit.figures import drawing, learning
from tools import notebooks
from tutorial_lib import plotting

ROOT = Path(__file__).resolve().parents[2]
SOURCES = notebooks.sources(ROOT)
DRAWS = {"plt.subplots", "plt.figure"}
DRAWS |= {f"splt.{name}" for name in plotting.__all__ if name != "animator"}
DRAWS |= {f"figures.{name}" for name in drawing.__all__ + learning.__all__}


def cells(source: Path) -> list[nbformat.NotebookNode]:
    return nbformat.reads(notebooks.render(source), as_version=4).cells


def calls(code: str) -> list[tuple[str, ast.Call]]:
    """All calls of a cell, such as ("figures.show", ...), also those in what it defines."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    tree = ast.parse("\n".join(lines))
    return [(ast.unparse(n.func), n) for n in ast.walk(tree) if isinstance(n, ast.Call)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_each_figure_of_a_notebook_is_shown_with_a_sentence(source: Path) -> None:
    shown = 0
    for cell in cells(source):
        if cell.cell_type != "code":
            continue
        assert "mystnb" not in cell.metadata, "JupyterLab does not read it: figures.show(sentence)"
        found = calls(cell.source)
        names = [name for name, _ in found]
        bare = re.compile(r"(plt|pyplot|fig(?!ures)\w*)\.show|display")
        assert not any(bare.fullmatch(n) for n in names), cell.source
        if DRAWS & set(names):
            ends = {"figures.show", "figures.to_html"} & set(names)
            assert ends, f"drawn, but not shown by figures.show in the same cell:\n{cell.source}"
        for name, call in found:
            if name == "figures.show":
                (sentence,) = call.args
                assert isinstance(sentence, ast.Constant) and len(sentence.value.split()) >= 5
                assert sentence.value.endswith("."), "the computed part follows as a new sentence"
                shown += 1
    assert shown


FINE = "fig, ax = plt.subplots(); ax.plot([1, 3, 2]); figures.show('A curve up and down.')"
FAULTS = {
    "plt.plot([1, 2]); plt.show()": "not by plt.show",
    "plt.plot([1, 2])": "without description",
    "plt.plot([1, 2]).pop().figure": "without description",
    "plt.plot([1, 2]); figures.show()": "No sentence says",
    "splt.raster(torch.ones(5, 3)); blind('A raster with 3 rows.')": "spikes of a raster: 15",
    "splt.trace(torch.zeros(5), torch.ones(5)); blind('A trace.')": "above a membrane: 5",
    "plt.bar([0, 1], [7, 8]); blind('Bars of 2 sorts.')": "highest bar: 8",
    "plt.imshow([[1, 37]]); blind('An image of 1 by 2.')": "largest value of an image: 37",
    "plt.plot([1, 37, 4]); blind('A curve of 3 points.')": "highest point of the curves: 37",
    "plt.subplots(); blind('Nothing is drawn.')": "no number",
    "plt.plot([4]); blind('A point at 4' + ' and so on' * 200)": "Too long",
}
START = """
import matplotlib.pyplot as plt, torch
from tutorial_lib import plotting as splt
from course_kit import figures
from course_kit.figures import showing
def blind(text):  # as if describe did not see the artists
    old = figures.describe
    figures.describe = showing.describe = lambda figure: text
    try:
        figures.show('A figure of some kind.')
    finally:
        figures.describe = showing.describe = old
        plt.close('all')
"""


def test_the_kernels_of_make_test_find_each_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = re.findall(r"PYTHONSTARTUP='\$\(CURDIR\)/(\S+)'", (ROOT / "Makefile").read_text())
    monkeypatch.setenv("PYTHONSTARTUP", str(ROOT / path))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    codes = ["assert 'Path' not in dir() and '_start' not in dir()", START, FINE, *FAULTS, FINE]
    page = v4.new_notebook(cells=[v4.new_code_cell(code) for code in codes])
    client = NotebookClient(
        page, timeout=120, allow_errors=True, resources={"metadata": {"path": os.getcwd()}}
    )
    client.execute(env=dict(os.environ))
    for cell in page.cells:
        errors = [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
        wanted = FAULTS.get(cell.source)
        assert bool(errors) == (wanted is not None), (cell.source, errors)
        assert not wanted or wanted in errors[0], (cell.source, errors)
        pictures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert not pictures
    (html,) = [o.data["text/html"] for o in page.cells[2].outputs]
    assert 'alt="A curve up and down. Curve, 3 points, from 1 to 2, highest 3 at 1."' in html
