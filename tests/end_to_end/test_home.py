"""What the commands write outside of the project's folder: only what docs/background/dependencies.md lists."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.project import Project
from helpers.repository import ROOT
from helpers.search import SHIPPED, change_space
from helpers.servers import free_port, wait_for
from ruamel.yaml import YAML

PLACES = {
    "HOME": "home",
    "XDG_CACHE_HOME": "cache",
    "XDG_CONFIG_HOME": "config",
    "XDG_DATA_HOME": "data",
    "XDG_STATE_HOME": "state",
    "XDG_RUNTIME_DIR": "runtime",
    "TMPDIR": "tmp",
    "MPLCONFIGDIR": "matplotlib",
    "DVC_SITE_CACHE_DIR": "dvc",
}
# Documented: DVC's locks and index; matplotlib's list of fonts where Python is not one of a virtual environment.
ALLOWED = {"dvc"} if sys.prefix != sys.base_prefix else {"dvc", "matplotlib"}


class Watched:
    """A project whose commands find empty folders where users have their home and their settings."""

    def __init__(self, project: Project, root: Path) -> None:
        self.project, self.root = project, root
        kept = {name: value for name, value in project.env.items() if not name.startswith(("DVC_", "MLFLOW_", "ORT_"))}
        # What `import stages` has set in the process of the tests is not there yet for a user.
        for name in ("MPLBACKEND", "MATPLOTLIBRC", "MPLCONFIGDIR", "DO_NOT_TRACK"):
            kept.pop(name, None)
        project.env = kept | {name: str(root / place) for name, place in PLACES.items()}
        for place in PLACES.values():
            (root / place).mkdir(parents=True)

    def written(self) -> list[str]:
        """Every file in these folders, but for what is documented."""
        files = (file.relative_to(self.root) for file in self.root.rglob("*") if not file.is_dir())
        return sorted(file.as_posix() for file in files if file.parts[0] not in ALLOWED)

    def run(self, *words: str) -> None:
        self.project.run(*words)
        assert self.written() == [], " ".join(words)

    def stage(self, name: str, *words: str) -> None:
        self.run(sys.executable, "-m", f"stages.{name}", *words)

    def command(self, name: str, *words: str) -> None:
        self.run(sys.executable, "-m", "crosscheck", name, *words)

    def serve(self, address: str, *words: str) -> None:
        """Start a server, wait until it answers, and end it as Ctrl-C does."""
        log = self.root.parent / "server.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                words,
                cwd=self.project.folder,
                env=self.project.env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_for(address, server, log)
        finally:
            os.killpg(server.pid, signal.SIGINT)
            server.wait(timeout=60)
        assert self.written() == [], " ".join(words)


@pytest.fixture
def watched(copy_of_reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    # A short path: `TMPDIR` below it holds the socket of a study's processes.
    return Watched(copy_of_reproduced, tmp_path_factory.mktemp("at") / "home")


@pytest.mark.slow
def test_what_uses_a_trained_network_writes_nothing_elsewhere(watched: Watched) -> None:
    watched.command("summary")
    watched.command("predict", "data/built-in")
    watched.command("export", "--onnx", "models/model.onnx")
    port = free_port()
    watched.serve(f"http://127.0.0.1:{port}/networks", sys.executable, "-m", "crosscheck", "demo", "--port", str(port))
    watched.run("make", "help")


@pytest.mark.soak
def test_the_pipeline_and_its_records_write_nothing_elsewhere(watched: Watched) -> None:
    watched.run("dvc", "repro", "--force")
    watched.run("dvc", "exp", "run", "-S", "model.channels=3")
    watched.run("dvc", "exp", "show", "--csv")
    watched.run("git", "checkout", "-q", "-f", "HEAD")
    watched.run("dvc", "checkout", "-q", "-f")
    for name in ("sync", "promote", "verify"):
        watched.command(name)
    port = free_port()
    ui = ["make", "-s", "-o", ".venv/.ready", "ui", f"PORT={port}"]
    watched.serve(f"http://127.0.0.1:{port}/health", *ui)


STUDY: dict[str, Any] = {
    "title": "Width",
    "seeds": 2,
    "target": 0.5,
    "params": {"split.test": 4, "split.val": 2, "train.epochs": 2, "train.snapshots": 0, "model.invert": True},
    "variants": {"small": {}, "wider": {"set": {"model.channels": 4}}},
    "questions": {"width": {"ask": "Does width matter?", "compare": ["small", "wider"], "measure": []}},
}


@pytest.mark.soak
def test_a_study_and_a_search_write_nothing_elsewhere(watched: Watched) -> None:
    folder = watched.project.folder
    with (folder / "mine.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(STUDY, stream)
    for verb in ("pack", "run", "compare"):
        watched.stage(f"study.{verb}", "--study", "mine.yaml")
    (folder / "space.yaml").write_bytes(SHIPPED.read_bytes())
    change_space(
        folder / "space.yaml",
        study={"trials": 2, "workers": 1, "repeats": 1, "startup_trials": 1},
        space={
            "convolutions": {"low": 1, "high": 2}, "channels": {"low": 1, "high": 3}, "epochs": {"low": 1, "high": 2},
            "batch_size": [8],
        },
        initial_points=[],
        constraints={"accuracy": 0.0, "parameters": 100_000, "cost": 1000.0},
        final={"models": 1, "seeds": [0]},
    )  # fmt: skip
    watched.command("search", "--space", "space.yaml")


@pytest.mark.soak
def test_a_concept_and_a_benchmark_write_nothing_elsewhere(watched: Watched, tmp_path: Path) -> None:
    for name in ("concepts", "benchmarks"):
        (watched.project.folder / name).symlink_to(ROOT / name)
    watched.run(sys.executable, "-m", "concepts.weight_sharing", "--figures", str(tmp_path / "figures"))
    watched.run(sys.executable, "-m", "benchmarks.run", "--help")
