"""The same bits however, wherever and under whatever environment the pipeline runs; other seeds give others."""

import hashlib
import locale
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.environments import HOSTILE
from helpers.project import Project, copy_project, make_project
from ruamel.yaml import YAML

from crosscheck.core.files import sha256

WAYS = {"workspace": [], "temp": ["--temp"], "queued": ["--queue"]}
LONGEST = 240
# At the tiny project's size a sum is too short to be split among threads, which then could not matter.
SENSITIVE = {
    "data": {"height": 96, "width": 96},
    "synthesize": {"size": 96},
    "model": {"channels": 9, "further_channels": [5], "hidden": [64]},
}
TRAINED = ("models/model.pt", "models/model.json", "metrics/curve.csv", "metrics/train.json")


def command_of(project: Project, stage: str) -> list[str]:
    content = YAML(typ="safe").load(project.read("dvc.yaml"))
    return [sys.executable, *shlex.split(content["stages"][stage]["cmd"])[1:]]


def run_stages(project: Project, *stages: str, **env: str) -> None:
    """Run stages without DVC, which here would only cost time."""
    for stage in stages:
        project.run(*command_of(project, stage), **env)


def hashes(project: Project, *paths: str) -> dict[str, str]:
    """The hash of every file that these paths name or hold."""
    found: dict[str, str] = {}
    for path in paths:
        target = project.folder / path
        files = sorted(target.rglob("*")) if target.is_dir() else [target]
        found |= {str(file.relative_to(project.folder)): sha256(file) for file in files if file.is_file()}
    return found


