"""The pictures made of images: samples, kernels, feature maps, examples and mistakes.

Each function returns its figure; `style.save` writes it.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from crosscheck.data.dataset import DataSet, Subset
from crosscheck.reporting.style import (
    EDGE,
    MOST_CHANNELS,
    POSITIVE,
    SIGNED,
    VERMILION,
    colormap,
    fit_height,
    grid,
    show_image,
    shown,
    shown_path,
)

MOST_CLASSES = 20
# More maps in a row would be too small where a page shows the picture at its own width.
MAPS_IN_A_ROW, KERNELS_IN_A_ROW, IMAGES_IN_A_ROW = 6, 9, 4
# A line below an image and the space around all of them, in inches.
LINE, AROUND = 0.15, 0.1
# The width of a map in inches; between maps and, for two lines, above each, as shares of it.
MAP_SIDE, SPACE, LABEL_SPACE = 1.12, 0.07, 0.34
HAIR = 0.01


@dataclass(frozen=True)
class AnsweredImage:
    """What the network said of one image: uint8 (height, width, channels), its classes by name, its confidence.

    `path`: the image's file in the user's folder.
    """

    image: NDArray[np.uint8]
    actual: str
    predicted: str
    confidence: float
    path: str


@dataclass(frozen=True)
class CaptionedImage:
    """An image, uint8 (height, width, channels), with the lines that stand below it, and their colour."""

    image: NDArray[np.uint8]
    caption: str
    color: str = "black"


def draw_samples(train: Subset, data_set: DataSet, per_class: int) -> Figure:
    """The first training images of each class, a row for each of at most 20 classes."""
    classes = data_set.classes[:MOST_CLASSES]
    more = "" if len(classes) == len(data_set.classes) else f", {len(classes)} of {len(data_set.classes)} classes"
    title = f"Samples of each class (of n = {len(train)} training images{more})"
    figure, axes = grid(len(classes), per_class, 1.3, fit_height(train.images[0], 1.3), title)
    for label, name in enumerate(classes):
        axes[label, 0].set_ylabel(shown(name, 18), fontsize=10, rotation=0, ha="right", va="center")
        rows = np.flatnonzero(train.labels == label)[:per_class]
        for axis, row in zip(axes[label], rows, strict=False):
            show_image(axis, train.images[row])
        for axis in axes[label, max(1, len(rows)) :]:
            axis.set_visible(False)
    return figure


def draw_changes(rows: dict[str, NDArray[np.uint8]], title: str) -> Figure:
    """A row for each name: an image and what changes made of it, uint8 (1 + changed, height, width, channels)."""
    first = next(iter(rows.values()))
    figure, axes = grid(len(rows), len(first), 1.3, fit_height(first[0], 1.3), title)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(shown(name, 18), fontsize=10, rotation=0, ha="right", va="center")
        for axis, image in zip(line, images, strict=True):
            show_image(axis, image)
    for number, axis in enumerate(axes[0]):
        axis.set_title(f"epoch {number}" if number else "as it is", fontsize=9)
    return figure


def name_kernels(weights: NDArray[np.float32], layer: str) -> str:
    """The title of `draw_kernels`."""
    outputs, inputs, height, width = weights.shape
    cut = "" if max(outputs, inputs) <= MOST_CHANNELS else f", the first {MOST_CHANNELS} channels"
    return f"Kernels of {layer}: n = {outputs} x {inputs} of {height} x {width} weights{cut}"


def draw_kernels(weights: NDArray[np.float32], layer: str, first: int = 0, last: int = MOST_CHANNELS) -> Figure:
    """The kernels of one convolution, float32 (out, in, height, width), on one scale that is symmetric about 0.

    Drawn are those of the output channels from `first` to `last`, exclusive; the scale is that of all.
    """
    inputs, height, width = weights.shape[1:]
    kernels = weights[:MOST_CHANNELS, :MOST_CHANNELS]
    drawn = kernels[first:last]
    tiles = drawn if inputs > 1 else in_rows(drawn[:, 0], KERNELS_IN_A_ROW)
    rows, columns = tiles.shape[:2]
    side = 0.8 if columns <= 12 else 0.5
    figure, axes = grid(1, 1, columns * side, rows * side + 0.2, name_kernels(weights, layer))
    axis, limit = axes[0, 0], float(np.abs(kernels).max()) or 1.0
    image = axis.imshow(mosaic(tiles), cmap=colormap(SIGNED), vmin=-limit, vmax=limit, interpolation="nearest")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0, labelsize=7, labelbottom=False, labeltop=True)
    x, y = np.arange(columns) * (width + 1) + (width - 1) / 2, np.arange(rows) * (height + 1) + (height - 1) / 2
    if inputs > 1:
        axis.set_xticks(x, [f"in {number}" for number in range(columns)])
        axis.set_yticks(y, [f"out {first + number}" for number in range(rows)])
    else:
        for number in range(len(drawn)):
            place = x[number % columns], y[number // columns] - height / 2
            axis.annotate(f"out {first + number}", place, (0, 2), textcoords="offset points", ha="center", fontsize=7)
    figure.colorbar(image, ax=axis, label="weight", aspect=max(10, 3 * rows))
    return figure


def in_rows(tiles: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """(n, height, width) as (rows, columns, height, width) with at most `most` columns; NaN where there is none."""
    columns = min(most, len(tiles))
    rows = -(-len(tiles) // columns)
    padded = np.full((rows * columns, *tiles.shape[1:]), np.nan, dtype=np.float32)
    padded[: len(tiles)] = tiles
    return padded.reshape(rows, columns, *tiles.shape[1:])


def mosaic(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, columns, height, width) as one image, with a pixel of NaN between neighbours.

    A thousand axes would take a minute to lay out.
    """
    rows, columns, height, width = tiles.shape
    spaced = np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    return spaced.transpose(0, 2, 1, 3).reshape(rows * (height + 1), columns * (width + 1))[:-1, :-1]


