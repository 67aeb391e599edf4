"""Download of MNIST: bounded waits, no overwriting, no half files."""

from __future__ import annotations

import http.client
import os
import queue
import shutil
import tempfile
import threading
import time
import urllib.request
import zlib
from pathlib import Path

from ._files import CONTENT_MD5, DownloadError, MNISTFolder, missing, verified

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
TIMEOUT = 10.0  # seconds without an answer until a network step is given up
STAGE, STALE = ".mnist-download-", 3600.0  # temporary folders; seconds until one is left over


def download(folder: MNISTFolder, verbose: bool = True) -> None:
    """Fetch the missing ``.gz`` files of MNIST and check that they hold its digits.

    They are moved to ``folder.raw`` when all are there. Files that exist are not touched.

    Raises:
        DownloadError: if the folder cannot be written, no mirror answers, or a file comes damaged.
    """
    gone = missing(folder)
    first = _answering(f"{gone[0]}.gz", folder)
    mirrors = sorted(MIRRORS, key=lambda mirror: mirror != first)
    try:
        folder.raw.mkdir(parents=True, exist_ok=True)
        for left in folder.root.glob(f"{STAGE}*"):  # by a process that was killed
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder.root, prefix=STAGE) as stage:
            for name in gone:
                Path(stage, name).write_bytes(_fetched(mirrors, name, folder, verbose))
            for name in missing(folder):
                os.replace(Path(stage, name), folder.raw / f"{name}.gz")
    except OSError as error:
        detail = f"the folder cannot be written ({error.strerror or error})"
        raise _failure(folder, detail) from error


def _failure(folder: MNISTFolder, detail: str) -> DownloadError:
    return DownloadError(
        f"MNIST could not be downloaded to {folder.root}: {detail}.\n"
        "Way out: check the network and the folder and try again; or set TUTORIAL_LIB_DATA (or "
        "root=...) to a folder that holds the four files in MNIST/raw/; or use "
        'source="digits", which needs no download.',
        f"MNIST is not in {folder.phrase} and could not be downloaded",
    )


def _answering(file: str, folder: MNISTFolder) -> str:
    """The mirror that answers first. Bounds what a socket time-out does not: name look-up, hosts
    with many addresses, each tried in turn, and a header that drips."""
    answers: queue.SimpleQueue[tuple[str, Exception | None]] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        try:
            with urllib.request.urlopen(mirror + file, timeout=TIMEOUT):
                answers.put((mirror, None))
        except Exception as error:  # whatever it is, this mirror is of no use
            answers.put((mirror, error))

    for mirror in MIRRORS:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    end, faults = time.monotonic() + TIMEOUT, []
    while len(faults) < len(MIRRORS):
        try:
            mirror, fault = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            faults.append(f"no answer within {TIMEOUT:g} s")
            break
        if fault is None:
            return mirror
        faults.append(f"{mirror}{file}: {fault}")
    raise _failure(folder, "no mirror answered (" + "; ".join(faults) + ")")


def _fetched(mirrors: list[str], name: str, folder: MNISTFolder, verbose: bool) -> bytes:
    """The packed file from the first mirror that sends it whole."""
    from tqdm import tqdm

    faults = []
    for url in (f"{mirror}{name}.gz" for mirror in mirrors):
        content = bytearray()
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                total = int(answer.headers["Content-Length"] or 0)
                settings = {"unit": "B", "unit_scale": True, "disable": not verbose}
                with tqdm(desc=name, total=total, **settings) as bar:
                    while part := answer.read(2**18):
                        content += part
                        bar.update(len(part))
            verified(bytes(content), CONTENT_MD5[name], packed=True)
            return bytes(content)
        except (OSError, EOFError, ValueError, zlib.error, http.client.HTTPException) as error:
            faults.append(f"{url}: {str(error).strip() or type(error).__name__}")
    raise _failure(folder, "; ".join(faults))
