"""What looks at every module looks at modules in sub-packages and in new packages too."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import conftest
import pytest
import test_dependencies
import test_dvc_yaml
import test_safety
from conftest import ROOT, modules, packages

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLANTED = ["stages/inner/deep/planted.py", "library/planted.py", "library/inner/planted.py"]
ALL_CHECKED = {"benchmarks", "concepts", *packages()}


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


def test_the_packages_are_those_of_the_project_itself(planted: Path) -> None:
    assert packages() == ["crosscheck", "stages"]
    assert {"benchmarks", "concepts", "tests"}.isdisjoint(packages())
    assert packages(planted) == ["crosscheck", "library", "stages"]


def test_the_list_of_modules_holds_those_of_sub_packages(planted: Path) -> None:
    found = {file.relative_to(planted).as_posix() for file in modules(planted)}
    assert set(PLANTED) <= found
    assert {file.relative_to(ROOT).as_posix() for file in modules()} <= found


def test_a_test_project_has_every_package() -> None:
    assert set(packages()) <= set(conftest.PROJECT_FILES)
    for name in conftest.PROJECT_FILES:
        assert (ROOT / name).exists(), name


def test_a_dangerous_call_in_a_sub_package_is_found(planted: Path) -> None:
    for path in PLANTED:
        assert test_safety.dangers(planted / path) == ["import pickle", "eval('1')"]
    assert set(modules()) == set(test_safety.MODULES)


def test_an_undeclared_import_in_a_sub_package_is_found(planted: Path) -> None:
    assert "unheard_of" in test_dependencies.imported_by(["library"], planted)
    assert "unheard_of" in test_dependencies.imported_by(["stages"], planted)


def test_what_a_stage_imports_of_a_sub_package_is_found(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_dvc_yaml, "ROOT", planted)
    stage = planted / "stages" / "new.py"
    stage.write_text("from library.inner import planted\nfrom stages.inner.deep import planted as other\n")
    assert test_dvc_yaml.closure(stage) == {
        stage,
        planted / "library" / "inner" / "planted.py",
        planted / "stages" / "inner" / "deep" / "planted.py",
    }


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
