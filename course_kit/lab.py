"""Opens JupyterLab in the learner's folder: ``python -m course_kit.lab [options of JupyterLab]``.

It brings the folder up to date first. The question about JupyterLab's news is not asked; for this
start only, and the reader's own settings go before.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import workspace

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Runs JupyterLab until it is stopped; returns the exit status."""
    try:
        from jupyterlab.labapp import LabApp
    except ImportError:
        print("JupyterLab is missing: python -m pip install jupyterlab", file=sys.stderr)
        return 1
    folder = workspace.default_folder()
    workspace.main([str(folder)])
    # labconfig/ beside this file holds defaults that go behind the reader's own settings.
    paths = [os.environ.get("JUPYTER_CONFIG_PATH"), str(Path(__file__).resolve().parent)]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    first = workspace.lessons_in(workspace.LESSONS)[0].name
    options = [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url=/lab/tree/{first}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # JupyterLab refuses unless this is meant
        options.append("--allow-root")
    LabApp.launch_instance([*options, *(sys.argv[1:] if arguments is None else arguments)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
