"""What MLflow was told."""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from crosscheck.tracking.run import Recorder
from crosscheck.tracking.tags import CHECKPOINT, hidden, recorded
from crosscheck.tracking.usage import CPU, PEAK_MEMORY
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


def visible(tags: Mapping[str, str]) -> set[str]:
    """The tags that MLflow's UI shows."""
    return {name for name in tags if not name.startswith("mlflow.")}


def age(project: Project) -> None:
    """Make of the project's store what an earlier version would have recorded: former names, and no notes."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database, database:
        database.execute("DELETE FROM tags WHERE key IN ('mlflow.note.content', 'mlflow.crosscheck.written')")
        for part in ("images", "note"):
            database.execute("DELETE FROM tags WHERE key = ?", (hidden(recorded(part)),))
        for table in ("tags", "model_version_tags"):
            database.execute(f"UPDATE {table} SET key = replace(key, 'mlflow.crosscheck.', 'crosscheck.')")  # noqa: S608
        database.execute("DELETE FROM inputs WHERE source_type = 'DATASET'")
        database.execute("DELETE FROM input_tags")
        database.execute("DELETE FROM datasets")
        database.execute("DELETE FROM experiment_tags")
        for table in ("metrics", "latest_metrics"):
            database.execute(f"DELETE FROM {table} WHERE key LIKE 'system/%'")  # noqa: S608
            database.execute(f"UPDATE {table} SET key = replace(key, '/', '_')")  # noqa: S608


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
    assert run.data.tags[hidden(CHECKPOINT)] == card["sha256"]
    assert run.data.params["model.channels"] == "2"
    assert run.data.params["train.lr"] == "0.1"
    assert run.data.params["data.classes"] == "['circles', 'crosses']"
    assert run.data.params["parameter_count"] == str(card["parameter_count"])
    check_what_people_see(project, run)
    told = histories(client, run)
    for name in ("train/epoch_seconds", CPU, PEAK_MEMORY):
        told.pop(name, None)
    test = json.loads(project.read("metrics/test.json"))["test"]
    assert told == expected_curve(project) | {f"test/{name}": [(0, value)] for name, value in test.items()}
    folders = [project.folder / name for name in ("plots", "report")]
    pictures = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    files = ["curve.csv", "model.json", "predictions.csv", "samples.png", "suspect_labels.csv", "test.json"]
    found = artifacts(client, run)
    assert found == sorted([*files, *(file.relative_to(project.folder).as_posix() for file in pictures)])
    assert {"plots/curves.png", "report/report.html", "report/training.gif"} <= set(found)


def check_what_people_see(project: Project, run: Any) -> None:
    """The run has its images and a note with its accuracy and the baselines, and no hash among its tags."""
    test = json.loads(project.read("metrics/test.json"))["test"]
    note = run.data.tags["mlflow.note.content"]
    for name in ("accuracy", "accuracy_low", "accuracy_high", "baseline_1nn", "baseline_majority"):
        assert f"{test[name]:.2%}" in note
    card = json.loads(project.read("models/model.json"))["data"]
    told = {each.tags[0].value: each.dataset for each in run.inputs.dataset_inputs}
    counts = {"training": card["train_images"], "validation": card["val_images"], "test": test["n"]}
    assert {context: json.loads(each.profile)["images"] for context, each in told.items()} == counts
    assert {each.name for each in told.values()} == {"built-in"}
    assert len({each.digest for each in told.values()}) == 3
    for tag in visible(run.data.tags):
        assert not re.fullmatch("[0-9a-f]{32,}", run.data.tags[tag]), tag


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
