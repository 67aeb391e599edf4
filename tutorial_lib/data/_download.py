"""Download of MNIST through torchvision: bounded waits, no overwriting, no half files."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import queue
import shutil
import socket
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from .._torchvision import import_torchvision
from ._files import CONTENT_MD5, DownloadError, MNISTFolder, missing

try:
    import fcntl
except ImportError:
    fcntl = None

TIMEOUT = 10.0  # seconds without an answer until a network step is given up
STAGE = ".mnist-download-"  # how the names of temporary folders begin


def download(folder: MNISTFolder, verbose: bool = True) -> None:
    """Fetch the missing ``.gz`` files of MNIST, checked against torchvision's MD5 sums.

    They are fetched into a temporary folder inside ``folder.root`` and moved to ``folder.raw`` when
    all are there. Files that exist are not touched. What a killed download left there is removed.

    Raises:
        DownloadError: if the folder cannot be written, no mirror answers, or a file comes damaged.
    """
    try:
        mnist = import_torchvision().datasets.MNIST
    except (ImportError, RuntimeError) as error:
        raise _failure(folder, f"torchvision cannot be imported ({error})") from error
    gone = missing(folder)
    _ask([f"{mirror}{gone[0]}.gz" for mirror in mnist.mirrors], folder)
    try:
        folder.raw.mkdir(parents=True, exist_ok=True)
        _sweep(folder.root)
        stage = tempfile.TemporaryDirectory(dir=folder.root, prefix=STAGE)
    except OSError as error:
        detail = f"the folder cannot be written ({error.strerror or error})"
        raise _failure(folder, detail) from error
    with stage as temporary, _locked(Path(temporary)):
        staged = Path(temporary) / "MNIST" / "raw"
        staged.mkdir(parents=True)
        try:
            for name in CONTENT_MD5.keys() - gone:
                with contextlib.suppress(FileNotFoundError):  # unpacked only
                    shutil.copyfile(folder.raw / f"{name}.gz", staged / f"{name}.gz")
            with _socket_timeout(TIMEOUT), _quiet(verbose):
                mnist(temporary, download=True)
            for name in missing(folder):
                os.replace(staged / f"{name}.gz", folder.raw / f"{name}.gz")
        except (RuntimeError, OSError, EOFError, ValueError, http.client.HTTPException) as error:
            raise _failure(folder, str(error).strip() or type(error).__name__) from error


def _sweep(root: Path) -> None:
    """Remove the temporary folders of downloads whose process has ended."""
    for folder in root.glob(f"{STAGE}*"):
        with contextlib.suppress(OSError), _locked(folder) as held:
            if held:
                shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold ``folder`` until the block or the process ends; says whether that was possible."""
    if fcntl is None:  # Windows; the folders of killed downloads stay there
        yield False
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        held = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process holds it, or this file system has no locks
            held = False
        yield held
    finally:
        os.close(handle)


def _failure(folder: MNISTFolder, detail: str) -> DownloadError:
    return DownloadError(
        f"MNIST could not be downloaded to {folder.root}: {detail}.\n"
        "Way out: check the network and the folder and try again; or set TUTORIAL_LIB_DATA (or "
        "root=...) to a folder that holds the four files in MNIST/raw/; or use "
        'source="digits", which needs no download.',
        f"MNIST is not in {folder.phrase} and could not be downloaded",
    )


def _ask(urls: list[str], folder: MNISTFolder) -> None:
    """Return when the first address answers. Bounds what a socket time-out does not: name look-up
    and hosts with many addresses, each tried in turn."""
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask(url: str) -> None:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT):
                answers.put(None)
        except Exception as error:  # whatever it is, this mirror is of no use
            answers.put(f"{url}: {error}")

    for url in urls:
        threading.Thread(target=ask, args=(url,), daemon=True).start()
    end = time.monotonic() + TIMEOUT
    faults: list[str] = []
    while len(faults) < len(urls):
        try:
            fault = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            faults.append(f"no answer within {TIMEOUT:g} s")
            break
        if fault is None:
            return
        faults.append(fault)
    raise _failure(folder, "no mirror answered (" + "; ".join(faults) + ")")


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """torchvision passes no time-out on, so the default is set for the while and restored."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    """Hide torchvision's prints (older ones announce each file) and, if asked, its progress bar."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        if not verbose:
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        yield
