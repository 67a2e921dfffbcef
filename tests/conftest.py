"""Fixtures for all tests: parameters, toy images, a small project of its own, a browser."""

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crosscheck.core.params import Params, load
from stages import split

# A failed assertion in a helper shows its values too, as one in a test does; this comes before helpers are imported.
pytest.register_assert_rewrite("helpers")

# isort: split
from helpers.browser import ARGUMENTS, chromium  # noqa: E402
from helpers.image_folders import draw_toy_images  # noqa: E402
from helpers.preloaded import DECISIVE, TABLES, folder, preloaded_python, share  # noqa: E402
from helpers.project import TINY, Project, change_params, copy_project, make_project  # noqa: E402
from helpers.repository import ROOT  # noqa: E402

# Tests that use MLflow itself tell nobody either.
os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
AT_FIRST = {name: value for name, value in os.environ.items() if name.startswith(DECISIVE)}


def pytest_configure(config: pytest.Config) -> None:
    """Where tests run in several processes, these share what the first one loads for commands and for their workers."""
    # A shell starts what runs in its background without Ctrl-C, and commands would inherit that.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        multiprocessing.set_executable(preloaded_python())
    elif config.getoption("numprocesses", default=None):
        share()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first, so that no process waits at the end for the last of them."""
    minutes, seconds = ({item.path for item in items if item.get_closest_marker(name)} for name in ("soak", "slow"))
    items.sort(key=lambda item: (item.path not in minutes, item.path not in seconds))


def pytest_runtest_setup() -> None:
    """Once a test has loaded MLflow, new stores take their tables from a copy."""
    if "mlflow.store.db.utils" in sys.modules:
        from helpers.mlflow_tables import copy_tables

        copy_tables(folder() / TABLES)


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """What a test, or a library that it loads, sets for Python and for the libraries that compute ends with the test.

    Otherwise the commands of all later tests would start fresh, since theirs is another environment (`preloaded.py`).
    """
    restore_environment()
    yield
    restore_environment()


def restore_environment() -> None:
    for name in [name for name in os.environ if name.startswith(DECISIVE) and name not in AT_FIRST]:
        del os.environ[name]
    os.environ |= AT_FIRST


@pytest.fixture
def params() -> Params:
    """The parameters as shipped; `params.model_copy(update=...)` varies them."""
    return load(ROOT / "params.yaml")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Toy networks are fastest on one thread."""
    # Seconds to load, and few tests need it.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy_images(tmp_path: Path) -> Path:
    """Twelve images of each of two classes."""
    return draw_toy_images(tmp_path / "toy", 12)


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


@pytest.fixture
def copy_of_reproduced(reproduced: Project, tmp_path: Path) -> Project:
    """A copy of the reproduced project that a test may change, without its tracking store."""
    return copy_project(reproduced, tmp_path)


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, driven by playwright."""
    executable = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()
