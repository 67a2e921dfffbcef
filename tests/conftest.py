"""Toy images, parameters to vary, and a small project of its own for tests that run commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from ruamel.yaml import YAML

from stages import split
from stages.params import Params, load

ROOT = Path(__file__).resolve().parent.parent
PROJECT_FILES = ("params.yaml", "dvc.yaml", ".dvcignore", ".gitignore", "stages")


@pytest.fixture
def params() -> Params:
    """The parameters as shipped; `params.model_copy(update=...)` varies them."""
    return load(ROOT / "params.yaml")


def draw_toy_images(root: Path, count: int, size: int = 16) -> Path:
    """A folder with `count` small distinct images of each of two classes: discs and bars."""
    for name in ("bars", "discs"):
        (root / name).mkdir(parents=True)
        for index in range(count):
            image = Image.new("L", (size, size), 255)
            pen = ImageDraw.Draw(image)
            x, y = index % 5, index // 5 % 5
            if name == "bars":
                pen.rectangle((x, y + 2, x + 9, y + 4), fill=0)
            else:
                pen.ellipse((x, y, x + 8, y + 8), outline=0, width=2)
            image.putpixel((size - 1, size - 1), index % 256)
            image.save(root / name / f"{index:03d}.png")
    return root


@pytest.fixture
def toy_images(tmp_path: Path) -> Path:
    """Twelve images of each of two classes."""
    return draw_toy_images(tmp_path / "toy", 12)


def change_params(file: Path, **sections: dict[str, Any]) -> None:
    """Set keys of `params.yaml`, a dictionary for each section."""
    yaml = YAML()
    content = yaml.load(file.read_text(encoding="utf-8"))
    for section, values in sections.items():
        content[section].update(values)
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)


TINY = {
    "data": {"height": 16, "width": 16},
    "synthesize": {"count": 12, "size": 16, "stroke_width": 10.0},
    "split": {"test": 3, "val": 2, "samples": 2},
    "model": {"channels": 2, "further_channels": [2], "hidden": [8]},
    "train": {"epochs": 2, "batch_size": 8},
    "visualize": {"dpi": 40},
    "compute": {"threads": 1},
}


class Project:
    """A copy of this project in a folder of its own, with tiny parameters; `run` runs a command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "GIT_"))
        }
        self.env |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig"),
            "DVC_NO_ANALYTICS": "1",
        }

    def run(self, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command with its output captured; with `check`, a failure fails the test and shows the output."""
        done = subprocess.run(
            words, cwd=self.folder, env=self.env | env, capture_output=True, text=True, check=False, timeout=300
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(words)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def stage(self, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the project's own commands, `python -m stages.name`."""
        return self.run(sys.executable, "-m", f"stages.{name}", *words, check=check)

    def set(self, **sections: dict[str, Any]) -> None:
        """Change `params.yaml` of this project."""
        change_params(self.folder / "params.yaml", **sections)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")


def make_project(folder: Path) -> Project:
    """Copy the project's own files to `folder`, make it tiny, and commit it to a fresh git and DVC repository."""
    folder.mkdir(parents=True)
    for name in PROJECT_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / ".dvc").mkdir()
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    shutil.copy(ROOT / ".dvc" / ".gitignore", folder / ".dvc" / ".gitignore")
    project = Project(folder)
    (folder.parent / "gitconfig").write_text(
        "[user]\n\tname = Test\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n", encoding="utf-8"
    )
    project.set(**TINY)
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "tiny project")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh tiny project in which nothing has run yet."""
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project after `dvc repro` and a commit. Shared: tests read it, and copy it before they change it."""
    project = make_project(tmp_path_factory.mktemp("reproduced") / "project")
    project.run("dvc", "repro")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "results")
    return project


@pytest.fixture
def copy_of_reproduced(reproduced: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the reproduced project that a test may change; it does not take along the tracking store."""
    shutil.copytree(
        reproduced.folder,
        tmp_path / "project",
        symlinks=True,
        ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"),
    )
    (tmp_path / "gitconfig").write_text((reproduced.folder.parent / "gitconfig").read_text(encoding="utf-8"))
    yield Project(tmp_path / "project")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Makes the test's own folder the working directory and returns it."""

    def enter() -> Path:
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return enter


@pytest.fixture
def split_images(in_folder: Callable[[], Path]) -> Callable[..., Path]:
    """Splits a folder of images in the test's own folder, one image for val and test each; returns the outputs."""

    def run(root: Path, data: dict[str, Any] | None = None, **changes: Any) -> Path:
        folder = in_folder()
        shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
        change_params(
            folder / "params.yaml",
            data={**TINY["data"], "images": str(root), **(data or {})},
            split={"test": 1, "val": 1, "samples": 1, **changes},
        )
        split.main(Path("data/split"), Path("data/samples.png"))
        return folder / "data" / "split"

    return run
