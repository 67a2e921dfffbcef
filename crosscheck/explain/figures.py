"""The pictures of the report: responses, exciting patches, probes, views, reasons.

Each function returns its figure; `style.save` writes it.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from crosscheck.data.dataset import Subset
from crosscheck.explain.activations import Response, patches
from crosscheck.explain.attributions import Map, Reasons
from crosscheck.explain.probes import LayerAccuracies, View
from crosscheck.reporting.image_grids import mosaic
from crosscheck.reporting.style import (
    BLUE,
    CLASS_COLORS,
    CLASS_MARKS,
    GREY,
    POSITIVE,
    SIGNED,
    VERMILION,
    colormap,
    fit_height,
    grid,
    new_figure,
    show_image,
    shown,
)

# Grey between patches, so that white paper has an edge.
GAP = 222
MOST_NUMBERS = 20
# In nats of log odds: what changes them by less than 5 % speaks for nothing.
NOTHING = 0.05


@dataclass(frozen=True)
class DrawnMaps:
    """Some maps of a layer: `values`, float32 (images, channels, height, width), of the channels of these numbers.

    `dead`: bool (channels,).
    """

    values: NDArray[np.float32]
    channels: NDArray[np.int64]
    dead: NDArray[np.bool_]


def draw_maps(maps: DrawnMaps, examples: Subset, names: list[str], title: str) -> Figure:
    """The maps of one example of each class, on one scale; a dead channel is marked. `names`: of the classes."""
    rows, columns, _, width = maps.values.shape
    # Wide maps are drawn at about the side of a thumbnail.
    side = 0.85 if columns <= 12 else 0.65
    tall = fit_height(examples.images[0], side)
    figure, axes = grid(1, 2, (columns + 1) * side / 2, rows * (tall + 0.1) + 0.35, title, 1.9)
    axes[0, 0].get_gridspec().set_width_ratios([1, columns])
    pictures, drawing = axes[0]
    gap = (np.full((examples.images.shape[1] // 20 + 1, *examples.images.shape[2:]), 255, np.uint8),)
    stacked = np.concatenate([part for image in examples.images for part in (image, *gap)][:-1])
    show_image(pictures, stacked)
    step = len(stacked) / rows
    pictures.set_yticks([(row + 0.5) * step for row in range(rows)], [shown(name, 14) for name in names])
    pictures.set_title("image", fontsize=8)
    limit, signed = float(np.abs(maps.values).max()) or 1.0, bool((maps.values < 0).any())
    drawn = drawing.imshow(
        mosaic(maps.values), cmap=colormap(SIGNED if signed else POSITIVE), vmin=-limit if signed else 0, vmax=limit,
        interpolation="nearest", aspect="auto",
    )  # fmt: skip
    drawing.spines[:].set_visible(False)
    drawing.tick_params(length=0, labelbottom=False, labeltop=True)
    drawing.set_xticks([column * (width + 1) + (width - 1) / 2 for column in range(columns)])
    _name_channels(drawing.xaxis, maps.channels, maps.dead)
    pictures.tick_params(labelsize=8, length=0)
    pictures.set_aspect("auto")
    figure.colorbar(drawn, ax=drawing, label="value", pad=0.01)
    return figure


def draw_units(
    values: NDArray[np.float32], units: NDArray[np.int64], labels: NDArray[np.int64], names: list[str], title: str
) -> Figure:
    """The values of single units on one scale, float32 (images, units); the images are sorted by class.

    `units`: their numbers, int64 (units,); `labels`: the classes of the images, int64 (images,), by `names`.
    """
    order = np.argsort(labels, kind="stable")
    figure = new_figure((9, 3.2))
    figure.suptitle(title, fontsize=11)
    axis = figure.subplots()
    limit, signed = float(np.abs(values).max()) or 1.0, bool((values < 0).any())
    drawn = axis.imshow(
        values[order], cmap=colormap(SIGNED if signed else POSITIVE), vmin=-limit if signed else 0, vmax=limit,
        aspect="auto", interpolation="nearest",
    )  # fmt: skip
    bounds = np.searchsorted(labels[order], np.arange(len(names) + 1))
    axis.set_yticks((bounds[:-1] + bounds[1:] - 1) / 2, [shown(name, 18) for name in names])
    for bound in bounds[1:-1]:
        axis.axhline(bound - 0.5, color="white", linewidth=2)
    numbered = range(0, len(units), -(-len(units) // MOST_NUMBERS))
    axis.set_xticks(numbered, [str(units[place]) for place in numbered], fontsize=8)
    axis.set_xlabel("unit")
    axis.set_ylabel("images, by class")
    figure.colorbar(drawn, ax=axis, label="value", pad=0.01)
    return figure


def draw_patches(response: Response, channels: NDArray[np.int64], subset: Subset, count: int, title: str) -> Figure:
    """A row for each channel: the patches that excite it most, from the strongest on, with their peaks."""
    count = min(count, len(subset))
    found = [list(patches(response, subset, int(channel), count)) for channel in channels]
    height, width = found[0][0][0].shape[:2]
    # A band of the height of a line of text is left above each patch.
    band = -(-height // 4)
    sheet = np.full(
        (len(channels), height + band, count, width + max(1, width // 12), subset.images.shape[3]), GAP, np.uint8
    )
    across = count * 0.87
    figure, axes = grid(1, 1, across, across * sheet.shape[0] * sheet.shape[1] / (count * sheet.shape[3]), title, 0.8)
    axis = axes[0, 0]
    for row, line in enumerate(found):
        for column, (patch, peak) in enumerate(line):
            if response.dead[channels[row]]:
                continue
            sheet[row, band:, column, :width] = patch
            # The upper edge of a pixel lies half a pixel above its number.
            place = column * sheet.shape[3] + (width - 1) / 2, row * sheet.shape[1] + band * 0.9 - 0.5
            # Within the axes, so that the search for a layout need not measure it: there are hundreds.
            axis.text(*place, _two_figures(peak), fontsize=7, ha="center", va="bottom", in_layout=False)
    show_image(axis, sheet.reshape(sheet.shape[0] * sheet.shape[1], -1, sheet.shape[4]))
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_yticks([row * sheet.shape[1] + band + (height - 1) / 2 for row in range(len(channels))])
    _name_channels(axis.yaxis, channels, response.dead[channels])
    return figure


def _two_figures(value: float) -> str:
    """A value with two significant figures, as 1.0 beside 0.98, and without an exponent where it is large."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:#.2g}"


