"""The book's build names every figure that lacks its description."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import v4

ROOT = Path(__file__).resolve().parent.parent
pytest.importorskip("sphinx")
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def alttext() -> ModuleType:
    spec = importlib.util.spec_from_file_location("alttext", ROOT / "book/_ext/alttext.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<img src="a.png" alt="9 spikes">', []),
        ('<img src="a.png">', ["<img> without alt"]),
        ('<img src="a.png" alt="  "/>', ["<img> without alt"]),
        ('<p><img alt="a raster"></p>', ["no number computed from the data: 'a raster'"]),
        ('<svg role="img" aria-label="2 curves"><image/><text>x</text></svg>', []),
        ('<svg role="img"><svg aria-label="1"></svg></svg>', ["<svg> without aria-label"]),
        ('<svg aria-label="2 curves"></svg>', ['without role="img"']),
        ('<svg aria-hidden="true"></svg><b aria-hidden="true"><svg></svg></b>', []),
        ('<b aria-hidden="true"></b><svg></svg>', ["<svg> without"]),
        ('<canvas aria-label="draw here"></canvas>', []),
        ("<canvas></canvas>", ["<canvas> without aria-label"]),
        ('<figure aria-label="a player"><button>Play</button></figure>', []),
        ('<figure><svg role="img" aria-label="1"/></figure>', []),
        ("<figure><button>Play</button></figure>", ["<figure> without"]),
        ("<figure><p>never closed", ["<figure> without"]),
        ("<script>x = '<img>'</script><details>no graphic</details>", []),
        ('<img alt="1"><img><img alt="x">', ["<img> without alt", "no number"]),
    ],
)
def test_what_is_wrong_with_an_output(alttext: ModuleType, text: str, said: list[str]) -> None:
    found = alttext.problems(text, computed=True)
    assert len(found) == len(said)
    for part, line in zip(said, found, strict=True):
        assert part in line


def test_a_picture_in_the_text_needs_no_number(alttext: ModuleType) -> None:
    assert alttext.problems('<img alt="the logo">', computed=False) == []
    assert alttext.problems("<img>", computed=False) == ["<img> without alt"]


def output(**data: str) -> nbformat.NotebookNode:
    kinds = {"html": "text/html", "png": "image/png", "plain": "text/plain"}
    return v4.new_output("display_data", {kinds[kind]: text for kind, text in data.items()})


def test_the_build_warns_about_each_output_without_description(tmp_path: Path) -> None:
    pytest.importorskip("myst_nb")
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    outputs = [
        output(html='<img alt="12 spikes" src="a.png">', plain="HTML"),  # as figures.show makes it
        output(html='<img src="b.png">', plain="HTML"),
        output(png=PIXEL, plain="<Figure size 1x1>"),  # as plt.show() makes it
        output(plain="no figure"),
    ]
    page = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# A page\n\n![](c.png)\n\n![the logo](c.png)"),
            v4.new_code_cell("1", outputs=outputs, execution_count=1),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(page, tmp_path / "index.ipynb")
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.append({str(ROOT / 'book/_ext')!r})\n"
        "extensions = ['myst_nb', 'alttext']\nnb_execution_mode = 'off'\n"
    )
    warnings = io.StringIO()
    with docutils_namespace():
        folders = [str(tmp_path), str(tmp_path), str(tmp_path / "out"), str(tmp_path / "trees")]
        Sphinx(*folders, "dummy", status=None, warning=warnings).build()
    said = [line for line in warnings.getvalue().splitlines() if "without its description" in line]
    assert len(said) == 3, warnings.getvalue()
    assert sum("<img> without alt. Show it by" in line for line in said) == 2
    assert sum("Show it by" not in line for line in said) == 1
