"""Pictures that are drawn in colour: shapes in a scene, and samples of patients who each have a look of their own."""

import colorsys
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks.folders.pictures import Picture, generator, image_of

SMALLEST, LARGEST = 60, 200
SAMPLE = 48

Levels = NDArray[np.float64]
Mask = NDArray[np.bool_]


def shapes(count: int) -> Iterator[Picture]:
    """Six classes of `count` JPEG files each, every image of another size.

    Discs and squares differ in their texture and not in their colour, triangles in their colour alone. Where a thing
    stands, how large it is, how it is turned and what is behind it says nothing of the class.
    """
    for class_index, class_name in enumerate(SHAPES):
        for index in range(count):
            yield Picture(class_name, f"{index:04d}.jpg", _scene(class_name, generator(2, class_index, index)))


def _scene(class_name: str, random: np.random.Generator) -> Image.Image:
    width, height = random.integers(SMALLEST, LARGEST + 1, 2)
    x, y = width * random.uniform(0.4, 0.6), height * random.uniform(0.4, 0.6)
    radius = min(width, height) * random.uniform(0.25, 0.4)
    turned = random.uniform(0, 2 * math.pi)
    down, across = np.mgrid[0:height, 0:width]
    u = ((across - x) * math.cos(turned) + (down - y) * math.sin(turned)) / radius
    v = ((down - y) * math.cos(turned) - (across - x) * math.sin(turned)) / radius
    inside, textured, hue = SHAPES[class_name]
    base = random.uniform(0, 1) if hue is None else (hue + random.uniform(-0.05, 0.05)) % 1
    light, dark = _colour(base, random.uniform(0.75, 1)), _colour(base, random.uniform(0.2, 0.4))
    thing = np.where(textured(u, v)[..., None], dark, light)
    behind = _background(height, width, random)
    levels = np.where(inside(u, v)[..., None], thing, behind)
    soft = image_of(levels).filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.2)))
    return image_of(np.asarray(soft, dtype=np.float64) + random.normal(0, 6, levels.shape))


def _colour(hue: float, value: float) -> Levels:
    levels: Levels = np.multiply(colorsys.hsv_to_rgb(hue, 0.8, value), 255.0)
    return levels


def _background(height: int, width: int, random: np.random.Generator) -> Levels:
    """A smooth random pattern of two pale colours."""
    coarse = random.uniform(0, 255, (4, 4)).astype(np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    share = np.asarray(smooth, dtype=np.float64)[..., None] / 255
    first, second = random.uniform(90, 230, (2, 3))
    mixed: Levels = first * share + second * (1 - share)
    return mixed


def _is_in_disc(u: Levels, v: Levels) -> Mask:
    return u**2 + v**2 < 1


def _is_in_square(u: Levels, v: Levels) -> Mask:
    return np.maximum(np.abs(u), np.abs(v)) < 0.85


def _is_in_triangle(u: Levels, v: Levels) -> Mask:
    return (v > -0.5) & (np.abs(u) * math.sqrt(3) + v < 1)


def _stripes(u: Levels, v: Levels) -> Mask:
    return np.sin(2 * math.pi * u / 0.4) > 0


def _dots(u: Levels, v: Levels) -> Mask:
    return (u % 0.4 - 0.2) ** 2 + (v % 0.4 - 0.2) ** 2 < 0.15**2


def _plain(u: Levels, v: Levels) -> Mask:
    return np.zeros(u.shape, dtype=bool)


Field = Callable[[Levels, Levels], Mask]
# Outline, texture and hue of each class; None is any hue.
SHAPES: dict[str, tuple[Field, Field, float | None]] = {
    "blue triangle": (_is_in_triangle, _plain, 0.62),
    "dotted disc": (_is_in_disc, _dots, None),
    "dotted square": (_is_in_square, _dots, None),
    "red triangle": (_is_in_triangle, _plain, 0.0),
    "striped disc": (_is_in_disc, _stripes, None),
    "striped square": (_is_in_square, _stripes, None),
}


def patients(count: int, samples: int, in_folders: bool) -> Iterator[Picture]:
    """`samples` PNG files of 48 x 48 px from each of `count` patients, of whom every second is ill.

    All of a patient have one colour and one grain, which tell patients apart and say nothing of the class: what is ill
    are rings instead of spots. Files are named patient07/03.png, or patient07_03.png where not `in_folders`.
    """
    for patient in range(count):
        class_name = "ill" if patient % 2 else "healthy"
        for index in range(samples):
            name = f"patient{patient:02d}{'/' if in_folders else '_'}{index:02d}.png"
            yield Picture(class_name, name, _sample(patient, index, ill=class_name == "ill"))


def _sample(patient: int, index: int, ill: bool) -> Image.Image:
    look, random = generator(3, patient), generator(3, patient, index + 1)
    tissue, grain = look.uniform(110, 230, 3), look.uniform(5, 25)
    side = int(look.integers(6, 25))
    coarse = Image.fromarray(random.normal(128, grain, (side, side)).clip(0, 255).astype(np.uint8))
    rough = np.asarray(coarse.resize((SAMPLE, SAMPLE), Image.Resampling.BICUBIC), dtype=np.float64) - 128
    levels = tissue + rough[..., None]
    down, across = np.mgrid[0:SAMPLE, 0:SAMPLE]
    for _ in range(int(random.integers(2, 5))):
        x, y = random.uniform(8, SAMPLE - 8, 2)
        far = np.hypot(across - x, down - y) / random.uniform(3.5, 5.5)
        cell = (far > 0.6) & (far < 1.15) if ill else far < 0.95
        levels = np.where(cell[..., None], 0.6 * levels, levels)
    return image_of(levels + random.normal(0, 4, levels.shape))
