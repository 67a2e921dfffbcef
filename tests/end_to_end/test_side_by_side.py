"""Experiments that run at the same time: every one is recorded in DVC and in MLflow, and none is mixed up."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from helpers.project import Project, copy_project, runs_of

from crosscheck.tracking.tags import CHECKPOINT, hidden

LONGEST = 500
SEEDS = (11, 12, 13, 14)


@pytest.fixture
def fresh(reproduced: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the reproduced project with no tracking database; whatever of its queue still runs is ended."""
    project = copy_project(reproduced, tmp_path)
    yield project
    project.run("dvc", "queue", "stop", "--kill", check=False)


def experiments(project: Project) -> dict[str, Any]:
    """What DVC shows of each experiment, by its name."""
    shown = json.loads(project.run("dvc", "exp", "show", "--json", "--no-pager").stdout)
    (head,) = (entry for entry in shown if entry["rev"] != "workspace")
    return {entry["name"]: entry["revs"][-1]["data"] for entry in head["experiments"] or []}


def card_of(project: Project, shown: Any) -> Any:
    """The card of the experiment's checkpoint, from DVC's cache."""
    md5 = shown["outs"]["models/model.json"]["hash"]
    return json.loads((project.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).read_text("utf-8"))


def experiments_at_work(project: Project) -> int:
    """How many of its experiments DVC runs right now; its own status leaves them out where a worker answers late."""
    processes = psutil.process_iter(["cmdline"])
    lines = [" ".join(process.info["cmdline"] or []) for process in processes]
    return sum("exp exec-run" in line and str(project.folder) in line for line in lines)


def check_that_none_is_mixed_up(project: Project, seeds: dict[str, int]) -> None:
    """Every experiment has its own seed, and the run of its name has its parameters, figures and checkpoint."""
    shown = experiments(project)
    assert set(shown) == set(seeds)
    runs = {run.info.run_name: run for run in runs_of(project)}
    assert len(runs_of(project)) == len(runs) == len(seeds)
    assert set(runs) == set(seeds)
    checkpoints = set()
    for name, seed in seeds.items():
        run, card = runs[name], card_of(project, shown[name])
        assert shown[name]["params"]["params.yaml"]["data"]["train"]["seed"] == seed
        assert card["train"]["seed"] == seed
        assert run.info.status == "FINISHED"
        assert run.data.tags["dvc.experiment"] == name
        assert run.data.tags["crosscheck.origin"] == "trained"
        assert run.data.tags[hidden(CHECKPOINT)] == card["sha256"]
        assert run.data.params["train.seed"] == str(seed)
        test = shown[name]["metrics"]["metrics/test.json"]["data"]["test"]
        assert {f"test/{figure}": value for figure, value in test.items()}.items() <= run.data.metrics.items()
        train = shown[name]["metrics"]["metrics/train.json"]["data"]
        assert train["train"]["loss"] == run.data.metrics["train/loss"]
        assert train["val"]["accuracy"] == run.data.metrics["val/accuracy"]
        checkpoints.add(card["sha256"])
    assert len(checkpoints) == len(seeds)
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    # The folder of notes stays, without one, where the store was slow for a moment.
    assert not [each for each in (project.folder / ".checkpoints").rglob("*") if not each.is_dir()]
    assert project.run("git", "stash", "list").stdout == ""
    assert project.run("git", "status", "--short").stdout == ""


@pytest.mark.soak
def test_four_temporary_experiments_at_once_from_no_database(fresh: Project) -> None:
    seeds = {f"at-once-{seed}": seed for seed in SEEDS}
    at_once = {
        name: subprocess.Popen(
            # DVC waits three seconds for its lock, which a busy machine exceeds, unless it is told to wait longer.
            ["dvc", "--wait-for-lock", "exp", "run", "--temp", "-n", name, "-S", f"train.seed={seed}"],
            cwd=fresh.folder,
            env=fresh.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, seed in seeds.items()
    }
    try:
        said = {name: process.communicate(timeout=LONGEST)[0] for name, process in at_once.items()}
    finally:
        for process in at_once.values():
            process.kill()
            process.wait()
    assert {name: process.returncode for name, process in at_once.items()} == dict.fromkeys(seeds, 0), said
    check_that_none_is_mixed_up(fresh, seeds)


@pytest.mark.soak
def test_a_queue_with_two_workers_from_no_database(fresh: Project) -> None:
    seeds = {f"queued-{seed}": seed for seed in SEEDS}
    for name, seed in seeds.items():
        fresh.run("dvc", "exp", "run", "--queue", "-n", name, "-S", f"train.seed={seed}")
    # Not with `run`, which would read what the workers print until they end.
    nowhere = subprocess.DEVNULL
    words = ["dvc", "queue", "start", "--jobs", "2"]
    subprocess.run(words, cwd=fresh.folder, env=fresh.env, stdout=nowhere, stderr=nowhere, check=True)
    until = time.monotonic() + LONGEST
    most_at_once = 0
    while time.monotonic() < until:
        status = fresh.run("dvc", "queue", "status").stdout
        most_at_once = max(most_at_once, experiments_at_work(fresh))
        assert "Failed" not in status, [fresh.run("dvc", "queue", "logs", name, check=False).stdout for name in seeds]
        if status.count("Success") == len(seeds):
            break
        time.sleep(0.5)
    assert status.count("Success") == len(seeds), status
    assert most_at_once == 2
    check_that_none_is_mixed_up(fresh, seeds)


@pytest.mark.soak
def test_the_first_user_of_a_database_that_another_one_left_half_made(fresh: Project) -> None:
    (fresh.folder / "mlflow.db.partial").write_bytes(b"left by a process that was killed")
    fresh.run("dvc", "exp", "run", "--temp", "-n", "alone", "-S", "train.seed=21")
    check_that_none_is_mixed_up(fresh, {"alone": 21})
