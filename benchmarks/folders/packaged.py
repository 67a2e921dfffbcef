"""Pictures that come with scikit-learn and with scikit-image, and crops of them; nothing is downloaded.

scikit-image's coins and cells are single pictures whose parts nobody has named, so they give no classes.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from benchmarks.folders.pictures import Picture, generator, image_of

TEXTURES = ("brick.png", "grass.png", "gravel.png")
PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)
FACES = "lfw_subset.npy"
# Of the pictures in FACES, the first hundred are faces.
FACE_COUNT = 100


def digits() -> Iterator[Picture]:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 px, grey."""
    found = load_digits()
    for index, (levels, label) in enumerate(zip(found.images, found.target, strict=True)):
        yield Picture(str(label), f"{index:04d}.png", image_of(levels * 255 / 16))


def views(count: int) -> Iterator[Picture]:
    """`count` crops, 48 to 120 px, of each of the two photographs that come with scikit-learn."""
    for class_index, class_name in enumerate(("china", "flower")):
        yield from crops(load_sample_image(f"{class_name}.jpg"), class_name, class_index, count, (48, 120))


def textures(count: int) -> Iterator[Picture]:
    """`count` crops, 64 px, of scikit-image's brick, grass and gravel, grey."""
    for class_index, name in enumerate(TEXTURES):
        yield from crops(_shipped(name), Path(name).stem, class_index, count, (64, 64))


def photographs(count: int) -> Iterator[Picture]:
    """`count` crops, 64 to 160 px, of each of six photographs of scikit-image's, in colour."""
    for class_index, name in enumerate(PHOTOGRAPHS):
        yield from crops(_shipped(name), Path(name).stem, class_index, count, (64, 160))


def faces() -> Iterator[Picture]:
    """scikit-image's hundred faces and hundred pictures of other things, 25 x 25 px, grey."""
    for index, levels in enumerate(np.load(folder() / FACES)):
        yield Picture("face" if index < FACE_COUNT else "other", f"{index:03d}.png", image_of(255.0 * levels))


def crops(
    pixels: NDArray[np.uint8], class_name: str, class_index: int, count: int, sides: Sequence[int]
) -> Iterator[Picture]:
    """`count` squares out of `pixels`, at random places; the smallest and the largest side are `sides`, in px."""
    for index in range(count):
        random = generator(4, class_index, index)
        side = int(random.integers(sides[0], sides[1] + 1))
        top, left = (int(random.integers(0, length - side + 1)) for length in pixels.shape[:2])
        cut = pixels[top : top + side, left : left + side]
        yield Picture(class_name, f"{index:04d}.jpg", Image.fromarray(np.ascontiguousarray(cut)))


def folder() -> Path:
    """Where scikit-image keeps its pictures; raises FileNotFoundError where it is not installed."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise FileNotFoundError("scikit-image is not installed")
    return Path(package.origin).parent / "data"


def missing(*names: str) -> list[str]:
    """Those of scikit-image's files that are not there."""
    if find_spec("skimage") is None:
        return list(names)
    return [name for name in names if not (folder() / name).is_file()]


def _shipped(name: str) -> NDArray[np.uint8]:
    with Image.open(folder() / name) as image:
        return np.asarray(image.convert("L" if name in TEXTURES else "RGB"))
