"""What all pictures share: no setting of the user's, colours that the colour-blind can tell apart, whole PNG files."""

import textwrap
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from crosscheck.core.files import write_file
from crosscheck.reporting import fonts

# Okabe and Ito's palette.
BLUE, VERMILION, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
# Apart in lightness as well as in colour, so that they also differ in print.
CLASS_COLORS = (BLUE, "#E69F00", GREEN, VERMILION, "#CC79A7", "#56B4E9", "#000000", "#F0E442")
CLASS_MARKS = "ox^sDv*P"
DEFAULT_DPI = 120
# As many as a byte for each pixel can name.
PALETTE = 256
# Colours of values that have a sign, and of those that have none.
SIGNED, POSITIVE = "RdBu_r", "viridis"
MOST_CHANNELS = 36
# Figures with their names, drawn one by one: each is gone from memory before the next but one begins.
NamedFigures = Iterator[tuple[str, Figure]]
# Around images, so that white paper ends somewhere.
EDGE = "#BBBBBB"


def new_figure(size: tuple[float, float], layout: Literal["constrained"] | None = "constrained") -> Figure:
    """An empty figure of `size` inches, width first. All pictures begin here: it undoes every setting of the user's.

    matplotlib takes them from a matplotlibrc in the working directory, whatever the environment says.
    """
    defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    matplotlib.rcParams.update(defaults)
    return Figure(figsize=size, layout=layout)


def save(figure: Figure, file: Path, dpi: int = DEFAULT_DPI, small: bool = False) -> None:
    """Write `figure` as PNG, whole or not at all; the same figure gives the same bytes.

    `small`: with the PALETTE colours that suit it best, in a third of the bytes, for charts of flat colours. A letter
    that no font has becomes a box; `fonts.tell` warns of it.
    """
    texts = figure.findobj(Text)
    families = fonts.families("".join(text.get_text() for text in texts))
    for text in texts:
        text.set_fontfamily(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        write_file(file, lambda partial: _draw(figure, partial, dpi, small))


def _draw(figure: Figure, file: Path, dpi: int, small: bool) -> None:
    """As `figure.savefig` does, which would draw twice: once for the layout, and once for the file."""
    figure.set_dpi(dpi)
    figure.set_facecolor("white")
    canvas = FigureCanvasAgg(figure)
    with file.open("wb") as stream:
        if not small:
            canvas.print_png(stream)
            return
        canvas.draw()
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        pixels.quantize(PALETTE, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)


def save_all(
    pictures: Iterable[tuple[str, Figure]], folder: Path, dpi: int = DEFAULT_DPI, small: bool = False
) -> dict[str, Path]:
    """Write each figure as NAME.png in `folder`, as soon as it is drawn, as `save` does. Returns the files by name."""
    files = {}
    for name, figure in pictures:
        files[name] = folder / f"{name}.png"
        save(figure, files[name], dpi, small)
    return files


def grid(
    rows: int, columns: int, width: float, height: float, title: str, margin: float = 1.2, head: float = 0.5
) -> tuple[Figure, NDArray[Any]]:
    """A figure of `rows` x `columns` axes without ticks, each `width` x `height` inches, under a title.

    `margin`: inches at the sides for labels and a colour bar; `head`: above and below the axes beside the title.
    """
    wide = max(4.5, columns * width + margin)
    # At 11 points a letter takes about a twelfth of an inch.
    lines = textwrap.wrap(" ".join(title.split()), int(wide * 11.5), max_lines=4, placeholder=" …")
    figure = new_figure((wide, rows * height + head + 0.2 * len(lines)))
    figure.suptitle("\n".join(shown(line) for line in lines), fontsize=11)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_color(EDGE)
    return figure, axes


def show_image(axis: Axes, image: NDArray[np.uint8]) -> None:
    """Draw a stored image, uint8 (height, width, 1 or 3), on the full scale of grey levels."""
    axis.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap=colormap("gray"), vmin=0, vmax=255)


@cache
def colormap(name: str) -> Colormap:
    """matplotlib's colours of this name, in 256 steps whatever a matplotlibrc says: it decides when they are made."""
    return matplotlib.colormaps[name].resampled(256)


def fit_height(image: NDArray[Any], width: float) -> float:
    """The height at which an image, (height, width) or with channels, fills `width`; bounded for very long ones."""
    height, breadth = image.shape[:2]
    return float(width * min(3.0, max(0.3, height / breadth)))


def shown(name: str, length: int = 1000) -> str:
    """A name as matplotlib may print it: no mathematics between dollar signs, no line breaks, not too long."""
    name = " ".join(name.encode("utf-8", "backslashreplace").decode("utf-8").split())
    name = name if len(name) <= length else name[: length - 1] + "…"
    return name.replace("$", r"\$")


def shown_path(path: str, length: int = 26) -> str:
    """A path of a file as matplotlib may print it: its end, which is what tells it from others."""
    return shown(path if len(path) <= length else "…" + path[1 - length :])
