"""The hash of the code that decides a result."""

import shutil
from pathlib import Path

import pytest
from conftest import ROOT

from stages import sources


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of the project's modules."""
    return shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_comments_docstrings_and_blank_lines_do_not_count(code: Path) -> None:
    before = sources.digest(code / "execution.py")
    training = code / "training.py"
    text = training.read_text(encoding="utf-8")
    training.write_text(text.replace('"""', '"""More words.\n\n', 1) + "\n\n# A remark.\n", encoding="utf-8")
    assert sources.digest(code / "execution.py") == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("execution.py", "TEST_BATCH = 64", "TEST_BATCH = 128"),
        ("training.py", "self.faster.train()", "self.faster.eval()"),
        ("architecture.py", "KERNEL = 3", "KERNEL = 5"),
    ],
)
def test_code_counts_also_of_modules_that_are_imported_by_others(code: Path, module: str, old: str, new: str) -> None:
    before = sources.digest(code / "execution.py")
    change(code / module, old, new)
    assert sources.digest(code / "execution.py") != before


def test_modules_that_no_cell_uses_do_not_count(code: Path) -> None:
    before = sources.digest(code / "execution.py")
    for module in ("study_report.py", "wording.py", "galleries.py", "tracking.py", "study.py", "params.py"):
        (code / module).write_text("CHANGED = 1\n", encoding="utf-8")
    assert sources.digest(code / "execution.py") == before
