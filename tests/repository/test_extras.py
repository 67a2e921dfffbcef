"""`make` installs the extras of pyproject.toml without a trace in the project."""

import os
import re

import pytest
from helpers.installation import extras, fake_python
from helpers.project import Project
from helpers.repository import ROOT
from helpers.requirements import PROJECT


def asked_for(project: Project) -> list[str]:
    """The extras of each installation so far, as in `[dev]`."""
    return [line.partition("[")[2].rstrip("]") for line in project.read("installs").splitlines()]


def change_a_pin(project: Project) -> None:
    with (project.folder / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# another pin\n")
    later = (project.folder / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(project.folder / "constraints.txt", (later, later))


@pytest.mark.parametrize("extra", extras())
def test_an_extra_is_installed_once_and_stays_with_the_rest(fresh: Project, extra: str) -> None:
    python = f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}"
    for target in (extra, extra, ".venv/.ready", "environment"):
        fresh.run("make", python, target)
    assert asked_for(fresh) == [extra]
    # Nothing of setuptools is left in the project.
    wanted = {"Makefile", "README.md", "pyproject.toml", "constraints.txt", ".venv", "installs"}
    assert {path.name for path in fresh.folder.iterdir()} == wanted
    change_a_pin(fresh)
    for target in (".venv/.ready", extra):
        fresh.run("make", python, target)
    assert asked_for(fresh) == [extra, extra]
    fresh.run("make", python, "clean")
    assert not (fresh.folder / ".venv").exists()
    fresh.run("make", python, ".venv/.ready")
    assert asked_for(fresh) == [extra, extra, ""]


def test_an_extra_comes_into_an_environment_that_is_there(fresh: Project) -> None:
    python = f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}"
    for target in ("environment", "backbones", "develop", "s3", "environment"):
        fresh.run("make", python, target)
    assert asked_for(fresh) == ["", "backbones", "dev", "s3"]


def test_an_extra_that_failed_leaves_what_runs_without_it_and_is_tried_again(fresh: Project) -> None:
    fresh.run("make", f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}", "environment")
    failing = f"PYTHON={fake_python(fresh.folder.parent, 'exit 3')}"
    for _ in range(2):
        assert fresh.run("make", failing, "backbones", check=False).returncode != 0
    fresh.run("make", failing, "environment")
    assert asked_for(fresh) == ["", "backbones", "backbones"]
    fresh.run("make", "clean")
    assert not (fresh.folder / ".venv").exists()


def test_every_extra_for_users_is_a_target_and_no_document_builds_in_the_project() -> None:
    """pip would leave the folders build and crosscheck.egg-info in the project."""
    assert set(extras()) == set(PROJECT["optional-dependencies"]) - {"dev", "audit"}
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "crosscheck").rglob("*.py")]
    assert len(files) > 100
    in_place = re.compile(r"pip install [^`\n]*\.(\[|$|`|')", re.MULTILINE)
    assert [file.name for file in files if in_place.search(file.read_text(encoding="utf-8"))] == []
