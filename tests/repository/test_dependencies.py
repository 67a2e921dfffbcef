"""Every dependency is declared, pinned, and explained in docs/background/dependencies.md."""

import ast
import re
import sys
from importlib.metadata import PackageNotFoundError, metadata, packages_distributions
from pathlib import Path

import pytest
from helpers.repository import ROOT, packages
from helpers.requirements import CONSTRAINTS, PROJECT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = {name: [Requirement(text) for text in texts] for name, texts in PROJECT["optional-dependencies"].items()}
WANTED_BY = {canonicalize_name(Requirement(text).name): "run" for text in PROJECT["dependencies"]} | {
    canonicalize_name(wanted.name): f"extra `{extra}`"
    for extra, requirements in EXTRAS.items()
    for wanted in requirements
    if wanted.name != PROJECT["name"]
}
TEXT = (ROOT / "docs" / "background" / "dependencies.md").read_text(encoding="utf-8")


def rows_of(text: str) -> list[list[str]]:
    """The cells of each row of a table, without its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][1:]


BEFORE_REVIEW, _, REVIEW = TEXT.partition("\n## Review\n")
ROWS, REVIEWED = rows_of(BEFORE_REVIEW), rows_of(REVIEW)
# How a licence's short name is spelt in the metadata of packages that state it in words.
SPELLINGS = {"PSF": "Python Software Foundation", "Apache-2.0": "Apache", "LGPL": "Lesser General Public"}


def test_every_direct_dependency_has_one_line_that_says_why() -> None:
    assert {canonicalize_name(name): wanted_by for name, wanted_by, *_ in ROWS} == WANTED_BY
    assert len(ROWS) == len(WANTED_BY)
    assert all(why for _, _, why, _ in ROWS)


def test_every_direct_dependency_is_pinned() -> None:
    pinned = {canonicalize_name(pin.name) for pin in CONSTRAINTS}
    assert sorted(WANTED_BY.keys() - pinned) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_licence_is_the_one_that_the_package_states(row: list[str]) -> None:
    name, wanted_by, _, licences = row
    try:
        stated = metadata(name)
    except PackageNotFoundError:
        # `make audit` installs it, and nothing else needs it.
        assert wanted_by == "extra `audit`"
        return
    texts = [stated.get("License-Expression"), stated.get("License"), *(stated.get_all("Classifier") or [])]
    told = "\n".join(text for text in texts if text and text != "UNKNOWN")
    if licences == "none stated":
        assert "Licen" not in told
        return
    for licence in licences.split(", "):
        assert licence in told or SPELLINGS.get(licence, licence) in told, f"{name} states {told[:300]}"


def test_the_review_is_of_the_releases_that_are_pinned() -> None:
    pinned: dict[str, list[str]] = {}
    for pin in CONSTRAINTS:
        pinned.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    assert len(REVIEWED) > 10
    for name, releases, *_ in REVIEWED:
        assert releases.split(", ") == pinned[canonicalize_name(name)], name


def test_the_tests_that_the_review_names_are_there() -> None:
    for *_, why in REVIEWED:
        for file in re.findall(r"`(tests/[\w/]+\.py)`", why):
            assert (ROOT / file).is_file(), file


def test_the_constraints_name_no_host_and_no_file() -> None:
    for pin in CONSTRAINTS:
        assert pin.url is None
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[\w.-]+==[\w.]+( ; platform_machine == \"\w+\")?", line), line
        assert "://" not in line, line


def imported_by(folders: list[str], root: Path = ROOT) -> dict[str, Path]:
    """The top-level modules, not Python's and not the project's own, that the files of folders import, anywhere."""
    found = {}
    for file in sorted(file for folder in folders for file in (root / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            found |= {name.partition(".")[0]: file for name in names}
    own = {"benchmarks", "concepts", "helpers", *packages(root)}
    return {name: file for name, file in found.items() if name not in own | sys.stdlib_module_names}


# Loaded where a backbone, or the queue of a cluster, is asked for; the absence of either is one line.
OPTIONAL = {"extra `backbones`", "extra `slurm`"}


@pytest.mark.parametrize("folders", [packages(), ["tests"]], ids=["packages", "tests"])
def test_whatever_is_imported_is_declared(folders: list[str]) -> None:
    for_packages = {"run", *OPTIONAL}
    declared = {name for name, wanted_by in WANTED_BY.items() if folders == ["tests"] or wanted_by in for_packages}
    provided = packages_distributions()
    imported = imported_by(folders)
    assert {"torch", "mlflow"} <= imported.keys()
    for module, file in imported.items():
        distributions = {canonicalize_name(name) for name in provided.get(module, [])}
        assert distributions & declared, f"{file.name} imports {module}, which no declared dependency provides"


def test_an_optional_package_is_imported_where_it_is_used_and_not_before() -> None:
    optional = {name for name, wanted_by in WANTED_BY.items() if wanted_by in OPTIONAL}
    modules = {
        module for module, names in packages_distributions().items() if optional & set(map(canonicalize_name, names))
    }
    found = []
    for file in sorted(file for folder in packages() for file in (ROOT / folder).rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{file.name}: {name}" for name in names if name.partition(".")[0] in modules]
    assert {"timm", "safetensors", "submitit"} <= modules
    assert found == []


def test_whatever_the_stages_are_said_to_need_they_use() -> None:
    provided = packages_distributions()
    used = {canonicalize_name(name) for module in imported_by(packages()) for name in provided.get(module, [])}
    # It goes with torch, release by release; timm and the benchmark need it.
    kept = {"torchvision"}
    assert {name for name, by in WANTED_BY.items() if by == "run"} - used == kept


def test_an_undeclared_import_in_a_sub_package_is_found(planted: Path) -> None:
    assert "unheard_of" in imported_by(["library"], planted)
    assert "unheard_of" in imported_by(["stages"], planted)
