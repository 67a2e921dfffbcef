"""What looks at every module looks at modules in sub-packages and in new packages too."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers.imports import imported_names
from helpers.project import PROJECT_FILES
from helpers.repository import PLANTED, ROOT, modules, packages

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ALL_CHECKED = {"benchmarks", "concepts", *packages()}
# The folders of tests that stand for no package of crosscheck/.
OTHER_TESTS = {"end_to_end", "gpu", "helpers", "repository", "stages"}


def test_the_packages_are_those_of_the_project_itself(planted: Path) -> None:
    assert packages() == ["crosscheck", "stages"]
    assert {"benchmarks", "concepts", "tests"}.isdisjoint(packages())
    assert packages(planted) == ["crosscheck", "library", "stages"]


def test_the_list_of_modules_holds_those_of_sub_packages(planted: Path) -> None:
    found = {file.relative_to(planted).as_posix() for file in modules(planted)}
    assert set(PLANTED) <= found
    assert {file.relative_to(ROOT).as_posix() for file in modules()} <= found


def test_a_test_project_has_every_package() -> None:
    assert set(packages()) <= set(PROJECT_FILES)
    for name in PROJECT_FILES:
        assert (ROOT / name).exists(), name


def test_no_test_and_no_module_lists_modules_without_those_of_sub_packages() -> None:
    for file in modules(also=("benchmarks", "concepts", "tests")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "glob":
                assert not ast.unparse(node).endswith("*.py')"), f"{file.name} lists modules with glob; use rglob"


def test_only_the_outermost_package_does_something_when_it_is_imported() -> None:
    """Stages do not depend on `__init__` files, so those of sub-packages hold no code."""
    for file in modules():
        if file.name == "__init__.py" and file.parent.parent != ROOT:
            body = ast.parse(file.read_text(encoding="utf-8")).body
            assert all(isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in body), file


# Tests.


def imported_tests(root: Path) -> dict[str, set[str]]:
    """By file below `root`/tests, the test modules and the conftest files that it imports."""
    files = sorted((root / "tests").rglob("*.py"))
    tests = {file.stem for file in files if file.stem.startswith("test_") or file.stem == "conftest"}
    found = {
        file.relative_to(root).as_posix(): {part for name in imported_names(file) for part in name.split(".")} & tests
        for file in files
    }
    return {file: names for file, names in found.items() if names}


def test_no_test_module_is_imported(planted: Path) -> None:
    assert imported_tests(ROOT) == {}
    folder = planted / "tests" / "core"
    (folder / "test_one.py").write_text("def shared():\n    from test_cli import run\n")
    (folder / "test_two.py").write_text("from tests.data import test_layout\nimport conftest\n")
    assert imported_tests(planted) == {
        "tests/core/test_one.py": {"test_cli"},
        "tests/core/test_two.py": {"test_layout", "conftest"},
    }


def folders_of_tests(root: Path) -> set[str]:
    return {file.relative_to(root / "tests").parts[0] for file in (root / "tests").rglob("test_*.py")}


def test_the_folders_of_tests_are_those_of_the_library(planted: Path) -> None:
    rooms = {file.parent.name for file in (ROOT / "crosscheck").rglob("__init__.py")} - {"crosscheck"}
    assert folders_of_tests(ROOT) | {"helpers"} == rooms | OTHER_TESTS
    (planted / "tests" / "test_loose.py").touch()
    (planted / "tests" / "attic").mkdir()
    (planted / "tests" / "attic" / "test_old.py").touch()
    assert folders_of_tests(planted) - folders_of_tests(ROOT) == {"test_loose.py", "attic"}


# Tools.


def test_every_package_is_type_checked_with_its_sub_packages(planted: Path) -> None:
    assert set(PYPROJECT["tool"]["mypy"]["files"]) == ALL_CHECKED
    script = (
        "import sys\nfrom mypy.find_sources import create_source_list\nfrom mypy.options import Options\n"
        "print(*(each.path for each in create_source_list(sys.argv[1:], Options())))"
    )
    words = [sys.executable, "-c", script, *packages(planted)]
    done = subprocess.run(words, cwd=planted, capture_output=True, text=True, check=True)
    assert set(PLANTED) <= set(done.stdout.split())


def test_ruff_looks_at_modules_of_sub_packages(planted: Path) -> None:
    words = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--output-format=concise", "."]
    done = subprocess.run(words, cwd=planted, capture_output=True, text=True, check=False)
    for path in PLANTED:
        assert re.search(rf"^{path}:\d+:\d+: F401 ", done.stdout, re.M), done.stdout


def test_every_exception_for_ruff_names_modules_that_are_there() -> None:
    for pattern in PYPROJECT["tool"]["ruff"]["lint"]["per-file-ignores"]:
        head, _, rest = pattern.partition("{")
        names, _, tail = rest.partition("}")
        for each in names.split(","):
            assert list(ROOT.glob(f"{head}{each}{tail}")), f"{head}{each}{tail}"


def test_clean_looks_into_every_package() -> None:
    (line,) = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "__pycache__" in line]
    assert ALL_CHECKED | {"tests"} <= set(re.findall(r"\w+", line))


# The order of imports.


def check_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("crosscheck/data/dataset.py", "from crosscheck.training import trainer", "imports run one way BROKEN"),
        ("crosscheck/study/plans.py", "from crosscheck.search import space", "imports run one way BROKEN"),
        ("crosscheck/network/model.py", "from stages import train", "nothing imports a stage BROKEN"),
    ],
)
def test_an_import_against_the_order_fails_the_check(tmp_path: Path, module: str, planted: str, contract: str) -> None:
    for name in (*ALL_CHECKED, "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    assert check_imports(tmp_path).returncode == 0
    with (tmp_path / module).open("a", encoding="utf-8") as stream:
        stream.write(f"\n\n{planted}\n")
    done = check_imports(tmp_path)
    assert done.returncode != 0
    assert contract in done.stdout
