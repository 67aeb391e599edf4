"""Which module imports which: read from the source of every module, none of them listed by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers import ROOT

# Lower floors first. A part of the library imports from floors below its own only.
FLOORS = (
    {"_checks", "_graphs", "_torchvision"},
    {"_parameters", "_snntorch", "events"},
    {"surrogate", "encoding", "functional", "data", "plotting", "utils"},
    {"lif"},
    {"neurons"},
    {"_runs"},
    {"networks", "fast"},
    {"simulation"},
    {"initialization", "training"},
)
PACKAGES = ("tutorial_lib", "course_kit")


def sources(root: Path = ROOT) -> dict[str, Path]:
    """Every module of both packages by its dotted name; a package is its ``__init__``."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


class House:
    """The imports of a set of modules.

    Attributes:
        imports: for each module, the modules that it imports, wherever in its text: at the top, in
            functions, for type checkers.
        private: for each module, the private names that it takes from a place that is not its own:
            a module ``_name`` belongs to the package it lies in, any other ``_name`` to its module.
    """

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files
        self.imports: dict[str, set[str]] = {name: set() for name in files}
        self.private: dict[str, set[str]] = {name: set() for name in files}
        for name in files:
            self._read(name)

    def _read(self, name: str) -> None:
        tree = ast.parse(self.files[name].read_text(encoding="utf-8"))
        bound = {}  # names in the text that stand for modules
        for target, alias in self._targets(name, tree):
            module = self._module(target)
            if module is not None and module != name:
                self.imports[name].add(module)
                if module == target:
                    bound[alias] = module
            self._judge(name, target)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id in bound:
                    self._judge(name, f"{bound[node.value.id]}.{node.attr}")

    def _targets(self, name: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
        """What is imported, as a full dotted name, and what it is called here."""
        is_package = self.files[name].name == "__init__.py"
        home = name.split(".") if is_package else name.split(".")[:-1]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, alias.asname or alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = home[: len(home) - node.level + 1] if node.level else []
                source = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((f"{source}.{a.name}", a.asname or a.name) for a in node.names)

    def _module(self, target: str) -> str | None:
        """The module that a dotted name lies in, or is; None if it is none of ours."""
        while target and target not in self.files:
            target = target.rpartition(".")[0]
        return target or None

    def _judge(self, name: str, target: str) -> None:
        parts = target.split(".")
        for i, part in enumerate(parts):
            owner = ".".join(parts[:i])
            if part.startswith("_") and not part.startswith("__") and owner in self.files:
                if name != owner and not name.startswith(f"{owner}."):
                    self.private[name].add(target)


@pytest.fixture(scope="module")
def house() -> House:
    return House(sources())


def floor(module: str) -> int:
    part = module.split(".")[1]
    return next(i for i, parts in enumerate(FLOORS) if part in parts)


def test_every_part_of_the_library_has_a_floor(house: House) -> None:
    parts = {name.split(".")[1] for name in house.files if name.startswith("tutorial_lib.")}
    assert parts == set().union(*FLOORS)


def test_there_is_no_circle(house: House) -> None:
    try:
        TopologicalSorter(house.imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_library_imports_from_lower_floors_only(house: House) -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in house.imports.items()
        for other in others
        if name.startswith("tutorial_lib.") and other != "tutorial_lib"
        if name.split(".")[1] != other.split(".")[1:2][0]
        if other.startswith("course_kit") or floor(other) >= floor(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_takes_private_names_of_others(house: House) -> None:
    wrong = [f"{name} takes {taken}" for name, every in house.private.items() for taken in every]
    assert not wrong, "\n".join(wrong)