def outputs(lock: str) -> dict[str, str]:
    """The hash of every output in the text of a `dvc.lock`."""
    stages = YAML(typ="safe").load(lock)["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


@pytest.fixture(scope="module")
def sensitive(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with images large enough for the number of threads to show in the bits, split and trained once."""
    project = make_project(tmp_path_factory.mktemp("sensitive") / "project")
    project.set(**SENSITIVE)
    run_stages(project, "synthesize", "split", "train")
    return project


@pytest.fixture
def copy_of_sensitive(sensitive: Project, tmp_path: Path) -> Project:
    return copy_project(sensitive, tmp_path)


# How and where it runs.


@pytest.mark.soak
def test_a_forced_run_gives_the_same_lock(copy_of_reproduced: Project) -> None:
    before = copy_of_reproduced.read("dvc.lock")
    copy_of_reproduced.run("dvc", "repro", "--force", "--no-run-cache")
    assert copy_of_reproduced.read("dvc.lock") == before
    assert copy_of_reproduced.run("git", "status", "--short").stdout == ""


@pytest.mark.soak
@pytest.mark.parametrize("name", ["clone", "über alles/deep down/a clone"])
def test_a_clean_clone_gives_the_same_lock_in_whatever_folder(reproduced: Project, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    reproduced.run("git", "clone", "-q", str(reproduced.folder), str(folder))
    clone = Project(folder)
    clone.env |= {"GIT_CONFIG_GLOBAL": reproduced.env["GIT_CONFIG_GLOBAL"]}
    ran = clone.run("dvc", "repro").stdout
    # `track` has no outputs, so DVC finds nothing missing.
    stages = set(YAML(typ="safe").load(clone.read("dvc.yaml"))["stages"]) - {"track"}
    assert set(re.findall(r"Running stage '(\w+)'", ran)) == stages
    assert clone.read("dvc.lock") == reproduced.read("dvc.lock")
    assert clone.run("git", "status", "--short").stdout == ""


@pytest.fixture
def one_copy_for_each_way(reproduced: Project, tmp_path: Path) -> Iterator[dict[str, Project]]:
    """Copies with caches of their own: one way must not take over what another one computed."""
    projects: dict[str, Project] = {}
    for way in WAYS:
        (tmp_path / way).mkdir()
        projects[way] = copy_project(reproduced, tmp_path / way)
    yield projects
    projects["queued"].run("dvc", "queue", "stop", "--kill", check=False)


def wait_for_queue(project: Project) -> None:
    """Wait until every queued experiment has ended well, and the workers with them."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        status = project.run("dvc", "queue", "status").stdout
        assert "Failed" not in status, project.run("dvc", "queue", "logs", "queued", check=False).stdout
        if "Queued" not in status and "Running" not in status and "0 active, 0 idle" in status:
            return
        time.sleep(0.5)
    pytest.fail(f"the queue did not end:\n{project.run('dvc', 'queue', 'status').stdout}")


@pytest.mark.soak
def test_an_experiment_has_the_same_outputs_in_the_workspace_in_a_temporary_folder_and_queued(
    one_copy_for_each_way: dict[str, Project],
) -> None:
    found: dict[str, str] = {}
    for way, project in one_copy_for_each_way.items():
        changes = ["-S", "synthesize.seed=5", "-S", "train.seed=6"]
        project.run("dvc", "exp", "run", "-n", way, *WAYS[way], *changes)
        if way == "queued":
            project.run("dvc", "queue", "start")
            wait_for_queue(project)
        (reference,) = project.run("git", "for-each-ref", "--format=%(refname)", f"refs/exps/*/*/{way}").stdout.split()
        found[way] = project.run("git", "show", f"{reference}:dvc.lock").stdout
    assert found["workspace"] == found["temp"] == found["queued"]
    before = outputs(one_copy_for_each_way["temp"].read("dvc.lock"))
    assert before["models/model.pt"] != outputs(found["temp"])["models/model.pt"]


def fresh_environment(folder: Path) -> Path:
    """A virtual environment of its own in `folder` with the same packages; returns the folder of its programs."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/*/site-packages")
    packages.rmdir()
    # Links to the same bytes take seconds, an installation minutes and a network.
    subprocess.run(["cp", "-al", sysconfig.get_path("purelib"), str(packages)], check=True)
    return folder / "bin"


@pytest.mark.soak
def test_a_fresh_virtual_environment_does_not_matter(copy_of_reproduced: Project, tmp_path: Path) -> None:
    project = copy_of_reproduced
    programs = fresh_environment(tmp_path / "another environment")
    project.env["PATH"] = f"{programs}{os.pathsep}{project.env['PATH']}"
    project.env.pop("VIRTUAL_ENV", None)
    where = project.run("python", "-c", "import torch, crosscheck.core.files; print(torch.__file__)").stdout
    assert where.startswith(str(tmp_path / "another environment"))
    before = project.read("dvc.lock")
    project.run("python", "-m", "dvc", "repro", "--force", "--no-run-cache")
    assert project.read("dvc.lock") == before
    assert project.run("git", "status", "--short").stdout == ""


# What the environment says.


@pytest.mark.soak
@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_threads_come_from_the_parameter_alone(copy_of_sensitive: Project, name: str) -> None:
    before = hashes(copy_of_sensitive, *TRAINED)
    run_stages(copy_of_sensitive, "train", **{name: "3"})
    assert hashes(copy_of_sensitive, *TRAINED) == before


@pytest.mark.soak
@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"},
        {"TZ": "Asia/Kathmandu"},
        {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "5", "OMP_DYNAMIC": "true"},
        HOSTILE,
    ],
    ids=lambda env: next(f"{name}={value}" for name, value in env.items()),
)
def test_hash_seed_locale_time_zone_threads_and_instructions_of_the_environment_do_not_matter(
    copy_of_reproduced: Project, env: dict[str, str]
) -> None:
    if "LC_ALL" in env and not is_installed(env["LC_ALL"]):
        pytest.skip(f"the locale {env['LC_ALL']} is not installed here")
    produced = list(outputs(copy_of_reproduced.read("dvc.lock")))
    before = hashes(copy_of_reproduced, *produced)
    run_stages(copy_of_reproduced, *YAML(typ="safe").load(copy_of_reproduced.read("dvc.yaml"))["stages"], **env)
    assert hashes(copy_of_reproduced, *produced) == before


@pytest.mark.slow
def test_tracking_decides_no_output(copy_of_reproduced: Project) -> None:
    """Without the code of tracking the stages make the same files; train, which uses it, with MLflow out of reach."""
    stages = YAML(typ="safe").load(copy_of_reproduced.read("dvc.yaml"))["stages"]
    produced = list(outputs(copy_of_reproduced.read("dvc.lock")))
    before = hashes(copy_of_reproduced, *produced)
    run_stages(
        copy_of_reproduced, "train", MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0"
    )
    shutil.rmtree(copy_of_reproduced.folder / "crosscheck" / "tracking")
    run_stages(copy_of_reproduced, *(stages.keys() - {"train", "track"}))
    assert hashes(copy_of_reproduced, *produced) == before


def is_installed(name: str) -> bool:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return True


@pytest.mark.soak
def test_another_package_of_the_same_name_on_the_path_does_not_matter(
    copy_of_reproduced: Project, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for name in ("stages/__init__", "stages/split", "stages/train", "crosscheck/__init__", "crosscheck/core/errors"):
        file = other / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise SystemExit('the wrong package')\n", encoding="utf-8")
    before = hashes(copy_of_reproduced, "data/split", *TRAINED)
    run_stages(copy_of_reproduced, "split", "train", PYTHONPATH=str(other))
    assert hashes(copy_of_reproduced, "data/split", *TRAINED) == before


@pytest.mark.soak
def test_a_symlink_to_the_project_does_not_matter(copy_of_reproduced: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(copy_of_reproduced.folder, target_is_directory=True)
    through = Project(link)
    through.env |= {"GIT_CONFIG_GLOBAL": copy_of_reproduced.env["GIT_CONFIG_GLOBAL"], "PWD": str(link)}
    before = through.read("dvc.lock")
    through.run("dvc", "repro", "--force", "--no-run-cache")
    assert through.read("dvc.lock") == before
    assert through.run("dvc", "status").stdout.strip().endswith("Data and pipelines are up to date.")


# The images' names and dates.


@pytest.mark.soak
def test_names_and_dates_of_the_images_do_not_matter(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    arrays = [f"data/split/{subset}{kind}.npy" for subset in ("train", "val", "test") for kind in ("", "_labels")]
    before = hashes(project, *arrays, *TRAINED)
    own = project.folder / "own"
    shutil.copytree(project.folder / "data" / "built-in", own)
    for file in sorted(file for file in own.rglob("*") if file.is_file()):
        renamed = file.with_name(hashlib.sha256(file.name.encode()).hexdigest()[:9] + file.suffix)
        file.rename(renamed)
        os.utime(renamed, (1, 1))
    project.set(data={"images": "own"})
    run_stages(project, "split", "train")
    assert hashes(project, *arrays, *TRAINED) == before


# What does make a difference.


@pytest.mark.parametrize(
    ("seed", "stages", "path"),
    [
        ("synthesize", ["synthesize"], "data/built-in"),
        ("split", ["split"], "data/split/train.npy"),
        ("train", ["train"], "models/model.pt"),
    ],
)
def test_another_seed_makes_a_difference(copy_of_reproduced: Project, seed: str, stages: list[str], path: str) -> None:
    before = hashes(copy_of_reproduced, path)
    change: dict[str, Any] = {seed: {"seed": 1}}
    copy_of_reproduced.set(**change)
    run_stages(copy_of_reproduced, *stages)
    assert hashes(copy_of_reproduced, path) != before
