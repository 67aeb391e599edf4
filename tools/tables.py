"""Writes the book's tables of exercises, equations and snnTorch's names from what is really there.

Usage:
    python -m tools.tables            write book/exercises.md, equations.md and from_snntorch.md
    python -m tools.tables --check    compare only; exit 1 and name what differs or is not linked
"""

from __future__ import annotations

import argparse
import ast
import inspect
import pkgutil
import re
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jupytext

from course_kit import exercises
from tools import address, notebooks
from tutorial_lib import Leaky
from tutorial_lib._snntorch import INSTEAD

ROOT = notebooks.ROOT
LINKS = "tools/equations.toml"
_DISPLAYED = re.compile(r"\$\$(.+?)\$\$[ \t]*(?:\((eq:[\w-]+)\))?", re.DOTALL)
_UPDATE_RULE = re.compile(r"(?<![\w{])[US]\[t\]\s*&?=")
_KINDS = {
    "number": "a number",
    "choice": "a prediction",
    "function": "a function",
    "class": "a class",
    "open": "an open task",
}
SPOT = "Spot the fault"
"""How the title of an exercise begins that starts from a published error."""
_NOTE = "<!-- Written by tools/tables.py: make notebooks. Changes made here are lost. -->"
_NAMES = "<!-- The tables are written by tools/tables.py. Changes made here are lost. -->"
_END_OF_NAMES = "<!-- End of the tables -->"
_SHORT = {"snntorch": "snn", "functional": "SF", "spikeplot": "splt"}


@dataclass(frozen=True)
class Equation:
    """A displayed equation: its page (relative to the root), its label or None, its LaTeX text."""

    page: str
    label: str | None
    text: str


@dataclass(frozen=True)
class Link:
    """What belongs to a labelled equation: a function ("a.b") and a test ("tests/x.py::test")."""

    function: str
    test: str


def equations(root: Path) -> list[Equation]:
    """Returns the displayed equations of the notebooks and of the book's own pages, in order."""
    found = []
    for source in notebooks.sources(root):
        parsed = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
        page = source.with_suffix(".ipynb").relative_to(root).as_posix()
        for cell in parsed.cells:
            if cell.cell_type == "markdown":
                found += _displayed(page, cell.source)
    for path in sorted((root / "book").glob("*.md")):
        if path.name not in _PAGES:
            page = path.relative_to(root).as_posix()
            found += _displayed(page, path.read_text(encoding="utf-8"))
    return found


def links(root: Path) -> dict[str, Link]:
    """Returns function and test of each label, as tools/equations.toml has them."""
    text = (root / LINKS).read_text(encoding="utf-8")
    return {label: Link(*entry) for label, entry in tomllib.loads(text).items()}


def problems(root: Path) -> list[str]:
    """Returns one line for each equation, function or test that is not linked as it must be."""
    found, known = equations(root), links(root)
    labels = Counter(equation.label for equation in found if equation.label)
    said = [f"{label}: {count} equations have it" for label, count in labels.items() if count > 1]
    for equation in found:
        if equation.label is None and _UPDATE_RULE.search(equation.text):
            short = " ".join(equation.text.split())[:60]
            said.append(f"{equation.page}: update rule without a label, (eq:...): {short}")
    for label in labels:
        if label not in known:
            said.append(f"{label}: no function and no test. Remedy: an entry in {LINKS}")
    for label, link in known.items():
        if label not in labels:
            said.append(f"{label}: is in {LINKS}, but no equation has this label")
        said += [f"{label}: {fault}" for fault in _faults(root, label, link)]
    return said


def pages(root: Path) -> dict[str, str]:
    """Returns the text of each generated page by its path relative to the root."""
    return {f"book/{name}": f"{make(root)}\n" for name, make in _PAGES.items()}


def generate(root: Path) -> list[str]:
    """Writes the pages that differ; returns their paths."""
    changed = []
    for name, text in pages(root).items():
        path = root / name
        if not path.exists() or path.read_bytes() != text.encode():
            path.write_bytes(text.encode())
            changed.append(name)
    return changed


def check(root: Path) -> list[str]:
    """Returns one line for each missing link and each page that differs from what is generated."""
    said = problems(root)
    for name, text in pages(root).items():
        path = root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            said.append(f"{name}: differs from what tools/tables.py writes. Remedy: make notebooks")
    return said


# The pages


def _exercises_page(root: Path) -> str:
    known = exercises.collected()
    mistakes = sum(len(exercise.wrong_answers) for exercise in known)
    parts = [
        "# The exercises",
        _NOTE,
        _prose(
            f"The course has {len(known)} exercises. Each has a check in its notebook that tells a "
            "right answer from a wrong one and says what is wrong. The last column counts the "
            f"misconceptions that a check knows, {mistakes} in all. The tests of the course give "
            "it each of these wrong answers, and look for the words meant for it."
        ),
        _prose(
            "To see how far you are, run `python -m course_kit.progress`, or give it "
            "the folder in which you keep your notebooks from Colab. "
            "[Progress](api/progress.md) says what it prints."
        ),
        *_spot_the_fault(root),
    ]
    for source in notebooks.sources(root):
        own = _in_order(source)
        if own:
            parts.append(_heading(root, f"notebooks/{source.stem}.ipynb"))
            rows = [(e.title, e.shows, _KINDS[e.kind], str(len(e.wrong_answers))) for e in own]
            head = ("Exercise", "What passing it shows", "Answer", "Misconceptions")
            parts.append(_table(head, rows, "36 36 14 14"))
    return "\n\n".join(parts)


def _in_order(source: Path) -> list[exercises.Exercise]:
    """The exercises of a notebook as they follow each other there."""
    text = source.read_text(encoding="utf-8")
    own = exercises.collected(source.stem[:2])
    return sorted(own, key=lambda exercise: text.find(f'"{exercise.id}"'))


