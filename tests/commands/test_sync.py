"""`make sync`: the results at hand are recorded where they are not, and only results that belong together."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dvc.lock import Lock
from helpers.project import Project, runs_of, stages_run
from helpers.tracking import age, all_that_is_recorded, check_run_is_complete, client_of, models

from crosscheck.core.errors import InputError
from crosscheck.pipeline import paths
from crosscheck.tracking.tags import hidden, recorded


@pytest.mark.slow
def test_sync_rebuilds_a_run_in_a_new_store_and_adds_nothing_the_second_time(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    project.command("sync")
    (run,) = runs_of(project)
    assert run.data.tags["crosscheck.origin"] == "restored"
    check_run_is_complete(project, client_of(project), run)
    assert len(models(client_of(project))) == 1

    recorded = all_that_is_recorded(project)
    assert project.command("sync").stderr == ""
    assert all_that_is_recorded(project) == recorded


@pytest.mark.slow
def test_a_run_of_an_earlier_version_keeps_its_names_and_is_completed_once(copy_of_reproduced: Project) -> None:
    """It gets what such a version did not record, and nothing that it had under another name."""
    project = copy_of_reproduced
    project.command("sync")
    age(project)
    (before,) = runs_of(project)
    assert "test_accuracy" in before.data.metrics and "crosscheck.checkpoint" in before.data.tags
    for _ in range(2):
        assert project.command("sync").stderr == ""
        (run,) = runs_of(project)
        assert run.info.run_id == before.info.run_id
        assert run.data.metrics == before.data.metrics
        assert len(models(client_of(project))) == 1
        assert len(run.inputs.dataset_inputs) == 3
        assert "images are right" in run.data.tags["mlflow.note.content"]
    assert "version 1" in project.command("promote").stdout


def test_a_note_that_a_user_wrote_stays(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    project.command("sync")
    (run,) = runs_of(project)
    client = client_of(project)
    client.set_tag(run.info.run_id, "mlflow.note.content", "mine")
    client.delete_tag(run.info.run_id, hidden(recorded("note")))
    project.command("sync")
    (run,) = runs_of(project)
    assert run.data.tags["mlflow.note.content"] == "mine"


@pytest.mark.slow
def test_results_that_dvc_took_from_its_cache_are_recorded_by_the_stage_track(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    for path in ("data/split", "models/model.pt", "models/model.json", "metrics/test.json", "plots", "dvc.lock"):
        target = project.folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    done = project.run("dvc", "repro")
    assert stages_run(done.stdout) == ["track"]
    assert "Stage 'train' is cached" in done.stdout
    (run,) = runs_of(project)
    assert run.data.tags["crosscheck.origin"] == "restored"
    check_run_is_complete(project, client_of(project), run)
    recorded = all_that_is_recorded(project)
    project.command("sync")
    assert all_that_is_recorded(project) == recorded


@pytest.mark.parametrize(("file", "part"), [("metrics/test.json", "test"), ("metrics/train.json", "train")])
def test_sync_refuses_results_that_do_not_belong_together(copy_of_reproduced: Project, file: str, part: str) -> None:
    project = copy_of_reproduced
    scores = json.loads(project.read(file))
    scores[part]["accuracy"] = 1.5
    (project.folder / file).write_text(json.dumps(scores), encoding="utf-8")
    done = project.command("sync", check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"error: {file}: not what DVC recorded with the other results; run `dvc repro` first"
    )
    assert not (project.folder / "mlflow.db").exists()


def test_sync_without_results_says_what_to_run(project: Project) -> None:
    done = project.command("sync", check=False)
    assert done.returncode == 1
    assert "run `dvc repro`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak
@pytest.mark.ci
def test_four_first_users_at_once_leave_one_run_and_an_intact_database(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    command = [sys.executable, "-m", "crosscheck", "sync"]
    at_once = [
        subprocess.Popen(command, cwd=project.folder, env=project.env, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        complaints = [process.communicate(timeout=300)[1] for process in at_once]
    finally:
        for process in at_once:
            process.kill()
            process.wait()
    assert [process.returncode for process in at_once] == [0] * 4, complaints
    (run,) = runs_of(project)
    check_run_is_complete(project, client_of(project), run)
    assert len(models(client_of(project))) == 1
    with sqlite3.connect(project.folder / "mlflow.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# DVC's lock.


@contextmanager
def dvc_locked(project: Project) -> Iterator[None]:
    """What another DVC command that runs in the project does."""
    with Lock(str(project.folder / ".dvc" / "tmp" / "lock")):
        yield


@pytest.mark.soak
@pytest.mark.ci
def test_sync_waits_for_another_dvc_command_and_says_so_once(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    command = [sys.executable, "-m", "crosscheck", "sync"]
    with dvc_locked(project):
        waiting = subprocess.Popen(command, cwd=project.folder, env=project.env, stderr=subprocess.PIPE, text=True)
        assert waiting.stderr
        said = waiting.stderr.readline()
        assert waiting.poll() is None
    rest = waiting.communicate(timeout=300)[1]
    assert waiting.returncode == 0, rest
    assert said == "waiting for another DVC command, which holds DVC's lock\n"
    assert rest == ""
    (run,) = runs_of(project)
    check_run_is_complete(project, client_of(project), run)


@pytest.mark.soak
@pytest.mark.ci
def test_a_dvc_command_that_never_ends_is_one_line(
    copy_of_reproduced: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_of_reproduced.folder)
    monkeypatch.setattr(paths, "LONGEST_WAIT", 1)
    with dvc_locked(copy_of_reproduced), pytest.raises(InputError, match="has held DVC's lock for 1 s; run this again"):
        paths.changed("train")
