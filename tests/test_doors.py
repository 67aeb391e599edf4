"""Binder and dev containers set up what the course itself does."""

from __future__ import annotations

import json
import re

from tests.helpers import ROOT
from tools import install


def test_binder_takes_the_pins_the_lab_and_no_cuda() -> None:
    """As in the checks of repo2docker: with a folder of its own it reads nothing else."""
    folder = ROOT / ".binder"
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    _, index, pins, course = lines
    assert index == f"--extra-index-url {install.CPU_INDEX}"
    assert (folder / pins.removeprefix("-c ")).resolve() == ROOT / "constraints.txt"
    assert course == "-e .[lab]"  # pip looks from where it is started, the repository's root
    runtime = (folder / "runtime.txt").read_text(encoding="utf-8").strip()
    workflow = (ROOT / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8")
    assert re.search(r'python-version: "(.*)"', workflow)[1] == runtime.removeprefix("python-")


def test_a_dev_container_runs_make_setup_without_cuda() -> None:
    path = ROOT / ".devcontainer" / "devcontainer.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert settings["containerEnv"] == {"PIP_EXTRA_INDEX_URL": install.CPU_INDEX}
    assert settings["postCreateCommand"].startswith("make setup && ")
    python = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == f"${{containerWorkspaceFolder}}/{install.PYTHON.as_posix()}"
    runtime = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf-8").strip()
    assert settings["image"].rpartition(":")[2] == runtime.removeprefix("python-")
