"""For modules that are not ported yet: an old exercise, as the new framework sees it.

Deleted with the last of them, together with ``_core`` and ``_values``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from . import _core
from .exercise import Answer, Exercise, Wrong

__all__ = ["exercises"]

_HERE = Path(__file__).parent


def exercises() -> list[Exercise]:
    """Returns the exercises of all ``_nbNN.py`` but of those notebooks that have a folder."""
    found = []
    for path in sorted(_HERE.glob("_nb[0-9][0-9].py")):
        module = importlib.import_module(f"{__package__}.{path.stem}")
        found += [_Old(old, module.__name__) for old in module.EXERCISES]
    return found


class _Old(Exercise):
    def __init__(self, old: _core.Exercise, module: str) -> None:
        options = None if old.options is None else old.options()
        name = old.id[3:].replace("-", "_")
        super().__init__(
            f"nb{old.id[:2]}.{name}", old.title, shows=old.objective, kind=old.kind, options=options
        )
        self._old, self._module, self.untouched = old, module, old.stub()
        self.right_answers = [Answer(f"{n}", make) for n, make in enumerate(old.variants)]
        self.wrong_answers = [
            Answer(m.name, m.answer, m.misconception, m.expects) for m in old.mutants
        ]

    def check(self, answer: Any) -> str:
        verdict = self._old.judge(answer)
        if not verdict.passed:
            raise Wrong(verdict.message)
        return verdict.message

    @property
    def solution(self) -> Any:
        return self._old.reference()

    @property
    def file(self) -> str:
        code = getattr(self._old.judge, "__code__", None)
        return code.co_filename if code else super().file

    @property
    def source(self) -> str:
        return ""
