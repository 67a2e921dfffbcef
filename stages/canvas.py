"""What all pictures share: colours that the colour-blind can tell apart, and PNG files that appear whole."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stages.files import write_file

# Okabe and Ito's palette.
BLUE, VERMILION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
DEFAULT_DPI = 120


def save(figure: Figure, file: Path, dpi: int = DEFAULT_DPI) -> None:
    """Write `figure` as PNG, whole or not at all; the same figure gives the same bytes."""
    write_file(file, lambda partial: figure.savefig(partial, format="png", dpi=dpi, facecolor="white"))


def grid(rows: int, columns: int, width: float, height: float, title: str) -> tuple[Figure, NDArray[Any]]:
    """A figure of `rows` x `columns` axes without ticks, each `width` x `height` inches, under a title."""
    size = (max(4.5, columns * width + 1.2), rows * height + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(shown(title), fontsize=11)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_color("#BBBBBB")
    return figure, axes


def show_image(axis: Axes, image: NDArray[np.uint8]) -> None:
    """Draw a stored image, uint8 (height, width, 1 or 3), on the full scale of grey levels."""
    axis.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)


def shown(name: str, length: int = 1000) -> str:
    """A name as matplotlib may print it: no mathematics between dollar signs, no line breaks, not too long."""
    name = " ".join(name.split()).replace("$", r"\$")
    return name if len(name) <= length else name[: length - 1] + "…"
