"""An explorer of a notebook stands on another page of the book too."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytest.importorskip("sphinx")
pytest.importorskip("myst_nb")
FIGURE = '<figure class="explorer" role="group" aria-label="{}">{}</figure>'


def build(folder: Path, title: str, figures: dict[str, str]) -> tuple[str, str]:
    """Builds a book of which a page shows an explorer again: its HTML text, and the warnings."""
    import nbformat
    from nbformat import v4
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    texts = [FIGURE.format(*pair) for pair in figures.items()]
    outputs = [v4.new_output("display_data", {"text/html": text}) for text in texts]
    cell = v4.new_code_cell("1", outputs=outputs, execution_count=1)
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    page = v4.new_notebook(cells=[v4.new_markdown_cell("# A page"), cell], metadata=metadata)
    nbformat.write(page, folder / "lesson.ipynb")
    if not (folder / "index.md").exists():  # the second time, only the notebook is newer
        (folder / "index.md").write_text("# Book\n\n```{toctree}\nlesson\nfront\n```\n")
        (folder / "front.md").write_text(f"# Front\n\n```{{shown-again}} /lesson\n{title}\n```\n")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.append({str(ROOT / 'book/_ext')!r})\n"
        "extensions = ['myst_nb', 'shown_again']\nnb_execution_mode = 'off'\n"
    )
    warnings = io.StringIO()
    with docutils_namespace():
        folders = [str(folder), str(folder), str(folder / "out"), str(folder / "trees")]
        Sphinx(*folders, "html", status=None, warning=warnings).build()
    return (folder / "out" / "front.html").read_text(encoding="utf-8"), warnings.getvalue()


def test_the_explorer_of_that_title_and_no_other_is_shown_as_it_is_now(tmp_path: Path) -> None:
    page, warnings = build(tmp_path, "Player & pad", {"Neuron": "one", "Player &amp; pad": "two"})
    assert "shows no explorer" not in warnings
    assert FIGURE.format("Player &amp; pad", "two") in page and "Neuron" not in page
    page, _ = build(tmp_path, "Player & pad", {"Player &amp; pad": "three"})  # run once more
    assert FIGURE.format("Player &amp; pad", "three") in page


def test_a_notebook_without_that_explorer_is_a_warning(tmp_path: Path) -> None:
    page, warnings = build(tmp_path, "Player", {"Neuron": "one"})
    assert "lesson shows no explorer with the title 'Player'" in warnings
    assert "<figure" not in page
