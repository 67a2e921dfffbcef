"""A picture with its class, and the forms in which a folder holds such pictures."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosscheck.core import tables

# Of each class, in this order; the rest is for the test.
TRAIN, VAL = 0.7, 0.1
QUALITY = 90


@dataclass(frozen=True)
class Picture:
    """A picture, and its file's place in the folder of its class; the ending of `name` is the file's format."""

    class_name: str
    name: str
    image: Image.Image


def in_classes(pictures: Iterable[Picture], folder: Path) -> None:
    """A folder for each class."""
    for picture in pictures:
        save(picture.image, folder / picture.class_name / picture.name)


def in_subsets(pictures: Iterable[Picture], folder: Path) -> None:
    """Ready-made subsets: train/, val/ and test/ with a folder for each class."""
    made = list(pictures)
    counts, seen = Counter(picture.class_name for picture in made), Counter[str]()
    for picture in made:
        share = seen[picture.class_name] / counts[picture.class_name]
        subset = "train" if share < TRAIN else "val" if share < TRAIN + VAL else "test"
        seen[picture.class_name] += 1
        save(picture.image, folder / subset / picture.class_name / picture.name)


def in_table(pictures: Iterable[Picture], folder: Path) -> None:
    """All images in one folder, and their classes in labels.csv."""

    def saved() -> Iterator[tuple[str, str]]:
        for number, picture in enumerate(pictures):
            path = f"images/{number:04d}{Path(picture.name).suffix}"
            save(picture.image, folder / path)
            yield path, picture.class_name

    tables.write(["path", "label"], saved(), folder / "labels.csv")


def save(image: Image.Image, file: Path) -> None:
    """Write an image in the format of the file's ending."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, quality=QUALITY)


def image_of(levels: NDArray[np.float64]) -> Image.Image:
    """Grey (height, width) or colour (height, width, 3) levels, 0 to 255, as an image."""
    return Image.fromarray(np.rint(levels.clip(0, 255)).astype(np.uint8))


def generator(*numbers: int) -> np.random.Generator:
    """Random numbers of one picture, which depend on `numbers` alone."""
    return np.random.Generator(np.random.PCG64(list(numbers)))
