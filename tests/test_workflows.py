"""The workflows of the course's host: small permissions, pinned actions, commands for everybody."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.helpers import ROOT

PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WRITING = {"book.yml": {"deploy": {"pages": "write", "id-token": "write"}}}
PLAIN = ("python -m venv .venv",)  # README has py, Windows' own starter


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any], str]:
    """Its file's name, its content, its text."""
    text = request.param.read_text(encoding="utf-8")
    return request.param.name, yaml.safe_load(text), text


def test_a_job_may_do_only_what_it_must(workflow: tuple[str, dict[str, Any], str]) -> None:
    name, content, text = workflow
    assert content["permissions"] == {}
    for title, job in content["jobs"].items():
        assert job["permissions"] == WRITING.get(name, {}).get(title, {"contents": "read"}), title
        assert job["timeout-minutes"] <= 120
    assert "secrets." not in text and "pull_request_target" not in text


def test_only_main_is_published() -> None:
    content = yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text(encoding="utf-8"))
    condition = content["jobs"]["deploy"]["if"]
    assert "github.ref == 'refs/heads/main'" in condition and "!= 'pull_request'" in condition


def test_each_action_is_the_hosts_own_and_pinned_to_a_commit(
    workflow: tuple[str, dict[str, Any], str],
) -> None:
    uses = re.findall(r"uses: (.*)", workflow[2])
    assert uses
    for line in uses:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version_everywhere() -> None:
    lines = [line for path in PATHS for line in re.findall(r"uses: (.*)", path.read_text())]
    assert len({line.split("@")[0] for line in lines}) == len(set(lines))


def test_each_command_is_one_that_readers_have(workflow: tuple[str, dict[str, Any], str]) -> None:
    """A target of make, or a line of the README; only the report of a failure is another."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for job in workflow[1]["jobs"].values():
        for step in job["steps"]:
            command = step.get("run", "").split(" 2>&1 |")[0].strip()
            if not command or step.get("if") == "failure()":
                continue
            if target := re.fullmatch(r"make ([a-z]+)( NEWEST=1)?", command):
                assert re.search(rf"^{target[1]}:", makefile, re.MULTILINE), command
            else:
                assert command in readme or command in PLAIN, command
