"""Lessons reach the learner's folder, and nothing that the learner wrote is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from course_kit import workspace
from tests.helpers import ROOT
from tools import notebooks

NAMES = ("00_first.ipynb", "01_second.ipynb")


def lesson(text: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "00_any.py"
        source.write_text(f"# %% [markdown]\n# # Title\n\n# %%\nx = {text!r}\n", encoding="utf-8")
        return notebooks.render(source).encode()


def edited(content: bytes, text: str) -> bytes:
    notebook = json.loads(content)
    notebook["cells"][1]["source"] = [text]
    return json.dumps(notebook).encode()


def ran(content: bytes, text: str) -> bytes:
    notebook = json.loads(content)
    output = {"name": "stdout", "output_type": "stream", "text": [text]}
    notebook["cells"][1] |= {"execution_count": 1, "outputs": [output]}
    return json.dumps(notebook).encode()


def saved(content: bytes) -> bytes:
    """As an editor saves what nobody changed: with a kernel of its own, in another layout."""
    notebook = json.loads(content)
    notebook["metadata"] |= {
        "kernelspec": {"display_name": "Mine", "name": "mine"},
        "language_info": {"name": "python", "version": "3.99"},
    }
    return json.dumps(notebook).encode()


class Killed(BaseException):
    """What a killed process would not have gone beyond."""


class Folder(RuleBasedStateMachine):
    """Lessons change, a learner works, updates come and are interrupted, in any order."""

    @initialize()
    def begin(self) -> None:
        self.temporary = tempfile.TemporaryDirectory()
        self.lessons = Path(self.temporary.name) / "notebooks"
        self.folder = Path(self.temporary.name) / "my_course"
        self.lessons.mkdir()
        self.count = 0
        self.theirs: dict[Path, bytes] = {}
        self.dismissed: set[str] = set()  # names of lessons whose newest version was thrown away
        for name in NAMES:
            self.correct(name)

    def fresh(self) -> str:
        self.count += 1
        return f"text {self.count}"

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.ipynb"))

    @rule(name=st.sampled_from(NAMES))
    def correct(self, name: str) -> None:
        (self.lessons / name).write_bytes(lesson(self.fresh()))
        self.dismissed.discard(name)

    @rule(data=st.data(), how=st.sampled_from([edited, ran, lambda _, text: text.encode()]))
    def write(self, data: st.DataObject, how: Callable[[bytes, str], bytes]) -> None:
        if files := self.files():
            path = data.draw(st.sampled_from(files))
            try:
                content = how(path.read_bytes(), self.fresh())
            except ValueError:
                return
            path.write_bytes(content)
            self.theirs[path] = content
            self.dismissed.add(path.name.split(".")[0] + ".ipynb")  # seen, so it may be gone

    @rule(data=st.data())
    def save_unchanged(self, data: st.DataObject) -> None:
        if files := [path for path in self.files() if path not in self.theirs]:
            path = data.draw(st.sampled_from(files))
            path.write_bytes(saved(path.read_bytes()))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if files := self.files():
            path = data.draw(st.sampled_from(files))
            path.unlink()
            self.theirs.pop(path, None)
            self.dismissed.add(path.name.split(".")[0] + ".ipynb")

    @rule()
    def update(self) -> None:
        workspace.update(self.lessons, self.folder)
        for name in NAMES:
            version = workspace._version((self.lessons / name).read_bytes())
            stem = name.removesuffix(".ipynb")
            own = self.folder.glob(f"{stem}*.ipynb")
            there = {workspace._version(path.read_bytes()) for path in own}
            assert version in there or name in self.dismissed
            assert (self.folder / name).exists()
        before = {path: path.read_bytes() for path in self.folder.iterdir()}
        assert workspace.update(self.lessons, self.folder) == []
        assert {path: path.read_bytes() for path in self.folder.iterdir()} == before

    @rule(call=st.sampled_from(["fsync", "replace"]), number=st.integers(1, 4), late=st.booleans())
    def update_is_killed(self, call: str, number: int, late: bool) -> None:
        real, left = getattr(os, call), number

        def killed(*arguments: object) -> None:
            nonlocal left
            left -= 1
            if left == 0 and not late:
                raise Killed
            real(*arguments)
            if left == 0:
                raise Killed

        with mock.patch.object(os, call, killed):
            try:
                workspace.update(self.lessons, self.folder)
            except Killed:
                pass

    @invariant()
    def what_they_wrote_is_there(self) -> None:
        for path, content in self.theirs.items():
            assert path.read_bytes() == content

    @invariant()
    def every_other_notebook_is_whole(self) -> None:
        for path in set(self.files()) - set(self.theirs):
            assert workspace.is_generated(path.read_bytes())

    def teardown(self) -> None:
        self.temporary.cleanup()


TestFolder = Folder.TestCase
TestFolder.settings = settings(stateful_step_count=15)


@pytest.fixture
def course(tmp_path: Path) -> tuple[Path, Path]:
    """The course's folder with a lesson, and a learner's with its copy."""
    lessons, folder = tmp_path / "notebooks", tmp_path / "my_course"
    lessons.mkdir()
    (lessons / NAMES[0]).write_bytes(lesson("old"))
    assert workspace.update(lessons, folder) == [f"{NAMES[0]}: new"]
    return lessons, folder


def test_an_unchanged_copy_becomes_the_corrected_lesson(course: tuple[Path, Path]) -> None:
    lessons, folder = course
    (folder / NAMES[0]).write_bytes(saved((folder / NAMES[0]).read_bytes()))
    (lessons / NAMES[0]).write_bytes(lesson("new"))
    (said,) = workspace.update(lessons, folder)
    assert "you had not changed it" in said
    assert b"x = 'new'" in (folder / NAMES[0]).read_bytes()
    assert [path.name for path in folder.glob("*.ipynb")] == [NAMES[0]]


def test_a_changed_copy_stays_and_the_lesson_comes_beside_it_once(
    course: tuple[Path, Path],
) -> None:
    lessons, folder = course
    mine = edited((folder / NAMES[0]).read_bytes(), "x = 'mine'")
    (folder / NAMES[0]).write_bytes(mine)
    assert workspace.update(lessons, folder) == []  # no lesson is new
    (lessons / NAMES[0]).write_bytes(lesson("new"))
    (said,) = workspace.update(lessons, folder)
    assert "stays as you left it; the corrected lesson is 00_first.new.ipynb" in said
    assert (folder / NAMES[0]).read_bytes() == mine
    beside = folder / "00_first.new.ipynb"
    assert b"x = 'new'" in beside.read_bytes()
    (lessons / NAMES[0]).write_bytes(lesson("newer"))
    workspace.update(lessons, folder)
    assert b"x = 'newer'" in beside.read_bytes()
    mine_too = edited(beside.read_bytes(), "x = 'mine, too'")
    beside.write_bytes(mine_too)
    (lessons / NAMES[0]).write_bytes(lesson("newest"))
    assert "00_first.new-2.ipynb" in workspace.update(lessons, folder)[0]
    assert beside.read_bytes() == mine_too
    beside = folder / "00_first.new-2.ipynb"
    assert b"x = 'newest'" in beside.read_bytes()
    beside.unlink()
    assert workspace.update(lessons, folder) == [] and not beside.exists()
    (folder / NAMES[0]).unlink()
    assert workspace.update(lessons, folder) == [f"{NAMES[0]}: new"]


def test_nothing_half_written_stays(course: tuple[Path, Path]) -> None:
    lessons, folder = course
    left, other = folder / ".00_first.ipynb.7.part", folder / ".00_first.ipynb.8.part"
    left.write_text("{")
    os.utime(left, (0, 0))
    other.write_text("{")  # by a start that is at work now
    (lessons / NAMES[0]).write_bytes(lesson("new"))
    workspace.update(lessons, folder)
    assert {path.name for path in folder.iterdir()} == {NAMES[0], workspace.RECORD, other.name}


def test_copies_of_a_maintainer_are_no_lessons(course: tuple[Path, Path]) -> None:
    lessons, folder = course
    for name in ("00_first-Copy1.ipynb", "00_first.edited.ipynb", "notes.ipynb", "00_first.py"):
        (lessons / name).write_bytes(lesson("other"))
    assert workspace.update(lessons, folder) == []


def test_work_in_the_courses_own_folder_is_carried_over_once(course: tuple[Path, Path]) -> None:
    lessons, folder = course
    mine = edited(lesson("old"), "x = 'mine'")
    (lessons / NAMES[0]).write_bytes(mine)
    (said,) = workspace.update(lessons, folder)
    assert "was changed there, so it is not copied" in said and "git checkout" in said
    (folder / NAMES[0]).unlink()
    workspace.update(lessons, folder)
    assert (folder / NAMES[0]).read_bytes() == mine
    (lessons / NAMES[0]).write_bytes(b"<<<<<<< HEAD\n{")
    (said,) = workspace.update(lessons, folder)
    assert "is no notebook that can be read" in said
    assert (folder / NAMES[0]).read_bytes() == mine


def test_links_pipes_and_folders_are_left_alone(course: tuple[Path, Path], tmp_path: Path) -> None:
    lessons, folder = course
    own = folder / NAMES[0]
    own.unlink()
    makers = [own.mkdir, lambda: own.symlink_to(tmp_path / "nowhere"), lambda: os.mkfifo(own)]
    for make in makers[: 1 if os.name == "nt" else 3]:
        (folder / workspace.RECORD).write_text("[damaged")
        make()
        kind = own.lstat().st_mode
        (said,) = workspace.update(lessons, folder)
        assert "00_first.new.ipynb" in said and own.lstat().st_mode == kind
        own.rmdir() if own.is_dir() else own.unlink()


def test_a_copy_that_is_a_link_stays_one(course: tuple[Path, Path], tmp_path: Path) -> None:
    """Into a synchronized folder, say: the corrected lesson goes where the link points."""
    lessons, folder = course
    own, elsewhere = folder / NAMES[0], tmp_path / "elsewhere.ipynb"
    own.rename(elsewhere)
    own.symlink_to(elsewhere)
    (lessons / NAMES[0]).write_bytes(lesson("corrected"))
    (said,) = workspace.update(lessons, folder)
    assert "replaced by a corrected lesson" in said
    assert own.is_symlink() and b"corrected" in elsewhere.read_bytes()


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "course_kit.workspace", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_command_hands_out_every_notebook(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = run(folder)
    assert done.returncode == 0 and f"Your notebooks are in {folder}\n" in done.stdout
    for source in notebooks.sources(ROOT):
        copy = folder / f"{source.stem}.ipynb"
        assert workspace.is_generated(copy.read_bytes())
        assert f"  {copy.name}: new\n" in done.stdout
    assert {path.suffix for path in folder.iterdir() if path.name[0] != "."} == {".ipynb"}
    assert run(folder).stdout == f"Your notebooks are in {folder}\n"


@pytest.mark.parametrize(
    ("folder", "words"),
    [("file", "cannot be written"), (ROOT / "notebooks", "choose another folder")],
)
def test_a_folder_that_cannot_be_used(tmp_path: Path, folder: str | Path, words: str) -> None:
    (tmp_path / "file").write_text("mine")
    done = run(folder, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_an_installed_package_has_no_notebooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workspace, "LESSONS", tmp_path / "site-packages" / "notebooks")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        workspace.main([])
    assert "clone the repository" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
