"""The pictures of a study: every run as a dot, convergence, robustness, accuracy by training images, hard images.

Each function returns its figure; `style.save` writes it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from crosscheck.reporting.style import (
    BLUE,
    GREY,
    VERMILION,
    fit_height,
    grid,
    new_figure,
    show_image,
    shown,
)
from crosscheck.study.analysis import Size
from crosscheck.study.corruptions import GRID, UNITS
from crosscheck.study.intervals import Estimate, Survival
from crosscheck.study.looks import Look
from crosscheck.study.runs import Run, all_equal_odds


def draw_dots(runs: Mapping[str, Sequence[Run]], means: Mapping[str, Estimate | None], confidence: float) -> Figure:
    """Test accuracy of every run, a line for each variant: as a whole, and where those that converged are."""
    count = len(runs)
    figure = new_figure((9, 1.4 + 0.3 * count))
    whole, near = figure.subplots(1, 2, sharey=True, width_ratios=[1, 2])
    for line, (name, each) in enumerate(runs.items()):
        for axis in (whole, near):
            _draw_runs(axis, line, each, means[name])
    converged = [run.accuracy for each in runs.values() for run in each if not run.failed]
    lowest = min(converged, default=0.0)
    whole.set_xlim(-0.03, 1.03)
    near.set_xlim(lowest - 0.04 * (1 - lowest) - 0.001, 1 + 0.04 * (1 - lowest) + 0.001)
    near.set_title("the range of those that converged", fontsize=9)
    whole.set_title("all runs", fontsize=9)
    labels = [f"{shown(name, 24)} (n = {len(each)})" for name, each in runs.items()]
    whole.set_yticks(range(count), labels, fontsize=8)
    whole.set_ylim(count - 0.4, -0.6)
    _mark_chance(whole.axvline, average_chance(runs))
    whole.legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0, 1.03))
    for axis in (whole, near):
        axis.set_xlabel("test accuracy", fontsize=9)
        axis.xaxis.set_major_formatter(PercentFormatter(1))
        axis.grid(alpha=0.3)
    total = sum(map(len, runs.values()))
    figure.suptitle(
        f"Every run is a dot (n = {total}); × failed to converge and is in no mean; "
        f"bar: mean with {confidence:.0%} interval",
        fontsize=10,
    )
    return figure


def _draw_runs(axis: Axes, line: int, runs: Sequence[Run], mean: Estimate | None) -> None:
    for failed, marker, color in ((False, "o", BLUE), (True, "x", VERMILION)):
        found = [(run.accuracy, line + 0.22 * ((run.planned.seed % 5) - 2) / 2) for run in runs if run.failed == failed]
        for accuracy, height in found:
            face = "none" if marker == "o" else color
            axis.scatter(accuracy, height, marker=marker, s=18, edgecolors=None if failed else color, facecolors=face)
    if mean is not None:
        errors = [[max(0.0, mean.value - mean.low)], [max(0.0, mean.high - mean.value)]]
        axis.errorbar(mean.value, line, xerr=errors, color="black", fmt="|", capsize=3, linewidth=1.2)


def average_chance(runs: Mapping[str, Sequence[Run]]) -> float:
    """The accuracy of always answering the most frequent class of the test images, on average over the runs."""
    return float(np.mean([run.guessing for each in runs.values() for run in each]))


def _mark_chance(draw: Callable[..., object], chance: float) -> None:
    draw(chance, color=GREY, linestyle=":", linewidth=1, label=f"chance: {chance:.1%}")


def draw_survival(
    found: Mapping[str, Survival], epochs: Mapping[str, int], target: float, looks: Mapping[str, Look]
) -> Figure:
    """The share of runs that have not reached the target yet, by epoch."""
    figure = new_figure((6.5, 3.6))
    axis = figure.subplots()
    for number, (name, each) in enumerate(found.items()):
        color, line = looks[name].color, looks[name].line
        steps = [0.0, *each.epochs, float(epochs[name])]
        values = [1.0, *each.remaining, (each.remaining or [1.0])[-1]]
        label = f"{shown(name, 24)}: {each.reached} of {each.n}"
        width = 3.4 - 0.6 * number if number < 4 else 1.2
        axis.step(steps, values, where="post", color=color, linestyle=line, linewidth=width, label=label)
        if each.reached < each.n:
            axis.plot(steps[-1], values[-1], marker="|", color=color, markersize=11)
    axis.set_xlabel("epoch")
    axis.set_ylabel("runs not there yet")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_ylim(-0.03, 1.05)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8, title="reached it", title_fontsize=8)
    figure.suptitle(
        f"Until {100 * target:g} % of the validation images are right (Kaplan–Meier; a bar: censored)", fontsize=10
    )
    return figure


def draw_robustness(runs: Mapping[str, Sequence[Run]], looks: Mapping[str, Look], chance: float) -> Figure:
    """Mean accuracy of the converged runs on distorted test images, with the range of the runs, for each distortion.

    The legend also names a variant none of whose runs converged, and says of how many runs a mean is.
    """
    figure = new_figure((10, 6))
    axes = figure.subplots(2, 3, sharey=True)
    kept = {name: [run for run in each if not run.failed] for name, each in runs.items()}
    for axis, kind in zip(axes.flat, UNITS, strict=True):
        for name, each in kept.items():
            total = len(runs[name])
            label = f"{shown(name, 24)} (n = {len(each)}{'' if len(each) == total else f' of {total}'})"
            _draw_corruption(axis, kind, each, looks[name], label)
        _mark_chance(axis.axhline, chance)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.set_title(kind, fontsize=10)
        axis.set_xlabel(UNITS[kind], fontsize=7)
        axis.set_ylim(-0.03, 1.03)
        axis.grid(alpha=0.3)
    for axis in axes[:, 0]:
        axis.set_ylabel("test accuracy", fontsize=9)
    if handles := axes[0, 0].get_legend_handles_labels()[0]:
        axes[0, 0].legend(handles=handles, frameon=False, fontsize=7, loc="lower left")
    figure.suptitle(
        "Corrupted test images: mean of the runs that converged, shaded from the worst to the best", fontsize=10
    )
    return figure


def _draw_corruption(axis: Axes, kind: str, runs: Sequence[Run], look: Look, label: str) -> None:
    """The mean accuracy of one variant's converged runs at each level, with their range; its legend alone without."""
    levels = GRID[kind]
    # Two levels, such as swapped or not, are not a quantity: there is nothing between them to draw a line through.
    two = len(levels) == 2
    drawn: dict[str, Any] = {"color": look.color, "marker": look.marker, "linestyle": "none" if two else look.line}
    if not runs:
        axis.plot([], [], label=label, markersize=4, **drawn)
        return
    curves = np.array([run.result.robustness[kind].accuracy for run in runs])
    mean, low, high = curves.mean(0), curves.min(0), curves.max(0)
    axis.plot(levels, mean, label=label, markersize=4, **drawn)
    if two:
        axis.errorbar(levels, mean, yerr=[mean - low, high - mean], color=look.color, fmt="none", capsize=3)
        axis.set_xlim(levels[0] - 0.5, levels[-1] + 0.5)
        axis.set_xticks(levels)
    else:
        axis.fill_between(levels, low, high, color=look.color, alpha=0.12, linewidth=0)
    if kind in ("shift", "noise"):
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def draw_losses(runs: Mapping[str, Sequence[Run]]) -> Figure:
    """The training loss of every run by epoch, a panel for each variant, with the plateau's height."""
    columns = 4
    rows = -(-len(runs) // columns)
    figure = new_figure((10, 0.6 + 1.9 * rows))
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axis, (name, each) in zip(axes.flat, runs.items(), strict=False):
        guess = each[0].guess
        for run in each:
            curve = run.result.curve
            look = {"color": VERMILION, "linestyle": "--"} if run.failed else {"color": BLUE}
            axis.plot(curve.epoch, curve.train_loss, linewidth=1, alpha=0.8, **look)
        axis.axhline(guess.loss, color=GREY, linestyle=":", linewidth=1)
        axis.set_title(f"{shown(name, 24)} (n = {len(each)})", fontsize=8)
        axis.set_yscale("log")
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(runs) :]:
        axis.set_visible(False)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("training loss, nats", fontsize=9)
    plateau = "ln(classes)" if all_equal_odds(runs) else "guessing by class shares"
    figure.suptitle(
        f"Every run's loss; dotted: the plateau, {plateau}; red and dashed: failed to converge", fontsize=10
    )
    return figure


