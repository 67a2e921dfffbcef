"""A copy of the code that tests may change."""

import shutil
from pathlib import Path

import pytest
from helpers.repository import ROOT


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the project's modules."""
    return shutil.copytree(ROOT / "crosscheck", tmp_path / "crosscheck", ignore=shutil.ignore_patterns("__pycache__"))
