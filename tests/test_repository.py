"""The repository holds together: dependencies, pins, address, licenses, commands."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_kit import accuracy, material
from tools import address
from tutorial_lib import networks

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch"}  # where conda-forge's name differs from PyPI's
NOT_ON_CONDA_FORGE = [
    "snntorch",
    "sphinx-mathjax-offline",
    "axe-playwright-python",
    "playwright",
]
ONLY_ELSEWHERE = {"appnope", "colorama", "pywinpty"}  # pins for macOS and Windows
COLAB = {
    "anywidget": "0.9.21",
    "ipykernel": "6.17.1",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "torch": "2.11.0",
    "torchvision": "0.26.0",
}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements() -> dict[str, Requirement]:
    """All that pyproject.toml asks for, extras included, by canonical name."""
    lines = list(project()["dependencies"])
    for extra, listed in project()["optional-dependencies"].items():
        lines += listed if extra != "dev" else []
    found: dict[str, Requirement] = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        assert found.setdefault(name, requirement).specifier == requirement.specifier, name
    return found


def pins(path: str) -> dict[str, Requirement]:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    listed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found = {canonicalize_name(pin.name): pin for pin in listed}
    assert len(found) == len(listed), f"{path} names a package twice"
    return found


def version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==" and "*" not in specifier.version, pin
    assert Version(specifier.version).local is None, f"{pin}: no build label"
    return specifier.version


# Dependencies


def test_environment_yml_describes_what_pyproject_describes() -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    (by_pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    conda = {}
    for entry in listed:
        if isinstance(entry, str):
            name, _, bounds = entry.partition(" ")
            conda[name] = Requirement(f"x{bounds}").specifier
    assert conda.pop("pip") == ""
    assert conda.pop("python") == project()["requires-python"]
    wanted = requirements()
    assert by_pip == [str(wanted.pop(name)) for name in NOT_ON_CONDA_FORGE] + ["--editable ."]
    assert conda == {CONDA_NAMES.get(n, n): r.specifier for n, r in wanted.items()}


def test_the_dev_extra_has_all_others() -> None:
    extras = project()["optional-dependencies"]
    (dev,) = map(Requirement, extras["dev"])
    assert dev.name == project()["name"]
    assert dev.extras == set(extras) - {"dev"}


def test_the_library_sets_lower_bounds_only_and_colab_satisfies_them() -> None:
    library = [Requirement(line) for line in project()["dependencies"]]
    for requirement in library:
        assert [bound.operator for bound in requirement.specifier] == [">="], requirement
    checked = {r.name for r in library if r.name in COLAB and COLAB[r.name] in r.specifier}
    assert checked == {r.name for r in library if r.name in COLAB}
    assert {"torch", "torchvision", "numpy", "matplotlib", "ipywidgets"} <= checked


def test_the_rehearsal_uses_colabs_versions() -> None:
    rehearsed = pins("tests/colab.txt")
    assert rehearsed.pop("setuptools").specifier  # for the build, a lower bound
    for name in set(COLAB) - {"torch", "torchvision"}:
        assert version(rehearsed[name]) == COLAB[name]
    assert all(version(pin) for pin in rehearsed.values())


def test_every_pin_satisfies_pyproject() -> None:
    pinned = pins("constraints.txt")
    for name, requirement in requirements().items():
        assert version(pinned[name]) in requirement.specifier, requirement


def test_everything_that_gets_installed_is_pinned() -> None:
    """Follows what the installed packages say that they need, from pyproject.toml on."""
    waiting = [(requirement, "pyproject.toml") for requirement in requirements().values()]
    asked_by: dict[tuple[str, str], str] = {}
    while waiting:
        requirement, asker = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in asked_by:
                continue
            asked_by[name, extra] = asker
            for needed in map(Requirement, importlib.metadata.requires(name) or []):
                if not needed.marker or needed.marker.evaluate({"extra": extra}):
                    waiting.append((needed, name))
    pinned = pins("constraints.txt")
    missing = {name: asker for (name, _), asker in asked_by.items() if name not in pinned}
    # The package index's torch for Linux brings a CUDA runtime, whose versions torch itself fixes.
    assert not {name for name in missing if not re.match("nvidia-|cuda-|triton", name)}, missing
    if sys.platform == "linux":
        unused = set(pinned) - {name for name, _ in asked_by} - ONLY_ELSEWHERE
        assert unused <= {"overrides"}  # needed before Python 3.12


def test_the_versions_agree() -> None:
    import tutorial_lib

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert project()["version"] == tutorial_lib.__version__ == str(citation["version"])
    assert f"[{project()['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_credits_the_works_the_course_builds_on() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {work.get("doi") for work in citation["references"]} >= {
        "10.1109/JPROC.2023.3308088",
        "10.1109/MSP.2019.2931595",
        "10.1162/neco_a_01086",
        "10.1162/neco_a_01367",
    }
    assert any("tutorial_6" in work.get("url", "") for work in citation["references"])


# Commands


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("sys.version_info = (3, 10, 4)", "needs Python 3.11 or newer; .* is Python 3.10"),
        ("sys.modules['venv'] = None", "sudo apt install python3-venv"),
        ("sys.modules['ensurepip'] = None", "sudo apt install python3-venv"),
    ],
)
def test_an_unfit_python_is_named(before: str, message: str) -> None:
    script = (ROOT / "tools" / "check_python.py").read_text(encoding="utf-8")
    code = f"import sys\n{before}\n{script}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")
def test_make_clean_removes_what_make_built_and_nothing_else(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    built = [".venv/bin/python", "book/_build/html/index.html", "tests/__pycache__/x.pyc"]
    mine = [
        "notebooks/00_spiking_neuron.edited.ipynb",
        "notebooks/my.ipynb",
        "notebooks/net.pt",
        "my_course/00_spiking_neuron.ipynb",
        "my_course/.lessons.json",
        "book/notes.md",
        "MNIST/raw/t10k-images-idx3-ubyte.gz",
        "course_kit/new.py",
        "tutorial_lib/new.py",
        "tools/new.py",
        "tests/test_new.py",
    ]
    for name in built + mine:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"Makefile", *mine}


# The address. It is put together here, so that this file itself holds none.

HUB = "https://github.com"
COLAB_HUB = "https://colab.research.google.com/github"
RAW_HUB = "https://raw.githubusercontent.com"
BINDER_HUB = "https://mybinder.org/v2/gh"


def test_every_address_in_the_repository_is_the_courses_or_a_known_others() -> None:
    assert address.check(ROOT) == []


@pytest.fixture
def small_repository(tmp_path: Path) -> Path:
    """A repository with an address in each form, and links that are none of the course's."""
    write_small_repository(tmp_path, "OWNER/snn-course")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
    return tmp_path


