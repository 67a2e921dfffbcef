"""The two commands of the README need nothing set up: the Makefile, the pinned releases, CI's script."""

import os
import re
import stat
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from helpers.installation import extras, fake_python
from helpers.project import Project
from helpers.repository import ROOT
from helpers.requirements import CONSTRAINTS, PROJECT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# What `.[dev]` installs: `dev` names the other extras by the project's own name.
EXTRAS = PROJECT["optional-dependencies"]
INSTALLED = ("backbones", "postgresql", "s3", "slurm")
WANTED = [
    Requirement(text)
    for text in [*PROJECT["dependencies"], *(text for name in (*INSTALLED, "dev") for text in EXTRAS[name])]
    if Requirement(text).name != PROJECT["name"]
]
HERE = {canonicalize_name(pin.name): pin for pin in CONSTRAINTS if pin.marker is None or pin.marker.evaluate()}


def needed(requirement: Requirement, found: dict[str, str]) -> None:
    """Add the installed release of `requirement`, and of all that it needs, to `found`."""
    name = canonicalize_name(requirement.name)
    extras = requirement.extras or {""}
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return
    news = name not in found or requirement.extras
    found[name] = installed.version
    if not news:
        return
    for text in installed.requires or []:
        inner = Requirement(text)
        if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
            inner.marker = None
            needed(inner, found)


def test_the_constraints_pin_every_package_that_the_project_needs() -> None:
    found: dict[str, str] = {}
    for wanted in WANTED:
        needed(wanted, found)
    assert len(found) > 100
    assert sorted(set(found) - set(HERE)) == []


def test_every_constraint_is_one_release_and_fits_the_project() -> None:
    pins = {name: str(pin.specifier) for name, pin in HERE.items()}
    assert all(re.fullmatch(r"==[^*]+", pin) for pin in pins.values())
    for wanted in WANTED:
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)].removeprefix("=="))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_pytorch_is_pinned_once_for_each_kind_of_machine(machine: str) -> None:
    for name in ("torch", "torchvision"):
        pins = [pin for pin in CONSTRAINTS if pin.name == name and pin.marker]
        assert sum(pin.marker.evaluate({"platform_machine": machine}) for pin in pins if pin.marker) == 1


def test_no_file_names_a_package_index() -> None:
    for name in ("constraints.txt", "pyproject.toml", "Makefile", ".ci/run"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text.replace("http://127.0.0.1", "").replace("sqlite:///", ""), name
        assert "index-url" not in text, name


def test_make_lists_every_target_by_default(project: Project) -> None:
    listed = project.run("make").stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    line = next(line for line in makefile.splitlines() if line.startswith(".PHONY:"))
    targets = line.replace("$(EXTRAS)", " ".join(extras())).split()[1:]
    assert {line.split()[1] for line in listed.splitlines()} == set(targets)
    assert project.run("make", "help").stdout == listed


def test_the_environment_is_made_once_and_again_when_a_pin_changes(fresh: Project) -> None:
    python = f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}"
    for _ in range(2):
        fresh.run("make", python, ".venv/.ready")
    (asked,) = fresh.read("installs").splitlines()
    assert asked.startswith("-m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt /")
    assert not asked.endswith("]")
    for name in ("constraints.txt", "pyproject.toml"):
        with (fresh.folder / name).open("a", encoding="utf-8") as file:
            file.write("# another pin\n")
        later = (fresh.folder / ".venv" / ".ready").stat().st_mtime + 10
        os.utime(fresh.folder / name, (later, later))
        fresh.run("make", python, ".venv/.ready")
        os.utime(fresh.folder / name, (0, 0))
    assert len(fresh.read("installs").splitlines()) == 3


def test_running_installs_no_tools_and_testing_installs_both_at_once(fresh: Project) -> None:
    python = f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}"
    fresh.run("make", python, ".venv/.ready-to-develop")
    fresh.run("make", python, ".venv/.ready")
    (asked,) = fresh.read("installs").splitlines()
    assert asked.endswith("[dev]")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    needs = dict(re.findall(r"^([a-z-]+): \$\((READY|DEVELOP)\)", makefile, re.MULTILINE))
    assert needs["repro"] == needs["demo"] == needs["ui"] == needs["study"] == needs["predict"] == "READY"
    assert needs["test"] == needs["test-slow"] == needs["check"] == needs["bench"] == "DEVELOP"


