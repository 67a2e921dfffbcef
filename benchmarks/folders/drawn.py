"""Pictures that are drawn: by the project itself, and by a pen, with a camera's faults."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.folders.pictures import Picture, generator, image_of
from crosscheck.core.params import SynthesizeParams
from crosscheck.data import synthetic

# Drawn this many times larger, then made smaller, so that edges are smooth.
FINE = 4
MARK_WIDTH, MARK_HEIGHT = 45, 36
PLAIN = {"rotation": 0.0, "stroke_spread": 0.0, "noise": 0.0, "displacement": 0.0}
TURNED = {"rotation": 30.0, "stroke_spread": 3.0, "noise": 0.02, "displacement": 12.0}
HARD = {"rotation": 180.0, "stroke_spread": 3.0, "noise": 0.2, "displacement": 25.0}

Levels = NDArray[np.float64]
Pen = Callable[[ImageDraw.ImageDraw, np.random.Generator], None]


def built_in(count: int, size: int, difficulty: dict[str, float]) -> Iterator[Picture]:
    """`count` of the built-in circles and crosses each, `size` px wide, as 8-bit grey images."""
    params = SynthesizeParams.model_validate(
        {"images_per_class": count, "size": size, "stroke_width": 4.0, "seed": 17, **difficulty}
    )
    for class_index, class_name in enumerate(synthetic.CLASSES):
        for index in range(count):
            ink = synthetic.draw(params, class_index, index)
            yield Picture(class_name, f"{index:04d}.png", image_of(np.where(ink, 0.0, 255.0)))


def marks(counts: Sequence[int]) -> Iterator[Picture]:
    """Blanks, crosses and noughts by hand, photographed: `counts` of each class, 45 x 36 px, grey paper, JPEG."""
    for class_index, (class_name, pen) in enumerate(MARKS.items()):
        for index in range(counts[class_index]):
            random = generator(1, class_index, index)
            yield Picture(class_name, f"{index:04d}.jpg", _photographed(_ink(pen, random), random))


def _ink(pen: Pen, random: np.random.Generator) -> Levels:
    """Where there is ink, 0 to 1, (MARK_HEIGHT, MARK_WIDTH)."""
    sheet = Image.new("L", (MARK_WIDTH * FINE, MARK_HEIGHT * FINE), 0)
    drawing = ImageDraw.Draw(sheet)
    if random.random() < 0.3:
        # A line of the paper's, or of the table that the mark stands in.
        x = int(random.choice([2, sheet.width - 4]))
        drawing.line([(x, 0), (x + int(random.integers(-4, 5)), sheet.height)], fill=200, width=3)
    pen(drawing, random)
    smooth = sheet.filter(ImageFilter.GaussianBlur(random.uniform(1, 3)))
    return np.asarray(smooth.resize((MARK_WIDTH, MARK_HEIGHT), Image.Resampling.BOX), dtype=np.float64) / 255


def _photographed(ink: Levels, random: np.random.Generator) -> Image.Image:
    """Ink on paper in uneven light, with a tint and the noise of a camera."""
    down, across = np.mgrid[-1 : 1 : MARK_HEIGHT * 1j, -1 : 1 : MARK_WIDTH * 1j]
    light = 1 + random.uniform(-0.2, 0.2) * down + random.uniform(-0.2, 0.2) * across
    paper, darkness = random.uniform(140, 225), random.uniform(0.25, 0.75)
    grey = paper * light * (1 - darkness * ink)
    colour = grey[..., None] * random.uniform(0.92, 1.0, 3)
    return image_of(colour + random.normal(0, random.uniform(2, 7), colour.shape))


def _place(drawing: ImageDraw.ImageDraw, random: np.random.Generator) -> tuple[float, float, float, int]:
    """Centre, radius and pen width of a mark, in px of the sheet."""
    width, height = drawing.im.size
    x, y = width * random.uniform(0.38, 0.62), height * random.uniform(0.38, 0.62)
    return x, y, height * random.uniform(0.16, 0.36), int(random.integers(5, 15))


def _draw_nought(drawing: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    """A closed stroke with a wobble, whose ends meet more or less."""
    x, y, radius, width = _place(drawing, random)
    start, turns = random.uniform(0, 2 * math.pi), random.uniform(0.93, 1.08)
    angles = start + np.linspace(0, 2 * math.pi * turns, 60)
    wobble = 1 + random.uniform(0, 0.12) * np.sin(2 * angles + random.uniform(0, 6))
    ratio = random.uniform(0.7, 1.1)
    points = [
        (x + radius * w * math.cos(a), y + radius * ratio * w * math.sin(a))
        for a, w in zip(angles, wobble, strict=True)
    ]
    drawing.line(points, fill=255, width=width, joint="curve")


def _draw_cross(drawing: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    """Two strokes, a little bent, that cross somewhere near the middle."""
    x, y, radius, width = _place(drawing, random)
    for angle in (math.pi / 4, 3 * math.pi / 4):
        turned = angle + random.uniform(-0.35, 0.35)
        bend, length = random.uniform(-0.2, 0.2), radius * random.uniform(0.9, 1.3)
        shift_x, shift_y = random.uniform(-0.2, 0.2, 2) * radius
        along = np.linspace(-1, 1, 20)
        across = bend * (1 - along**2)
        points = [
            (
                x + shift_x + length * (a * math.cos(turned) - c * math.sin(turned)),
                y + shift_y + length * (a * math.sin(turned) + c * math.cos(turned)),
            )
            for a, c in zip(along, across, strict=True)
        ]
        drawing.line(points, fill=255, width=width, joint="curve")


def _draw_blank(drawing: ImageDraw.ImageDraw, random: np.random.Generator) -> None:
    """Nothing, or a speck where the pen touched the paper."""
    if random.random() < 0.3:
        x, y, _, width = _place(drawing, random)
        drawing.ellipse((x, y, x + width, y + width), fill=int(random.integers(60, 200)))


MARKS: dict[str, Pen] = {"blanks": _draw_blank, "crosses": _draw_cross, "noughts": _draw_nought}
