"""How a notebook reads: predictions stay open, cells short, folded cells fold everywhere."""

from __future__ import annotations

import ast
import json
import re
import symtable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import pytest

from course_kit.progress import _cells
from tools import notebooks

ROOT = Path(__file__).resolve().parent.parent
SOURCES = notebooks.sources(ROOT)

MAX_CELLS = {"01": 100}  # cells whose input is visible
MAX_CELLS_ELSEWHERE = 90
MAX_PREDICTIONS = 8
MAX_LINES, MAX_COLUMNS = 12, 80  # of a visible code cell; the book's column shows no more

ANSWER = "<summary>Answer</summary>"
SHOWS = re.compile(r"\b(print|figures\.show|figures\.to_html)\(")
UNWANTED = re.compile(r"\b(shall|mend(s|ed|ing)?|so many|of its own|hands? back)\b", re.IGNORECASE)


def cells_of(text: str) -> list[Any]:
    return jupytext.reads(text, fmt="py:percent").cells


def is_folded(cell: Any) -> bool:
    return "hide-input" in cell.metadata.get("tags", [])


def holds_assertion(code: str) -> bool:
    """An assert statement, or a call of something like assert_close."""
    plain = "\n".join(line for line in code.splitlines() if not line.startswith(("%", "!")))
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, (ast.Name, ast.Attribute)):
            if getattr(node, "id", getattr(node, "attr", "")).startswith("assert"):
                return True
    return False


def pieces(cells: list[Any]) -> Iterator[tuple[int, str, str]]:
    """Number, kind and text of what a reader meets: prose (cut before each task), code, folded."""
    for number, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            yield number, "folded" if is_folded(cell) else "code", cell.source
            continue
        starts = r"^(?=> \*\*(?:Predict|Try it)\.\*\*|#+ )"
        for text in re.split(starts, cell.source, flags=re.MULTILINE):
            yield number, "prose", text


def unanswered(cells: list[Any]) -> Iterator[str]:
    """Predictions that are given away or never answered, and "Try it" without an answer."""
    open_task: tuple[int, str] | None = None
    for number, kind, text in [*pieces(cells), (len(cells), "prose", "# The end")]:
        if kind == "prose":
            starts = re.match(r"> \*\*(Predict|Try it)\.\*\*|#+ ", text)
            if starts and open_task:
                yield f"cell {open_task[0]}: {open_task[1]} without a folded answer"
                open_task = None
            if starts and starts[1]:
                open_task = number, starts[1]
            elif re.search(r"\*\*(Predict|Try it)\.\*\*", text):
                yield f"cell {number}: expected a block quote, > **Predict.** or > **Try it.**"
            if ANSWER in text:
                open_task = None
        elif open_task and open_task[1] == "Predict":
            if kind == "code" and holds_assertion(text):
                asked = open_task[0]
                yield f"cell {number}: an assertion gives the prediction of cell {asked} away"
            if SHOWS.search(text) and "hide-output" not in cells[number].metadata.get("tags", []):
                yield f"cell {number}: in the book, the output answers cell {open_task[0]}"


def too_much(cells: list[Any], most_cells: int) -> Iterator[str]:
    """More cells, predictions, lines or columns than a reader gets through."""
    visible = [cell for cell in cells if not is_folded(cell)]
    if len(visible) > most_cells:
        yield f"{len(visible)} visible cells, at most {most_cells}"
    predictions = sum(c.source.count("**Predict.**") for c in cells if c.cell_type == "markdown")
    if predictions > MAX_PREDICTIONS:
        yield f"{predictions} predictions, at most {MAX_PREDICTIONS}"
    for number, kind, text in pieces(cells):
        if kind == "code":
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) > MAX_LINES:
                yield f"cell {number}: {len(lines)} lines of code, at most {MAX_LINES}"
            for line in lines:
                if len(line) > MAX_COLUMNS:
                    yield f"cell {number}: {len(line)} columns, at most {MAX_COLUMNS}: {line}"


def unfolded(cells: list[Any]) -> Iterator[str]:
    """Cells that fold in one of JupyterLab, Colab and the book, but not in all three."""
    for number, cell in enumerate(cells):
        if cell.cell_type != "code" or number == 1:  # the bootstrap cell has a test already
            continue
        first = cell.source.partition("\n")[0]
        lab = cell.metadata.get("jupyter", {}).get("source_hidden") is True
        colab = cell.metadata.get("cellView") == "form" and first.startswith("#@title ")
        book = is_folded(cell)
        if len({lab, colab, book}) > 1:
            yield f"cell {number}: folds in JupyterLab {lab}, in Colab {colab}, in the book {book}"
        if "claims" in cell.metadata.get("tags", []) and not book:
            yield f"cell {number}: claims stand in sight"


def names_of(cell: Any) -> symtable.SymbolTable:
    """The names at the top of a cell; those of functions and comprehensions are theirs."""
    plain = "\n".join(x for x in cell.source.splitlines() if not x.startswith(("%", "!")))
    return _cells.scope(ast.parse(plain))


