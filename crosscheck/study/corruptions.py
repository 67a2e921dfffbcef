"""Test images made harder step by step, the same way at every call: how much of what was learnt survives?

What moves out of an image is gone, what moves in is background. Sizes are shares of the image, so that the grid suits
images of any size; the stroke's width is in pixels.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from crosscheck.data.dataset import Subset

Images = NDArray[np.uint8]

# The first level of each leaves the images as they are, but for the one of stroke, which does so in the middle.
GRID: dict[str, list[float]] = {
    "shift": [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3],
    "scale": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3],
    "rotation": [0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0],
    "stroke": [-2.0, -1.0, 0.0, 1.0, 2.0, 4.0],
    "noise": [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3],
    "inversion": [0.0, 1.0],
}
UNITS = {
    "shift": "distance, % of the width, in a random direction",
    "scale": "size, as a multiple, about the centre",
    "rotation": "angle, degrees, to a random side",
    "stroke": "change of the dark strokes' width on each side, px",
    "noise": "% of the pixels set to black or white at random",
    "inversion": "0 as they are, 1 with black and white swapped",
}
UNTOUCHED = {"shift": 0.0, "scale": 1.0, "rotation": 0.0, "stroke": 0.0, "noise": 0.0, "inversion": 0.0}


def distort(subset: Subset, kind: str, level: float, background: int) -> Subset:
    """`subset` with every image distorted by one `kind` of GRID at one `level`; `background` is a grey level."""
    if level == UNTOUCHED[kind]:
        return subset
    return Subset(_BY_KIND[kind](np.asarray(subset.images), level, background), subset.labels)


def _shift(images: Images, level: float, background: int) -> Images:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, len(images))
    moves = 2 * level * np.stack([np.cos(angles), np.sin(angles) * images.shape[2] / images.shape[1]], axis=1)
    return _affine(images, background, np.zeros(len(images)), 1.0, moves)


def _scale(images: Images, level: float, background: int) -> Images:
    return _affine(images, background, np.zeros(len(images)), level, np.zeros((len(images), 2)))


def _rotation(images: Images, level: float, background: int) -> Images:
    sides = np.random.default_rng(0).choice([-1.0, 1.0], len(images))
    return _affine(images, background, np.radians(level * sides), 1.0, np.zeros((len(images), 2)))


def _affine(
    images: Images, background: int, angles: NDArray[np.float64], scale: float, moves: NDArray[np.float64]
) -> Images:
    """Turn each image by its angle (radians), scale it and then move it, with bilinear interpolation.

    `moves` is (n, 2): x and y in halves of the image's width and height, the unit of torch's grids.
    """
    height, width = images.shape[1:3]
    cos, sin = np.cos(angles) / scale, np.sin(angles) / scale
    # A grid says for each place where its value comes from, so this is the way back.
    back = np.stack([[cos, sin * height / width], [-sin * width / height, cos]]).transpose(2, 0, 1)
    origin = -np.einsum("nij,nj->ni", back, moves)
    matrices = np.concatenate([back, origin[:, :, None]], axis=2).astype(np.float32)
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32)) - background
    # Many images may share a few grids, which take longer to make than to use.
    different, which = np.unique(matrices, axis=0, return_inverse=True)
    size = [len(different), *pixels.shape[1:]]
    grid = functional.affine_grid(torch.from_numpy(different), size, align_corners=False)[which]
    moved = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return (moved + background).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _stroke(images: Images, level: float, background: int) -> Images:
    """Dark strokes grow where each pixel becomes the darkest within `level` px of it, and shrink with the brightest."""
    size = 2 * round(abs(level)) + 1
    dark_grows = (level > 0) == (background > 127)
    morph: Callable[..., Images] = ndimage.grey_erosion if dark_grows else ndimage.grey_dilation
    return morph(images, size=(1, size, size, 1))


def _noise(images: Images, level: float, background: int) -> Images:
    chance = np.random.default_rng(0).random((*images.shape[:3], 1))
    return np.where(chance < level / 2, 0, np.where(chance < level, 255, images)).astype(np.uint8)


def _inversion(images: Images, level: float, background: int) -> Images:
    return np.asarray(255 - images, dtype=np.uint8)


_BY_KIND: dict[str, Callable[[Images, float, int], Images]] = {
    "shift": _shift,
    "scale": _scale,
    "rotation": _rotation,
    "stroke": _stroke,
    "noise": _noise,
    "inversion": _inversion,
}
