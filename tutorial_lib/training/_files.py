"""Files that a run writes: whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def as_path(name: str, path: str | Path) -> Path:
    """Return ``path`` as a Path, ``~`` as the home folder.

    Raises:
        TypeError: if it is none.
        ValueError: if no file can have this name.
    """
    if not isinstance(path, (str, Path)) or not str(path):
        raise TypeError(f"{name} must be the path of a file, got {path!r}.")
    try:
        path = Path(path).expanduser()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.stat()  # looks at every part
    except (OSError, RuntimeError, ValueError) as error:  # too long, links in a circle, a NUL
        raise ValueError(f"{name} cannot be the path of a file: {error}; got {path!r}.") from error
    return path


def check_path(name: str, path: str | Path) -> Path:
    """Return ``path`` if a file can be written there. Nothing that exists is changed.

    Args:
        name: how to speak of the path in an error.
        path: the file to write; its folder must exist.

    Raises:
        TypeError: if ``path`` is no path.
        OSError: if it cannot be written there, with the reason.
    """
    path = as_path(name, path)
    if path.is_dir():
        raise IsADirectoryError(f"{name} {path} is a folder. Give the name of a file in it.")
    folder = path.resolve().parent  # a link's target may lie elsewhere
    if not folder.is_dir():
        raise FileNotFoundError(f"The folder {folder} of {name} {path} does not exist. Create it.")
    if path.exists() and not path.is_file():
        raise OSError(f"{name} {path} is a device or a pipe. Give the name of a regular file.")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{name} {path} is write-protected. Choose another name.")
    _, unfinished = _places(path)
    try:
        unfinished.open("ab").close()
        unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise _explained(path, error) from error
    return path


def write(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``; a crash, a kill or a full disk leaves the old file as it was.

    It is written beside its final name first, under a hidden name that is the same each time: the
    next process replaces what a killed one left. A symbolic link is followed, and the permissions
    are those of the old file, or what the umask says.

    Raises:
        OSError: if it cannot be written, with the name of the file.
    """
    target, unfinished = _places(path)
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, unfinished)
        os.replace(unfinished, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError):
            raise _explained(path, error) from error
        raise


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file: by spelling, symbolic link or hard link."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _places(path: Path) -> tuple[Path, Path]:
    target = path.resolve()
    return target, target.with_name(f".{target.name}.tutorial_lib.part")


def _explained(path: Path, error: OSError) -> OSError:
    return OSError(
        error.errno or 0,
        f"{path} could not be written ({error.strerror or error}). What was there is as before. "
        "Is the disk full or its folder read-only? Free some space, or choose another folder.",
    )


class Output:
    """A file that one run writes again and again, and gives up when another program wrote to it.

    Args:
        path: where to write. The file that is there now, if any, may be replaced; one that appears
            or changes later is left alone, and the output goes to a new name beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = _identity(path)

    def write(self, save: Callable[[Path], object]) -> None:
        """Call ``save`` with the path to write to."""
        if _identity(self.path) not in (None, self._known):
            taken, numbered = (
                self.path,
                (
                    self.path.with_name(f"{self.path.stem}-{number}{self.path.suffix}")
                    for number in itertools.count(2)
                ),
            )
            self.path = next(path for path in numbered if not os.path.lexists(path))
            print(f"{taken} was written by another program meanwhile. Using {self.path} instead.")
        save(self.path)
        self._known = _identity(self.path)


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
