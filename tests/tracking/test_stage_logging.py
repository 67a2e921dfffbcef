"""What MLflow is told, once each, and what happens where it cannot be told."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Project, free_port, runs_of, stop, wait_for

from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256
from crosscheck.data import dataset
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.pipeline import paths
from crosscheck.training import curves

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
            points.setdefault(name.replace("_", "/", 1), []).append((epoch.epoch, value))  # type: ignore[arg-type]
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
    told.pop("train/epoch_seconds", None)
    test = json.loads(project.read("metrics/test.json"))["test"]
    assert told == expected_curve(project) | {f"test/{name}": [(0, value)] for name, value in test.items()}
    folders = [project.folder / name for name in ("plots", "report")]
    pictures = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files = ["curve.csv", "model.json", "predictions.csv", "samples.png", "test.json"]
    found = artifacts(client, run)
    assert found == sorted([*files, *(file.relative_to(project.folder).as_posix() for file in pictures)])
    assert {"plots/curves.png", "report/report.html", "report/training.gif"} <= set(found)


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
    assert [step for step, _ in histories(client, run)["train/epoch_seconds"]] == [1, 2]


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
    test = dataset.read(split, "test", dataset.read_data_set(split))
    pixels = np.array(test.images.transpose(0, 3, 1, 2), order="C")
    with torch.inference_mode():
        expected = load_checkpoint(reproduced.folder / "models" / "model.pt").net(torch.from_numpy(pixels)).numpy()

    served = mlflow.pyfunc.load_model(f"models:/{model_id}")
    assert served.metadata.get_input_schema() is not None
    assert served.metadata.get_output_schema() is not None
    assert served.metadata.metadata["classes"] == ["circles", "crosses"]
    np.testing.assert_allclose(served.predict(pixels), expected, rtol=1e-5, atol=1e-6)


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
        synced = project.run(sys.executable, "-m", "crosscheck", "sync", MLFLOW_TRACKING_URI=address)
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

    refused = project.run(sys.executable, "-m", "crosscheck", "sync", check=False, MLFLOW_TRACKING_URI=address)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    project.command("sync")
    (run,) = runs_of(project)
    check_run_is_complete(project, client_of(project), run)


def test_the_paths_come_from_dvc_yaml_and_a_damaged_one_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="not found"):
        paths.read_paths("train")
    file = tmp_path / "dvc.yaml"
    file.write_text("stages: {train: {cmd: python -m stages.train --checkpoint 'a b/m.pt' --curve c.csv}}\n")
    assert paths.read_paths("train") == {"checkpoint": Path("a b/m.pt"), "curve": Path("c.csv")}
    for text in ("stages: {}\n", "nothing\n", "stages: [\n"):
        file.write_text(text)
        with pytest.raises(InputError, match=r"dvc\.yaml"):
            paths.read_paths("train")


@pytest.mark.parametrize("order", [("train", "evaluate"), ("evaluate", "train")])
def test_an_option_that_two_stages_share_is_that_of_the_stage_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"  {stage}: {{cmd: python -m stages.{stage} --metrics {stage}.json}}" for stage in order]
    (tmp_path / "dvc.yaml").write_text("\n".join(["stages:", *lines]), encoding="utf-8")
    for asked in (order, order[::-1]):
        found = paths.read_paths_by_stage(*asked)
        assert found == {stage: {"metrics": Path(f"{stage}.json")} for stage in asked}
