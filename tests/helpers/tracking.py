"""What MLflow was told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from crosscheck.tracking.run import Recorder
from crosscheck.training import curves
from helpers.project import Project, runs_of

# What the fixture `enter` gives.
Enter = Callable[[Path], Path]
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
    files = ["curve.csv", "model.json", "predictions.csv", "samples.png", "suspect_labels.csv", "test.json"]
    found = artifacts(client, run)
    assert found == sorted([*files, *(file.relative_to(project.folder).as_posix() for file in pictures)])
    assert {"plots/curves.png", "report/report.html", "report/training.gif"} <= set(found)


def started(parameters: dict[str, Any] | None = None, training: str = "one", resumed: bool = False) -> Recorder:
    recorder = Recorder()
    recorder.start(parameters or {"model.channels": 2}, {"threads": "1"}, training, resumed)
    return recorder


def found_run(checkpoint: str = "a" * 64) -> Recorder:
    recorder = Recorder()
    recorder.find_or_restore(checkpoint, {"model.channels": 2})
    return recorder


def record(root: Path, checkpoint: str, content: str) -> Recorder:
    """What a stage does: find the run of the checkpoint, and give it a picture."""
    picture = root / "picture.txt"
    picture.write_text(content, encoding="utf-8")
    recorder = Recorder()
    recorder.find_or_restore(checkpoint, {"model.channels": 2})
    recorder.part("pictures", content, lambda: recorder.files(picture))
    return recorder


def artifact(recorder: Recorder) -> Path:
    """The picture's file where MLflow has it."""
    import mlflow

    client = mlflow.MlflowClient()
    assert [each.path for each in client.list_artifacts(recorder.run_id)] == ["picture.txt"]
    return Path(url2pathname(urlsplit(client.get_run(recorder.run_id).info.artifact_uri).path)) / "picture.txt"
