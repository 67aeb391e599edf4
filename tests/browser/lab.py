"""A JupyterLab on loopback with folders of its own, and what a reader does in it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

STATUS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator"
FAULTS = ", ".join(
    f"[data-mime-type='application/vnd.jupyter.{kind}']" for kind in ("error", "stderr")
)


def clone(folder: Path) -> Path:
    """Copies what `make lab` needs of the repository; gives the learner's folder in it."""
    for name in ("course_kit", "notebooks", "tutorial_lib"):
        ignored = shutil.ignore_patterns("__pycache__", "*.edited*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "my_course").mkdir()
    return folder / "my_course"


@contextmanager
def serving(folder: Path, repository: Path) -> Iterator[str]:
    """JupyterLab as `make lab` starts it; what it writes for itself goes into ``folder``.

    Raises:
        RuntimeError: it does not answer within a minute.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "IPYTHONDIR": "ipython",
    }
    environment = {**os.environ, **{name: str(folder / own) for name, own in folders.items()}}
    environment.update(TUTORIAL_LIB_SOURCE="digits", OMP_NUM_THREADS="1")
    environment["PYTHONPATH"] = str(repository)
    for name in ("TUTORIAL_LIB_STATIC", "JUPYTER_CONFIG_PATH"):
        environment.pop(name, None)
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.password": "",
        "IdentityProvider.token": "",
    }
    command = [sys.executable, "-m", "course_kit.lab", "--no-browser"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    address = f"http://127.0.0.1:{port}"
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=repository,
            env=environment,
            start_new_session=True,
        )
    try:
        wait_for(f"{address}/api/status", server, folder / "log")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # its kernels too
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the server answers.

    Raises:
        RuntimeError: it stopped, or does not answer within a minute.
    """
    for _ in range(240):
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.25)
    raise RuntimeError(f"JupyterLab does not answer. Its log ends:\n{log.read_text()[-2000:]}")


def open_notebook(page: Page, address: str, name: str) -> None:
    """Opens a notebook in a workspace of its own and waits for its kernel."""
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    # The notebook's own sign says "idle" before there is a kernel; the status bar knows better.
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)


def run_all(page: Page, seconds: float) -> None:
    """Runs all cells by the menu and waits until the last one is done."""
    menu(page, "Run", "Run All Cells")
    page.wait_for_function(
        """() => {
            const cells = document.querySelectorAll(".jp-CodeCell .jp-InputPrompt");
            const said = [...cells].map(e => e.textContent);
            return said.some(text => /\\d/.test(text)) && !said.some(text => text.includes("*"));
        }""",
        timeout=seconds * 1000,
    )
    settled(page, seconds)


def rerun(page: Page, cell: Locator, seconds: float) -> None:
    """Runs this one cell again, by keyboard, and waits until it is done."""
    before = prompt(cell)
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Control+Enter")
    deadline = time.monotonic() + seconds
    while prompt(cell) in (before, "*", ""):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the cell still says [{prompt(cell)}] after {seconds} s")
        page.wait_for_timeout(100)
    settled(page, seconds)


def menu(page: Page, name: str, entry: str) -> None:
    """Chooses an entry of JupyterLab's menu."""
    page.get_by_role("menuitem", name=name, exact=True).click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


def settled(page: Page, seconds: float) -> None:
    """Waits until the kernel has had nothing to do for half a second."""
    page.wait_for_function(
        """selector => {
            const idle = document.querySelector(selector)?.dataset.status === "idle";
            window.idleSince = idle ? window.idleSince ?? performance.now() : undefined;
            return idle && performance.now() - window.idleSince > 500;
        }""",
        arg=STATUS,
        timeout=seconds * 1000,
    )


def prompt(cell: Locator) -> str:
    """What stands in the brackets beside a cell."""
    return cell.locator(".jp-InputPrompt").first.text_content().strip("[]: \n")


def faults(page: Page) -> list[str]:
    """The error and stderr outputs of the notebook."""
    return [output.inner_text()[:500] for output in page.locator(FAULTS).all()]
