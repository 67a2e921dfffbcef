"""What MLflow is told, once each, and what happens where it cannot be told."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Project, free_port, runs_of, stop, wait_for
from dvc.lock import Lock

from stages import curves, images, model, pipeline, store, tracking
from stages.errors import InputError
from stages.files import sha256
from stages.resumable import Resumable
from stages.tracking import Recorder

# The one line that an outage costs.
WARNING = "warning: MLflow at "


def client_of(project: Project) -> Any:
    import mlflow

    return mlflow.MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")


def histories(client: Any, run: Any) -> dict[str, list[tuple[int, float]]]:
    """Every point of every metric of a run, in the order of the steps."""
    return {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, name))
        for name in run.data.metrics
    }


def artifacts(client: Any, run: Any, folder: str = "") -> list[str]:
    found: list[str] = []
    for entry in client.list_artifacts(run.info.run_id, folder):
        found += artifacts(client, run, entry.path) if entry.is_dir else [entry.path]
    return sorted(found)


def all_that_is_recorded(project: Project) -> Any:
    """Everything a store says of the project's runs; durations are told by the training alone."""
    client = client_of(project)
    return [
        (
            run.info.run_id,
            run.data.params,
            run.data.tags,
            histories(client, run),
            artifacts(client, run),
            models(client),
        )
        for run in runs_of(project)
    ]


def models(client: Any) -> list[str]:
    experiment = client.get_experiment_by_name("crosscheck").experiment_id
    return sorted(found.model_id for found in client.search_logged_models([experiment]))


def expected_curve(project: Project) -> dict[str, list[tuple[int, float]]]:
    points: dict[str, list[tuple[int, float]]] = {}
    for epoch in curves.read(project.folder / "metrics" / "curve.csv"):
        for name, value in curves.figures(epoch).items():
            points.setdefault(name, []).append((epoch.epoch, value))  # type: ignore[arg-type]
    return points


def check_run_is_complete(project: Project, client: Any, run: Any) -> None:
    """The run holds parameters, each step of the curve once, the test figures, the pictures and the model."""
    card = json.loads(project.read("models/model.json"))
    assert run.info.status == "FINISHED"
    assert run.data.tags["crosscheck.checkpoint"] == card["sha256"]
    assert run.data.params["model.channels"] == "2"
    assert run.data.params["train.lr"] == "0.1"
    assert run.data.params["data.classes"] == "['circles', 'crosses']"
    assert run.data.params["parameter_count"] == str(card["parameter_count"])
    told = histories(client, run)
    told.pop("epoch_seconds", None)
    test = json.loads(project.read("metrics/test.json"))["test"]
    assert told == expected_curve(project) | {f"test_{name}": [(0, value)] for name, value in test.items()}
    folders = [project.folder / name for name in ("plots", "report")]
    pictures = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files = ["curve.csv", "model.json", "predictions.csv", "samples.png", "test.json"]
    found = artifacts(client, run)
    assert found == sorted([*files, *(file.relative_to(project.folder).as_posix() for file in pictures)])
    assert {"plots/curves.png", "report/report.html", "report/film.gif"} <= set(found)


def test_a_repro_is_one_run_with_all_of_its_parts(reproduced: Project) -> None:
    (run,) = runs_of(reproduced)
    client = client_of(reproduced)
    check_run_is_complete(reproduced, client, run)
    assert len(models(client)) == 1
    assert run.info.run_name == "workspace"
    assert run.data.tags["crosscheck.origin"] == "trained"
    assert run.data.tags["dvc.experiment"] == ""
    assert run.data.tags["threads"] == "1"
    assert run.data.tags["torch"] == version("torch")
    # The results were committed after the run.
    before = reproduced.run("git", "rev-parse", "HEAD~1").stdout.strip()
    assert run.data.tags["mlflow.source.git.commit"] == before
    assert [step for step, _ in histories(client, run)["epoch_seconds"]] == [1, 2]