def _spot_the_fault(root: Path) -> list[str]:
    """The exercises on published errors, with the notebooks in which they stand."""
    rows = [
        (exercise.title, exercise.shows, _linked(root, f"notebooks/{source.stem}.ipynb"))
        for source in notebooks.sources(root)
        for exercise in _in_order(source)
        if exercise.title.startswith(SPOT)
    ]
    if not rows:
        return []
    return [
        "## Spot the fault",
        _prose(
            f"Errors that have been published are where {len(rows)} of the exercises start. You "
            "find them, and show that you have. [What has been corrected](corrections.md) lists "
            "these and more."
        ),
        _table(("Task", "What passing it shows", "Notebook"), rows, "38 38 24"),
    ]


def _equations_page(root: Path) -> str:
    known, slug = links(root), address.own_slug(root)
    parts = [
        "# The equations",
        _NOTE,
        _prose(
            "Every numbered equation of the course, the function of the library that computes it, "
            "and the test that holds the two together: it writes the equation out once more and "
            "compares. The numbers are those of the page that shows the equation."
        ),
    ]
    by_page: dict[str, list[Equation]] = {}
    for equation in equations(root):
        if equation.label in known:
            by_page.setdefault(equation.page, []).append(equation)
    for page, own in by_page.items():
        parts.append(_heading(root, page))
        rows = []
        for equation in own:
            link = known[equation.label]
            file, _, test = link.test.partition("::")
            words = test.removeprefix("test_").replace("_", " ")
            place = f"https://github.com/{slug}/blob/main/{file}"
            rows.append(
                (
                    f"[](#{equation.label})",
                    f"{{py:obj}}`~{link.function}`, [{words}]({place})",
                    _inline(equation.text),  # last: a wide one is scrolled, and hides nothing
                )
            )
        parts.append(_table(("No.", "Function, and test", "Equation"), rows, "8 34 58"))
    return "\n\n".join(parts)


def _snntorch_page(root: Path) -> str:
    """The page as it stands, with the tables between its two marks written anew."""
    text = (root / "book" / "from_snntorch.md").read_text(encoding="utf-8")
    start, _, rest = text.partition(_NAMES)
    _, end, rest = rest.partition(_END_OF_NAMES)
    if not end:
        raise ValueError(f"book/from_snntorch.md must hold the lines {_NAMES} and {_END_OF_NAMES}")
    arguments = inspect.signature(Leaky).parameters
    tables = []
    for namespace, instead in INSTEAD.items():
        here = _SHORT.get(namespace, namespace)
        rows = []
        for name, words in instead.items():
            is_argument = namespace == "Leaky" and name in arguments
            rows.append((f"`{here}({name}=...)`" if is_argument else f"`{here}.{name}`", words))
        tables.append(_table(("snnTorch", "Here"), rows, "35 65"))
    return "\n\n".join([start + _NAMES, *tables, _END_OF_NAMES + rest.rstrip("\n")])


_PAGES = {
    "exercises.md": _exercises_page,
    "equations.md": _equations_page,
    "from_snntorch.md": _snntorch_page,
}


def _heading(root: Path, page: str) -> str:
    """A heading with the page's own title, linked to it."""
    return f"## {_linked(root, page)}"


def _linked(root: Path, page: str) -> str:
    """A page's own title, linked to it."""
    path = root / page
    path = path.with_suffix(".py") if path.suffix == ".ipynb" else path
    mark = "# # " if path.suffix == ".py" else "# "
    title = re.search(rf"^{mark}(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    link = page.removeprefix("book/") if page.startswith("book/") else f"../{page}"
    return f"[{title[1] if title else page}]({link})"


def _prose(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], widths: str) -> str:
    lines = ["```{list-table}", ":header-rows: 1", ":class: stack", f":widths: {widths}", ""]
    for row in (head, *rows):
        first, *others = (" ".join(text.split()) for text in row)
        lines += [f"* - {first}", *(f"  - {text}" for text in others)]
    return "\n".join([*lines, "```"])


def _inline(text: str) -> str:
    """A displayed equation as it can stand in a table: what stands side by side goes below."""
    text = re.sub(r",\s*\\qquad\s*", r", \\\\ & ", " ".join(text.split()))
    if re.search(r"&", re.sub(r"\\begin\{cases\}.*?\\end\{cases\}", "", text)):
        start = "" if "&" in text.split(r"\\")[0] else "& "
        text = rf"\begin{{aligned}} {start}{text} \end{{aligned}}"
    return f"${text}$"


# What is linked


def _displayed(page: str, text: str) -> list[Equation]:
    return [Equation(page, match[2], match[1].strip()) for match in _DISPLAYED.finditer(text)]


def _faults(root: Path, label: str, link: Link) -> list[str]:
    said = []
    try:
        if not callable(pkgutil.resolve_name(link.function)):
            said.append(f"{link.function} is no function")
    except (ImportError, AttributeError, ValueError):
        said.append(f"the function {link.function} does not exist")
    file, _, name = link.test.partition("::")
    test = _test(root / file, name)
    if test is None:
        said.append(f"the test {link.test} does not exist")
    elif not re.search(rf"{re.escape(label)}(?![\w-])", test):
        said.append(f"the test {link.test} does not name {label}")
    return said


def _test(path: Path, name: str) -> str | None:
    """The text of a test function, or None."""
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name and name.startswith("test_"):
            return ast.get_source_segment(text, node)
    return None


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    if not parser.parse_args(arguments).check:
        for name in generate(root):
            print(f"{name} written")
    said = check(root)
    for line in said:
        print(line, file=sys.stderr)
    if not said:
        print(f"{len(links(root))} equations with function and test; the tables are up to date.")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
