"""A rehearsal of Colab: an empty folder, one notebook, and a library that is not there yet.

A fresh environment gets Colab's versions of numpy, matplotlib, ipywidgets, IPython and ipykernel
(tests/colab.txt). Everything else, torch included, is the one of the environment that runs the
tests: Colab's own torch is a CUDA build of several gigabytes. The repository's address leads to a
commit of the present working tree, made in a temporary folder. So the rehearsal sees changes that
are not committed yet, and needs no network but the package index; none at all after `make test`
fetched the wheels once.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbclient
import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import address, notebooks

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "colab.txt"
WHEELS = Path(sys.prefix) / "colab-wheels"
SOURCE = ROOT / "notebooks" / "00_spiking_neuron.py"

pytestmark = [
    pytest.mark.colab,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not here"),
    pytest.mark.skipif(
        sys.version_info >= (3, 14) or os.name == "nt",
        reason="Colab has Python 3.13 on Linux; its numpy has no wheel for newer ones",
    ),
]


@dataclass(frozen=True)
class Colab:
    """An environment like Colab's."""

    python: Path
    environment: dict[str, str]
    folder: Path  # empty, where the learner's notebook lies

    def run(self, code: str) -> str:
        done = subprocess.run(
            [self.python, "-c", code],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def versions(self) -> dict[str, str]:
        code = (
            "import importlib.metadata as m, json\n"
            "print(json.dumps({d.name: d.version for d in reversed(list(m.distributions()))}))"
        )
        return {canonicalize_name(k): v for k, v in json.loads(self.run(code)).items()}

    def execute(self, notebook: nbformat.NotebookNode) -> None:
        """Runs a notebook in a new kernel. A cell that fails raises CellExecutionError."""
        client = nbclient.NotebookClient(
            notebook,
            kernel_name="colab",
            timeout=300,
            resources={"metadata": {"path": str(self.folder)}},
        )
        client.execute(env=self.environment)


def borrowed_packages(folder: Path, own: set[str]) -> Path:
    """Fills a folder with links to the packages here, without the course's and those in `own`."""
    hidden = {file.parts[0] for name in own for file in installed_files(name)}
    hidden |= {"pip", "setuptools", "__pycache__"}
    folder.mkdir()
    for site in {path for path in map(Path, sys.path) if path.name == "site-packages"}:
        for entry in site.iterdir():
            of_the_course = entry.name.startswith(("tutorial_lib", "__editable__"))
            if entry.name not in hidden and not of_the_course and entry.suffix != ".pth":
                (folder / entry.name).symlink_to(entry)
    return folder


def installed_files(name: str) -> list[importlib.metadata.PackagePath]:
    try:
        return importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def committed_copy(folder: Path) -> Path:
    """Makes a repository whose one commit is the present working tree."""
    git = ["git", f"--git-dir={folder}/.git", f"--work-tree={ROOT}"]
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run([*git, "add", "--all", "."], cwd=ROOT, check=True)
    author = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    commit = ["commit", "--quiet", "--no-gpg-sign", "--no-verify", "--message=As it stands"]
    subprocess.run([*git, *author, *commit], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def colab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Colab]:
    top = tmp_path_factory.mktemp("colab")
    lines = PINS.read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]

    venv.create(top / "venv", with_pip=True, symlinks=True)
    python = top / "venv" / "bin" / "python"
    (site,) = (top / "venv").glob("lib/python*/site-packages")
    borrowed = borrowed_packages(top / "borrowed", {pin.name for pin in pins})
    (site / "borrowed.pth").write_text(f"{borrowed}\n")

    kernel = top / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))

    folder = top / "content"
    folder.mkdir()
    redirected = f"url.{committed_copy(top / 'course').as_uri()}.insteadOf"
    environment = {
        # PIP_CONSTRAINT and the like would not be set in Colab.
        **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PIP_CONSTRAINT")},
        "COLAB_RELEASE_TAG": "release-colab_rehearsal",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": redirected,
        "GIT_CONFIG_VALUE_0": f"https://github.com/{address.own_slug(ROOT)}",
        "HOME": str(top / "home"),
        "IPYTHONDIR": str(top / "home" / "ipython"),
        "JUPYTER_PATH": str(top / "jupyter"),
        "TUTORIAL_LIB_SOURCE": "digits",
    }
    if WHEELS.is_dir():
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*install, "--requirement", PINS], env=environment, check=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", environment["JUPYTER_PATH"])  # where nbclient looks for it
        yield Colab(python, environment, folder)


@pytest.fixture(scope="module")
def versions_before_and_after(colab: Colab) -> tuple[dict[str, str], dict[str, str]]:
    """Runs notebook 00 from its first cell to its last, alone in its folder."""
    before = colab.versions()
    notebook = colab.folder / SOURCE.with_suffix(".ipynb").name
    notebook.write_text(notebooks.render(SOURCE), encoding="utf-8")
    colab.execute(nbformat.read(notebook, as_version=4))
    return before, colab.versions()


def test_the_environment_is_colabs(
    versions_before_and_after: tuple[dict[str, str], dict[str, str]],
) -> None:
    before, _ = versions_before_and_after
    for line in PINS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            assert before[canonicalize_name(pin.name)] in pin.specifier, line
    assert "torch" in before
    assert "tutorial-lib" not in before


def test_the_bootstrap_cell_adds_the_library_and_touches_nothing_else(
    versions_before_and_after: tuple[dict[str, str], dict[str, str]],
) -> None:
    before, after = versions_before_and_after
    assert after.pop("tutorial-lib")
    assert after == before


@pytest.mark.usefixtures("versions_before_and_after")
def test_the_installed_library_is_whole(colab: Colab) -> None:
    """Every module of the working tree was packed, and imports under Colab's versions."""
    wanted = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in ("course_kit", "tutorial_lib")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "triton_kernels.py"  # its module is imported where Triton is, on a GPU
    }
    code = (
        "import importlib, json, sys\n"
        f"for name in {sorted(wanted)}: importlib.import_module(name)\n"
        "import numpy, torch, tutorial_lib\n"
        "print(tutorial_lib.__file__)\n"
        "print(numpy.__version__)\n"
    )
    file, numpy = colab.run(code).splitlines()
    assert Path(file).is_relative_to(colab.python.parent.parent)
    assert numpy == "2.1.3"


@pytest.mark.usefixtures("versions_before_and_after")
def test_the_bootstrap_cell_does_nothing_the_second_time(colab: Colab) -> None:
    """The address leads nowhere now, so that any attempt to install again would fail."""
    cell = nbformat.v4.new_code_cell(notebooks.bootstrap_cell(ROOT))
    bootstrap = nbformat.v4.new_notebook(cells=[cell])
    nowhere = {**colab.environment, "GIT_CONFIG_KEY_0": "url.file:///nowhere/.insteadOf"}
    Colab(colab.python, nowhere, colab.folder).execute(bootstrap)
