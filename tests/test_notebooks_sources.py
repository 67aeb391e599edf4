"""Notebooks are what their sources generate, and nothing that a person did to one gets lost."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP = notebooks.bootstrap_cell(ROOT)
HUB = "https://github.com"  # this file itself holds no address
SLUG = notebooks.address.own_slug(ROOT)
SOURCE = f"""# %% [markdown]
# # A title
#
# An *aim*.

# %% tags=["hide-input"] jupyter={{"source_hidden": true}} cellView="form"
{BOOTSTRAP}

# %% [markdown]
# Predict.

# %% tags=["exercise"]
def double(x):
    return 2 * x


double(3)
# %%
# %matplotlib inline
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A repository with one notebook, generated."""
    write_course(tmp_path, SOURCE)
    assert notebooks.main([], tmp_path) == 0
    return tmp_path


def write_course(root: Path, source: str) -> None:
    for folder in ("notebooks", "tools", "book"):
        (root / folder).mkdir(exist_ok=True)
    (root / "notebooks" / "99_sample.py").write_text(source, encoding="utf-8")
    (root / "tools" / "bootstrap_cell.py").write_text(BOOTSTRAP + "\n", encoding="utf-8")
    url = f"{HUB}/{SLUG}"
    (root / "pyproject.toml").write_text(f'[project]\n[project.urls]\nRepository = "{url}"\n')
    (root / "book" / "_config.yml").write_text(f"repository:\n  url: {url}\n")


def target(root: Path) -> Path:
    return root / "notebooks" / "99_sample.ipynb"


def edit(root: Path, text: str) -> bytes:
    """Changes a cell as somebody would who edits the notebook in JupyterLab."""
    notebook = json.loads(target(root).read_text(encoding="utf-8"))
    notebook["cells"][2]["source"] = [text]
    target(root).write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    return target(root).read_bytes()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "notebooks").iterdir())


# The course itself


def test_the_notebooks_of_the_course_are_what_their_sources_generate() -> None:
    assert notebooks.check(ROOT) == []


def test_the_book_has_every_notebook() -> None:
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    pages = [page["file"] for part in toc["parts"] for page in part["chapters"]]
    listed = [page for page in pages if page.startswith("notebooks/")]
    assert listed == [f"notebooks/{source.stem}" for source in notebooks.sources(ROOT)]


@pytest.mark.parametrize("source", notebooks.sources(ROOT), ids=lambda path: path.stem)
def test_the_link_to_colab_opens_this_very_notebook(source: Path) -> None:
    title = nbformat.reads(notebooks.render(source), as_version=4).cells[0].source
    path = f"{SLUG}/blob/main/notebooks/{source.stem}.ipynb"
    assert f"](https://colab.research.google.com/github/{path})" in title
    assert title.count("colab.research.google.com/") == 1  # no picture, which a network must bring


def test_the_bootstrap_cell_does_nothing_outside_colab() -> None:
    code = (
        "import os, subprocess, sys\n"
        "os.environ.pop('COLAB_RELEASE_TAG', None)\n"
        "sys.modules.pop('tutorial_lib', None)\n"
        "subprocess.Popen = subprocess.check_call = None\n"  # to call either is an error
        f"{BOOTSTRAP}\n"
        "print('through')"
    )
    # -I: the library cannot be found, as for a learner who has not installed it.
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "through\n"


# What is generated


def test_the_notebook_is_minimal_and_its_ids_are_stable(course: Path) -> None:
    notebook: Any = json.loads(target(course).read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert [cell["id"] for cell in notebook["cells"]] == [f"99_sample-{n:03d}" for n in range(5)]
    assert [cell["metadata"] for cell in notebook["cells"]] == [
        {},
        {"tags": ["hide-input"], "jupyter": {"source_hidden": True}, "cellView": "form"},
        {},
        {"tags": ["exercise"]},
        {},
    ]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * 3
    assert set(notebook["metadata"]) == {"generated", "kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "".join(code[-1]["source"]) == "%matplotlib inline"


def test_generating_twice_changes_nothing(course: Path) -> None:
    first = target(course).read_bytes()
    assert notebooks.generate(course) == []
    target(course).unlink()
    assert len(notebooks.generate(course)) == 1
    assert target(course).read_bytes() == first


def test_line_ends_of_the_source_do_not_matter(course: Path) -> None:
    first = target(course).read_bytes()
    source = target(course).with_suffix(".py")
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert notebooks.render(source).encode() == first
    assert notebooks.check(course) == []


# What differs


def run_check(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    status = notebooks.main(["--check"], root)
    return status, capsys.readouterr().err


def test_a_clean_course_passes(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(course, capsys) == (0, "")


def test_an_edit_in_the_notebook_alone_fails(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(course, "Predict!")
    status, said = run_check(course, capsys)
    assert status == 1
    assert said.startswith("notebooks/99_sample.ipynb: differs from what 99_sample.py generates.")
    assert "make notebooks" in said


def test_an_edit_in_the_source_alone_fails(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_course(course, SOURCE.replace("Predict.", "Predict first."))
    assert run_check(course, capsys)[0] == 1
    assert notebooks.main([], course) == 0
    assert run_check(course, capsys)[0] == 0
    assert names(course) == ["99_sample.ipynb", "99_sample.py"]  # no person's work was in it


def test_a_missing_notebook_fails(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target(course).unlink()
    status, said = run_check(course, capsys)
    assert status == 1 and "99_sample.ipynb: missing. Remedy: make notebooks" in said


def test_a_notebook_whose_source_is_gone_fails(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (course / "notebooks" / "08_old.ipynb").write_bytes(
        target(course).read_bytes().replace(b"99_sample.py", b"08_old.py")
    )
    (course / "notebooks" / "mine.ipynb").write_text('{"cells": [], "metadata": {}}')
    (course / "notebooks" / "99_sample-Copy1.ipynb").write_bytes(target(course).read_bytes())
    status, said = run_check(course, capsys)
    assert status == 1
    assert said.startswith("notebooks/08_old.ipynb: ") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("import os\n", "import  os\n", "differs from tools/bootstrap_cell.py"),
        (SLUG, "ANOTHER/snn-course", "differs from tools/bootstrap_cell.py"),
        (' tags=["hide-input"]', "", "has the metadata {'jupyter"),
        (' jupyter={"source_hidden": true}', "", "has the metadata"),
        (' cellView="form"', "", "has the metadata"),
        (SOURCE[SOURCE.index("# %% tags") : SOURCE.index("# %% [markdown]\n# Predict")], "",
         "expected a Markdown cell, then"),
    ],
)
def test_another_bootstrap_cell_fails(
    course: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    assert old in SOURCE
    write_course(course, SOURCE.replace(old, new))
    notebooks.generate(course)
    status, said = run_check(course, capsys)
    assert status == 1 and "notebooks/99_sample.py" in said and message in said


def test_an_address_that_differs_fails(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "README.md").write_text(f"{HUB}/{SLUG}-other\n")
    status, said = run_check(course, capsys)
    assert status == 1 and said.startswith(f"README.md:1: address {SLUG}-other")


def test_a_new_address_reaches_the_notebooks(course: Path) -> None:
    project = course / "pyproject.toml"
    project.write_text(project.read_text().replace(SLUG, "Someone/else-where"))
    assert notebooks.main(["--check"], course) == 1
    assert notebooks.main([], course) == 0
    assert notebooks.main(["--check"], course) == 0
    assert f"git+{HUB}/Someone/else-where" in target(course).read_text()
    assert names(course) == ["99_sample.ipynb", "99_sample.py"]


# What a person did is kept


def test_an_edited_notebook_is_kept_before_it_is_written_anew(course: Path) -> None:
    generated = target(course).read_bytes()
    first = edit(course, "My answer")
    said = notebooks.generate(course)
    assert "kept as 99_sample.edited.ipynb" in said[0]
    assert target(course).read_bytes() == generated
    assert target(course).with_name("99_sample.edited.ipynb").read_bytes() == first
    second = edit(course, "My second answer")
    notebooks.generate(course)
    assert target(course).with_name("99_sample.edited.ipynb").read_bytes() == first
    assert target(course).with_name("99_sample.edited-2.ipynb").read_bytes() == second


def test_a_notebook_with_results_is_kept(course: Path) -> None:
    notebook = json.loads(target(course).read_text(encoding="utf-8"))
    notebook["cells"][3]["execution_count"] = 1
    target(course).write_text(json.dumps(notebook))
    notebooks.generate(course)
    assert "99_sample.edited.ipynb" in names(course)


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b"\xff\xfe", b'{"metadata": {}}'])
def test_a_file_that_is_no_notebook_is_kept(course: Path, damaged: bytes) -> None:
    target(course).write_bytes(damaged)
    assert len(notebooks.check(course)) == 1
    notebooks.generate(course)
    assert target(course).with_name("99_sample.edited.ipynb").read_bytes() == damaged


LINES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1)


@given(lines=st.lists(LINES.map(lambda line: f"x = {line!r}"), min_size=1), data=st.data())
def test_any_edit_of_any_notebook_is_recognized(lines: list[str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "00_x.py"
        text = "# %% [markdown]\n# # A\n" + "".join(f"\n# %%\n{line}\n" for line in lines)
        source.write_text(text, encoding="utf-8")
        made = notebooks.render(source)
    assert made.encode() == made.encode("utf-8") and notebooks.is_generated(made.encode())
    content = json.loads(made)
    assert ["".join(cell["source"]) for cell in content["cells"][1:]] == lines
    changed = copy.deepcopy(content)
    cell = data.draw(st.sampled_from(changed["cells"]))
    cell["source"] = [*cell["source"], data.draw(LINES)]
    assert not notebooks.is_generated(json.dumps(changed).encode())
    # To save it unchanged, in another layout of the file, is no edit.
    assert notebooks.is_generated(json.dumps(content, indent=4).encode())
