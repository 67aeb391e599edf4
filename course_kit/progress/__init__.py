"""How far a learner is: runs the checks of the exercises in a folder of notebooks.

::

    python -m course_kit.progress                # the notebooks that `make lab` opens
    python -m course_kit.progress ~/Downloads/   # any others

Works on notebooks from JupyterLab and from Colab. They need not have been run, and are not changed.
Their code runs in a separate process, with limits on time and memory, beside copies of the small
files in its folder. A file that cannot be read is reported.
"""

from __future__ import annotations

from ._jobs import Row, examine_notebook

__all__ = ["Row", "examine_notebook"]