def write_small_repository(root: Path, slug: str) -> None:
    (root / "book").mkdir()
    owner, name = slug.split("/")
    note = f" {address.NOT_YET}" if owner == address.PLACEHOLDER else ""
    set_address(root, slug)
    (root / "book" / "_config.yml").write_text(
        f"repository:\n  url: {HUB}/{slug}\n  branch: main\n"
    )
    (root / "README.md").write_text(
        f"[badge]({COLAB_HUB}/{slug}/blob/main/notebooks/03.ipynb){note}\n"
        f"[online](https://{owner.lower()}.github.io/{name}/){note}: the book\n"
        f"[Binder]({BINDER_HUB}/{slug}/main){note}\n"
        f"git clone {HUB}/{slug}.git or git@github.com:{slug}.git.\n"
        f"The book: https://{owner.lower()}.github.io/{name}/index.html\n"
        f"snnTorch: {HUB}/jeshraghian/snntorch/issues/219.\n"
    )
    (root / "cell.py").write_text(f'"git+{HUB}/{slug}"\r\n')
    (root / "figure.png").write_bytes(b"\x89PNG " + f"{HUB}/a/b".encode())


def set_address(root: Path, slug: str) -> None:
    text = f'[project]\n[project.urls]\nRepository = "{HUB}/{slug}"\n'
    (root / "pyproject.toml").write_text(text)


def contents(root: Path) -> dict[str, bytes]:
    files = [p for p in root.rglob("*") if p.is_file() and ".git" not in p.parts]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}


def test_a_new_address_is_found_missing_then_carried(small_repository: Path) -> None:
    assert address.check(small_repository) == []
    set_address(small_repository, "Someone/else-where")
    found = address.check(small_repository)
    places = {problem.split(" ")[0].rstrip(":") for problem in found}
    lines = {f"README.md:{line}" for line in (1, 2, 3, 4, 5)}  # line 6 names a repository of others
    assert places == {"book/_config.yml", "book/_config.yml:2", "cell.py:1"} | lines
    address.carry(small_repository)
    assert address.check(small_repository) == []
    readme = (small_repository / "README.md").read_text()
    assert "OWNER" not in readme and "jeshraghian/snntorch/issues/219" in readme
    assert "https://someone." + "github.io/else-where/index.html" in readme
    assert (small_repository / "cell.py").read_bytes().endswith(b'else-where"\r\n')


@pytest.mark.parametrize(
    "link",
    [
        f"{HUB}/OWNER/snn-cours",
        f"{HUB}/OWNER/snn-course2",
        f"{HUB}/ANOTHER/snn-course",
        f"{COLAB_HUB}/ANOTHER/snn-course/blob/main/x.ipynb",
        f"{RAW_HUB}/ANOTHER/snn-course/main/x.png",
        "https://another." + "github.io/snn-course",
        f"git+{HUB}/ANOTHER/snn-course.git",
    ],
)
def test_one_address_that_differs_is_named(small_repository: Path, link: str) -> None:
    with open(small_repository / "README.md", "a") as file:
        file.write(f"a line\nsee {link}\n")
    (problem,) = address.check(small_repository)
    assert problem.startswith("README.md:8: ") and "OWNER/snn-course" in problem
    before = contents(small_repository)
    address.carry(small_repository)
    assert contents(small_repository) == before  # a stranger's link is never rewritten