def meddling(cells: list[Any]) -> Iterator[str]:
    """Claims that bind a name of another cell: run twice or out of order, that would differ."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    claims = [cell for cell in code if "claims" in cell.metadata.get("tags", [])]
    theirs = {x for c in code if c not in claims for x in names_of(c).get_identifiers()}
    for cell in claims:
        bound = {x.get_name() for x in names_of(cell).get_symbols() if x.is_assigned()}
        if taken := (bound & theirs) - {"_"}:
            yield f"cell {cells.index(cell)}: claims bind {sorted(taken)}, names of other cells"


def unwanted(cells: list[Any]) -> Iterator[str]:
    for number, cell in enumerate(cells):
        for found in UNWANTED.finditer(cell.source):
            yield f"cell {number}: {found[0]!r}, which nobody says to a colleague"


def problems(text: str, most_cells: int = MAX_CELLS_ELSEWHERE) -> list[str]:
    cells = cells_of(text)
    return [
        *unanswered(cells), *too_much(cells, most_cells), *unfolded(cells), *meddling(cells),
        *unwanted(cells),
    ]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_reads_well(source: Path) -> None:
    number = source.stem[:2]
    found = problems(
        source.read_text(encoding="utf-8"), MAX_CELLS.get(number, MAX_CELLS_ELSEWHERE)
    )
    assert not found, "\n".join(found)


CLAIMS = """# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert 2 * x == 6
"""
GOOD = f"""# %% [markdown]
# # A title

# %% tags=["hide-input"]
import os

# %% [markdown]
# > **Predict.** What is `2 * x`?

# %% tags=["hide-output"]
x = 3
print(2 * x)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Six.
#
# </details>

{CLAIMS}
# %% [markdown]
# > **Try it.** What is `3 * x`?
#
# <details><summary>Answer</summary>
#
# Nine.
#
# </details>
"""
FOLD = "# <details><summary>Answer</summary>"


def test_a_good_notebook_has_no_problem() -> None:
    assert problems(GOOD) == []
    assert problems(GOOD.replace("assert 2 * x == 6", "assert [x for x in (6,)] == [2 * x]")) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("print(2 * x)", "assert 2 * x == 6", "gives the prediction of cell 2 away"),
        ("print(2 * x)", "torch.testing.assert_close(2 * x, 6)", "gives the prediction"),
        ("print(2 * x)\n", "\n# %%\ny = 2\n\n# %%\nassert x\n", "cell 5: an assertion gives"),
        ('# %% tags=["hide-output"]', "# %%", "cell 3: in the book, the output answers cell 2"),
        (f"{FOLD}\n#\n# Six", "# <details><summary>Why</summary>\n#\n# Six", "cell 2: Predict wi"),
        (f"{FOLD}\n#\n# Nine", "#\n# Nine", "cell 6: Try it without a folded answer"),
        ("# > **Predict.** What", "# **Predict.** What", "cell 2: expected a block quote"),
        ("x = 3\n", "x = 3\n" * 12, "cell 3: 13 lines of code, at most 12"),
        ("x = 3\n", f"x = {'3' * 77}\n", "cell 3: 81 columns, at most 80"),
        ("x = 3\n", "# It shall be 3.\nx = 3\n", "cell 3: 'shall'"),
        ("Nine", "Mend it", "cell 6: 'Mend'"),
        ('"hide-input"] jupyter', '"other"] jupyter', "in the book False"),
        ('"hide-input"] jupyter', '"other"] jupyter', "claims stand in sight"),
        ('jupyter={"source_hidden": true} ', "", "in JupyterLab False"),
        ('cellView="form"', "", "in Colab False"),
        ("#@title Checked here\n", "", "in Colab False"),
        ("assert 2 * x == 6", "for x in (3,): assert x", "cell 5: claims bind ['x']"),
    ],
)
def test_a_notebook_that_reads_badly_is_found(old: str, new: str, words: str) -> None:
    assert GOOD.count(old) >= 1
    assert words in "\n".join(problems(GOOD.replace(old, new, 1)))


def test_too_much_is_found() -> None:
    assert problems(GOOD + "\n# %%\npass\n" * 84) == []  # the claims and the bootstrap are folded
    assert problems(GOOD + "\n# %%\npass\n" * 86) == ["91 visible cells, at most 90"]
    prediction = f"\n# %% [markdown]\n# > **Predict.** What?\n#\n{FOLD}\n#\n# </details>\n"
    assert problems(GOOD + prediction * 7) == []
    assert problems(GOOD + prediction * 8) == ["9 predictions, at most 8"]


def test_what_folds_reaches_the_notebook(tmp_path: Path) -> None:
    """JupyterLab, Colab and the book read these three from the ipynb."""
    source = tmp_path / "07_sample.py"
    source.write_text(GOOD, encoding="utf-8")
    cell = json.loads(notebooks.render(source))["cells"][5]
    assert cell["metadata"] == {
        "tags": ["claims", "hide-input"],
        "jupyter": {"source_hidden": True},
        "cellView": "form",
    }
    assert cell["source"][0] == "#@title Checked here\n"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_what_folds_is_run(source: Path) -> None:
    """nbval leaves out cells with these tags, the book removes some; claims must run everywhere."""
    for cell in cells_of(source.read_text(encoding="utf-8")):
        tags = set(cell.metadata.get("tags", []))
        assert not tags & {"nbval-skip", "skip-execution", "remove-cell", "raises-exception"}
