"""Random changes of the training images: each image and each epoch has draws of its own.

Names and meanings are those of torchvision and ultralytics. The transforms of torchvision give all images of a batch
the same draw, and image by image they take longer than the training itself. So flips, which torchvision makes of the
whole batch, are kept for the images that drew one, and the batch goes through torch's `grid_sample` at once, each image
with a grid of its own.

A changed image is what a file could hold: uint8. Every step is exact or rounds once, so the same draws give the same
bits on any processor or GPU, with any number of threads, and in any batch.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from crosscheck.core.params import AugmentParams

# An image has a number for each of these, from 0 to 1, whether it is used or not: what one parameter changes does not
# depend on the others.
DRAWS = (
    "fliplr",
    "flipud",
    "degrees",
    "across",
    "down",
    "scale",
    "brightness",
    "contrast",
    "erasing",
    "area",
    "ratio",
    "left",
    "top",
)
# Places between two pixels. Weights of so many places, times a grey level, are whole numbers of 24 bits: float32 holds
# them, and so no sum of an interpolation is rounded.
PLACES = 256
# Of an erased rectangle, as in torchvision's RandomErasing: the share of the image, and height by width.
SMALLEST, LARGEST = 0.02, 0.33
FLATTEST, TALLEST = 0.3, 3.3
# The grey level of a pixel by ITU-R 601, in thousandths; of a grey one it is all of it.
SHARES = {1: (1000,), 3: (299, 587, 114)}

Draws = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Changes:
    """The changes of one epoch: `numbers` is float32 (images, DRAWS), a row for each training image."""

    params: AugmentParams
    background: int
    numbers: NDArray[np.float32]

    def apply(self, images: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """The changed `images`, which are those of `rows` of the training set.

        uint8 (n, channels, height, width) in and out, on any device. Flips come first, then one bilinear resampling
        that turns, zooms about the centre and shifts, then brightness, contrast and erasing.
        """
        wanted, background = self.params, self.background
        draws = dict(zip(DRAWS, self.numbers[rows].T.astype(np.float64), strict=True))
        if wanted.fliplr or wanted.flipud:
            images = _flip(images, draws["fliplr"] < wanted.fliplr, draws["flipud"] < wanted.flipud)
        if wanted.degrees or wanted.translate or wanted.scale:
            images = _move(images, wanted, draws, background)
        if wanted.brightness:
            images = _brighten(images, 1 + wanted.brightness * _either_way(draws["brightness"]))
        if wanted.contrast:
            images = _contrast(images, 1 + wanted.contrast * _either_way(draws["contrast"]))
        if wanted.erasing:
            images = _erase(images, draws["erasing"] < wanted.erasing, draws, background)
        # As the images of a file come.
        return images.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Augmentation:
    """What changes the images of one training: what is wanted, `train.seed`, the grey level of what moves in."""

    params: AugmentParams
    seed: int
    background: int

    def draw(self, epoch: int, images: int) -> Changes:
        """The changes of the epoch of this number, from 1, for a training set of so many images.

        They follow from the seed, the epoch and the image's row alone, by a generator that counts instead of carrying
        a state (Philox; Salmon et al. 2011): so a training that goes on after an interruption has nothing to restore.
        """
        generator = np.random.Generator(np.random.Philox(key=np.array([self.seed, epoch], dtype=np.uint64)))
        return Changes(self.params, self.background, generator.random((images, len(DRAWS)), dtype=np.float32))


def build_augmentation(params: AugmentParams, seed: int, background: int) -> Augmentation | None:
    """What changes the training images, or None where every change is off."""
    return Augmentation(params, seed, background) if any(params.model_dump().values()) else None


def _either_way(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers from 0 to 1 as numbers from -1 to 1."""
    return 2 * numbers - 1


def _flip(images: Tensor, across: NDArray[np.bool_], down: NDArray[np.bool_]) -> Tensor:
    # Nothing else here needs it, and it takes a moment to load.
    from torchvision.transforms.v2.functional import horizontal_flip, vertical_flip

    images = torch.where(_of_each(across, images), horizontal_flip(images), images)
    return torch.where(_of_each(down, images), vertical_flip(images), images)


def _of_each(values: NDArray[np.generic], images: Tensor) -> Tensor:
    """A value for each image, to be spread over its pixels."""
    return torch.from_numpy(values).to(images.device).view(-1, 1, 1, 1)


