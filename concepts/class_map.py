"""A network of convolutions alone learns from single symbols, then reads a whole board of noughts and crosses.

    python -m concepts.class_map --figures docs/concepts

Writes class_map.json and two pictures; a few minutes on two cores.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from concepts import board, lessons
from crosscheck.core import cli
from crosscheck.explain import receptive_fields
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.reporting import style

CHANNELS = [8, 8, 16, 16, 16]
EPOCHS = 4
TRAINED_ON = 1500
THRESHOLDS, DISTANCES = (0.5, 0.8, 0.95), (48, 64, 80, 96)
BOARDS_TO_CHOOSE, BOARDS_TO_TEST = range(1000, 1030), range(2000, 2100)


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    without, with_neither = learn(False), learn(True)
    threshold, apart = choose(look(with_neither, BOARDS_TO_CHOOSE))
    rule = {"threshold": threshold, "apart": apart}
    numbers = {
        **geometry(with_neither),
        "trained_on": TRAINED_ON,
        "epochs": EPOCHS,
        "boards": len(BOARDS_TO_TEST),
        "boards_to_choose": len(BOARDS_TO_CHOOSE),
        **rule,
        "two_classes": measure(look(without, BOARDS_TO_TEST), threshold, apart),
        "three_classes": measure(look(with_neither, BOARDS_TO_TEST), threshold, apart),
    }
    for name, trained in (("class_map", with_neither), ("class_map_two", without)):
        style.save(draw(trained, threshold, apart, BOARDS_TO_TEST[0]), figures / f"{name}.png")
    lessons.write(figures, "class_map", numbers)


def learn(with_neither: bool) -> Checkpoint:
    """Train on windows of 94 px, with or without the third class."""
    classes = [*lessons.CLASSES, "neither"][: len(lessons.CLASSES) + with_neither]
    described = lessons.data_set(board.WINDOW, classes)
    wanted = lessons.network(channels=CHANNELS[0], further_channels=CHANNELS[1:], norm="batch", head="convolution")
    train = board.windows(TRAINED_ON, 1, with_neither)
    net = lessons.trained(lambda: model.build(wanted, described), train, lessons.recipe(epochs=EPOCHS, batch_size=64))
    return Checkpoint(net, wanted, described)


def geometry(trained: Checkpoint) -> dict[str, Any]:
    """What one value of the map sees, and the sizes of the maps."""
    place = next(layer for layer in receptive_fields.list_layers(trained) if layer.name == "classify")
    drawn, _ = board.draw(0)
    rows, columns = board.class_map(trained.net, drawn).shape[1:]
    return {
        "parameters": model.parameter_count(trained.net),
        "field": place.height,
        "step": place.step,
        "board_px": drawn.shape[0],
        "map_rows": rows,
        "map_columns": columns,
    }


Looked = list[tuple[NDArray[np.float32], list[board.Mark]]]


def look(trained: Checkpoint, seeds: range) -> Looked:
    """The class map of each board, and its marks."""
    boards = (board.draw(seed) for seed in seeds)
    return [(board.class_map(trained.net, drawn), truth) for drawn, truth in boards]


def measure(looked: Looked, threshold: float, apart: int) -> dict[str, int]:
    """The counts of `board.compare`, added up over boards."""
    totals: dict[str, int] = {}
    for probabilities, truth in looked:
        for name, count in board.compare(board.find(probabilities, threshold, apart), truth).items():
            totals[name] = totals.get(name, 0) + count
    return totals


def choose(looked: Looked) -> tuple[float, int]:
    """The rule with the fewest errors on boards that are not used to measure it; the first of equals."""
    rules = [(threshold, apart) for threshold in THRESHOLDS for apart in DISTANCES]

    def errors(rule: tuple[float, int]) -> int:
        counts = measure(looked, *rule)
        return counts["wrong"] + counts["missed"] + counts["invented"]

    return min(rules, key=errors)


def draw(trained: Checkpoint, threshold: float, apart: int, seed: int) -> Figure:
    """A board with the marks that were found, and the map of each class."""
    drawn, _ = board.draw(seed)
    probabilities = board.class_map(trained.net, drawn)
    found = board.find(probabilities, threshold, apart)
    classes = trained.data_set.classes
    figure = style.new_figure((3.1 * (1 + len(classes)), 3.4))
    axes = figure.subplots(1, 1 + len(classes))
    figure.suptitle(
        f"One board, {drawn.shape[1]} x {drawn.shape[0]} px, and its map of {len(classes)} classes", fontsize=11
    )
    axes[0].imshow(~drawn, cmap=style.colormap("gray"), vmin=0, vmax=1)
    colors, shapes = (style.BLUE, style.VERMILION), "ox"
    for mark in found:
        look = {"marker": shapes[mark.kind], "color": colors[mark.kind], "markersize": 11, "markeredgewidth": 2.5}
        axes[0].plot(mark.x, mark.y, fillstyle="none", linestyle="none", **look)
    axes[0].set_title(f"{len(found)} marks found", fontsize=9)
    for axis, name, values in zip(axes[1:], classes, probabilities, strict=True):
        image = show_map(axis, values, drawn)
        axis.set_title(f"probability of {name}", fontsize=9)
    figure.colorbar(image, ax=axes[-1], label="probability")
    for axis in axes:
        axis.set_xlabel("px")
    axes[0].set_ylabel("px")
    return figure


def show_map(axis: Any, values: NDArray[np.float32], drawn: NDArray[np.bool_]) -> Any:
    """The map over the board, each value in the middle of what it sees."""
    first = (board.WINDOW - board.STEP) / 2
    rows, columns = values.shape
    extent = (first, first + columns * board.STEP, first + rows * board.STEP, first)
    image = axis.imshow(values, cmap=style.colormap("viridis"), vmin=0, vmax=1, extent=extent, interpolation="nearest")
    axis.contour(drawn, levels=[0.5], colors="white", linewidths=0.7)
    axis.set_xlim(0, drawn.shape[1])
    axis.set_ylim(drawn.shape[0], 0)
    return image


if __name__ == "__main__":
    cli.run(main)
