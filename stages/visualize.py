"""Draws what the network learnt and how it fares: kernels, feature maps, training curves, mistakes, calibration.

    python -m stages.visualize --split data/split --checkpoint models/model.pt --card models/model.json \\
        --curve metrics/curve.csv --calibration_table metrics/calibration.csv \\
        --table metrics/predictions.csv --samples data/samples.png --plots plots

Answers come from the table that `evaluate` wrote; the network runs only for the feature maps.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stages import (
    calibration,
    cards,
    charts,
    command,
    curves,
    fonts,
    galleries,
    hardware,
    images,
    inference,
    model,
    predictions,
    recording,
)
from stages.errors import InputError
from stages.files import fresh_folder
from stages.guessing import Guess
from stages.params import VisualizeParams, load_section

MOST_CLASSES = 10


def main(
    split: Path,
    checkpoint: Path,
    card: Path,
    curve: Path,
    calibration_table: Path,
    table: Path,
    samples: Path,
    plots: Path,
) -> None:
    params = load_section("visualize")
    hardware.prepare(load_section("compute"))
    trained = cards.load_checkpoint(checkpoint, card)
    test = images.read(split, "test", trained.data_set)
    answered = predictions.read_for(table, trained.data_set.classes, test)
    history, bins = curves.read(curve), calibration.read(calibration_table)
    chosen = choose_examples(test, trained.data_set.classes, params)
    fonts.tell(trained.data_set.classes)

    with fresh_folder(plots) as folder:
        draw_kernels(trained, folder, params)
        draw_feature_maps(trained, test, chosen, folder, params)
        draw_answers(test, answered, trained.data_set.classes, chosen, folder, params)
        described = cards.read(card)["data"]
        guess = Guess.from_card(described, str(card))
        draw_charts(history, answered, bins, described, guess, folder, params.dpi)

    recorder = recording.of_checkpoint(card)
    recording.curve(recorder, curve)
    recording.pictures(recorder, plots, samples)


def choose_examples(test: images.Subset, classes: list[str], params: VisualizeParams) -> list[int]:
    """The row of the example of each class, for at most ten classes."""
    rows = []
    for label, name in enumerate(classes[:MOST_CLASSES]):
        members = np.flatnonzero(test.labels == label)
        if params.example >= len(members):
            raise InputError(
                f"params.yaml: visualize.example is {params.example}, but the class {name!r} has {len(members)} test "
                f"images; give it a number from 0 to {len(members) - 1}"
            )
        rows.append(int(members[params.example]))
    return rows


def draw_kernels(trained: model.Checkpoint, folder: Path, params: VisualizeParams) -> None:
    for name, layer in trained.net.named_modules():
        if isinstance(layer, torch.nn.Conv2d):
            block = name.split(".")[0]
            weights = layer.weight.detach().numpy()
            galleries.kernels(weights, block, folder / f"kernels_{block}.png", params.dpi)


def draw_feature_maps(
    trained: model.Checkpoint, test: images.Subset, chosen: list[int], folder: Path, params: VisualizeParams
) -> None:
    linear = "norm" if trained.params.norm == "batch" else "convolution"
    for row in chosen:
        image = torch.from_numpy(test.images[row : row + 1].transpose(0, 3, 1, 2).copy())
        values = inference.responses(trained.net, image)
        label = int(test.labels[row])
        for earlier, block in pairwise(values):
            if not block.startswith("block"):
                continue
            before = _up_to(trained.net.get_submodule(block), linear, values[earlier])[0]
            steps = {f"after {linear}": before, "after ReLU": before.relu()}
            if trained.params.pool in ("max", "avg"):
                steps[f"after {trained.params.pool} pooling"] = values[block][0]
            title = f"Feature maps of {block} for n = 1 test image of the class {trained.data_set.classes[label]}"
            drawn = {name: maps.numpy() for name, maps in steps.items()}
            galleries.feature_maps(drawn, title, folder / f"maps_{block}_class{label}.png", params.dpi)


def _up_to(block: torch.nn.Module, last: str, values: torch.Tensor) -> torch.Tensor:
    """What the layers of `block` make of `values`, up to the one of the name `last`."""
    with torch.inference_mode():
        for name, layer in block.named_children():
            values = layer(values)
            if name == last:
                break
    return values


def draw_answers(
    test: images.Subset,
    answered: predictions.Predictions,
    classes: list[str],
    chosen: list[int],
    folder: Path,
    params: VisualizeParams,
) -> None:
    confidence = answered.probabilities.max(axis=1)

    def answer(row: int) -> galleries.Answer:
        actual, predicted = classes[answered.labels[row]], classes[answered.predicted[row]]
        return galleries.Answer(test.images[row], actual, predicted, float(confidence[row]))

    title = f"Test images, true and predicted class (n = {len(chosen)} of {len(test)})"
    galleries.answers([answer(row) for row in chosen], title, "", folder / "examples.png", params.dpi)
    wrong: NDArray[np.int64] = np.flatnonzero(answered.predicted != answered.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][: params.mistakes]
    title = f"Most confident mistakes: {len(worst)} of {len(wrong)}, among n = {len(test)} test images"
    nothing = "There is no mistake to show."
    galleries.answers([answer(int(row)) for row in worst], title, nothing, folder / "mistakes.png", params.dpi)


def draw_charts(
    history: list[curves.Epoch],
    answered: predictions.Predictions,
    bins: list[calibration.Bin],
    described: dict[str, Any],
    guess: Guess,
    folder: Path,
    dpi: int,
) -> None:
    classes = described["classes"]
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (answered.labels, answered.predicted), 1)
    sizes = (described["train_images"], described["val_images"])
    charts.training_curves(history, guess, sizes, folder / "curves.png", dpi)
    charts.confusion_matrix(counts, classes, folder / "confusion.png", dpi)
    charts.reliability(bins, folder / "calibration.png", dpi)


if __name__ == "__main__":
    command.run(main)
