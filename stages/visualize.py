"""Draws what the network learnt and how it fares: kernels, feature maps, training curves, mistakes, calibration.

    python -m stages.visualize --split data/split --checkpoint models/model.pt --card models/model.json \\
        --curve metrics/curve.csv --calibration metrics/calibration.csv \\
        --predictions metrics/predictions.csv --plots plots

Answers come from the table that `evaluate` wrote; the network runs only for the feature maps.
"""

from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crosscheck.core import cli, devices
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder
from crosscheck.core.params import VisualizeParams, load_section
from crosscheck.data import dataset
from crosscheck.evaluation.calibration import Bin, read_bins
from crosscheck.evaluation.metrics import count_confusions
from crosscheck.evaluation.predictions import Predictions, read_predictions_for
from crosscheck.network import inference, model_card
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.model_card import CardData
from crosscheck.reporting import charts, fonts, image_grids, style
from crosscheck.reporting.style import NamedFigures
from crosscheck.training import curves

MOST_CLASSES = 10


def main(
    split: Path,
    checkpoint: Path,
    card: Path,
    curve: Path,
    calibration: Path,
    predictions: Path,
    plots: Path,
) -> None:
    params = load_section("visualize")
    devices.prepare(load_section("compute"))
    trained = model_card.load_trained(checkpoint, card)
    test = dataset.read(split, "test", trained.data_set)
    answered = read_predictions_for(predictions, trained.data_set.classes, test)
    history, bins = curves.read(curve), read_bins(calibration)
    chosen = choose_examples(test, trained.data_set.classes, params)
    fonts.tell(trained.data_set.classes)

    pictures = chain(
        draw_kernels(trained),
        draw_feature_maps(trained, test, chosen),
        draw_answers(test, answered, trained.data_set.classes, chosen, params.mistakes),
        draw_charts(history, answered, bins, model_card.read_card(card).data),
    )
    with fresh_folder(plots) as folder:
        style.save_all(pictures, folder, params.dpi)


def choose_examples(test: dataset.Subset, classes: list[str], params: VisualizeParams) -> list[int]:
    """The row of the example of each class, for at most ten classes, of those that have a test image."""
    rows = []
    # The author of a folder may have put no image of a class into the test set.
    for label in np.unique(test.labels)[:MOST_CLASSES]:
        members = np.flatnonzero(test.labels == label)
        if params.example >= len(members):
            raise InputError(
                f"params.yaml: visualize.example is {params.example}, but the class {classes[label]!r} has "
                f"{len(members)} test images; give it a number from 0 to {len(members) - 1}"
            )
        rows.append(int(members[params.example]))
    return rows


def draw_kernels(trained: Checkpoint) -> NamedFigures:
    for name, layer in trained.net.named_modules():
        if isinstance(layer, torch.nn.Conv2d):
            block = name.split(".")[0]
            yield f"kernels_{block}", image_grids.draw_kernels(layer.weight.detach().numpy(), block)


def draw_feature_maps(trained: Checkpoint, test: dataset.Subset, chosen: list[int]) -> NamedFigures:
    linear = "norm" if trained.params.norm == "batch" else "convolution"
    for row in chosen:
        image = torch.from_numpy(test.images[row : row + 1].transpose(0, 3, 1, 2).copy())
        values = inference.responses(trained.net, image)
        label = int(test.labels[row])
        for earlier, block in pairwise(values):
            if not block.startswith("block"):
                continue
            layers = trained.net.get_submodule(block)
            before = _up_to(layers, linear, values[earlier])[0]
            steps = {f"after {linear}": before, "after ReLU": before.relu()}
            if hasattr(layers, "pool"):
                steps[f"after {trained.params.pool} pooling"] = values[block][0]
            title = f"Feature maps of {block} for n = 1 test image of the class {trained.data_set.classes[label]}"
            drawn = {name: maps.numpy() for name, maps in steps.items()}
            yield f"maps_{block}_class{label}", image_grids.draw_feature_maps(drawn, title)


def _up_to(block: torch.nn.Module, last: str, values: torch.Tensor) -> torch.Tensor:
    """What the layers of `block` make of `values`, up to the one of the name `last`."""
    with torch.inference_mode():
        for name, layer in block.named_children():
            values = layer(values)
            if name == last:
                break
    return values


def draw_answers(
    test: dataset.Subset, answered: Predictions, classes: list[str], chosen: list[int], most_mistakes: int
) -> NamedFigures:
    confidence = answered.probabilities.max(axis=1)

    def answer(row: int) -> image_grids.AnsweredImage:
        actual, predicted = classes[answered.labels[row]], classes[answered.predicted[row]]
        return image_grids.AnsweredImage(test.images[row], actual, predicted, float(confidence[row]))

    title = f"Test images, true and predicted class (n = {len(chosen)} of {len(test)})"
    yield "examples", image_grids.draw_answers([answer(row) for row in chosen], title, "")
    wrong: NDArray[np.int64] = np.flatnonzero(answered.predicted != answered.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:most_mistakes]
    title = f"Most confident mistakes: {len(worst)} of {len(wrong)}, among n = {len(test)} test images"
    nothing = "There is no mistake to show."
    yield "mistakes", image_grids.draw_answers([answer(int(row)) for row in worst], title, nothing)


def draw_charts(
    history: list[curves.Epoch], answered: Predictions, bins: list[Bin], described: CardData
) -> NamedFigures:
    classes = described.classes
    counts = count_confusions(answered.predicted, answered.labels, len(classes))
    sizes = (described.train_images, described.val_images)
    yield "curves", charts.draw_training_curves(history, described.guess, sizes)
    yield "confusion", charts.draw_confusion_matrix(counts, classes)
    yield "calibration", charts.draw_reliability(bins)


if __name__ == "__main__":
    cli.run(main)
