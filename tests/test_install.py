"""`make setup` recovers from any interruption; venv and pip are small ones that can be stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="make's systems only")

STEP = """
import os, signal, time
def step():
    with open(os.environ["LOG"], "a+") as log:
        log.write(f"{os.getpid()}\\n")
        log.seek(0)
        if len(log.readlines()) == int(os.environ["STOP_AT"]):
            log.flush()
            os.killpg(0, int(os.environ["SIGNAL"]))
            time.sleep(60)
    time.sleep(float(os.environ["SLEEP"]))
"""
# The environment's Python finds packages in its own folder, and pip only once that is there.
VENV = """
import sys
from pathlib import Path
from step import step
venv, fakes = Path(sys.argv[1]).resolve(), Path(__file__).resolve().parent.parent
step()
site = venv / "lib" / "python3" / "site-packages"
python = venv / "bin" / "python"
python.parent.mkdir(exist_ok=True)
settings = f'SITE="{site}" PYTHONPATH="{site}:{fakes}"'
python.write_text(f'#!/bin/sh\\n{settings} exec {sys.executable} -S "$@"\\n')
python.chmod(0o755)
step()
(site / "pip").mkdir(parents=True)
step()
(site / "pip" / "__init__.py").touch()
step()
(site / "pip" / "__main__.py").write_text((fakes / "pip.txt").read_text())
step()
"""
PIP = """
import os, sys
from pathlib import Path
from step import step
site = Path(os.environ["SITE"])
if "--version" not in sys.argv:
    print("pins:", os.environ.get("PIP_CONSTRAINT"), os.environ.get("PIP_BUILD_CONSTRAINT"))
    for name in sys.argv[sys.argv.index("install") + 1 :]:
        package, record = site / name.strip("-."), site / f"{name.strip('-.')}-1.dist-info"
        if record.exists():
            continue  # already satisfied
        step()
        record.mkdir()
        step()
        package.mkdir(exist_ok=True)
        step()
        (package / "__init__.py").touch()
        step()
        (record / "INSTALLER").touch()
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with the commands, and the fakes."""
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "tools/install.py", "tools/check_python.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (tmp_path / "fakes" / "venv").mkdir(parents=True)
    (tmp_path / "fakes" / "step.py").write_text(STEP)
    (tmp_path / "fakes" / "pip.txt").write_text(PIP)
    (tmp_path / "fakes" / "venv" / "__init__.py").touch()
    (tmp_path / "fakes" / "venv" / "__main__.py").write_text(VENV)
    return tmp_path


def start(
    clone: Path, *command: str, stop_at: int = 0, signal: int = 9, sleep: float = 0, **more: str
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(clone / "fakes"),
        "LOG": str(clone / "log"),
        "STOP_AT": str(stop_at),
        "SIGNAL": str(signal),
        "SLEEP": str(sleep),
        **more,
    }
    return subprocess.Popen(
        command or (sys.executable, "tools/install.py"),
        cwd=clone,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def steps(clone: Path) -> int:
    log = clone / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def assert_whole(clone: Path) -> None:
    site = clone / ".venv" / "lib" / "python3" / "site-packages"
    names = {path.name for path in site.iterdir() if path.suffix != ".dist-info"}
    assert names == {"pip", "torch", "torchvision", "editable", "[dev]"}
    assert (site / "pip" / "__main__.py").exists()
    assert all((site / name / "__init__.py").exists() for name in names)
    assert (clone / ".venv" / ".installed").exists()
    assert not (clone / ".venv" / ".unfinished").exists()


def test_whenever_it_is_stopped_it_recovers(clone: Path) -> None:
    done = start(clone)
    assert done.communicate()[0].endswith("Installed.\n") and done.returncode == 0
    assert_whole(clone)
    total = steps(clone)
    for moment in range(1, total + 1):
        shutil.rmtree(clone / ".venv")
        (clone / "log").unlink()
        stopped = start(clone, stop_at=moment)
        stopped.communicate(timeout=60)
        assert stopped.returncode == -9 and not (clone / ".venv" / ".installed").exists()
        (clone / "log").unlink()
        again = start(clone)
        said = again.communicate(timeout=60)[0]
        assert again.returncode == 0, f"stopped at step {moment}, repeated: {said}"
        assert_whole(clone)


@pytest.mark.parametrize(("newest", "pins"), [("", "constraints.txt"), ("1", "mine")])
def test_the_versions_are_pinned_unless_the_newest_are_asked_for(
    clone: Path, newest: str, pins: str
) -> None:
    own = dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), "mine")
    said = start(clone, NEWEST=newest, **own).communicate()[0]
    found = {line for line in said.splitlines() if line.startswith("pins:")}
    assert found == {f"pins: {pins} {pins}"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyTorch comes without CUDA")
def test_linux_says_before_it_starts_how_to_take_less(clone: Path) -> None:
    said = start(clone, PIP_EXTRA_INDEX_URL="").communicate()[0]
    (line,) = [line.strip() for line in said.splitlines() if "PIP_EXTRA_INDEX_URL=" in line]
    assert "6 GB" in said and said.index(line) < said.index("(1/3)")
    for place in ("README.md", "book/index.md"):
        assert line in (ROOT / place).read_text(encoding="utf-8"), place
    shutil.rmtree(clone / ".venv")
    name, _, address = line.partition("=")
    said = start(clone, **{name: address}).communicate()[0]
    assert "6 GB" not in said and "2 GB" in said


def test_ctrl_c_says_how_to_go_on(clone: Path) -> None:
    stopped = start(clone, stop_at=8, signal=2)
    assert "Interrupted. Repeat the command" in stopped.communicate(timeout=60)[0]
    assert stopped.returncode == 1


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")
def test_of_two_at_once_the_second_waits(clone: Path) -> None:
    make = ("make", f"PYTHON={sys.executable}", "setup")
    first = start(clone, *make, sleep=0.1)
    while not steps(clone) and first.poll() is None:
        time.sleep(0.01)
    second = start(clone, *make, sleep=0.1)
    said = second.communicate(timeout=60)[0]
    assert first.communicate(timeout=60)[0].endswith("Installed.\n")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "waiting for it" in said and "Installed." not in said
    assert_whole(clone)
    once = steps(clone)
    third = start(clone, *make)
    assert third.communicate(timeout=60)[0] and third.returncode == 0
    assert steps(clone) == once == 5 + 4 * 4  # nothing was done twice


def test_an_environment_of_somebody_elses_is_never_removed(clone: Path) -> None:
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (clone / ".venv" / "mine.txt").write_text("mine")
    done = start(clone)
    said = done.communicate(timeout=60)[0]
    assert done.returncode == 1 and "has no pip. Rename it" in said
    assert (clone / ".venv" / "mine.txt").read_text() == "mine" and steps(clone) == 0


def test_what_fails_is_named(clone: Path) -> None:
    (clone / "fakes" / "venv" / "__main__.py").write_text("raise SystemExit('no space left')")
    done = start(clone)
    said = done.communicate(timeout=60)[0]
    assert done.returncode == 1 and "no space left" in said and "Failed: " in said
