"""The repository's address: written once in pyproject.toml, carried everywhere else.

An address counts wherever a link to GitHub, GitHub Pages, Colab or Binder names an owner and a
repository. Each must be the course's own or one of `THIRD_PARTY`.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

THIRD_PARTY = frozenset(
    {
        "fangwei123456/spikingjelly",
        "fzenke/spytorch",
        "jeshraghian/snntorch",
        "norse/norse",
    }
)
"""Repositories of others that the course may link to, in lower case."""

_HOSTS = (
    r"github\.com[/:]",
    r"raw\.githubusercontent\.com/",
    r"colab\.research\.google\.com/github/",
    r"mybinder\.org/v2/gh/",
)
_LINK = re.compile(
    rf"(?:{'|'.join(_HOSTS)})(?P<owner>[\w.-]+)/(?P<name>[\w.-]*\w)"
    r"|(?<![\w.-])(?P<pages_owner>[\w-]+)\.github\.io/(?P<pages_name>[\w.-]*\w)"
)
_SKIPPED_FOLDERS = {"_build", "build", "my_course", "node_modules", "__pycache__"}
_BINARY = {".gz", ".png", ".jpg", ".gif", ".ico", ".pdf", ".pt", ".woff2", ".zip"}


def own_slug(root: Path) -> str:
    """Returns "owner/name" from `[project.urls] Repository` of pyproject.toml.

    The address has the form https://github.com/<owner>/<name>.

    Raises:
        ValueError: The address is missing or does not have that form.
    """
    with open(root / "pyproject.toml", "rb") as file:
        address = tomllib.load(file)["project"].get("urls", {}).get("Repository")
    return _slug_of(address, "pyproject.toml, [project.urls] Repository")


def carried_slug(root: Path) -> str:
    """Returns "owner/name" as the last `make notebooks` left it, from book/_config.yml.

    Raises:
        ValueError: The address is missing or does not have that form.
    """
    config = yaml.safe_load((root / "book" / "_config.yml").read_text(encoding="utf-8"))
    address = (config.get("repository") or {}).get("url")
    return _slug_of(address, "book/_config.yml, repository: url")


def check(root: Path) -> list[str]:
    """Returns one line for each place whose address is neither the course's nor a known other's."""
    own = own_slug(root)
    problems = []
    if carried_slug(root) != own:
        problems.append(
            f"book/_config.yml: the book's address is {carried_slug(root)}, "
            f"pyproject.toml has {own}. Remedy: make notebooks"
        )
    for path, text in _texts(root):
        for link in _LINK.finditer(text):
            slug = _slug(link)
            if slug != own and slug.lower() not in THIRD_PARTY and not _is_pages_of(link, own):
                place = path.relative_to(root).as_posix()
                line = text.count("\n", 0, link.start()) + 1
                problems.append(
                    f"{place}:{line}: address {slug}, but pyproject.toml has {own}. Remedy: make "
                    "notebooks. For a repository of others: THIRD_PARTY in tools/address.py"
                )
    return problems


def carry(root: Path) -> list[Path]:
    """Replaces the last carried address by that of pyproject.toml, in every text file.

    Notebooks are left out: they are generated from their sources afterwards.

    Returns:
        The files that changed.
    """
    old, new = carried_slug(root), own_slug(root)
    if old == new:
        return []

    def replace(link: re.Match[str]) -> str:
        if link["owner"] and _slug(link) == old:
            return link[0].replace(f"{link['owner']}/{_name(link)}", new)
        if _is_pages_of(link, old):
            owner, name = new.split("/")
            return f"{owner.lower()}.github.io/{name}"
        return link[0]

    changed = []
    for path, text in _texts(root):
        if path.suffix == ".ipynb":
            continue
        carried = _LINK.sub(replace, text)
        if carried != text:
            path.write_bytes(carried.encode())
            changed.append(path)
    return changed


def _slug_of(address: object, place: str) -> str:
    link = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?", str(address))
    if link is None:
        raise ValueError(f"{place} is {address!r}; expected https://github.com/<owner>/<name>.")
    return link[1]


def _name(link: re.Match[str]) -> str:
    return (link["name"] or link["pages_name"]).removesuffix(".git")


def _slug(link: re.Match[str]) -> str:
    return f"{link['owner'] or link['pages_owner']}/{_name(link)}"


def _is_pages_of(link: re.Match[str], slug: str) -> bool:
    """GitHub Pages writes the owner in lower case."""
    return link["pages_owner"] is not None and _slug(link).lower() == slug.lower()


def _texts(root: Path) -> Iterator[tuple[Path, str]]:
    """Yields each text file that git tracks with its text, line ends as they are."""
    for path in _files(root):
        if path.suffix.lower() in _BINARY or not path.is_file():
            continue
        try:
            yield path, path.read_bytes().decode()
        except UnicodeDecodeError:
            continue


def _files(root: Path) -> list[Path]:
    """Lists the tracked files; without git's help (a downloaded archive), every visible file."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--", "."]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    if listed:
        return [root / name for name in listed.split("\0") if name]
    return [
        path
        for path in sorted(root.rglob("*"))
        if not any(
            part in _SKIPPED_FOLDERS or (part.startswith(".") and part != ".ci")
            for part in path.relative_to(root).parts
        )
    ]
