"""Images unlike circles and crosses, to see what `predict` says of them.

python -m tests.helpers.odd_images FOLDER

writes them to FOLDER/KIND/NUMBER.png, 116 x 116 px, black on white where they are drawings. Photographs are parts of
those that scikit-learn and matplotlib bring along.
"""

import string
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import cbook
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

SIZE, PEN = 116, 4
# O, 0 and X are circles and crosses to anybody.
GLYPHS = [glyph for glyph in string.ascii_uppercase + string.digits if glyph not in "OQ0X"]
Random = np.random.Generator


def paper() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (SIZE, SIZE), 255)
    return image, ImageDraw.Draw(image)


def blank(_: Random) -> Iterator[Image.Image]:
    for level in (255, 250, 200, 128, 0):
        yield Image.new("L", (SIZE, SIZE), level)


def inverted(random: Random) -> Iterator[Image.Image]:
    for index in range(10):
        image, pen = paper()
        x, y, width, height = random.integers([15, 12, 50, 50], [40, 37, 66, 66]).tolist()
        if index % 2:
            pen.ellipse((x, y, x + width, y + height), outline=0, width=PEN)
        else:
            pen.line((x, y, x + width, y + height), fill=0, width=PEN)
            pen.line((x, y + height, x + width, y), fill=0, width=PEN)
        yield image.point(lambda level: 255 - level)


def noise(random: Random) -> Iterator[Image.Image]:
    for share in np.linspace(0.02, 0.5, 5):
        ink = random.random((SIZE, SIZE)) < share
        yield Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))
    for _ in range(5):
        yield Image.fromarray(random.integers(0, 256, (SIZE, SIZE), dtype=np.uint8))


def photographs(random: Random) -> Iterator[Image.Image]:
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = Image.open(file).convert("L")
    sources = [
        portrait,
        *(Image.fromarray(load_sample_image(name)).convert("L") for name in ("china.jpg", "flower.jpg")),
    ]
    for index in range(15):
        source = sources[index % 3]
        side = int(random.integers(SIZE, min(source.size)))
        x, y = (int(random.integers(0, length - side + 1)) for length in source.size)
        yield source.crop((x, y, x + side, y + side)).resize((SIZE, SIZE))


def glyphs(_: Random) -> Iterator[Image.Image]:
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 90)
    for glyph in GLYPHS:
        image, pen = paper()
        pen.text((SIZE / 2, SIZE / 2), glyph, fill=0, font=font, anchor="mm")
        yield image


def lines(random: Random) -> Iterator[Image.Image]:
    """One straight stroke: half a cross."""
    for _ in range(10):
        image, pen = paper()
        pen.line(tuple(random.integers([15, 15, 70, 15], [45, 100, 100, 100]).tolist()), fill=0, width=PEN)
        yield image


def polygons(random: Random) -> Iterator[Image.Image]:
    for index in range(12):
        image, pen = paper()
        radius, turn = int(random.integers(30, 45)), int(random.integers(0, 90))
        pen.regular_polygon((58, 56, radius), 3 + index % 3, rotation=turn, outline=0, width=PEN)
        yield image


def crowds(random: Random) -> Iterator[Image.Image]:
    """Several circles and crosses at once."""
    for _ in range(10):
        image, pen = paper()
        for x, y in random.integers(10, 75, (4, 2)).tolist():
            pen.ellipse((x, y, x + 28, y + 28), outline=0, width=PEN)
            pen.line((x - 5, y, x + 30, y + 35), fill=0, width=PEN)
        yield image


def scribbles(random: Random) -> Iterator[Image.Image]:
    for _ in range(10):
        image, pen = paper()
        pen.line([tuple(point) for point in random.integers(14, 104, (12, 2)).tolist()], fill=0, width=PEN)
        yield image


KINDS: dict[str, Callable[[Random], Iterator[Image.Image]]] = {
    kind.__name__: kind for kind in (blank, inverted, noise, photographs, glyphs, lines, polygons, crowds, scribbles)
}


def write(folder: Path) -> None:
    for kind, draw in KINDS.items():
        (folder / kind).mkdir(parents=True)
        for index, image in enumerate(draw(np.random.default_rng(0))):
            image.save(folder / kind / f"{index:02d}.png")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
