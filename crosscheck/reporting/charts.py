"""The charts: training curves, confusion matrix, calibration.

Each function returns its figure; `style.save` writes it.
"""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from crosscheck.data.guessing import Guess
from crosscheck.evaluation.calibration import Bin, expected_calibration_error
from crosscheck.evaluation.counts import exact_interval
from crosscheck.reporting.style import BLUE, GREEN, GREY, VERMILION, colormap, new_figure, shown
from crosscheck.training.curves import Epoch

MOST_COUNTS = 30
MOST_MARKERS = 60


def draw_training_curves(history: list[Epoch], guess: Guess, sizes: tuple[int, int], kept: int | None = None) -> Figure:
    """Loss and accuracy by epoch, and what guessing gives; `sizes`: training and validation images.

    `kept`: the epoch whose network is kept, marked by a line; None where that is the last one anyway.
    """
    train_n, val_n = sizes
    figure = new_figure((9, 3.8))
    val_text = f"n = {val_n} validation images" if val_n else "no validation images"
    figure.suptitle(f"Training curves (n = {train_n} training images, {val_text})", fontsize=11)
    loss, accuracy = figure.subplots(1, 2)
    epochs = [epoch.epoch for epoch in history]
    size = 3 if len(history) <= MOST_MARKERS else 0
    # Without markers, colour alone would tell the lines apart.
    style = "-" if size else "--"
    for axis, figure_name in ((loss, "loss"), (accuracy, "accuracy")):
        train = [getattr(epoch, f"train_{figure_name}") for epoch in history]
        axis.plot(epochs, train, color=BLUE, marker="o", markersize=size, label="training, mean over the epoch")
        if val_n:
            val = [getattr(epoch, f"val_{figure_name}") for epoch in history]
            look = {"color": VERMILION, "linestyle": style, "marker": "s", "markersize": size}
            axis.plot(epochs, val, **look, label="validation, after the epoch")
        if kept is not None:
            label = f"epoch kept: {kept}, with the lowest validation loss"
            axis.axvline(kept, color=GREEN, linestyle="--", linewidth=1, label=label)
        axis.set_xlabel("epoch")
        axis.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(alpha=0.3)
    classes = len(guess.counts)
    loss.axhline(guess.loss, color=GREY, linestyle=":", label=f"{guess.name}: {guess.shown}")
    constant = f"equal odds: 1/{classes}" if guess.even else f"always the most frequent class: {guess.accuracy:.3f}"
    accuracy.axhline(guess.accuracy, color=GREY, linestyle=":", label=constant)
    loss.set_ylabel(f"{'weighted ' * guess.balanced}cross entropy (nats)")
    loss.set_ylim(bottom=0)
    accuracy.set_ylabel("accuracy")
    accuracy.set_ylim(min(0.95 / classes, min(epoch.train_accuracy for epoch in history) - 0.02), 1.02)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    for axis in (loss, accuracy):
        axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=1, frameon=False)
    return figure


def draw_confusion_matrix(counts: NDArray[np.int64], classes: list[str]) -> Figure:
    """Counts of true against predicted classes, int64 (classes, classes); printed in the cells up to 30 classes."""
    side = min(12.0, 2.6 + 0.55 * len(classes))
    figure = new_figure((side + 1.2, side))
    axis = figure.subplots()
    drawn = axis.imshow(counts, cmap=colormap("Blues"), vmin=0)
    figure.colorbar(drawn, ax=axis, label="test images", shrink=0.8)
    right = int(counts.trace())
    axis.set_title(f"Confusion matrix: {right} of n = {counts.sum()} test images right", fontsize=10)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class")
    if len(classes) <= MOST_COUNTS:
        names = [shown(name, 20) for name in classes]
        axis.set_xticks(range(len(names)), names, rotation=0 if len(names) < 5 else 90)
        axis.set_yticks(range(len(names)), names)
        size = 10 if len(names) <= 12 else 6
        for row, column in np.ndindex(*counts.shape):
            color = "white" if counts[row, column] > counts.max() / 2 else "black"
            axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=size)
    else:
        axis.set_xlabel("predicted class, by number")
        axis.set_ylabel("true class, by number")
    return figure


def draw_reliability(bins: list[Bin], classes: int) -> Figure:
    """Accuracy against confidence, bin by bin, above the number of images in each bin.

    The confidence in the most probable of `classes` is at least 1 / classes, so the axis begins there.
    """
    figure = new_figure((5.5, 5.5))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    n = sum(each.n for each in bins)
    title = f"Calibration on n = {n} test images\nexpected calibration error {expected_calibration_error(bins):.2%}"
    figure.suptitle(title, fontsize=11)
    least = 1 / classes
    edge = 0.02 * (1 - least)
    upper.plot([least, 1], [least, 1], color=GREY, linestyle=":", label="confidence = accuracy")
    confidence, accuracy = [each.confidence for each in bins], [each.accuracy for each in bins]
    intervals = np.array([exact_interval(round(each.accuracy * each.n), each.n) for each in bins])
    # Rounded figures may lie outside of their interval by a hair.
    errors = np.abs(intervals.T - accuracy)
    upper.errorbar(confidence, accuracy, errors, color=BLUE, fmt="o", label="test images by bin, 95 % interval")
    upper.set_ylabel("accuracy in the bin")
    upper.set_ylim(-0.03, 1.03)
    upper.yaxis.set_major_formatter(PercentFormatter(1))
    lower.bar(confidence, [each.n for each in bins], width=edge, color=GREEN)
    lower.set_yscale("symlog", linthresh=1)
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    lower.set_ylim(bottom=0)
    lower.set_ylabel("images")
    lower.set_xlabel(f"mean confidence in the predicted class (equal odds: {100 * least:.3g}%)")
    lower.set_xlim(least - edge, 1 + edge)
    lower.xaxis.set_major_formatter(PercentFormatter(1))
    for axis in (upper, lower):
        axis.grid(alpha=0.3)
    upper.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, 1.12), ncols=2)
    return figure
