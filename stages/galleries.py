"""The pictures made of images: samples, kernels, feature maps, examples and mistakes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from stages.canvas import DEFAULT_DPI, VERMILION, grid, save, show_image, shown
from stages.images import DataSet, Subset

MOST_CLASSES = 20
MOST_CHANNELS = 36
SIGNED, POSITIVE = "RdBu_r", "viridis"


@dataclass(frozen=True)
class Answer:
    """What the network said of one image: uint8 (height, width, channels), its classes by name, its confidence."""

    image: NDArray[np.uint8]
    actual: str
    predicted: str
    confidence: float


def sample_sheet(train: Subset, data_set: DataSet, per_class: int, file: Path) -> None:
    """The first training images of each class, a row for each of at most 20 classes."""
    classes = data_set.classes[:MOST_CLASSES]
    more = "" if len(classes) == len(data_set.classes) else f", {len(classes)} of {len(data_set.classes)} classes"
    title = f"Samples of each class (of n = {len(train)} training images{more})"
    figure, axes = grid(len(classes), per_class, 1.3, 1.3, title)
    for label, name in enumerate(classes):
        axes[label, 0].set_ylabel(shown(name, 18), fontsize=10)
        for axis, row in zip(axes[label], np.flatnonzero(train.labels == label)[:per_class], strict=False):
            show_image(axis, train.images[row])
    save(figure, file, DEFAULT_DPI)


def kernels(weights: NDArray[np.float32], layer: str, file: Path, dpi: int) -> None:
    """The kernels of one convolution, (out, in, height, width), on one scale that is symmetric about 0."""
    outputs, inputs = weights.shape[:2]
    shown_weights = weights[:MOST_CHANNELS, :MOST_CHANNELS]
    if inputs == 1:
        columns = min(outputs, 9)
        cells = list(shown_weights[:, 0])
        labels = [f"channel {number}" for number in range(len(cells))]
        rows = -(-len(cells) // columns)
    else:
        rows, columns = shown_weights.shape[:2]
        cells = list(shown_weights.reshape(-1, *weights.shape[2:]))
        labels = [f"in {number}" if number < columns else "" for number in range(len(cells))]
    cut = "" if max(outputs, inputs) <= MOST_CHANNELS else f", the first {MOST_CHANNELS} channels"
    title = f"Kernels of {layer}: n = {outputs} x {inputs} of {weights.shape[2]} x {weights.shape[3]} weights{cut}"
    figure, axes = grid(rows, columns, 0.75, 0.85, title)
    limit = float(np.abs(shown_weights).max()) or 1.0
    for axis, kernel, label in zip(axes.flat, cells, labels, strict=False):
        axis.imshow(kernel, cmap=SIGNED, vmin=-limit, vmax=limit)
        axis.set_title(label, fontsize=7)
    for axis in axes.flat[len(cells) :]:
        axis.set_visible(False)
    if inputs > 1:
        for number, axis in enumerate(axes[:, 0]):
            axis.set_ylabel(f"out {number}", fontsize=7)
    scale = ScalarMappable(Normalize(-limit, limit), SIGNED)
    figure.colorbar(scale, ax=axes, label="weight", shrink=min(1.0, 0.5 + 0.1 * rows), aspect=15)
    save(figure, file, dpi)


def feature_maps(steps: dict[str, NDArray[np.float32]], title: str, file: Path, dpi: int) -> None:
    """The maps of one block, a row for each step: (channels, height, width) by the step's name.

    A row has one scale for all of its channels: symmetric where values are signed, from 0 where none is negative.
    Channels that are 0 everywhere are marked, so that an empty map is not taken for a weak one.
    """
    channels = min(MOST_CHANNELS, max(len(maps) for maps in steps.values()))
    total = max(len(maps) for maps in steps.values())
    cut = "" if channels == total else f", the first {channels} of {total} channels"
    figure, axes = grid(len(steps), channels, 1.15, 1.35, title + cut)
    for row, (name, maps) in zip(axes, steps.items(), strict=True):
        signed = bool((maps < 0).any())
        limit = float(np.abs(maps).max()) or 1.0
        low, colors = (-limit, SIGNED) if signed else (0.0, POSITIVE)
        for channel, axis in enumerate(row):
            axis.imshow(maps[channel], cmap=colors, vmin=low, vmax=limit, interpolation="nearest")
            dead = not maps[channel].any()
            axis.set_title(
                f"{channel}: all 0" if dead else str(channel), fontsize=7, color=VERMILION if dead else "black"
            )
        row[0].set_ylabel(f"{name}\n{maps.shape[1]} x {maps.shape[2]} px", fontsize=7)
        bar = figure.colorbar(ScalarMappable(Normalize(low, limit), colors), ax=list(row), aspect=10, pad=0.01)
        bar.ax.tick_params(labelsize=6)
    save(figure, file, dpi)


def answers(shown_answers: list[Answer], title: str, nothing: str, file: Path, dpi: int) -> None:
    """Images with their true and their predicted class; `nothing` is said where there is none."""
    columns = min(4, max(1, len(shown_answers)))
    rows = max(1, -(-len(shown_answers) // columns))
    figure, axes = grid(rows, columns, 2.3, 2.5, title)
    for axis, answer in zip(axes.flat, shown_answers, strict=False):
        show_image(axis, answer.image)
        wrong = answer.actual != answer.predicted
        label = (
            f"true: {shown(answer.actual, 18)}\npredicted: {shown(answer.predicted, 18)}\n"
            f"confidence {answer.confidence:.1%}"
        )
        axis.set_xlabel(label, fontsize=8, color=VERMILION if wrong else "black")
    for axis in axes.flat[len(shown_answers) :]:
        axis.set_visible(False)
    if not shown_answers:
        figure.text(0.5, 0.45, nothing, ha="center", fontsize=10)
    save(figure, file, dpi)