def _name_channels(axis: Axis, channels: NDArray[np.int64], dead: NDArray[np.bool_]) -> None:
    """Number the ticks of `axis` by channel, and mark the dead ones."""
    numbers = zip(channels, dead, strict=True)
    axis.set_ticklabels([f"{channel}\ndead" if no else str(channel) for channel, no in numbers], fontsize=8)
    for label, no in zip(axis.get_ticklabels(), dead, strict=True):
        label.set_color(VERMILION if no else "black")


def draw_probes(found: LayerAccuracies, chance: float, fitted: int, scored: int) -> Figure:
    """Accuracy of a linear probe by layer; `fitted` and `scored`: how many images probes are fitted and scored on."""
    figure = new_figure((8, 3.6))
    axis = figure.subplots()
    figure.suptitle(f"Linear probes, fitted on n = {fitted} images and scored on n = {scored} others", fontsize=11)
    axis.plot(found.layers, found.trained, color=BLUE, marker="o", label="trained weights")
    axis.plot(found.layers, found.untrained, color=VERMILION, marker="s", linestyle="--", label="untrained weights")
    axis.axhline(chance, color=GREY, linestyle=":", label="most frequent class")
    axis.set_ylabel("accuracy of the probe")
    axis.set_xlabel("layer, from the image to the answer")
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.set_ylim(max(0, min(chance, *found.trained, *found.untrained) - 0.05), 1.02)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
    return figure