def draw_sizes(lines: Mapping[str, Sequence[Size]], looks: Mapping[str, Look], chance: float) -> Figure:
    """Test accuracy by the number of training images."""
    figure = new_figure((6.5, 4))
    axis = figure.subplots()
    for name, points in lines.items():
        color = looks[name].color
        for point in points:
            axis.scatter([point.images] * len(point.accuracies), point.accuracies, s=12, color=color, alpha=0.5)
        known = [(point.images, point.mean) for point in points if point.mean is not None]
        means = np.array([[mean.value, mean.value - mean.low, mean.high - mean.value] for _, mean in known]).T
        at = [images for images, _ in known]
        if known:
            counts = [len(point.accuracies) for point in points]
            label = f"{shown(name, 24)} (n = {min(counts)} to {max(counts)})"
            errors = np.maximum(0, means[1:])
            axis.errorbar(at, means[0], yerr=errors, color=color, linestyle=looks[name].line, capsize=3, label=label)
    # Variants with equal numbers of training images may be tested on other images: each of their baselines is shown.
    neighbours = sorted({(point.images, point.neighbour) for points in lines.values() for point in points})
    axis.plot(*zip(*neighbours, strict=True), color="black", marker="*", linewidth=0.8, label="nearest neighbour")
    _mark_chance(axis.axhline, chance)
    axis.set_xscale("log")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_xticks([images for images, _ in neighbours], [str(images) for images, _ in neighbours], minor=False)
    axis.minorticks_off()
    axis.set_xlabel("training images")
    axis.set_ylabel("test accuracy")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)
    figure.suptitle("What a smaller training set is worth: runs that converged, mean and interval", fontsize=10)
    return figure


def draw_hardest(images: NDArray[np.uint8], captions: Sequence[str]) -> Figure:
    """The images that most runs got wrong, uint8 (n, height, width, channels)."""
    width = 2.2
    height = fit_height(images[0], width) + 0.4
    figure, axes = grid(1, len(images), width, height, "The images that most runs get wrong", margin=0.2, head=0.15)
    for axis, image, caption in zip(axes.flat, images, captions, strict=True):
        show_image(axis, image)
        axis.set_xlabel(caption, fontsize=7)
    return figure
