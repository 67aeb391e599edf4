"""A learner's own folder: copies of the notebooks to work in, and the way new lessons get there.

::

    python -m course_kit.workspace              # fills or updates my_course/
    python -m course_kit.workspace elsewhere/   # the same in another folder

A copy that nobody changed is replaced when its lesson is corrected. A copy that the learner changed
or ran stays as it is, and the corrected lesson is put beside it as ``NN_topic.new.ipynb``, once. To
start a lesson afresh, rename or delete its copy. Files are replaced whole or not at all, whatever
interrupts the command.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["default_folder", "fingerprint", "is_generated", "lessons_in", "main", "update"]

LESSONS = Path(__file__).resolve().parent.parent / "notebooks"
"""The course's notebooks: there in a clone of the repository, not in an installed package."""

LARGEST = 64 * 2**20
"""Files with more bytes are no copies that nobody changed, and are not read."""

RECORD = ".lessons.json"
"""In the learner's folder: the version of each lesson that came last, by name."""

# What a notebook must hold so that JupyterLab does not mark it as changed when it is opened.
_KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": platform.python_version(),
    },
}


def fingerprint(notebook: dict[str, Any]) -> str:
    """Returns the SHA-256 of what a person can change in a notebook.

    The kernel's name and version do not count: JupyterLab writes its own when it saves.
    """
    cells = [
        {**cell, "source": "".join(cell["source"])}
        if isinstance(cell, dict) and isinstance(cell.get("source"), list)
        else cell
        for cell in notebook["cells"]
    ]
    ignored = {"generated", *_KERNEL}
    metadata = {key: value for key, value in notebook["metadata"].items() if key not in ignored}
    text = json.dumps([cells, metadata], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_generated(content: bytes) -> bool:
    """Tells whether a notebook still is as the course made it, in whichever version."""
    try:
        return _version(content) == fingerprint(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def lessons_in(folder: Path) -> list[Path]:
    """Returns the notebooks NN_topic.ipynb of a folder in order, without copies such as -Copy1."""
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    return [path for path in found if path.stem[2:].isidentifier()]


def default_folder() -> Path:
    """Returns my_course/ in the repository, or in the current folder if there is none."""
    return (LESSONS.parent if LESSONS.is_dir() else Path.cwd()) / "my_course"


def update(lessons: Path, folder: Path) -> list[str]:
    """Copies lessons into a learner's folder, without losing anything that the learner wrote.

    Args:
        lessons: the folder with the course's notebooks, NN_topic.ipynb.
        folder: the learner's folder. It is made if it is not there.

    Returns:
        One line for each file written, and for each lesson that could not be read.

    Raises:
        OSError: The folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*.part"):  # of a command that was interrupted
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink()
    record = _read_record(folder)
    said = []
    for lesson in lessons_in(lessons):
        name, new, own = lesson.name, lesson.read_bytes(), folder / lesson.name
        if not is_generated(new):
            said.append(_edited_lesson(lesson, new, own))
            continue
        version, new = _version(new), _fitted(new)
        mine = _read(own)
        if not os.path.lexists(own):
            _write(own, new)
            said.append(f"{name}: new")
        elif is_generated(mine):
            if mine != new:
                _write(own, new)
            if _version(mine) != version:
                said.append(f"{name}: replaced by a corrected lesson (you had not changed it)")
        elif version not in (_version(mine), record.get(name)):
            beside = _beside(own)
            _write(beside, new)
            said.append(f"{name}: stays as you left it; the corrected lesson is {beside.name}")
        if record.get(name) != version:  # written last, so that an interruption loses no lesson
            record[name] = version
            _write(folder / RECORD, json.dumps(record, indent=1).encode())
    return said


def _edited_lesson(lesson: Path, content: bytes, own: Path) -> str:
    """Somebody worked in the course's own folder: a first copy carries that over."""
    place = f"{lesson.parent.name}/{lesson.name}"
    back = f"git checkout -- {place}"
    try:
        json.loads(content)["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{place} is no notebook that can be read. To have the course's again: {back}"
    if not os.path.lexists(own):
        _write(own, content)
        return f"{own.name}: a copy of {place}, which was changed there"
    return f"{place} was changed there, so it is not copied. To have the course's again: {back}"


def is_beside(path: Path) -> bool:
    """Is this a corrected lesson beside a copy that the learner changed, and itself unchanged?"""
    return bool(re.search(r"\.new(-\d+)?\.ipynb$", path.name)) and is_generated(_read(path))


def _beside(own: Path) -> Path:
    """The first name NN_topic.new[-2, -3, ...].ipynb that is free, or whose file is unchanged."""
    number = 1
    while True:
        suffix = ".new" if number == 1 else f".new-{number}"
        path = own.with_name(f"{own.stem}{suffix}.ipynb")
        if not os.path.lexists(path) or is_generated(_read(path)):
            return path
        number += 1


def _version(content: bytes) -> str | None:
    """The version that a notebook was made from; None if it does not say."""
    try:
        return json.loads(content)["metadata"]["generated"]["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _fitted(lesson: bytes) -> bytes:
    notebook = json.loads(lesson)
    notebook["metadata"] |= _KERNEL
    return (json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _read(path: Path) -> bytes:
    """The content of a file; empty for what can be no unchanged copy."""
    try:
        if path.is_file() and path.stat().st_size <= LARGEST:
            return path.read_bytes()
    except OSError:
        pass
    return b""


def _read_record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads(_read(folder / RECORD))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all. A link stays one: what it points to is written."""
    path = path.resolve()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_kit.workspace",
        description="Copies the course's notebooks into a folder to work in, or brings it up to "
        "date. What you changed there is kept.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=default_folder(), help="default: %(default)s"
    )
    folder = parser.parse_args(arguments).folder
    if not lessons_in(LESSONS):
        parser.error(
            f"there are no notebooks in {LESSONS}. They are not part of the installed package: "
            "clone the repository and install it from there (pip install --editable .)"
        )
    if folder.resolve() == LESSONS:
        parser.error(f"{folder} holds the course's own notebooks; choose another folder")
    try:
        said = update(LESSONS, folder)
    except OSError as error:
        parser.error(f"{error.filename or folder} cannot be written: {error.strerror or error}")
    print("\n".join([f"Your notebooks are in {folder}", *(f"  {line}" for line in said)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