@dataclass(frozen=True)
class Seen:
    """A layer as seen with trained and with untrained weights."""

    name: str
    trained: View
    untrained: View


def draw_views(layers: list[Seen], labels: NDArray[np.int64], names: list[str], title: str) -> Figure:
    """The images at each layer in two dimensions: trained above, untrained below."""
    figure = new_figure((max(5.0, 1.9 * len(layers)), 4.9))
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(2, len(layers), squeeze=False)
    for column, layer in enumerate(layers):
        for axis, seen in zip(axes[:, column], (layer.trained, layer.untrained), strict=True):
            for label, name in enumerate(names):
                points = seen.points[labels == label]
                look = label % len(CLASS_COLORS)
                axis.scatter(
                    points[:, 0], points[:, 1], s=9, alpha=0.6, linewidths=0.6, color=CLASS_COLORS[look],
                    marker=CLASS_MARKS[look], label=shown(name, 18),
                )  # fmt: skip
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(f"{seen.shares[0]:.0%} of variance", fontsize=7)
            axis.set_ylabel(f"{seen.shares[1]:.0%}", fontsize=7)
        axes[0, column].set_title(layer.name, fontsize=9)
    for axis, word in zip(axes[:, 0], ("trained", "untrained"), strict=True):
        axis.set_ylabel(f"{word}\n{axis.get_ylabel()}", fontsize=8)
    handles, texts = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=min(6, len(names)), frameon=False, fontsize=8)
    return figure


@dataclass(frozen=True)
class Attribution:
    """One answer and why: the image, its classes by name, and the reasons with trained and untrained weights."""

    image: NDArray[np.uint8]
    actual: str
    answer: str
    trained: Reasons
    untrained: Reasons


def draw_attributions(found: list[Attribution], title: str) -> Figure:
    """A row for each answer: the image, occlusion, Grad-CAM, trained beside untrained, each such pair on one scale."""
    tall = fit_height(found[0].image, 1.5)
    figure, axes = grid(len(found), 5, 1.5, tall + 0.35, title, 1.3)
    heads = ("image", "occlusion\ntrained", "occlusion\nuntrained", "Grad-CAM\ntrained", "Grad-CAM\nuntrained")
    for axis, head in zip(axes[0], heads, strict=True):
        axis.set_title(head, fontsize=9)
    for line, each in zip(axes, found, strict=True):
        show_image(line[0], each.image)
        wrong = each.actual != each.answer
        line[0].set_ylabel(
            f"true: {shown(each.actual, 14)}\nanswer: {shown(each.answer, 14)}", fontsize=8,
            color=VERMILION if wrong else "black",
        )  # fmt: skip
        for axes_of_pair, pair in (
            (line[1:3], (each.trained.occlusion, each.untrained.occlusion)),
            (line[3:5], (each.trained.grad_cam, each.untrained.grad_cam)),
        ):
            # On a scale of its own, the noise of untrained weights would look like a reason.
            limit = max(NOTHING, *(float(np.abs(values).max()) for values in pair))
            for axis, values in zip(axes_of_pair, pair, strict=True):
                _draw_reason(axis, values, limit, each.image)
    return figure


def _draw_reason(axis: Axes, values: Map, limit: float, image: NDArray[np.uint8]) -> None:
    """A map from -limit to limit with the image drawn through it; red speaks for the answer, blue against it."""
    highest = float(values.max())
    axis.imshow(values, cmap=colormap(SIGNED), vmin=-limit, vmax=limit, interpolation="nearest")
    axis.imshow(image.mean(axis=2), cmap=colormap("gray"), vmin=0, vmax=255, alpha=0.25)
    span = f"{values.min():+.2g} to {highest:+.2g} nats" if values.any() else "0 nats"
    axis.set_xlabel(f"no positive evidence\n{span}" if highest < NOTHING else span, fontsize=7)