def _move(images: Tensor, wanted: AugmentParams, draws: Draws, background: int) -> Tensor:
    """Turn and zoom each image about its centre, then shift it; what moves in is `background`.

    A place in the original is the sum of one part for its column and one for its row. Both are whole multiples of
    1 / PLACES px, and the images are filled up to powers of 2 px: so the grid, too, is exact.
    """
    height, width = images.shape[2:]
    high, wide = (1 << (size - 1).bit_length() for size in (height, width))
    columns, rows = _places(wanted, draws, height, width)
    grid = torch.empty(len(images), height, width, 2, device=images.device)
    for axis, size in enumerate((wide, high)):
        # torch's unit: -1 and 1 are the edges of the image, half a pixel beyond the centres of the outer pixels.
        by_column = torch.from_numpy((2 * columns[axis] + 1) / size - 1).float().to(images.device)
        by_row = torch.from_numpy(2 * rows[axis] / size).float().to(images.device)
        torch.add(by_column[:, None, :], by_row[:, :, None], out=grid[..., axis])
    ink = functional.pad(images.float() - background, (0, wide - width, 0, high - height))
    moved = functional.grid_sample(ink, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return _to_uint8(moved.add_(background))


def _places(
    wanted: AugmentParams, draws: Draws, height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the pixels of each changed image come from, in px from the first: (2, n, width) and (2, n, height).

    x and y of a pixel are the sums of what its column and its row say.
    """
    # Python's functions and not numpy's, whose last bits follow the processor.
    angles = [math.radians(wanted.degrees * turn) for turn in _either_way(draws["degrees"])]
    zoom = 1 + wanted.scale * _either_way(draws["scale"])
    cos, sin = (np.array([function(angle) for angle in angles]) / zoom for function in (math.cos, math.sin))
    across = wanted.translate * width * _either_way(draws["across"])
    down = wanted.translate * height * _either_way(draws["down"])
    # From the centre of the changed image, before it was shifted.
    x = np.arange(width) - (width - 1) / 2 - across[:, None]
    y = np.arange(height) - (height - 1) / 2 - down[:, None]
    columns = np.stack([cos[:, None] * x + (width - 1) / 2, -sin[:, None] * x + (height - 1) / 2])
    rows = np.stack([sin[:, None] * y, cos[:, None] * y])
    return np.rint(columns * PLACES) / PLACES, np.rint(rows * PLACES) / PLACES


def _brighten(images: Tensor, factors: NDArray[np.float64]) -> Tensor:
    return _to_uint8(images * _of_each(factors.astype(np.float32), images))


def _contrast(images: Tensor, factors: NDArray[np.float64]) -> Tensor:
    """Pull each pixel to the image's mean grey level, or push it away."""
    # Whole numbers, so the order of the sums does not matter.
    shares = torch.tensor(SHARES[images.shape[1]], device=images.device)
    sums = (images.sum((2, 3), dtype=torch.float64) * shares).sum(1)
    means = sums / (sum(SHARES[1]) * images[0, 0].numel())
    kept = _of_each(factors, images)
    # One operation at a time: fused ones round once less, and only where the processor has them.
    grey = ((1 - kept) * means.view(-1, 1, 1, 1)).float()
    return _to_uint8(images * kept.float() + grey)


def _erase(images: Tensor, which: NDArray[np.bool_], draws: Draws, background: int) -> Tensor:
    """Fill a rectangle of the images of `which` with `background`."""
    height, width = images.shape[2:]
    areas = height * width * (SMALLEST + (LARGEST - SMALLEST) * draws["area"])
    ratios = np.array([FLATTEST * (TALLEST / FLATTEST) ** number for number in draws["ratio"].tolist()])
    inside = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=images.device)
    for size, length, place, shape in (
        (height, np.sqrt(areas * ratios), draws["top"], (-1, 1, height, 1)),
        (width, np.sqrt(areas / ratios), draws["left"], (-1, 1, 1, width)),
    ):
        length = np.rint(length).clip(1, size) * which
        start = np.floor(place * (size - length + 1))[:, None]
        within = (np.arange(size) >= start) & (np.arange(size) < start + length[:, None])
        inside = inside & torch.from_numpy(within).to(images.device).view(shape)
    return images.masked_fill(inside, background)


def _to_uint8(values: Tensor) -> Tensor:
    """Float grey levels, which are overwritten, as the nearest ones that a file can hold."""
    return values.round_().clamp_(0, 255).to(torch.uint8)
