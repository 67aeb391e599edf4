"""The book's tables are generated, and a link that is missing does not stay unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import tables
from tutorial_lib._snntorch import INSTEAD

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = """# %% [markdown]
# # A title
#
# The rule is
#
# $$ U[t] = \\beta\\,U[t-1] + I[t] $$ (eq:07-update)
#
# and here is something that is no rule: $$ x = 1 $$
"""
PAGE = "# Symbols\n\n$$ a &= |b| \\\\\n   c &= d $$ (eq:ref-two)\n"
LINKS = """"eq:07-update" = ["tutorial_lib.lif_step", "tests/test_x.py::test_one"]
"eq:ref-two" = ["tutorial_lib.surrogate.atan", "tests/test_x.py::test_two"]
"""
TESTS = '''def test_one():
    """eq:07-update"""


def test_two():
    """eq:ref-two, eq:ref-two-more"""


def helper():
    """eq:07-update"""
'''


@pytest.fixture
def course(tmp_path: Path) -> Path:
    for name, text in {
        "notebooks/07_sample.py": NOTEBOOK,
        "book/symbols.md": PAGE,
        "tools/equations.toml": LINKS,
        "tests/test_x.py": TESTS,
        "book/from_snntorch.md": f"Before\n\n{tables._NAMES}\n{tables._END_OF_NAMES}\nAfter\n",
        "pyproject.toml": (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert tables.main([], tmp_path) == 0
    return tmp_path


def change(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new), encoding="utf-8")


def test_the_courses_own_tables_are_up_to_date_and_every_link_is_there() -> None:
    assert tables.check(ROOT) == []


def test_every_label_of_the_course_is_in_the_table() -> None:
    page = (ROOT / "book" / "equations.md").read_text(encoding="utf-8")
    labels = [equation.label for equation in tables.equations(ROOT) if equation.label]
    assert len(labels) > 20
    for label in labels:
        assert page.count(f"[](#{label})") == 1


def test_snntorchs_names_stand_between_their_marks(course: Path) -> None:
    page = (course / "book" / "from_snntorch.md").read_text(encoding="utf-8")
    assert page.startswith("Before\n") and page.endswith("\nAfter\n")
    for namespace, instead in INSTEAD.items():
        assert instead, namespace
        for words in instead.values():
            assert f"  - {words}\n" in page
    assert "* - `SF.SpikeTime`\n" in page and "* - `Leaky(inhibition=...)`\n" in page


def test_the_pages(course: Path) -> None:
    page = (course / "book" / "equations.md").read_text(encoding="utf-8")
    assert "## [A title](../notebooks/07_sample.ipynb)" in page
    assert "## [Symbols](symbols.md)" in page
    assert "\n  - $U[t] = \\beta\\,U[t-1] + I[t]$\n" in page and "* - [](#eq:07-update)\n" in page
    assert "$\\begin{aligned} a &= |b| \\\\ c &= d \\end{aligned}$" in page
    assert "{py:obj}`~tutorial_lib.lif_step`" in page and "x = 1" not in page
    assert "blob/main/tests/test_x.py)" in page
    assert tables.generate(course) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("notebooks/07_sample.py", "(eq:07-update)", "(eq:07-new)", "eq:07-new: no function and"),
        ("notebooks/07_sample.py", "(eq:07-update)", "(eq:07-new)", "no equation has this label"),
        ("notebooks/07_sample.py", "(eq:07-update)", "", "update rule without a label"),
        ("notebooks/07_sample.py", "(eq:07-update)", "(eq:ref-two)", "2 equations have it"),
        ("notebooks/07_sample.py", "A title", "Another", "equations.md: differs"),
        ("tools/equations.toml", "lif_step", "lif_stop", "lif_stop does not exist"),
        ("tools/equations.toml", ".lif_step", ".__version__", "no function"),
        ("tools/equations.toml", "::test_one", "::test_none", "test_none does not exist"),
        ("tools/equations.toml", "::test_one", "::helper", "helper does not exist"),
        ("tools/equations.toml", "test_x.py::test_one", "test_y.py::test_one", "does not exist"),
        ("tools/equations.toml", "::test_one", "::test_two", "does not name eq:07-update"),
        ("tests/test_x.py", '"""eq:ref-two, eq', '"""eq', "does not name eq:ref-two"),
        ("book/equations.md", "Symbols", "Signs", "equations.md: differs"),
        ("book/exercises.md", "exercises", "tasks", "exercises.md: differs"),
        ("book/from_snntorch.md", "Leaky.fire", "Leaky.fires", "from_snntorch.md: differs"),
    ],
)
def test_a_missing_link_fails(
    course: Path, capsys: pytest.CaptureFixture[str], name: str, old: str, new: str, words: str
) -> None:
    assert tables.main(["--check"], course) == 0
    change(course, name, old, new)
    capsys.readouterr()
    assert tables.main(["--check"], course) == 1
    assert words in capsys.readouterr().err
