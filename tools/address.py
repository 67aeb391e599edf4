"""The repository's address: written once in pyproject.toml, carried everywhere else.

Usage: make address REPOSITORY=owner/name

An address counts wherever a link to GitHub, GitHub Pages, Colab or Binder names an owner and a
repository. Each must be the course's own or one of `THIRD_PARTY`. While the owner is a placeholder,
each link of a Markdown text to Colab, Binder or the online book is followed by `NOT_YET`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

THIRD_PARTY = frozenset(
    {
        "fangwei123456/spikingjelly",
        "fzenke/spytorch",
        "haoyizhu/snn_image_classification",
        "jeshraghian/snntorch",
        "microsoft/vscode",
        "microsoft/vscode-jupyter",
        "norse/norse",
    }
)
"""Repositories of others that the course may link to, in lower case."""

PLACEHOLDER = "OWNER"
NOT_YET = "(leads nowhere yet: this copy of the course has no address)"

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
_NEEDS_ADDRESS = re.compile(
    r"(?P<link>\]\(https://(?:(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh)"
    r"/(?P<owner>[\w.-]+)/|(?P<pages_owner>[\w-]+)\.github\.io/)[^\s)]*\))"
    r"(?P<noted> " + re.escape(NOT_YET) + ")?"
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
        placeholder = own.split("/")[0] == PLACEHOLDER
        for link in _NEEDS_ADDRESS.finditer(text):
            if _is_own(link, own) and bool(link["noted"]) != placeholder:
                place = path.relative_to(root).as_posix()
                line = text.count("\n", 0, link.start()) + 1
                said = "is not followed by" if placeholder else "is still followed by"
                problems.append(f'{place}:{line}: link {said} "{NOT_YET}". Remedy: make notebooks')
    return problems


def write(root: Path, repository: str) -> str:
    """Writes the address into pyproject.toml; `carry` does the rest.

    Args:
        root: the repository's folder.
        repository: "owner/name", or the address on GitHub.

    Returns:
        "owner/name".

    Raises:
        ValueError: It is neither; nothing is written.
    """
    short = re.fullmatch(r"[\w-]+/[\w.-]+", repository)
    slug = _slug_of(f"https://github.com/{repository}" if short else repository, "REPOSITORY")
    path = root / "pyproject.toml"
    line = re.compile(r'^Repository = ".*"$', re.MULTILINE)
    text, count = line.subn(f'Repository = "https://github.com/{slug}"', path.read_bytes().decode())
    if count != 1:
        raise ValueError(f'pyproject.toml has {count} lines Repository = "..."; expected one.')
    path.write_bytes(text.encode())
    return slug


def carry(root: Path) -> list[Path]:
    """Replaces the last carried address by that of pyproject.toml, in every text file.

    `NOT_YET` stands behind the links that need an address as long as there is none. Notebooks are
    left out: they are generated from their sources afterwards.

    Returns:
        The files that changed.
    """
    old, new = carried_slug(root), own_slug(root)
    note = f" {NOT_YET}" if new.split("/")[0] == PLACEHOLDER else ""

    def replace(link: re.Match[str]) -> str:
        if link["owner"] and _slug(link) == old:
            return link[0].replace(f"{link['owner']}/{_name(link)}", new)
        if _is_pages_of(link, old):
            owner, name = new.split("/")
            return f"{owner.lower()}.github.io/{name}"
        return link[0]

    def noted(link: re.Match[str]) -> str:
        return link["link"] + note if _is_own(link, new) else link[0]

    changed = []
    for path, text in _texts(root):
        if path.suffix == ".ipynb":
            continue
        carried = _NEEDS_ADDRESS.sub(noted, _LINK.sub(replace, text))
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


def _is_own(link: re.Match[str], slug: str) -> bool:
    """Is this a link to the course? By its owner: the name is compared elsewhere."""
    owner = slug.split("/")[0]
    return link["owner"] == owner or (link["pages_owner"] or "").lower() == owner.lower()


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


def main(arguments: list[str], root: Path) -> int:
    """Sets the address and carries it into the sources; returns the exit status."""
    try:
        slug = write(root, " ".join(arguments))
    except ValueError as error:
        print(f"{error}\nUsage: make address REPOSITORY=owner/name", file=sys.stderr)
        return 1
    changed = carry(root)
    print(f"The address is https://github.com/{slug}, here and in {len(changed)} files more.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent))
