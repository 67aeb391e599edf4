"""Makes .venv and installs the course into it: what `make setup` runs.

It may be interrupted at any moment, and started twice at once: repeated, it goes on from there.

- `.venv/.unfinished` stands there until the empty environment is whole. An environment that was
  left half-made is made anew; one that somebody else made is used, never removed.
- A package that pip was installing when it was stopped is forgotten, so that pip installs it again.
- `.venv/.installed` is written last.
- `NEWEST=1` in the environment leaves the versions of constraints.txt aside.
- A lock, which ends with the processes that hold it, keeps a second start waiting.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".unfinished"
INSTALLED = VENV / ".installed"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
INPUTS = (Path("pyproject.toml"), Path("constraints.txt"))


@contextlib.contextmanager
def locked() -> Iterator[int]:
    """Waits until no other start is at work; gives the file descriptor that holds the lock."""
    import fcntl  # make itself needs a system that has it

    handle = os.open(__file__, os.O_RDWR if os.access(__file__, os.W_OK) else os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another start is installing the course; waiting for it.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield handle
    finally:
        os.close(handle)


def is_installed() -> bool:
    """Is the last stage done, and newer than what it was made from?"""
    if not INSTALLED.exists():
        return False
    made = INSTALLED.stat().st_mtime
    return all(path.stat().st_mtime <= made for path in INPUTS)


def make_environment(lock: int) -> None:
    """Makes an empty environment, unless a whole one is there."""
    begun = UNFINISHED.exists() or not VENV.exists() or not any(VENV.iterdir())
    if begun:
        VENV.mkdir(exist_ok=True)
        UNFINISHED.touch()
        for left in VENV.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            elif left != UNFINISHED:
                left.unlink()
        run([sys.executable, "-m", "venv", str(VENV)], lock)
        UNFINISHED.unlink()
    probe = [str(PYTHON), "-m", "pip", "--version"]
    with contextlib.suppress(OSError):
        if subprocess.run(probe, stdout=subprocess.DEVNULL).returncode == 0:
            return
    sys.exit(
        f"{VENV} holds an environment whose Python does not run or has no pip. Rename it, or "
        "remove it with make clean; then repeat the command."
    )


def forget_halves() -> None:
    """Removes the records of packages whose installation was stopped; pip takes them for whole."""
    for site in VENV.glob("lib/python*/site-packages"):
        for record in [*site.glob("*.dist-info"), *site.glob("~*")]:
            if record.is_dir() and not (record / "INSTALLER").exists():  # pip writes it at the end
                shutil.rmtree(record)


def pip_install(lock: int, *what: str) -> None:
    """Installs with the versions of constraints.txt, unless NEWEST is set; for builds too."""
    forget_halves()
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *what]
    pinned = dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), "constraints.txt")
    run(pip, lock, {**os.environ, **({} if os.environ.get("NEWEST") else pinned)})


def run(command: list[str], lock: int, environment: dict[str, str] | None = None) -> None:
    """Runs a command that keeps the lock, should this process be killed before it."""
    status = subprocess.run(command, env=environment, pass_fds=[lock]).returncode
    if status:
        sys.exit(f"Failed: {' '.join(command)}. Repeat the command to go on from here.")


def disk_space() -> str:
    """Says what the installation takes, and on Linux how it takes less."""
    if sys.platform != "linux":
        return "It takes about 2 GB on disk."
    if CPU_INDEX in os.environ.get("PIP_EXTRA_INDEX_URL", ""):
        return "With PyTorch's CPU wheels it takes about 2 GB on disk."
    return (
        "It takes about 6 GB on disk, most of it for NVIDIA GPUs. About 2 GB are enough without\n"
        "such a GPU. For that, stop here (Ctrl-C) and put this before the command:\n"
        f"    PIP_EXTRA_INDEX_URL={CPU_INDEX}"
    )


def main() -> None:
    """Runs the stages that are not done yet."""
    with locked() as lock:
        if is_installed():
            return
        print(f"Installing the course into {VENV}. Once only; it takes one to five minutes.")
        print(disk_space())
        print("  (1/3) an empty environment", flush=True)
        make_environment(lock)
        print("  (2/3) PyTorch, the largest part", flush=True)
        pip_install(lock, "torch", "torchvision")
        print("  (3/3) JupyterLab, the tools for tests and book, the course's library", flush=True)
        pip_install(lock, "--editable", ".[dev]")
        INSTALLED.touch()
        print("Installed.")


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parent.parent)
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Repeat the command to go on from here.")
