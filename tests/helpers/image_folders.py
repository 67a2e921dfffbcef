"""Folders of images and of files, as a user may have them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from crosscheck.data import image_folder
from crosscheck.data.image_folder import Listing


def draw_toy_images(root: Path, count: int, size: int = 16) -> Path:
    """A folder with `count` small distinct images of each of two classes: discs and bars."""
    for name in ("bars", "discs"):
        (root / name).mkdir(parents=True)
        for index in range(count):
            image = Image.new("L", (size, size), 255)
            pen = ImageDraw.Draw(image)
            x, y = index % 5, index // 5 % 5
            if name == "bars":
                pen.rectangle((x, y + 2, x + 9, y + 4), fill=0)
            else:
                pen.ellipse((x, y, x + 8, y + 8), outline=0, width=2)
            image.putpixel((size - 1, size - 1), index % 256)
            image.save(root / name / f"{index:03d}.png")
    return root


def draw_sides(folder: Path, count: int) -> None:
    """Images that are dark on the left or on the right, by class; of each class, three lie in the other's folder."""
    random = np.random.default_rng(1)
    for side, name in enumerate(("left", "right")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image: NDArray[np.uint8] = random.integers(180, 256, (16, 16), dtype=np.uint8)
            wrong = number < 3
            start = 8 * (side ^ wrong)
            image[:, start : start + 8] //= 4
            Image.fromarray(image).save(folder / name / f"{'wrong' if wrong else 'good'}_{number:02d}.png")


def fill(root: Path, *paths: str) -> Path:
    """Empty files at these paths; a path that ends in a slash is a folder."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (root / path).mkdir(exist_ok=True)
        else:
            (root / path).touch()
    return root


def two_classes(toy_images: Path, name: str, content: bytes) -> Path:
    (toy_images / "bars" / name).write_bytes(content)
    return toy_images


def find_images(root: Path, **data: Any) -> Listing:
    """The listing of the folder `root`, with changed parameters of the section data."""
    return image_folder.find(root, **data)
