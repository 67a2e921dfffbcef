"""A small project of its own for tests that run commands."""

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from helpers.preloaded import at_the_end, preloaded_python, shims
from helpers.repository import ROOT, packages

# After so many seconds a command hangs; a busy machine is no reason to fail.
HANG = 1200
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
PROJECT_FILES = ("params.yaml", "dvc.yaml", "Makefile", ".dvcignore", ".gitignore", "weights", *packages())
TINY = {
    "data": {"height": 16, "width": 16},
    "synthesize": {"images_per_class": 12, "size": 16, "stroke_width": 10.0},
    "split": {"test": 3, "val": 2, "samples": 2},
    "model": {"channels": 2, "further_channels": [2], "hidden": [8]},
    "train": {"epochs": 2, "batch_size": 8},
    "visualize": {"dpi": 40},
    "explain": {"dpi": 40, "images": 8, "probe_images": 8, "channels": 2, "patches": 2, "attributions": 1},
    "compute": {"threads": 1},
}


def change_params(file: Path, **sections: dict[str, Any]) -> None:
    """Set keys of `params.yaml`, a dictionary for each section."""
    yaml = YAML()
    content = yaml.load(file.read_text(encoding="utf-8"))
    for section, values in sections.items():
        content[section].update(values)
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)


class Project:
    """A copy of this project in a folder of its own, with tiny parameters; `run` runs a command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = self.complaints = ""
        foreign = ("DVC_", "MLFLOW_", "GIT_", "PYTEST_", "MAKE")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env |= {
            "PATH": PATH,
            "GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig"),
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(folder.parent / "dvc"),
            "DVC_SYSTEM_CONFIG_DIR": str(folder.parent / "dvc"),
            "DVC_SITE_CACHE_DIR": str(folder.parent / "dvc"),
            "COLUMNS": "250",
        }

    def run(self, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command with its output captured; with `check`, a failure fails the test and shows the output.

        Python and DVC are those of `helpers.preloaded`, also where the command starts them; not so where a test has
        changed the PATH.
        """
        env = self.env | env
        if env["PATH"] == PATH:
            env["PATH"] = f"{shims()}{os.pathsep}{PATH}"
            words = tuple(preloaded_python() if word == sys.executable else word for word in words)
        done = subprocess.run(
            words, cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=HANG
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(words)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def stage(self, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the stages as DVC does, `python -m stages.name`."""
        return self.run(sys.executable, "-m", f"stages.{name}", *words, check=check)

    def command(self, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the commands for people."""
        return self.run(sys.executable, "-m", "crosscheck", name, *words, check=check)

    def set(self, **sections: dict[str, Any]) -> None:
        """Change `params.yaml` of this project."""
        change_params(self.folder / "params.yaml", **sections)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


def make_project(folder: Path) -> Project:
    """Copy the project's own files to `folder`, make it tiny, and commit it to a fresh git and DVC repository."""
    return copy_project(_template(), folder.parent, folder.name)


@cache
def _template() -> Project:
    """The project of `make_project`, which is made once; its modules are compiled, so that no command has to."""
    folder = Path(at_the_end(tempfile.TemporaryDirectory())) / "project"
    folder.mkdir()
    for name in PROJECT_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            compileall.compile_dir(folder / name, quiet=1)
        else:
            shutil.copy(source, folder / name)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore", "plots.html"):
        shutil.copy(ROOT / ".dvc" / name, folder / ".dvc" / name)
    project = Project(folder)
    (folder.parent / "gitconfig").write_text(
        "[user]\n\tname = Test\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n", encoding="utf-8"
    )
    project.set(**TINY)
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "tiny project")
    return project


def copy_project(project: Project, folder: Path, name: str = "project") -> Project:
    """A copy in `folder`. It does not take along the tracking store, which holds absolute paths."""
    no_store = shutil.ignore_patterns("mlflow.db", "mlartifacts")
    shutil.copytree(project.folder, folder / name, symlinks=True, ignore=no_store)
    shutil.copy(project.folder.parent / "gitconfig", folder / "gitconfig")
    return Project(folder / name)


def runs_of(project: Project) -> list[Any]:
    """The MLflow runs in the project's own store, newest first."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("crosscheck")
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"]))


RUNNING = "Running stage '{}'"


def stages_run(output: str) -> list[str]:
    """The stages that this output of DVC says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith(RUNNING.split("{")[0])]
