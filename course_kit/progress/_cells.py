"""What a notebook file holds: its code, its checks, and which code a check needs."""

from __future__ import annotations

import ast
import json
import stat
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Check", "Unreadable", "checks_of", "code_cells", "scope"]

LARGEST = 64 * 2**20
"""Notebooks with more bytes are not read."""


CONFLICT = (
    "git has put two versions into it, since both you and the course changed it. In its folder, "
    "git show :2:./{name} > a.ipynb and git show :3:./{name} > b.ipynb write them out apart: keep "
    "the one with your answers in another folder. Then git checkout HEAD -- {name}"
)
"""What is said of a notebook with conflict markers."""


class Unreadable(Exception):
    """This file is no notebook that can be read; the message says why."""


@dataclass(frozen=True)
class Piece:
    """A top-level statement of a cell, with the global names that it binds and uses."""

    cell: int
    code: ast.stmt = field(repr=False)
    binds: frozenset[str]
    uses: frozenset[str]

    @property
    def is_certain(self) -> bool:
        """Does it bind its names whatever happens, without regard to what they were before?"""
        plain = ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom
        return isinstance(self.code, plain) or self.is_late

    @property
    def is_late(self) -> bool:
        """Does it look names up later, when it is called?"""
        return isinstance(self.code, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


@dataclass(frozen=True)
class Check:
    """A call of ``exercises.check`` or ``exercises.predict`` in a notebook.

    Attributes:
        exercise: the exercise's id.
        asks: "check" or "predict".
        answer: the expression that is checked; None if the call has none.
        cell: number of the cell.
        needs: the statements that the answer depends on, in order.
        broken: what is wrong with a cell that could not be parsed, by its number.
    """

    exercise: str
    asks: str
    answer: ast.expr | None
    cell: int
    needs: tuple[Piece, ...]
    broken: dict[int, str]


def code_cells(path: Path) -> dict[int, str]:
    """Returns the code of a notebook by the number of its cell, counted from 1.

    Lines that only IPython understands are blanked, so that line numbers stay.

    Raises:
        Unreadable: The file is missing, too large or no notebook.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("it is no regular file.")
        if found.st_size > LARGEST:
            raise Unreadable(
                f"it has {found.st_size / 2**20:,.0f} MB; at most {LARGEST // 2**20} MB are read. "
                "Clear its outputs and save it again."
            )
        text = path.read_bytes()
        content = json.loads(text)
    except OSError as error:
        raise Unreadable(f"it cannot be opened: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        if b"\n<<<<<<< " in text and b"\n>>>>>>> " in text:
            raise Unreadable(CONFLICT.format(name=path.name)) from None
        raise Unreadable(f"it is no valid JSON ({error}).") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("it has no list of cells. Open and save it in JupyterLab or Colab.")
    found = {}
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            found[number] = _plain(_text(cell.get("source")))
    return found


def checks_of(cells: dict[int, str]) -> list[Check]:
    """Returns the checks in these cells, in order, each with the code that it needs."""
    pieces: list[Piece] = []
    found: list[Check] = []
    broken: dict[int, str] = {}
    for number, text in cells.items():
        try:
            own = [
                Piece(number, statement, _bound(statement), _used(statement))
                for statement in ast.parse(text).body
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            broken[number] = f"{type(error).__name__}: {error}"
            continue
        for piece in own:
            for asks, exercise, answer in _calls(piece.code):
                needs = () if answer is None else _needed(pieces, _used(answer))
                found.append(Check(exercise, asks, answer, number, tuple(needs), dict(broken)))
            pieces.append(piece)
    return found


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _plain(text: str) -> str:
    lines = text.splitlines()
    if text.lstrip().startswith("%%"):
        return ""
    if not any(line.lstrip().startswith(("%", "!", "?")) for line in lines):
        return text
    try:
        ast.parse(text)  # a line of a longer expression may start with % as well
        return text
    except (SyntaxError, ValueError):
        return "\n".join(_without_magic(line) for line in lines)


def _without_magic(line: str) -> str:
    bare = line.lstrip()
    if bare.startswith(("%", "!", "?")):
        return line[: len(line) - len(bare)] + "pass"
    return line


def _calls(statement: ast.stmt) -> Iterator[tuple[str, str, ast.expr | None]]:
    """Yields function, id and answer of each call of ``exercises.check`` or ``.predict``."""
    for node in ast.walk(statement):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, asks = node.func.value, node.func.attr
        if not isinstance(owner, ast.Name) or owner.id != "exercises":
            continue
        given = {word.arg: word.value for word in node.keywords}
        values = [*node.args[:2]]
        name = values[0] if values else given.get("exercise_id")
        answer = values[1] if len(values) > 1 else given.get("answer")
        if asks in ("check", "predict") and isinstance(name, ast.Constant):
            yield asks, str(name.value), answer


def _needed(pieces: list[Piece], names: frozenset[str]) -> list[Piece]:
    """The statements that these names depend on, in order.

    For each name that is used somewhere: its last binding before that place, and what may bind it
    anew in between. What only changes a value in place does not count.
    """
    end = len(pieces)
    chosen: set[int] = set()
    seen: set[tuple[str, int]] = set()
    todo = {(name, end) for name in names}
    while todo:
        name, place = entry = todo.pop()
        seen.add(entry)
        for number in range(place - 1, -1, -1):
            piece = pieces[number]
            if name not in piece.binds:
                continue
            chosen.add(number)
            places = (number, end) if piece.is_late else (number,)
            todo |= {(used, there) for used in piece.uses for there in places} - seen
            if piece.is_certain:
                break
    return [pieces[number] for number in sorted(chosen)]


def _bound(statement: ast.AST) -> frozenset[str]:
    """The global names that a statement binds, those in its loops and branches included."""
    return frozenset(
        symbol.get_name()
        for symbol in scope(statement).get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    )


def _used(node: ast.AST) -> frozenset[str]:
    """The global names that some code looks up, those inside of its functions included."""
    names: set[str] = set()
    tables = [scope(node)]
    for table in tables:
        tables += table.get_children()
        top = table is tables[0]
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (top or symbol.is_global()):
                names.add(symbol.get_name())
    return frozenset(names)


def scope(node: ast.AST) -> symtable.SymbolTable:
    """The names of some code. Functions and all comprehensions have tables of their own in it."""
    own = _Generators().visit(ast.parse(ast.unparse(node)))
    return symtable.symtable(ast.unparse(own), "<cell>", "exec")


class _Generators(ast.NodeTransformer):
    """Makes comprehensions generators, whose names stay theirs.

    From Python 3.12 on, symtable counts the names of the others among those around them.
    """

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.AST:
        return self.generic_visit(ast.GeneratorExp(node.elt, node.generators))

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        pair = ast.Tuple([node.key, node.value], ast.Load())
        return self.generic_visit(ast.GeneratorExp(pair, node.generators))
