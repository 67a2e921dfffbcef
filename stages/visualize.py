"""Draws what the network learnt and how good it is: kernels, feature maps, training curves, mistakes, calibration.

    python -m stages.visualize --split data/split --checkpoint models/model.pt --card models/model.json \\
        --curve metrics/curve.csv --calibration metrics/calibration.csv \\
        --predictions metrics/predictions.csv --suspects metrics/suspect_labels.csv --plots plots \\
        --suspects_picture data/suspect_labels.png

Answers and suspect labels come from the tables that `evaluate` wrote; the network runs only for the feature maps. Where
the training images were changed at random, a picture shows some of them as they were in the first epochs.
"""

from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosscheck.core import cli, devices
from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder
from crosscheck.core.params import VisualizeParams, load_section
from crosscheck.data import dataset
from crosscheck.evaluation.calibration import Bin, read_bins
from crosscheck.evaluation.counts import count_confusions
from crosscheck.evaluation.predictions import Predictions, read_predictions_for
from crosscheck.evaluation.suspect_labels import Suspect, read_suspects
from crosscheck.network import inference, model, model_card
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.model_card import Description, ModelCard
from crosscheck.reporting import charts, fonts, image_grids, style, suspect_labels
from crosscheck.reporting.style import NamedFigures
from crosscheck.training import curves
from crosscheck.training.augmentation import Augmentation, build_augmentation

MOST_CLASSES = 10
SHOWN_EPOCHS = 7


def main(
    split: Path,
    checkpoint: Path,
    card: Path,
    curve: Path,
    calibration: Path,
    predictions: Path,
    suspects: Path,
    plots: Path,
    suspects_picture: Path,
) -> None:
    params = load_section("visualize")
    devices.prepare(load_section("compute"))
    trained = model_card.load_trained(checkpoint, card)
    test = dataset.read(split, "test", trained.data_set)
    answered = read_predictions_for(predictions, trained.data_set.classes, test)
    history, bins = curves.read(curve), read_bins(calibration)
    described = model_card.read_card(card)
    examined = {"test": test, "val": dataset.read(split, "val", trained.data_set)}
    chosen = choose_examples(test, trained.data_set.classes, params)
    fonts.tell(trained.data_set.classes)

    pictures = chain(
        draw_kernels(trained),
        draw_feature_maps(trained, test, chosen),
        draw_answers(test, answered, trained.data_set.classes, chosen, params.mistakes),
        draw_charts(history, answered, bins, described),
        draw_augmentation(described, trained.data_set, split),
    )
    with fresh_folder(plots) as folder:
        style.save_all(pictures, folder, params.dpi)
    style.save(draw_suspects(examined, read_suspects(suspects), params.mistakes), suspects_picture, params.dpi)


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
    """Those of each convolution; of a backbone those of the first alone, the only ones that look at colours."""
    drawn: set[str] = set()
    for name, layer in trained.net.named_modules():
        block = name.split(".")[0]
        if isinstance(layer, torch.nn.Conv2d) and not (block == "backbone" and block in drawn):
            drawn.add(block)
            yield f"kernels_{block}", image_grids.draw_kernels(layer.weight.detach().numpy(), block)


def draw_feature_maps(trained: Checkpoint, test: dataset.Subset, chosen: list[int]) -> NamedFigures:
    linear = "norm" if trained.params.norm == "batch" else "convolution"
    for row in chosen:
        image = torch.from_numpy(test.images[row : row + 1].transpose(0, 3, 1, 2).copy())
        values = inference.responses(trained.net, image)
        label = int(test.labels[row])
        for earlier, block in pairwise(values):
            if not block.startswith(model.MAPS):
                continue
            if block == "backbone":
                steps = {"last maps": values[block][0]}
            else:
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
        return image_grids.AnsweredImage(
            test.images[row], actual, predicted, float(confidence[row]), answered.paths[row]
        )

    title = f"Test images, true and predicted class (n = {len(chosen)} of {len(test)})"
    yield "examples", image_grids.draw_answers([answer(row) for row in chosen], title, "")
    wrong: NDArray[np.int64] = np.flatnonzero(answered.predicted != answered.labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:most_mistakes]
    title = f"Most confident mistakes: {len(worst)} of {len(wrong)}, among n = {len(test)} test images"
    nothing = "There is no mistake to show."
    yield "mistakes", image_grids.draw_answers([answer(int(row)) for row in worst], title, nothing)


def draw_suspects(examined: dict[str, dataset.Subset], found: list[Suspect], most: int) -> Figure:
    """The images, by subset, whose labels the network doubts most: `most` of those found."""
    images = [examined[each.subset].images[each.row] for each in found[:most]]
    among = f"n = {sum(map(len, examined.values()))} test and validation images"
    return suspect_labels.draw_suspects(found, images, "the network doubts", among)


def draw_charts(
    history: list[curves.Epoch], answered: Predictions, bins: list[Bin], described: Description
) -> NamedFigures:
    classes, keep = described.data.classes, described.train.keep
    counts = count_confusions(answered.predicted, answered.labels, len(classes))
    sizes = (described.data.train_images, described.data.val_images)
    kept = curves.kept(history, keep).epoch if keep == "best" else None
    yield "curves", charts.draw_training_curves(history, described.guess, sizes, kept)
    yield "confusion", charts.draw_confusion_matrix(counts, classes)
    yield "calibration", charts.draw_reliability(bins, len(classes))


def draw_augmentation(described: ModelCard, data_set: dataset.DataSet, split: Path) -> NamedFigures:
    """The first training image of each class as each of the first epochs had it; nothing where none was changed."""
    augmentation = build_augmentation(described.augment, described.train.seed, data_set.background)
    if augmentation is None:
        return
    train, _ = dataset.read_to_train(split, data_set, described.train.images_per_class)
    labels = np.unique(train.labels)[:MOST_CLASSES]
    rows = np.array([np.flatnonzero(train.labels == label)[0] for label in labels])
    series = _as_trained(train, rows, augmentation, min(SHOWN_EPOCHS, described.train.epochs))
    drawn = {data_set.classes[label]: images for label, images in zip(labels, series, strict=True)}
    wanted = ", ".join(f"{name} {value:g}" for name, value in described.augment.model_dump().items() if value)
    title = f"Training images as the network saw them (n = {len(rows)} of {len(train)}; {wanted})"
    yield "augmentation", image_grids.draw_changes(drawn, title)


def _as_trained(
    train: dataset.Subset, rows: NDArray[np.int64], augmentation: Augmentation, epochs: int
) -> NDArray[np.uint8]:
    """The images of `rows` as they are, then as in each epoch: uint8 (rows, 1 + epochs, height, width, channels)."""
    images, _ = inference.batch(train, rows, torch.device("cpu"))
    changed = [augmentation.draw(epoch, len(train)).apply(images, rows) for epoch in range(1, epochs + 1)]
    return torch.stack([images, *changed], dim=1).permute(0, 1, 3, 4, 2).numpy()


if __name__ == "__main__":
    cli.run(main)
