"""Toy images, parameters to vary, and a small project of its own for tests that run commands."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from ruamel.yaml import YAML

from crosscheck.core.params import Params, load
from stages import split

ROOT = Path(__file__).resolve().parent.parent
# Tests that use MLflow itself tell nobody either.
os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
# After so many seconds a command hangs; a busy machine is no reason to fail.
HANG = 1200


def packages(root: Path = ROOT) -> list[str]:
    """The packages of the project itself, without what is only about it."""
    found = sorted(file.parent.name for file in root.glob("*/__init__.py"))
    return [name for name in found if name not in ("benchmarks", "concepts", "tests")]


def modules(root: Path = ROOT, also: tuple[str, ...] = ()) -> list[Path]:
    """Every module of the project's packages and of the folders `also`, however deep."""
    return [file for folder in (*packages(root), *also) for file in sorted((root / folder).rglob("*.py"))]


PROJECT_FILES = ("params.yaml", "dvc.yaml", "Makefile", ".dvcignore", ".gitignore", *packages())


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
    "synthesize": {"images_per_class": 12, "size": 16, "stroke_width": 10.0},
    "split": {"test": 3, "val": 2, "samples": 2},
    "model": {"channels": 2, "further_channels": [2], "hidden": [8]},
    "train": {"epochs": 2, "batch_size": 8},
    "visualize": {"dpi": 40},
    "explain": {"dpi": 40, "images": 8, "probe_images": 8, "channels": 2, "patches": 2, "attributions": 1},
    "compute": {"threads": 1},
}


class Project:
    """A copy of this project in a folder of its own, with tiny parameters; `run` runs a command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = self.complaints = ""
        foreign = ("DVC_", "MLFLOW_", "GIT_", "PYTEST_", "MAKE")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        self.env |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": str(folder.parent / "gitconfig"),
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(folder.parent / "dvc"),
            "DVC_SYSTEM_CONFIG_DIR": str(folder.parent / "dvc"),
            "DVC_SITE_CACHE_DIR": str(folder.parent / "dvc"),
            "COLUMNS": "250",
        }

    def run(self, *words: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command with its output captured; with `check`, a failure fails the test and shows the output."""
        done = subprocess.run(
            words, cwd=self.folder, env=self.env | env, capture_output=True, text=True, check=False, timeout=HANG
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
    done = project.run("dvc", "repro")
    project.printed, project.complaints = done.stdout, done.stderr
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "results")
    return project


def copy_project(project: Project, folder: Path) -> Project:
    """A copy in `folder`. It does not take along the tracking store, which holds absolute paths."""
    no_store = shutil.ignore_patterns("mlflow.db", "mlartifacts")
    shutil.copytree(project.folder, folder / "project", symlinks=True, ignore=no_store)
    shutil.copy(project.folder.parent / "gitconfig", folder / "gitconfig")
    return Project(folder / "project")


@pytest.fixture
def copy_of_reproduced(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced project that a test may change, without its tracking store."""
    return copy_project(reproduced, tmp_path)


def runs_of(project: Project) -> list[Any]:
    """The MLflow runs in the project's own store, newest first."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("crosscheck")
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"]))


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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=10):  # noqa: S310 - a loopback address
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the server did not come up:\n{log.read_text(encoding='utf-8', errors='replace')}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server that was started in a session of its own, with all its processes."""
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


# No request leaves this machine.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """The browser's executable; without one, the test is skipped, or fails where CROSSCHECK_BROWSER says so."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "no Chromium on the PATH; install Debian's package chromium to see the pages tested"
        if os.environ.get("CROSSCHECK_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by playwright."""
    executable = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()
