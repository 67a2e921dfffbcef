"""Scores the trained network on the test set, once, with two baselines that show how hard the task is.

    python -m stages.evaluate --split data/split --checkpoint models/model.pt --card models/model.json \\
        --metrics metrics/test.json --classes metrics/classes.csv --confusion metrics/confusion.csv \\
        --calibration metrics/calibration.csv --predictions metrics/predictions.csv \\
        --suspects metrics/suspect_labels.csv

`suspects` names images of the test and validation sets whose label the network doubts, for people to look at.
Refuses a checkpoint other than the one that `train` described in `card`.
"""

import sys
from dataclasses import astuple
from pathlib import Path

import torch

from crosscheck.core import cli, devices, tables
from crosscheck.core.errors import InputError
from crosscheck.core.files import write_json
from crosscheck.core.params import EvaluateParams, load_section
from crosscheck.data import dataset, manifest
from crosscheck.data.guessing import Guess, only_answer
from crosscheck.evaluation import baselines
from crosscheck.evaluation.calibration import bin_confidence, expected_calibration_error, write_bins
from crosscheck.evaluation.counts import count_confusions
from crosscheck.evaluation.metrics import (
    majority_accuracy,
    nearest_neighbour_accuracy,
    score_classes,
    score_overall,
)
from crosscheck.evaluation.predictions import Predictions, make_predictions, write_predictions
from crosscheck.evaluation.suspect_labels import find_suspects, write_suspects
from crosscheck.network import inference, model_card
from crosscheck.network.checkpoint import Checkpoint


def main(
    split: Path,
    checkpoint: Path,
    card: Path,
    metrics: Path,
    classes: Path,
    confusion: Path,
    calibration: Path,
    predictions: Path,
    suspects: Path,
) -> None:
    params = load_section("evaluate")
    device = devices.prepare(load_section("compute"))
    trained = load_trained(checkpoint, card, split)
    train = dataset.read(split, "train", trained.data_set)
    untrained_on = {name: dataset.read(split, name, trained.data_set) for name in ("test", "val")}
    answers = {
        name: predict(trained, subset, manifest.read_paths(split / "manifest.csv", name, len(subset)), params, device)
        for name, subset in untrained_on.items()
        if len(subset)
    }
    test, predicted = untrained_on["test"], answers["test"]

    names = trained.data_set.classes
    write_predictions(predicted, names, predictions)
    write_classes(predicted, names, classes)
    write_confusion(predicted, names, confusion)
    write_suspects(find_suspects(answers, names), suspects)
    bins = bin_confidence(predicted.probabilities, predicted.labels, params.calibration_bins)
    write_bins(bins, calibration)
    figures = {
        **score_overall(predicted.probabilities, predicted.labels),
        "calibration_error": expected_calibration_error(bins),
        **score_baselines(train, test, params),
    }
    write_json(metrics, {"test": {name: round(value, 6) for name, value in figures.items()}})

    guess = model_card.read_card(card).guess
    warn_of_one_answer(predicted, guess, names, figures["balanced_accuracy"])
    if verdict := baselines.compare(figures):
        print(f"warning: {verdict}", file=sys.stderr)


def load_trained(checkpoint: Path, card: Path, split: Path) -> Checkpoint:
    """The network that `train` wrote. Raises InputError for any other, or for one trained on another data set."""
    trained = model_card.load_trained(checkpoint, card)
    if trained.data_set != dataset.read_data_set(split):
        raise InputError(f"{checkpoint}: trained on other classes or another image size than {split}; run `dvc repro`")
    return trained


def predict(
    trained: Checkpoint, subset: dataset.Subset, paths: list[str], params: EvaluateParams, device: torch.device
) -> Predictions:
    """The probabilities of every image of `subset`. Raises InputError where the network's answers are not numbers."""
    net = trained.net.to(device).to(memory_format=torch.channels_last)
    logits = inference.compute_logits(net, subset, params.batch_size)
    if not torch.isfinite(logits).all():
        raise InputError("the network's answers are no longer numbers; lower train.lr in params.yaml and train again")
    return make_predictions(paths, subset.labels, torch.softmax(logits.double(), dim=1).numpy())


def score_baselines(train: dataset.Subset, test: dataset.Subset, params: EvaluateParams) -> dict[str, float]:
    """What one gets without learning: the most frequent class, and the nearest of the first training images.

    The training images stand in the order of a hash, so the first ones are a random sample.
    """
    n = params.knn_images
    return {
        "baseline_majority": majority_accuracy(train.labels, test.labels),
        "baseline_1nn": nearest_neighbour_accuracy(train.images[:n], train.labels[:n], test.images, test.labels),
    }


def warn_of_one_answer(predicted: Predictions, guess: Guess, names: list[str], balanced_accuracy: float) -> None:
    """Say so where unequal classes let a network that answers every image alike look good."""
    answer = only_answer(predicted.predicted)
    if answer is not None and not guess.even:
        remedy = "" if guess.balanced else ", or set train.class_weights to balanced"
        print(
            f"warning: the network takes all n = {len(predicted.labels)} test images for {names[answer]!r}, and "
            f"{guess.most_frequent(names)}: its balanced accuracy of {balanced_accuracy:.2%} is chance; add images of "
            f"the rarer classes{remedy}, and train again",
            file=sys.stderr,
        )


def write_classes(table: Predictions, names: list[str], file: Path) -> None:
    """A line for each class: precision, recall, F1, number of test images."""
    by_class = zip(names, score_classes(table.probabilities, table.labels), strict=True)
    tables.write(
        ["class", "precision", "recall", "f1", "n"], ([name, *astuple(score)] for name, score in by_class), file
    )


def write_confusion(table: Predictions, names: list[str], file: Path) -> None:
    """A line for each true class: how often each class was predicted.

    The first column is called `actual`; where a class has this name, an underscore follows.
    """
    by_class = zip(names, count_confusions(table.predicted, table.labels, len(names)), strict=True)
    # Of two columns of one name, readers of tables keep the last.
    first = "actual"
    while first in names:
        first += "_"
    tables.write([first, *names], ([name, *counts] for name, counts in by_class), file)


if __name__ == "__main__":
    cli.run(main)