def draw_feature_maps(steps: dict[str, NDArray[np.float32]], title: str) -> Figure:
    """The maps of one block, a row for each step: float32 (channels, height, width) by the step's name.

    A row has one scale for all of its channels: symmetric where values are signed, from 0 where none is negative.
    Above each map stands its strongest value, the one farthest from 0. Maps that are 0 everywhere are marked: a weak
    map is not a dead one.
    """
    total = max(len(maps) for maps in steps.values())
    channels = min(MOST_CHANNELS, total)
    cut = "" if channels == total else f", the first {channels} of {total} channels"
    lines = -(-channels // MAPS_IN_A_ROW)
    columns = -(-channels // lines)
    tall = fit_height(next(iter(steps.values()))[0], 1.0)
    figure, axes = grid(
        len(steps), 1, columns * MAP_SIDE * (1 + SPACE), lines * MAP_SIDE * (tall + LABEL_SPACE), title + cut
    )
    for axis, (name, maps) in zip(axes.flat, steps.items(), strict=True):
        scale = _scale(maps)
        _draw_sheet(axis, maps[:channels], columns, tall, scale)
        axis.set_ylabel(f"{name}\n{maps.shape[1]} x {maps.shape[2]} px", fontsize=7)
        bar = figure.colorbar(scale, ax=axis, aspect=10 * lines, pad=0.01)
        bar.ax.tick_params(labelsize=6)
    return figure


def _draw_sheet(axis: Axes, maps: NDArray[np.float32], columns: int, tall: float, scale: ScalarMappable) -> None:
    """Maps in rows of `columns`, each 1 wide and `tall` high in the units of `axis`, a label above each.

    Axes of their own would take a second to lay out.
    """
    lines, (low, high) = -(-len(maps) // columns), scale.get_clim()
    for channel, values in enumerate(maps):
        left, top = channel % columns * (1 + SPACE), channel // columns * (tall + LABEL_SPACE)
        extent = (left, left + 1, top + tall, top)
        axis.imshow(values, cmap=scale.cmap, vmin=low, vmax=high, interpolation="nearest", extent=extent)
        axis.add_patch(Rectangle((left, top), 1, tall, fill=False, edgecolor=EDGE, linewidth=0.8))
        label, color = _label(channel, values)
        # Within the axes, so that the search for a layout need not measure it.
        place = left + 0.5, top - SPACE / 2
        axis.text(*place, label, fontsize=7, color=color, ha="center", va="bottom", in_layout=False)
    # A hair more than the maps, so that the frames of the outer ones are whole.
    axis.set_xlim(-HAIR, columns * (1 + SPACE) - SPACE + HAIR)
    axis.set_ylim(lines * (tall + LABEL_SPACE) - LABEL_SPACE + HAIR, -LABEL_SPACE)
    axis.spines[:].set_visible(False)


def _scale(maps: NDArray[np.float32]) -> ScalarMappable:
    limit = float(np.abs(maps).max()) or 1.0
    low, colors = (-limit, SIGNED) if (maps < 0).any() else (0.0, POSITIVE)
    return ScalarMappable(Normalize(low, limit), colormap(colors))


def _label(channel: int, values: NDArray[np.float32]) -> tuple[str, str]:
    """The number of a channel and its value farthest from 0, and the colour to write them in."""
    if not values.any():
        return f"channel {channel}\nall 0", VERMILION
    return f"channel {channel}\nstrongest {values.flat[np.abs(values).argmax()]:.2g}", "black"


def draw_answers(shown_answers: list[AnsweredImage], title: str, nothing: str) -> Figure:
    """Images with their true and their predicted class and their files; `nothing` is said where there is none."""
    captioned = [
        CaptionedImage(
            answer.image,
            f"true: {shown(answer.actual, 18)}\npredicted: {shown(answer.predicted, 18)}\n"
            f"confidence {answer.confidence:.1%}\n{shown_path(answer.path)}",
            VERMILION if answer.actual != answer.predicted else "black",
        )
        for answer in shown_answers
    ]
    return draw_captioned(captioned, title, nothing)


def draw_captioned(images: list[CaptionedImage], title: str, nothing: str) -> Figure:
    """Images with the lines below them; `nothing` is said where there is none."""
    rows = max(1, -(-len(images) // IMAGES_IN_A_ROW))
    # As many in each row, where that is possible: a last row of one would look lost.
    columns = max(1, -(-len(images) // rows))
    tallest = max((fit_height(each.image, 2.3) for each in images), default=0.5)
    lines = max((each.caption.count("\n") + 1 for each in images), default=0)
    figure, axes = grid(rows, columns, 2.3, tallest + AROUND + LINE * lines, title, margin=0.2, head=0.15)
    for axis, each in zip(axes.flat, images, strict=False):
        show_image(axis, each.image)
        axis.set_anchor("N")
        axis.set_xlabel(each.caption, fontsize=8, color=each.color)
    for axis in axes.flat[len(images) :]:
        axis.set_visible(False)
    if not images:
        figure.text(0.5, 0.45, nothing, ha="center", fontsize=10)
    return figure
