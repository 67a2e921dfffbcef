"""The animation: kernels, feature maps, probes and loss over the epochs, a frame for each snapshot, also as a GIF."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray
from PIL import Image

from crosscheck.core.files import write_file
from crosscheck.data.guessing import Guess
from crosscheck.reporting.image_grids import in_rows, mosaic
from crosscheck.reporting.style import (
    CLASS_COLORS,
    CLASS_MARKS,
    GREEN,
    GREY,
    POSITIVE,
    SIGNED,
    NamedFigures,
    colormap,
    new_figure,
    shown,
)
from crosscheck.training.curves import Epoch, plateau_end

DPI = 90
MOST_TILES, MOST_EXAMPLES = 36, 3
MILLISECONDS, LAST_MILLISECONDS = 900, 3000
COLORS = 255


@dataclass(frozen=True)
class Scene:
    """The network after `epoch`: kernels of its first convolution, (out, height, width), mean over their inputs;
    the last maps of an example of each class, (classes, channels, height, width); probes by layer."""

    epoch: int
    kernels: NDArray[np.float32]
    maps: NDArray[np.float32]
    probes: dict[str, float]


@dataclass(frozen=True)
class Story:
    """What the animation tells: the scenes in order, and the training's curve.

    `guess`: what is right without looking at an image; `names`: the classes of the examples; `scored_on`: how many
    images the probes are scored on. `kept`: the epoch whose network is kept, None where that is the last one anyway.
    """

    scenes: list[Scene]
    history: list[Epoch]
    guess: Guess
    names: list[str]
    scored_on: int
    kept: int | None = None

    @cached_property
    def kernel_limit(self) -> float:
        """The end of the scale of all kernels, which is symmetric about 0."""
        return max(float(np.abs(scene.kernels).max()) for scene in self.scenes) or 1.0

    @cached_property
    def map_limit(self) -> float:
        """The end of the scale of all maps, which begins at 0."""
        return max(float(scene.maps.max()) for scene in self.scenes) or 1.0


def draw_frames(story: Story) -> NamedFigures:
    """A figure for each scene, all on the same scales.

    It is one figure, in which only what moves is changed: to make the axes again takes longer than to draw them.
    """
    figure, first = new_figure((10, 5.2), layout=None), story.scenes[0]
    title = figure.suptitle("", fontsize=12)
    # Fixed places: nothing jumps from frame to frame, and no layout has to be sought.
    kernels, kernel_bar = figure.add_axes((0.01, 0.2, 0.25, 0.66)), figure.add_axes((0.03, 0.12, 0.21, 0.025))
    drawn_kernels = _draw_kernels(kernels, kernel_bar, first, story.kernel_limit)
    maps, map_bar = figure.add_axes((0.27, 0.2, 0.33, 0.66)), figure.add_axes((0.31, 0.12, 0.25, 0.025))
    drawn_maps = _draw_maps(maps, map_bar, first, story.map_limit, story.names)
    losses, latest = _draw_loss(figure.add_axes((0.66, 0.57, 0.32, 0.29)), story)
    probes = _draw_probes(figure.add_axes((0.66, 0.21, 0.32, 0.25)), story.scenes, story.scored_on)
    for number, scene in enumerate(story.scenes, 1):
        title.set_text(caption(scene.epoch, story.history, story.guess, story.kept))
        drawn_kernels.set_data(_kernel_sheet(scene))
        drawn_maps.set_data(_map_sheet(scene))
        so_far = [(each.epoch, each.train_loss) for each in story.history if each.epoch <= scene.epoch]
        _move(losses, so_far)
        _move(latest, so_far[-1:])
        for layer, line in probes.items():
            _move(line, [(each.epoch, each.probes[layer]) for each in story.scenes[:number]])
        yield f"epoch_{scene.epoch:03d}", figure


def _move(line: Line2D, points: list[tuple[int, float]]) -> None:
    line.set_data([x for x, _ in points], [y for _, y in points])


def caption(epoch: int, history: list[Epoch], guess: Guess, kept: int | None = None) -> str:
    """Which moment of the training it is, whether the plateau still lasts, and whether it is the epoch `kept`."""
    last, end = history[-1].epoch, plateau_end(history, guess)
    if epoch == 0:
        return f"before training (epoch 0 of {last})"
    moment = f"after epoch {epoch} of {last}{' (the one kept)' if epoch == kept else ''}"
    if end is None or epoch < end:
        return f"{moment}: on the plateau"
    if epoch == end and end > 1:
        return f"{moment}: the plateau ends"
    return moment


def _draw_kernels(axis: Axes, bar: Axes, scene: Scene, limit: float) -> AxesImage:
    drawn = axis.imshow(_kernel_sheet(scene), cmap=colormap(SIGNED), vmin=-limit, vmax=limit, interpolation="nearest")
    axis.set_title("kernels of the first convolution", fontsize=9)
    axis.set_axis_off()
    axis.set_anchor("N")
    _draw_scale(bar, drawn, "weight")
    return drawn


def _kernel_sheet(scene: Scene) -> NDArray[np.float32]:
    tiles = scene.kernels[:MOST_TILES]
    return mosaic(in_rows(tiles, math.ceil(len(tiles) ** 0.5)))


def _draw_maps(axis: Axes, bar: Axes, scene: Scene, limit: float, names: list[str]) -> AxesImage:
    channels, height, width = min(MOST_TILES, scene.maps.shape[1]), *scene.maps.shape[2:]
    rows, across = _map_rows(channels)
    drawn = axis.imshow(_map_sheet(scene), cmap=colormap(POSITIVE), vmin=0, vmax=limit, interpolation="nearest")
    axis.set_title("maps of the last convolution's channels", fontsize=9)
    middle = (width - 1) / 2
    ticks = [column * (width + 1) + middle for column in range(across * len(scene.maps))]
    axis.set_xticks(
        ticks, [shown(name, 10) for name in names] * across, fontsize=7, rotation=0 if len(ticks) < 5 else 90
    )
    # Where channels stand in several columns, their numbers go down each column in turn.
    axis.set_yticks(
        [row * (height + 1) + (height - 1) / 2 for row in range(rows)],
        [",".join(str(at) for at in range(row, channels, rows)) for row in range(rows)], fontsize=7,
    )  # fmt: skip
    axis.set_anchor("N")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    _draw_scale(bar, drawn, "value")
    return drawn


def _map_rows(channels: int) -> tuple[int, int]:
    """How many rows of maps there are, and how many channels stand side by side."""
    across = 1 if channels <= 8 else 2 if channels <= 18 else 3
    return -(-channels // across), across


def _map_sheet(scene: Scene) -> NDArray[np.float32]:
    """A row for each channel, the examples side by side."""
    tiles = scene.maps[:, :MOST_TILES].transpose(1, 0, 2, 3)
    channels, columns, height, width = tiles.shape
    rows, across = _map_rows(channels)
    padded = np.full((rows * across, columns, height, width), np.nan, np.float32)
    padded[:channels] = tiles
    grid = padded.reshape(across, rows, columns, height, width).transpose(1, 0, 2, 3, 4)
    return mosaic(grid.reshape(rows, across * columns, height, width))


def _draw_scale(bar: Axes, drawn: AxesImage, label: str) -> None:
    bar.figure.colorbar(drawn, cax=bar, orientation="horizontal")
    bar.set_xlabel(label, fontsize=8)
    bar.tick_params(labelsize=7)


def _draw_loss(axis: Axes, story: Story) -> tuple[Line2D, Line2D]:
    """The losses of all epochs, pale; returns the line of those so far and the mark of the latest."""
    history, guess = story.history, story.guess
    epochs, losses = [each.epoch for each in history], [each.train_loss for each in history]
    axis.plot(epochs, losses, color="#CCCCCC", linewidth=1)
    (so_far,) = axis.plot([], [], color=CLASS_COLORS[0], linewidth=2)
    (latest,) = axis.plot([], [], color=CLASS_COLORS[0], marker="o")
    axis.axhline(guess.loss, color=GREY, linestyle=":")
    end = plateau_end(history, guess) or epochs[-1] + 1
    if end > 1:
        axis.axvspan(-0.3, end - 0.5, color="#EEEEEE", zorder=0)
        axis.text(-0.15, 0.03, "plateau", fontsize=8, color=GREY)
    if story.kept is not None:
        axis.axvline(story.kept, color=GREEN, linestyle="--", linewidth=1)
        middle = axis.get_xaxis_transform()
        axis.text(story.kept, 0.97, "kept ", fontsize=8, color=GREEN, ha="right", va="top", transform=middle)
    # The longer name has no room above the axis.
    dotted = guess.name if guess.equal_odds else "class shares"
    axis.set_title(f"training loss (nats); dotted: {dotted}, {guess.short}", fontsize=9)
    axis.set_ylim(0, 1.15 * max(guess.loss, *losses))
    _along_epochs(axis, epochs[-1])
    return so_far, latest


def _draw_probes(axis: Axes, scenes: list[Scene], scored_on: int) -> dict[str, Line2D]:
    """Axes for the probes; returns the line of each layer."""
    lines: dict[str, Line2D] = {}
    for number, layer in enumerate(scenes[0].probes):
        look = number % len(CLASS_COLORS)
        (lines[layer],) = axis.plot(
            [], [], color=CLASS_COLORS[look], marker=CLASS_MARKS[look], markersize=4, label=layer
        )
    axis.set_title(f"accuracy of a linear probe on each layer (n = {scored_on})", fontsize=9)
    axis.set_ylim(max(0, min(min(scene.probes.values()) for scene in scenes) - 0.05), 1.03)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    # Below the axis, where no line can run into it.
    axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.38), ncols=3, frameon=False)
    axis.set_xlabel("epoch", fontsize=8)
    _along_epochs(axis, scenes[-1].epoch)
    return lines


def _along_epochs(axis: Axes, last: int) -> None:
    axis.set_xlim(-0.3, last + 0.3)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)


def write_gif(frames: list[Path], file: Path) -> None:
    """An endless GIF of the frames, the last one longer. All share one palette; the same frames give the same bytes."""
    pictures = [Image.open(frame).convert("RGB") for frame in frames]
    width, height = pictures[0].size
    sheet = Image.new("RGB", (width, height * len(pictures)))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (0, number * height))
    palette = sheet.quantize(COLORS, method=Image.Quantize.MEDIANCUT)
    drawn = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [MILLISECONDS] * (len(drawn) - 1) + [LAST_MILLISECONDS]
    write_file(
        file,
        lambda partial: drawn[0].save(
            partial, format="GIF", save_all=True, append_images=drawn[1:], duration=durations, loop=0, optimize=False
        ),
    )
