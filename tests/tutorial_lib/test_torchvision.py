"""A CUDA torchvision imports beside a CPU torch; one that imports by itself is left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def run(code: str, *first_on_path: Path) -> str:
    """Run ``code`` in a fresh interpreter and return what it printed."""
    paths = [*map(str, first_on_path), str(REPOSITORY)]
    result = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path[:0] = {paths!r}\n{code}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def stub(folder: Path, init: str) -> Path:
    (folder / "torchvision").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text(init)
    (folder / "torchvision" / "part.py").write_text("loaded = []")
    return folder


def test_the_installed_torchvision_imports_as_a_learner_writes_it() -> None:
    run(
        """
from tutorial_lib import data
assert "torchvision" not in sys.modules  # the hook waits
from torchvision import datasets, transforms
from torchvision.transforms import v2
import torch, torchvision
assert datasets.MNIST.resources and transforms.ToTensor
assert v2.Resize(4)(torch.rand(1, 8, 8)).shape == (1, 4, 4)
from tutorial_lib._torchvision import install
install()
assert sum(type(finder).__name__ == "_Finder" for finder in sys.meta_path) == 1
"""
    )


def test_a_failed_import_before_is_mended_too() -> None:
    run(
        """
try:
    import torchvision
except RuntimeError as error:
    assert "torchvision::nms" in str(error)
import tutorial_lib, torchvision
assert torchvision.datasets.MNIST.resources
"""
    )


def test_a_good_torchvision_is_left_alone(tmp_path: Path) -> None:
    folder = stub(tmp_path, "runs = globals().get('runs', 0) + 1\n")
    run(
        """
import torch
from tutorial_lib import _torchvision
import torchvision as module
assert module.runs == 1 and module.__file__.startswith(sys.path[0])
assert _torchvision._Loader.library is None
assert not hasattr(torch.ops.torchvision, "nms")
""",
        folder,
    )


def test_schemas_are_defined_only_for_the_missing_operator(tmp_path: Path) -> None:
    missing = stub(
        tmp_path / "missing",
        "import torch\nfrom . import part\npart.loaded.append(1)\n"
        "torch.library.register_fake('torchvision::nms')(lambda *args: None)\n",
    )
    broken = stub(tmp_path / "broken", "raise RuntimeError('something else')\n")
    run(
        """
import importlib, torch
from tutorial_lib import _torchvision
missing = sys.path.pop(1)
try:
    import torchvision
except RuntimeError as error:
    assert str(error) == "something else"
else:
    raise AssertionError("the error was swallowed")
assert _torchvision._Loader.library is None and not hasattr(torch.ops.torchvision, "nms")
sys.path[0] = missing
importlib.invalidate_caches()
import torchvision as module
assert _torchvision._Loader.library is not None
assert torch.ops.torchvision.nms and torch.ops.torchvision.qnms
assert module.part.loaded == [1]  # not what the failed attempt left
""",
        broken,
        missing,
    )
