"""Writes notebooks/NN_topic.ipynb from notebooks/NN_topic.py, always as the same bytes.

Usage:
    python -m tools.notebooks            carry address and solutions, then write the notebooks
    python -m tools.notebooks --check    compare only; exit 1 and name what differs

A notebook that somebody edited or ran is recognized by the fingerprint in its metadata, and is kept
as NN_topic.edited.ipynb before the new one is written.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from course_kit.workspace import fingerprint, is_generated
from tools import address, solutions

ROOT = Path(__file__).resolve().parent.parent
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# The bootstrap cell is out of sight in the book, in JupyterLab and in Colab.
_FOLDED = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}, "cellView": "form"}


def bootstrap_cell(root: Path) -> str:
    """Returns the text that the second cell of every notebook must have."""
    return (root / "tools" / "bootstrap_cell.py").read_text(encoding="utf-8").rstrip("\n")


def sources(root: Path) -> list[Path]:
    """Returns the py:percent sources, in the course's order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.py"))


def render(source: Path) -> str:
    """Returns the notebook (JSON text) that belongs to a py:percent source.

    Cell ids are the stem and a number. There are no outputs and no execution counts. A cell's own
    metadata (`# %% tags=["hide-input"]`) stays.
    """
    parsed = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    cells = []
    for number, cell in enumerate(parsed.cells):
        entry: dict[str, Any] = {
            "cell_type": cell.cell_type,
            "id": f"{source.stem}-{number:03d}",
            "metadata": _own_metadata(cell),
            "source": cell.source.splitlines(keepends=True),
        }
        if cell.cell_type == "code":
            entry |= {"execution_count": None, "outputs": []}
        cells.append(entry)
    notebook = {"cells": cells, "metadata": dict(_METADATA), "nbformat": 4, "nbformat_minor": 5}
    notebook["metadata"]["generated"] = {"from": source.name, "sha256": fingerprint(notebook)}
    nbformat.validate(notebook)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def generate(root: Path) -> list[str]:
    """Writes the notebooks that differ from their sources. Keeps what somebody changed by hand.

    Returns:
        One line for each file written.
    """
    said = []
    for source in sources(root):
        target = source.with_suffix(".ipynb")
        new = render(source).encode()
        old = target.read_bytes() if target.exists() else None
        if old == new:
            continue
        if old is not None and not is_generated(old):
            kept = _free_name(target)
            kept.write_bytes(old)
            said.append(
                f"{_short(target, root)} was edited or run by hand. That version is kept as "
                f"{kept.name}; changes to the course belong into {source.name}."
            )
        target.write_bytes(new)
        said.append(f"{_short(target, root)} written")
    return said


def check(root: Path) -> list[str]:
    """Returns one line for each notebook or source that is not as it must be."""
    problems = []
    for source in sources(root):
        target = source.with_suffix(".ipynb")
        problems += _check_bootstrap(source, root)
        if not target.exists():
            problems.append(f"{_short(target, root)}: missing. Remedy: make notebooks")
        elif target.read_bytes() != render(source).encode():
            problems.append(
                f"{_short(target, root)}: differs from what {source.name} generates. Remedy: put "
                f"the change into {source.name}, then make notebooks (it keeps your version of the "
                f"notebook as {_free_name(target).name} if it was edited or run by hand)"
            )
    names = {source.name for source in sources(root)}
    for target in sorted((root / "notebooks").glob("*.ipynb")):
        origin = _origin(target)
        if origin is not None and origin not in names:
            problems.append(
                f"{_short(target, root)}: generated from {origin}, which is gone. Remedy: delete "
                "the notebook, or bring its source back"
            )
    return problems


def _check_bootstrap(source: Path, root: Path) -> list[str]:
    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    place = f"{_short(source, root)}: the second cell"
    if len(cells) < 2 or cells[0].cell_type != "markdown" or cells[1].cell_type != "code":
        return [f"{_short(source, root)}: expected a Markdown cell, then the bootstrap cell"]
    if cells[1].source != bootstrap_cell(root):
        return [f"{place} differs from tools/bootstrap_cell.py. Remedy: copy that text into it"]
    metadata = _own_metadata(cells[1])
    if metadata != _FOLDED:
        return [f"{place} has the metadata {metadata}; expected {_FOLDED}"]
    return []


def _own_metadata(cell: nbformat.NotebookNode) -> dict[str, Any]:
    """Without the blank lines between cells, which jupytext notes there."""
    return {k: v for k, v in cell.metadata.items() if not k.startswith("lines_to_")}


def _origin(notebook: Path) -> str | None:
    try:
        return json.loads(notebook.read_bytes())["metadata"]["generated"]["from"]
    except (ValueError, KeyError, TypeError):
        return None


def _free_name(notebook: Path) -> Path:
    """Returns the first name NN_topic.edited[-2, -3, ...].ipynb that is not taken."""
    number = 1
    while True:
        suffix = ".edited" if number == 1 else f".edited-{number}"
        name = notebook.with_name(f"{notebook.stem}{suffix}.ipynb")
        if not name.exists():
            return name
        number += 1


def _short(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    if parser.parse_args(arguments).check:
        problems = solutions.differences(sources(root)) + check(root) + address.check(root)
        for problem in problems:
            print(problem, file=sys.stderr)
        if not problems:
            print(f"{len(sources(root))} notebooks equal their sources; one address everywhere.")
        return 1 if problems else 0
    changed = [f"{_short(path, root)}: address carried" for path in address.carry(root)]
    changed += solutions.carry(sources(root))
    for line in changed + generate(root) or ["Everything is up to date."]:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