def test_pictures_and_database_lie_in_the_root_and_git_ignores_them(reproduced: Project) -> None:
    (run,) = runs_of(reproduced)
    assert run.info.artifact_uri.startswith((reproduced.folder / "mlartifacts").as_uri())
    for name in ("mlflow.db", "mlartifacts", ".mlflow.db.lock"):
        assert reproduced.run("git", "check-ignore", name).stdout.strip() == name
    assert not list(reproduced.folder.glob("*.partial"))
    assert not (reproduced.folder / "mlruns").exists()


def test_the_recorded_model_gives_the_logits_of_the_checkpoint(
    reproduced: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{reproduced.folder / 'mlflow.db'}")
    (model_id,) = models(client_of(reproduced))
    split = reproduced.folder / "data" / "split"
    test = images.read(split, "test", images.read_data_set(split))
    pixels = np.array(test.images.transpose(0, 3, 1, 2), order="C")
    with torch.inference_mode():
        expected = model.load(reproduced.folder / "models" / "model.pt").net(torch.from_numpy(pixels)).numpy()

    served = mlflow.pyfunc.load_model(f"models:/{model_id}")
    assert served.metadata.get_input_schema() is not None
    assert served.metadata.get_output_schema() is not None
    assert served.metadata.metadata["classes"] == ["circles", "crosses"]
    np.testing.assert_allclose(served.predict(pixels), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_sync_rebuilds_a_run_in_a_new_store_and_adds_nothing_the_second_time(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    project.stage("sync")
    (run,) = runs_of(project)
    assert run.data.tags["crosscheck.origin"] == "restored"
    check_run_is_complete(project, client_of(project), run)
    assert len(models(client_of(project))) == 1

    recorded = all_that_is_recorded(project)
    assert project.stage("sync").stderr == ""
    assert all_that_is_recorded(project) == recorded


@pytest.mark.slow
def test_a_run_that_dvc_took_from_its_cache_is_recorded_by_sync(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    for path in ("data/split", "models/model.pt", "models/model.json", "metrics/test.json", "plots", "dvc.lock"):
        target = project.folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    done = project.run("dvc", "repro")
    assert "Running stage" not in done.stdout
    assert "Stage 'train' is cached" in done.stdout
    assert not (project.folder / "mlflow.db").exists()
    project.stage("sync")
    (run,) = runs_of(project)
    check_run_is_complete(project, client_of(project), run)


def test_sync_refuses_results_that_do_not_belong_together(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    scores = json.loads(project.read("metrics/test.json"))
    scores["test"]["accuracy"] = 1.0
    (project.folder / "metrics" / "test.json").write_text(json.dumps(scores), encoding="utf-8")
    done = project.stage("sync", check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "error: metrics/test.json: not what DVC recorded with the other results; run `dvc repro` first"
    )
    assert not (project.folder / "mlflow.db").exists()


def test_sync_without_results_says_what_to_run(project: Project) -> None:
    done = project.stage("sync", check=False)
    assert done.returncode == 1
    assert "run `dvc repro`" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak
def test_four_first_users_at_once_leave_one_run_and_an_intact_database(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    command = [sys.executable, "-m", "stages.sync"]
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
def test_sync_waits_for_another_dvc_command_and_says_so_once(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    command = [sys.executable, "-m", "stages.sync"]
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
def test_a_dvc_command_that_never_ends_is_one_line(
    copy_of_reproduced: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_of_reproduced.folder)
    monkeypatch.setattr(pipeline, "LONGEST_WAIT", 1)
    with dvc_locked(copy_of_reproduced), pytest.raises(InputError, match="has held DVC's lock for 1 s; run this again"):
        pipeline.changed("train")


# A tracking server.


@contextmanager
def tracking_server(folder: Path, address: str = "") -> Iterator[str]:
    """A real `mlflow server` with a store of its own in `folder`, stopped at the end with all its processes.

    At `address`, or at a free port; a folder that an earlier one left is taken over.
    """
    folder.mkdir(exist_ok=True)
    address = address or f"http://127.0.0.1:{free_port()}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    env |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", "sqlite:///server.db"]
    command += ["--artifacts-destination", "served", "--workers", "1", "--port", address.rpartition(":")[2]]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(f"{address}/health", server, folder / "server.log")
        yield address
    finally:
        stop(server)


@pytest.mark.slow
def test_a_tracking_server_gets_the_run_and_its_artifacts(copy_of_reproduced: Project, tmp_path: Path) -> None:
    import mlflow

    project = copy_of_reproduced
    with tracking_server(tmp_path / "server") as address:
        trained = project.run("dvc", "repro", "--force", "--single-item", "train", MLFLOW_TRACKING_URI=address)
        assert WARNING not in trained.stderr
        synced = project.run(sys.executable, "-m", "stages.sync", MLFLOW_TRACKING_URI=address)
        assert synced.stderr == ""
        assert synced.stdout == ""
        client = mlflow.MlflowClient(address)
        experiment = client.get_experiment_by_name("crosscheck")
        (run,) = client.search_runs([experiment.experiment_id])
        assert run.data.tags["crosscheck.origin"] == "trained"
        check_run_is_complete(project, client, run)
    assert (tmp_path / "server" / "served").is_dir()
    assert not (project.folder / "mlflow.db").exists()
    assert not (project.folder / "mlartifacts").exists()


@pytest.mark.slow
def test_a_server_out_of_reach_costs_one_line_and_sync_completes_later(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    before = sha256(project.folder / "models" / "model.pt")
    address = f"http://127.0.0.1:{free_port()}"
    done = project.run("dvc", "repro", "--force", "--single-item", "train", MLFLOW_TRACKING_URI=address)
    about_tracking = [line for line in done.stderr.splitlines() if not line.startswith("warning: the training loss")]
    assert len(about_tracking) == 1, done.stderr
    assert about_tracking[0].startswith(f"{WARNING}{address} does not record this run (")
    assert sha256(project.folder / "models" / "model.pt") == before

    refused = project.run(sys.executable, "-m", "stages.sync", check=False, MLFLOW_TRACKING_URI=address)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    project.stage("sync")
    (run,) = runs_of(project)
    check_run_is_complete(project, client_of(project), run)


# The recorder by itself.


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the project's root, with no tracking settings of the user's."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def started(parameters: dict[str, Any] | None = None, training: str = "one", resumed: bool = False) -> Recorder:
    recorder = Recorder()
    recorder.start(parameters or {"model.channels": 2}, {"threads": "1"}, training, resumed)
    return recorder


def told(recorder: Recorder, name: str) -> list[tuple[int, float]]:
    import mlflow

    return [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(recorder.run_id, name)]


def garbage(root: Path) -> str:
    (root / "bad.db").write_bytes(b"this is not a database, and it is not empty either\n" * 100)
    return f"sqlite:///{root / 'bad.db'}"


def truncated(root: Path) -> str:
    started()
    content = (root / "mlflow.db").read_bytes()
    (root / "mlflow.db").write_bytes(content[: len(content) // 2])
    return f"sqlite:///{root / 'mlflow.db'}"


def read_only(root: Path) -> str:
    started()
    return f"sqlite:///file:{root / 'mlflow.db'}?mode=ro&uri=true"


def folder_in_its_place(root: Path) -> str:
    (root / "bad.db").mkdir()
    return f"sqlite:///{root / 'bad.db'}"


def unknown_kind(root: Path) -> str:
    return "gopher://127.0.0.1/store"


def not_mlflow_any_more(root: Path) -> str:
    started()
    with sqlite3.connect(root / "mlflow.db") as database:
        database.execute("DROP TABLE metrics")
        database.execute("DROP TABLE tags")
    return f"sqlite:///{root / 'mlflow.db'}"


OUTAGES = [garbage, truncated, read_only, folder_in_its_place, unknown_kind, not_mlflow_any_more]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.__name__)
def test_a_store_that_fails_costs_one_line_however_much_is_recorded(
    outage: Any, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    address = outage(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    capfd.readouterr()
    recorder = started()
    recorder.metrics({"train_loss": 0.5}, 1)
    recorder.finish("0" * 64)
    recorder.part("curve", "hash", lambda: recorder.points([(1, {"train_loss": 0.5})]))
    printed = capfd.readouterr()
    assert recorder.failed
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert printed.err.startswith(f"{WARNING}{store.uri()} does not record this run (")


def test_a_store_that_fails_in_the_middle_does_not_stop_the_training(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = started()
    recorder.metrics({"train_loss": 0.5}, 1)
    with sqlite3.connect(root / "mlflow.db") as database:
        database.execute("DROP TABLE metrics")
    recorder.metrics({"train_loss": 0.4}, 2)
    recorder.metrics({"train_loss": 0.3}, 3)
    assert recorder.failed
    assert capfd.readouterr().err.count("\n") == 1


def test_a_run_that_its_user_deleted_does_not_stop_the_training(root: Path) -> None:
    recorder = started()
    store.connect()[0].MlflowClient().delete_run(recorder.run_id)
    recorder.metrics({"train_loss": 0.4}, 2)
    assert recorder.failed


def test_an_outage_within_a_part_leaves_it_to_be_recorded_another_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = started()
    points = [(1, {"test_accuracy": 0.5})]
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "log_metrics", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
        recorder.part("evaluation", "hash", lambda: recorder.points(points))
    assert recorder.failed
    assert told(recorder, "test_accuracy") == []

    later = started(resumed=True)
    later.part("evaluation", "hash", lambda: later.points(points))
    assert told(later, "test_accuracy") == [(1, 0.5)]


def test_a_mistake_of_the_project_itself_is_not_passed_over(root: Path) -> None:
    recorder = started()

    def wrong() -> None:
        raise ValueError("a mistake")

    def refused() -> None:
        raise InputError("a user's mistake")

    with pytest.raises(ValueError, match="a mistake"):
        recorder.part("curve", "hash", wrong)
    with pytest.raises(InputError):
        recorder.part("curve", "hash", refused)
    assert not recorder.failed


def test_a_part_is_recorded_again_only_when_its_content_changed(root: Path) -> None:
    recorder = started()
    calls: list[str] = []
    for content in ("a", "a", "b"):
        recorder.part("pictures", content, lambda: calls.append("recorded"))
    assert calls == ["recorded"] * 2


def test_points_that_the_run_has_already_are_not_added_again(root: Path) -> None:
    recorder = started()
    recorder.metrics({"train_loss": 0.5, "val_loss": None}, 1)
    points = [(1, {"train_loss": 0.5, "val_loss": None}), (2, {"train_loss": 0.25, "val_loss": 0.125})]
    for _ in range(2):
        recorder.points(points)
    assert told(recorder, "train_loss") == [(1, 0.5), (2, 0.25)]
    assert told(recorder, "val_loss") == [(2, 0.125)]


def test_a_long_curve_passes_in_batches_that_a_server_takes(root: Path) -> None:
    recorder = started()
    recorder.points([(step, {"train_loss": step / 2}) for step in range(1, 1502)])
    assert not recorder.failed
    assert told(recorder, "train_loss")[-1] == (1501, 750.5)


def test_a_resumed_training_goes_on_with_its_run_and_logs_nothing_twice(root: Path) -> None:
    first = started()
    first.metrics({"train_loss": 0.5, "epoch_seconds": 1.0}, 1)
    second = started({"model.channels": 2, "train.lr": 0.1}, resumed=True)
    second.metrics({"train_loss": 0.5, "epoch_seconds": 3.0}, 1)
    second.metrics({"train_loss": 0.4, "epoch_seconds": 1.0}, 2)
    assert second.run_id == first.run_id
    assert not second.failed
    assert told(second, "train_loss") == [(1, 0.5), (2, 0.4)]
    assert told(second, "epoch_seconds") == [(1, 1.0), (2, 1.0)]


def test_a_resumed_training_whose_run_is_gone_gets_a_new_one(root: Path) -> None:
    first = started()
    store.connect()[0].MlflowClient().delete_run(first.run_id)
    again = started(resumed=True)
    assert again.run_id not in (None, first.run_id)
    assert not again.failed


def test_another_training_gets_another_run(root: Path) -> None:
    first, second = started(training="one"), started(training="two")
    third = started(training="one")
    assert len({first.run_id, second.run_id, third.run_id}) == 3


def test_a_training_that_was_killed_before_it_knew_its_run_goes_on_in_it(root: Path) -> None:
    with Resumable("key") as resumable:
        name, resumed = resumable.name()
        assert not resumed
    first = started(training=name)
    with Resumable("key") as resumable:
        assert resumable.name() == (name, True)
    assert started(training=name, resumed=True).run_id == first.run_id


def test_a_run_whose_end_the_store_missed_is_completed_later_and_not_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = started()
    recorder.metrics({"train_loss": 0.5}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "_client", lambda: (_ for _ in ()).throw(ConnectionError("gone")))
        recorder.metrics({"train_loss": 0.4}, 2)
        recorder.finish("c" * 64)
    assert recorder.failed

    for _ in range(2):
        later = Recorder()
        later.find_or_restore("c" * 64, {})
        assert later.run_id == recorder.run_id
        run = store.connect()[0].MlflowClient().get_run(later.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.tags["crosscheck.checkpoint"] == "c" * 64
    assert not list((root / ".checkpoints").rglob("c*"))


def test_a_store_that_answers_slowly_holds_up_a_training_for_half_a_minute_at_most(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = started()
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    log = tracking.log_metrics

    def slow(*told: Any) -> None:
        now[0] += 4
        log(*told)

    monkeypatch.setattr(tracking, "log_metrics", slow)
    for step in range(1, 100):
        recorder.metrics({"train_loss": 0.5}, step)
    assert recorder.failed
    assert capfd.readouterr().err.count("answers too slowly") == 1
    assert now[0] - recorder.began < 60


def test_a_long_training_may_wait_longer_for_its_store(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = started()
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    log = tracking.log_metrics

    def slow(*told: Any) -> None:
        now[0] += 1
        log(*told)

    monkeypatch.setattr(tracking, "log_metrics", slow)
    for step in range(1, 100):
        now[0] += 20
        recorder.metrics({"train_loss": 0.5}, step)
    assert not recorder.failed


def test_an_interrupted_training_closes_its_run_as_failed(root: Path) -> None:
    recorder = started()
    with pytest.raises(KeyboardInterrupt), recorder.watch():
        raise KeyboardInterrupt
    assert store.connect()[0].MlflowClient().get_run(recorder.run_id).info.status == "FAILED"


def test_a_checkpoint_is_found_under_its_own_experiment_first_and_then_as_the_newest(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, str | None] = {}
    for name in ("", "one", "two"):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        recorder = started()
        recorder.finish("c" * 64)
        made[name] = recorder.run_id
        time.sleep(0.005)  # MLflow orders by milliseconds

    for name, expected in (("", made[""]), ("one", made["one"]), ("three", made["two"])):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        found = Recorder()
        found.find_or_restore("c" * 64, {})
        assert found.run_id == expected
    other = Recorder()
    other.find_or_restore("d" * 64, {"model.channels": 2})
    assert other.run_id not in made.values()


def test_a_value_too_long_for_a_parameter_is_cut(root: Path) -> None:
    recorder = started({"data.classes": [f"class {index}" for index in range(2000)]})
    assert not recorder.failed
    params = store.connect()[0].MlflowClient().get_run(recorder.run_id).data.params
    assert params["data.classes"].startswith("['class 0', 'class 1'")


def test_a_relative_database_belongs_to_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.uri() == f"sqlite:///{root}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    assert store.uri() == f"sqlite:///{root}/mine.db"
    for address in ("sqlite:////elsewhere/mine.db", "http://127.0.0.1:5000", "postgresql://host/name"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert store.uri() == address


def test_the_paths_come_from_dvc_yaml_and_a_damaged_one_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="not found"):
        pipeline.paths("train")
    file = tmp_path / "dvc.yaml"
    file.write_text("stages: {train: {cmd: python -m stages.train --checkpoint 'a b/m.pt' --curve c.csv}}\n")
    assert pipeline.paths("train") == {"checkpoint": Path("a b/m.pt"), "curve": Path("c.csv")}
    for text in ("stages: {}\n", "nothing\n", "stages: [\n"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"dvc\.yaml"):
            pipeline.paths("train")
