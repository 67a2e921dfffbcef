"""The pictures of a layer: its kernels, its responses to test images, and the training images that excite it most.

Of a large layer a page shows three rows, and the others folded.
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosscheck.data import dataset
from crosscheck.data.dataset import Subset
from crosscheck.explain import activations, alternatives, figures
from crosscheck.explain.glossary import link_words
from crosscheck.explain.subject import Subject
from crosscheck.network import inference
from crosscheck.reporting import image_grids, style
from crosscheck.reporting.document import Block, Picture, Section

UNITS, PER_CLASS = 64, 20
# A picture of more rows than the first number shows as many as the second.
MOST_ROWS, SHOWN_ROWS = 6, 3


def save_picture(
    study: Subject, name: str, figure: Figure, caption: str, instead: str, folder: Path | None = None
) -> Picture:
    """Save the figure as NAME.png in `folder`, or else among the report's pictures.

    `instead`: for those who cannot see it.
    """
    file = (folder or study.pictures) / f"{name}.png"
    style.save(figure, file, study.params.dpi)
    return Picture(file, link_words(caption), captioned=bool(caption), instead=instead)


def divide(rows: int) -> list[tuple[int, int]]:
    """The first and the last row, exclusive, of what is shown, and of what is folded if there is any."""
    return [(0, rows)] if rows <= MOST_ROWS else [(0, SHOWN_ROWS), (SHOWN_ROWS, rows)]


def fold(pictures: list[Picture], rest: str, name: str) -> list[Block]:
    """The first picture, and the second folded under the heading `rest` if there is one; `name`: its anchor."""
    first, *others = pictures
    return [first, Section(rest, others, name, folded=True)] if others else [first]


def show_kernels(study: Subject, name: str) -> list[Block]:
    """The kernels of the layer `name`, where it has any; of a backbone, those of its first convolution."""
    for part in study.trained.net.get_submodule(name).modules():
        if isinstance(part, torch.nn.Conv2d):
            return _show_kernels(study, name, part.weight.detach().numpy())
    return []


def _show_kernels(study: Subject, name: str, weights: NDArray[np.float32]) -> list[Block]:
    drawn = min(len(weights), style.MOST_CHANNELS)
    # Kernels of a single input stand in a few lines, all of them.
    parts = divide(drawn) if weights.shape[1] > 1 else [(0, drawn)]
    pictures = []
    for number, (first, last) in enumerate(parts):
        title = image_grids.name_kernels(weights, name)
        figure = image_grids.draw_kernels(weights, name, first, last)
        caption = "Red adds, blue subtracts. All kernels have one scale."
        if weights.shape[1] > 1:
            caption += " A row makes one channel of the layer, from all channels that come in."
        instead = alternatives.describe_kernels(title, weights[first:last, : style.MOST_CHANNELS])
        file = f"kernels_{name}{'_more' * number}"
        pictures.append(save_picture(study, file, figure, caption, instead, study.kernels))
    return fold(pictures, f"{name}: kernels of {drawn - SHOWN_ROWS} more channels", f"{name}-more-kernels")


def show_responses(study: Subject, response: activations.Response) -> Picture:
    """Of maps: the response to the first test image of each class; of single values: to 20 of each class."""
    name, names = response.layer.name, study.classes[: study.params.classes]
    if response.layer.has_maps:
        channels = response.drawn(study.params.channels)
        examples = activations.one_of_each_class(study.shown_test)
        values = compute_values(study.trained.net, name, examples)[:, channels]
        maps = figures.DrawnMaps(values, channels, response.dead[channels])
        title = f"{name}: responses to n = {len(examples)} test images"
        shown = [names[label] for label in examples.labels]
        figure = figures.draw_maps(maps, examples, shown, title)
        caption = "A column is a channel, a row an image. Where a map is bright, its kernels find what they respond to."
        instead = alternatives.describe_maps(title, values, channels, shown)
    else:
        units = response.drawn(UNITS)
        examples = dataset.first_of_each_class(study.shown_test, PER_CLASS)
        values = compute_values(study.trained.net, name, examples)[:, units]
        which = "" if len(units) == response.channels else f", the {len(units)} that vary most"
        title = f"{name}: {response.channels:,} units{which}, for n = {len(examples)} test images"
        figure = figures.draw_units(values, units, examples.labels, names, title)
        caption = "A column is a unit, a line an image. A unit that is bright for one class only knows that class."
        instead = alternatives.describe_units(title, values, examples.labels, names)
    return save_picture(study, f"responses_{name}", figure, caption, instead)


def show_patches(study: Subject, response: activations.Response, scanned: Subset) -> list[Block]:
    """The parts of the images `scanned` to which the layer's channels respond most."""
    channels, name = response.drawn(study.params.channels), response.layer.name
    unit = "channel" if response.layer.has_maps else "unit"
    seen = f"receptive fields where each {unit}" if response.layer.step else f"images to which each {unit}"
    title = f"{name}: {seen} responds most, of n = {len(scanned):,} training images"
    which = "the first" if response.layer.step else "those that vary most:"
    cut = f" Drawn are {which} {len(channels)} of {response.channels:,}." if len(channels) < response.channels else ""
    once = "; at most one patch is from an image" if response.layer.step else ""
    caption = f"A row for each {unit}, the strongest response on the left. The numbers are the responses{once}.{cut}"
    pictures = []
    for number, (first, last) in enumerate(divide(len(channels))):
        some = channels[first:last]
        figure = figures.draw_patches(response, some, scanned, study.params.patches, title)
        instead = alternatives.describe_patches(title, unit, response, some)
        file = f"patches_{name}{'_more' * number}"
        pictures.append(save_picture(study, file, figure, caption if number == 0 else "", instead))
    return fold(pictures, f"{name}: {len(channels) - SHOWN_ROWS} more {unit}s", f"{name}-more")


def compute_values(net: torch.nn.Sequential, name: str, subset: Subset) -> NDArray[np.float32]:
    """What the layer `name` gives for a few images, float32 (n, channels, ...)."""
    pixels = torch.from_numpy(subset.images.transpose(0, 3, 1, 2).copy())
    found = next(values for each, values in inference.outputs(net, pixels) if each == name)
    return np.asarray(found.numpy())