def test_a_file_that_is_only_newer_installs_nothing_again(fresh: Project) -> None:
    python = f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}"
    fresh.run("make", python, ".venv/.ready")
    later = (fresh.folder / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(fresh.folder / "constraints.txt", (later, later))
    fresh.run("make", python, ".venv/.ready")
    assert len(fresh.read("installs").splitlines()) == 1


def test_an_installation_that_fails_is_tried_again(fresh: Project) -> None:
    failing = f"PYTHON={fake_python(fresh.folder.parent, 'exit 3')}"
    for attempt in (1, 2):
        assert fresh.run("make", failing, "test", check=False).returncode != 0
        assert [path.name for path in (fresh.folder / ".venv").glob(".ready*")] == [".ready-to-develop.unfinished"]
        assert len(fresh.read("installs").splitlines()) == attempt


@pytest.mark.parametrize(
    ("install", "stays"), [("exit 3", True), ("echo other >> installed; exit 3", False)], ids=["before", "half-way"]
)
def test_an_environment_stays_ready_where_pip_failed_before_it_changed_it(
    fresh: Project, install: str, stays: bool
) -> None:
    fresh.run("make", f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}", ".venv/.ready")
    pins = (fresh.folder / "constraints.txt").read_bytes()
    (fresh.folder / "constraints.txt").write_bytes(pins + b"other==1\n")
    later = (fresh.folder / ".venv" / ".ready").stat().st_mtime + 10
    os.utime(fresh.folder / "constraints.txt", (later, later))
    failing = f"PYTHON={fake_python(fresh.folder.parent, install)}"
    done = fresh.run("make", failing, ".venv/.ready", check=False)
    assert done.returncode != 0
    assert ("pip changed nothing" in done.stderr) == stays
    (fresh.folder / "constraints.txt").write_bytes(pins)
    assert (fresh.run("make", failing, ".venv/.ready", check=False).returncode == 0) == stays


def test_the_installation_leaves_a_folder_named_build_alone(fresh: Project) -> None:
    (fresh.folder / "build").mkdir()
    (fresh.folder / "build" / "mine.txt").write_text("mine")
    (fresh.folder / "mine.egg-info").write_text("mine")
    fresh.run("make", f"PYTHON={fake_python(fresh.folder.parent, 'exit 0')}", ".venv/.ready")
    fresh.run("make", "clean")
    assert (fresh.folder / "build" / "mine.txt").exists() and (fresh.folder / "mine.egg-info").exists()
    assert not (fresh.folder / ".venv").exists()


@pytest.mark.slow
def test_clean_keeps_results_cache_and_store(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    (project.folder / "mlflow.db").write_bytes(b"runs")
    (project.folder / ".venv").mkdir()
    (project.folder / ".venv" / ".ready").write_text("made by make")

    def files() -> set[Path]:
        return {path for path in project.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    before = files()
    project.run("make", "clean")
    assert files() == {path for path in before if ".venv" not in path.parts}
    assert not list((project.folder / "stages").rglob("*.pyc"))


def test_clean_leaves_what_neither_make_nor_a_tool_made(fresh: Project) -> None:
    mine = [fresh.folder / name / "mine.txt" for name in (".venv", "build", "dvc_plots", ".mypy_cache", ".ruff_cache")]
    for file in mine:
        file.parent.mkdir()
        file.write_text("mine")
    fresh.run("make", "clean")
    assert all(file.exists() for file in mine)


def test_ci_runs_the_commands_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    text = script.read_text(encoding="utf-8")
    assert "set -eu" in text
    assert "export CROSSCHECK_BROWSER=required CROSSCHECK_POSTGRES=required CROSSCHECK_VALGRIND=required\n" in text
    assert re.findall(r"^make ([\w-]+)", text, re.MULTILINE) == ["check", "test"]
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_ci_names_tests_that_are_there() -> None:
    """It chooses tests by a mark, which belongs to tests that `make test` would leave out."""
    assert 'make test MARKS="not soak or ci"\n' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    texts = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "tests").rglob("test_*.py"))]
    marked = [text for text in texts if re.search(r"^(pytestmark = .*|@)pytest\.mark\.ci\b", text, re.MULTILINE)]
    assert len(marked) >= 10
    both = r"^(pytestmark = \[pytest\.mark\.soak, pytest\.mark\.ci\]|@pytest\.mark\.soak\n@pytest\.mark\.ci)$"
    for text in marked:
        assert len(re.findall(both, text, re.MULTILINE)) == text.count("pytest.mark.ci\n") + text.count("mark.ci]\n")


@pytest.mark.parametrize(
    ("setting", "turns"), [({}, 10_000), ({"GOMP_SPINCOUNT": "7"}, 7), ({"OMP_WAIT_POLICY": "passive"}, 0)], ids=str
)
def test_threads_wait_asleep_after_a_moment_unless_the_user_wants_otherwise(
    setting: dict[str, str], turns: int
) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    words = [sys.executable, "-c", "from crosscheck.core import devices"]
    told = subprocess.run(
        words,
        cwd=ROOT,
        env={**env, **setting, "OMP_DISPLAY_ENV": "verbose"},
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    if "GOMP_CPU_AFFINITY" not in told:
        pytest.skip("torch's OpenMP here is another than GNU's")
    assert f"GOMP_SPINCOUNT = '{turns}'" in told
