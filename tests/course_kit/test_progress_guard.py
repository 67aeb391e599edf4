"""Learner code can do no harm to the table, to the learner's files, and to what runs beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from course_kit import exercises
from course_kit.progress import Row, _guard, _jobs, examine_notebook
from tests.helpers import ROOT, save_notebook

NUMBER = next(e for e in exercises.collected() if e.kind == "number")
FUNCTIONS = [e for e in exercises.collected() if e.kind == "function"]
FUNCTION = FUNCTIONS[0]
RIGHT = float(NUMBER.solution)
RIGHT_ONE = (f"mine = {RIGHT!r}", f'exercises.check("{NUMBER.id}", mine)')


def asked(number: int = 0) -> str:
    """A check of some function."""
    return f'exercises.check("{FUNCTIONS[number].id}", other)'


def tried(rows: list[Row]) -> dict[str, Row]:
    """Without those whose checks are not in the notebook."""
    return {row.exercise: row for row in rows if row.status != "missing"}


def only(rows: list[Row]) -> Row:
    (row,) = tried(rows).values()
    return row


def test_what_one_exercise_does_is_no_matter_to_the_next(tmp_path: Path) -> None:
    path = save_notebook(
        tmp_path / "mine.ipynb",
        "import os\nother = os._exit(3)",
        asked(),
        f"mine = {RIGHT!r}",
        RIGHT_ONE[1],
    )
    rows = tried(examine_notebook(path))
    assert rows[FUNCTION.id].message == "Your code ended the process that ran it."
    assert rows[NUMBER.id].status == "passed"


@pytest.mark.parametrize(
    ("code", "patience", "words"),
    [
        ("other = time.sleep(600)", 4, "Stopped after 8 seconds, in which it waited"),
        ("def f():\n    while True: pass\nother = f()", 60, "Stopped after 2 seconds. Does a loop"),
    ],
)
def test_code_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, patience: int, words: str
) -> None:
    """Whether it waits or computes; however busy the machine is."""
    monkeypatch.setattr(_jobs, "PATIENCE", patience)
    codes = [f"import time\n{code}", asked()]
    rows = tried(examine_notebook(save_notebook(tmp_path / "mine.ipynb", *codes), seconds=2))
    assert words in rows[FUNCTION.id].message


SLEEPER = """
import subprocess, sys
from pathlib import Path
code = "import os, time; {first}; open({file!r}, 'w').write(str(os.getpid())); time.sleep(600)"
other = subprocess.Popen([sys.executable, "-c", code], start_new_session={apart})
while not Path({file!r}).exists() or not Path({file!r}).read_text():
    pass
{last}
"""
"""Starts a process, then goes on to the check that needs it."""


def sleeper(file: Path, first: str = "0", last: str = "", apart: bool = False) -> str:
    code = SLEEPER.format(first=first, last=last, apart=apart, file=str(file))
    return "def start():" + code.replace("\n", "\n    ") + "\nother = start()"


def assert_ends(process: int, seconds: float = 30) -> None:
    for _ in range(int(10 * seconds)):
        if not alive(process):
            return
        time.sleep(0.1)
    os.kill(process, signal.SIGKILL)
    pytest.fail("a process that the learner's code started still runs")


DAEMON = "os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0)"


def test_what_learner_code_starts_ends_with_it(tmp_path: Path) -> None:
    """In the same session; on Linux in one of its own too, and as a daemon without parents."""
    ways = [("0", False), ("0", True), (DAEMON, False)]
    codes, files = [], []
    for number, (first, apart) in enumerate(ways[: 3 if sys.platform == "linux" else 1]):
        files.append(tmp_path / f"child{number}")
        codes += [sleeper(files[-1], first, apart=apart), asked(number)]
    examine_notebook(save_notebook(tmp_path / "mine.ipynb", *codes))
    for file in files:
        assert_ends(int(file.read_text()))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL", "SIGTERM"])
def test_whatever_ends_the_command_ends_its_processes(tmp_path: Path, name: str) -> None:
    """The learner's code, what it started, and the copies."""
    mine = tmp_path / "my_course"
    mine.mkdir()
    child = tmp_path / "child"
    save_notebook(mine / "mine.ipynb", sleeper(child, last="while True: pass"), asked())
    number = getattr(signal, name)
    process = subprocess.Popen(
        [sys.executable, "-m", "course_kit.progress", mine],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (child.exists() and child.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    worker = parent(int(child.read_text())) if Path("/proc").is_dir() else None
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert "Traceback" not in said
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert_ends(int(child.read_text()))
    if worker is not None:
        assert_ends(worker)
    for _ in range(100):
        if not list(tmp_path.glob("progress-*")):
            return
        time.sleep(0.1)
    pytest.fail("a copy of the learner's folder stays")


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


LINE = r'b"{\"ends\": 0, \"status\": \"passed\"}\n[0]\nx\n{\"begins\": 1}\n"'


HOSTILE = {
    f"[os.write(fd, {LINE}) for fd in range(3, 9) if writable(fd)]": "no result that can be read",
    "os.fork()": "asks for a function",
    "os.fork() or time.sleep(600)": "asks for a function",
    "open('big', 'wb').truncate(2**31)": "File too large",
    "bytearray(2**33)": "MemoryError" if sys.platform == "linux" else "asks for a function",
    "os.closerange(3, 1000)": "Your code ended the process",
    "os.kill(os.getppid(), 9), time.sleep(600)": "Your code ended the process",
    "os.killpg(0, 9)": "Your code ended the process",
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
def test_learner_code_costs_its_own_row_at_most(tmp_path: Path) -> None:
    codes = [WRITABLE]
    for number, code in enumerate(HOSTILE):
        codes += [f"import os, time\nother = {code}", asked(number)]
    rows = tried(examine_notebook(save_notebook(tmp_path / "mine.ipynb", *codes, *RIGHT_ONE)))
    for number, words in enumerate(HOSTILE.values()):
        assert words in rows[FUNCTIONS[number].id].message, list(HOSTILE)[number]
    assert rows[NUMBER.id].status == "passed"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork")
def test_a_forked_process_does_not_run_the_other_checks(tmp_path: Path) -> None:
    log = tmp_path / "log"
    count = f"mine = {RIGHT!r} + 0 * open({str(log)!r}, 'a').write('x')"
    codes = ["import os, time\nother = os.fork()", asked(0), count, RIGHT_ONE[1]]
    codes += ["other = time.sleep(3)", asked(1)]  # so that both could count
    rows = tried(examine_notebook(save_notebook(tmp_path / "mine.ipynb", *codes)))
    assert rows[NUMBER.id].status == "passed"
    assert log.read_text() == "x"


WRITABLE = """
def writable(fd):
    try: return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except OSError: return False
import fcntl"""


def test_code_runs_beside_copies_of_small_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    mine = tmp_path / "my_course"
    (mine / "part").mkdir(parents=True)
    (mine / "answer.txt").write_text(repr(RIGHT))
    (mine / "part" / "helper.py").write_text("def twice(x): return x")
    with open(mine / "large.bin", "wb") as file:
        file.truncate(_guard.LARGEST_FILE + 1)
    path = save_notebook(
        mine / "mine.ipynb",
        "from part.helper import twice\n"
        "mine = twice(float(open('answer.txt').read()))\n"
        "mine += open('answer.txt', 'w').write('') * open('new.txt', 'w').write('')",
        RIGHT_ONE[1],
        "other = open('large.bin')",
        asked(),
    )
    before = sorted(mine.rglob("*"))
    rows = tried(examine_notebook(path))
    assert rows[NUMBER.id].status == "passed", rows
    assert "large ones are not copied" in rows[FUNCTION.id].message
    assert (mine / "answer.txt").read_text() == repr(RIGHT)
    assert sorted(mine.rglob("*")) == before
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_large_folder_is_copied_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_guard, "MOST_FILES", 3)
    monkeypatch.setattr(_guard, "LARGEST_COPY", 10)
    source = tmp_path / "source"
    (source / "a").mkdir(parents=True)
    for name, size in {"b": 5, "c": 9, "a/d": 5, "e.ipynb": 1, ".f": 1}.items():
        (source / name).write_bytes(bytes(size))
    if os.name != "nt":
        (source / "z").symlink_to(tmp_path)
        os.mkfifo(source / "pipe")
    target = tmp_path / "target"
    target.mkdir()
    assert _guard.copy_small_files(source, target)
    copied = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert copied == {"b", "a/d"}


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        try:
            os.kill(process, 0)
        except OSError:
            return False
        return not Path("/proc").is_dir()
    return state != "Z"


def test_code_that_waits_may_wait_longer(tmp_path: Path) -> None:
    """The limit is processor time: a busy machine is no fault of the learner's."""
    code = f"import time\nmine = time.sleep(4) or {RIGHT!r}"
    path = save_notebook(tmp_path / "mine.ipynb", code, RIGHT_ONE[1])
    assert only(examine_notebook(path, seconds=3)).status == "passed"


def test_a_process_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_notebook(tmp_path / "mine.ipynb", f"mine = {RIGHT!r}", RIGHT_ONE[1])
    (tmp_path / "tutorial_lib").mkdir()
    (tmp_path / "tutorial_lib" / "__init__.py").write_text("raise ImportError")
    monkeypatch.setattr(_jobs, "__file__", str(tmp_path / "tutorial_lib" / "progress" / "x.py"))
    assert "did not start" in only(examine_notebook(path)).message