def test_links_that_need_an_address_say_so_until_there_is_one(small_repository: Path) -> None:
    readme = small_repository / "README.md"
    silent = readme.read_text().replace(f" {address.NOT_YET}", "")
    readme.write_text(silent)
    found = address.check(small_repository)
    lines = [f"README.md:{line}" for line in (1, 2, 3)]
    assert [problem.split(": ")[0] for problem in found] == lines
    address.carry(small_repository)
    assert address.check(small_repository) == [] and readme.read_text().count(address.NOT_YET) == 3
    assert address.write(small_repository, "Someone/else-where") == "Someone/else-where"
    address.carry(small_repository)
    assert address.check(small_repository) == []
    assert address.NOT_YET not in readme.read_text() and "Someone/else-where" in readme.read_text()
    readme.write_text(readme.read_text().replace("ipynb)", f"ipynb) {address.NOT_YET}"))
    (problem,) = address.check(small_repository)
    assert "is still followed by" in problem


@pytest.mark.parametrize("given", ["a/b", f"{HUB}/a/b", f"{HUB}/a/b.git", f"{HUB}/a/b/"])
def test_the_address_may_be_given_short_or_in_full(small_repository: Path, given: str) -> None:
    assert address.main([given], small_repository) == 0
    assert address.own_slug(small_repository) == "a/b"
    assert address.check(small_repository) == []


@pytest.mark.parametrize("given", [[], ["a"], ["a/b/c"], ["https://gitlab.com/a/b"], ["a/b", "c"]])
def test_what_is_no_address_changes_nothing(
    small_repository: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(small_repository)
    assert address.main(given, small_repository) == 1
    said = capsys.readouterr().err
    assert f"REPOSITORY is {' '.join(given)!r}" in said and "make address REPOSITORY=" in said
    assert contents(small_repository) == before


def test_a_file_of_the_learners_own_is_left_alone(small_repository: Path) -> None:
    mine = small_repository / "notes.md"
    mine.write_text(f"{HUB}/OWNER/snn-course {HUB}/pytorch/pytorch")
    assert address.check(small_repository) == []
    set_address(small_repository, "Someone/else-where")
    address.carry(small_repository)
    assert "OWNER" in mine.read_text()


@pytest.mark.parametrize("wrong", ["", "a/b", "https://gitlab.com/a/b", f"{HUB}/a"])
def test_an_address_of_another_form_is_refused(small_repository: Path, wrong: str) -> None:
    (small_repository / "pyproject.toml").write_text(
        f'[project]\n[project.urls]\nRepository = "{wrong}"\n'
    )
    with pytest.raises(ValueError, match=r"pyproject.toml.*expected https://github.com/<owner>"):
        address.check(small_repository)


OWNERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,12}[A-Za-z0-9]", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}[A-Za-z0-9]", fullmatch=True).filter(
    lambda name: not name.endswith(".git")
)
SLUGS = st.tuples(OWNERS, NAMES).map("/".join)


@given(old=SLUGS, new=SLUGS)
def test_carrying_there_and_back_restores_every_byte(old: str, new: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_small_repository(root, old)
        before = contents(root)
        set_address(root, new)
        address.carry(root)
        assert address.check(root) == []
        assert old == new or contents(root)["README.md"] != before["README.md"]
        set_address(root, old)
        address.carry(root)
        assert contents(root) == before


def test_without_git_all_visible_files_are_looked_at(small_repository: Path) -> None:
    shutil.rmtree(small_repository / ".git")
    for folder in (".venv", "my_course"):  # hidden, and the learner's own
        hidden = small_repository / folder / "README.md"
        hidden.parent.mkdir()
        hidden.write_text(f"{HUB}/a/b")
    assert address.check(small_repository) == []
    (small_repository / "new.md").write_text(f"{HUB}/a/b")
    assert [p.split(":")[0] for p in address.check(small_repository)] == ["new.md"]


def test_the_ci_script_parses_and_can_be_executed() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_books_bibliography_can_be_read_and_holds_what_is_cited() -> None:
    bibtex = pytest.importorskip("pybtex.database.input.bibtex")
    known = set(bibtex.Parser(encoding="utf-8").parse_file(ROOT / "book/references.bib").entries)
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "book" / "api").glob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    cited = {key for keys in re.findall(r"\{cite[a-z:]*\}`(.+?)`", text) for key in keys.split(",")}
    assert known and cited and {key.strip() for key in cited} <= known


@pytest.mark.parametrize("file", [networks.PRETRAINED, material.EARLY, accuracy.FILE])
def test_shipped_weights_and_bits_are_tracked(file: Path) -> None:
    """Git ignores a learner's checkpoints, which end alike."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    subprocess.run(["git", "ls-files", "--error-unmatch", file], cwd=ROOT, check=True)
