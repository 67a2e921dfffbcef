"""What of each stage goes into the MLflow run of a checkpoint, for the stage `track` and the command `sync` alike."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crosscheck.core.files import read_json, sha256
from crosscheck.core.nesting import flatten
from crosscheck.data import dataset
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model_card
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.network.model_card import Description
from crosscheck.tracking import changes, data_sets, models, notes
from crosscheck.tracking.run import Recorder
from crosscheck.training import curves


@dataclass(frozen=True)
class Results:
    """Where the stages put what is recorded."""

    split: Path
    checkpoint: Path
    card: Path
    curve: Path
    metrics: Path
    predictions: Path
    suspects: Path
    samples: Path
    plots: Path
    report: Path


def record(results: Results) -> Recorder:
    """Record all results in the run of their checkpoint; what it has already stays as it is."""
    recorder = open_run(results.card)
    curve(recorder, results.curve, results.card)
    data_set = dataset.read_data_set(results.split)
    images(recorder, results, data_set)
    network(recorder, results.checkpoint, results.card, dataset.read(results.split, "train", data_set))
    evaluation(recorder, results.metrics, results.predictions, results.suspects)
    note(recorder, results.metrics, results.card)
    pictures(recorder, results.plots, results.samples)
    explanation(recorder, results.report)
    return recorder


def parameters(described: Description) -> dict[str, Any]:
    """The card's sections as flat names, such as `model.channels`."""
    sections = {name: value for name, value in described.model_dump().items() if isinstance(value, dict)}
    return {"parameter_count": described.parameter_count, **flatten(sections)}


def open_run(card_file: Path) -> Recorder:
    """The run of the checkpoint that the card describes; it is made where the store does not have it."""
    card = model_card.read_card(card_file)
    recorder = Recorder()
    recorder.find_or_restore(card.sha256, parameters(card))
    return recorder


def curve(recorder: Recorder, file: Path, card_file: Path) -> None:
    """The training curve, an epoch a step, and the epoch that is kept, where the best one is."""

    def record() -> None:
        history, keep = curves.read(file), model_card.read_card(card_file).train.keep
        recorder.points([(epoch.epoch, dict(curves.figures(epoch))) for epoch in history])
        if keep == "best":
            recorder.points([(0, {"epoch_kept": float(curves.kept(history, keep).epoch)})])
        recorder.files(file)

    recorder.part("curve", sha256(file), record)


def images(recorder: Recorder, results: Results, data_set: DataSet) -> None:
    """The images that the network was trained, validated and tested on."""
    content = "".join(sha256(results.split / name) for name in (data_sets.DESCRIPTION, data_sets.MANIFEST))

    def record() -> None:
        digest = data_sets.digests(results.split)
        card, test = model_card.read_card(results.card).data, read_json(results.metrics)["test"]
        count = {"train": card.train_images, "val": card.val_images, "test": int(test["n"])}
        recorder.tell(lambda client, run_id: data_sets.log_data_sets(client, run_id, data_set, digest, count))

    recorder.part("images", content, record)


def network(recorder: Recorder, checkpoint: Path, card_file: Path, example: Subset) -> None:
    """The model with its signature, for MLflow to load and serve: uint8 (n, channels, height, width) in, logits out."""

    def record() -> None:
        import mlflow
        import torch
        from mlflow.models import infer_signature

        loaded, card = load_checkpoint(checkpoint), model_card.read_card(card_file)
        backbone = card.backbone
        also_needed = [f"timm=={backbone.timm}"] if backbone else []
        # A copy, since the images are mapped read-only from their file.
        images = np.array(example.images[:2].transpose(0, 3, 1, 2), order="C")
        with torch.inference_mode():
            logits = loaded.net(torch.from_numpy(images)).numpy()
        with mlflow.start_run(run_id=recorder.run_id):
            mlflow.pytorch.log_model(
                loaded.net,
                name=models.model_name(card),
                signature=infer_signature(images, logits),
                input_example=images,
                pip_requirements=[f"torch=={torch.__version__.split('+')[0]}", "numpy", *also_needed],
                metadata={"classes": loaded.data_set.classes},
                tags={notes.NOTE_TAG: models.describe_model(card)},
            )
        recorder.files(card_file)

    recorder.part("model", sha256(checkpoint), record)


def evaluation(recorder: Recorder, metrics: Path, predictions: Path, suspects: Path) -> None:
    """The figures on the test set, and the tables of predictions and of suspect labels."""
    content = "".join(sha256(file) for file in (metrics, predictions, suspects))

    def record() -> None:
        values = flatten(read_json(metrics), "_").items()
        recorder.points([(0, {name: float(value) for name, value in values if isinstance(value, int | float)})])
        recorder.files(metrics, predictions, suspects)

    recorder.part("evaluation", content, record)


def note(recorder: Recorder, metrics: Path, card_file: Path) -> None:
    """What the run says of itself. It is written once: a later commit may have other parameters to compare with."""

    def record() -> None:
        text = notes.describe_scores(read_json(metrics)["test"], changes.find_changes())
        recorder.tell(lambda client, run_id: notes.write_note(client, run_id, text))

    recorder.part("note", sha256(metrics) + sha256(card_file), record)


def pictures(recorder: Recorder, folder: Path, samples: Path) -> None:
    """Every picture of `folder`, and the sample sheet."""
    recorder.part("pictures", sha256(samples) + _content(folder), lambda: recorder.files(folder, samples))


def explanation(recorder: Recorder, folder: Path) -> None:
    """The report with its pictures and the animation."""
    recorder.part("explanation", _content(folder), lambda: recorder.files(folder))


def _content(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256("".join(sha256(file) for file in files).encode()).hexdigest()
