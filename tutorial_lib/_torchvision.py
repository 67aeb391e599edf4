"""Let a CUDA build of torchvision import beside a CPU-only torch."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

import torch

__all__ = ["install"]


class _Loader(SourceFileLoader):
    """Runs torchvision's ``__init__``; if that misses an operator, defines it and runs again."""

    library: torch.library.Library | None = None  # the schemas live as long as this object

    def exec_module(self, module: ModuleType) -> None:
        try:
            super().exec_module(module)
        except RuntimeError as error:
            if "operator torchvision::nms does not exist" not in str(error):
                raise
            for name in [name for name in sys.modules if name.startswith("torchvision.")]:
                del sys.modules[name]  # what the failed attempt left, here and as attributes
                vars(module).pop(name.removeprefix("torchvision."), None)
            if _Loader.library is None:
                _Loader.library = torch.library.Library("torchvision", "FRAGMENT")
                for op in ("nms", "qnms"):
                    _Loader.library.define(
                        f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                    )
            super().exec_module(module)


class _Finder(MetaPathFinder):
    """Hands torchvision to :class:`_Loader`; leaves every other module alone."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "torchvision":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Make every later ``import torchvision`` in this process work. A second call does nothing.

    A CUDA wheel of torchvision beside a CPU-only torch fails at import with "operator
    torchvision::nms does not exist", because its compiled operators cannot be loaded. Datasets
    and transforms do not use them. An import hook also helps a learner who writes ``from
    torchvision import datasets`` in a notebook. It tries the plain import first, so a torchvision
    that imports by itself is left as it is.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
