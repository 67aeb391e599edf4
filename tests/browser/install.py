"""Makes sure that a Chromium is there: ``python -m tests.browser.install``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.browser.chromium import find_chromium

ADVICE = """No Chromium was found. Install one, then run `make browser` again:
    Debian, Raspberry Pi OS:   sudo apt-get install chromium
    Ubuntu, Fedora, Arch:      chromium or google-chrome from your package manager
    macOS:                     brew install --cask chromium
    anything else:             set CHROMIUM to the path of a Chromium or Chrome"""


def main() -> int:
    """Returns 0 if a Chromium is there in the end."""
    found = find_chromium()
    if found is None and os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Debian's chromium. Once only.", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for line in ("update", "install --yes --no-install-recommends chromium"):
            subprocess.run(["apt-get", "-qq", *line.split()], env=quiet, check=False)
        found = find_chromium()
    if found is None:
        print(ADVICE, file=sys.stderr)
        return 1
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"{found}: {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
