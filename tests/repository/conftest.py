"""Copies of the project: with modules where a search may miss them, and with what its installation reads."""

import shutil
from pathlib import Path

import pytest
from helpers.project import Project
from helpers.repository import PLANTED, ROOT, packages


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A copy of the project's code with a new package, and modules in sub-packages."""
    for name in (*packages(), "tests", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    for path in PLANTED:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in file.relative_to(tmp_path).parents[:-1]:
            (tmp_path / folder / "__init__.py").touch()
        file.write_text("import pickle\n\nimport unheard_of\n\neval('1')\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A folder with what the installation reads, and nothing else."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    for name in ("Makefile", "README.md", "pyproject.toml", "constraints.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return Project(folder)
