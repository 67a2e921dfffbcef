"""Random changes of the training images: each image and each epoch has draws of its own.

Names and meanings are those of torchvision and ultralytics. The transforms of torchvision give all images of a batch
the same draw, and image by image they take longer than the training itself. So the batch goes through torch's
`grid_sample` at once, each image with a grid of its own, which also holds its flips. Between the steps grey levels are
whole numbers in float32, since to convert a batch takes as long as ten operations on it; torch shares all of them among
its threads.

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
# Places between two pixels. Weights of these places, times a grey level, are whole numbers of 24 bits: float32 holds
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
        across, down = draws["fliplr"] < wanted.fliplr, draws["flipud"] < wanted.flipud
        if wanted.degrees or wanted.translate or wanted.scale:
            values = _move(images, _places(wanted, draws, *images.shape[2:]).flip(across, down), background)
        else:
            values = _flip(images, across, down).float()
        if wanted.brightness:
            _brighten(values, 1 + wanted.brightness * _either_way(draws["brightness"]))
        if wanted.contrast:
            _contrast(values, 1 + wanted.contrast * _either_way(draws["contrast"]))
        # As the images of a file come.
        changed = values.to(torch.uint8, memory_format=torch.channels_last)
        if wanted.erasing:
            _erase(changed, draws["erasing"] < wanted.erasing, draws, background)
        return changed


@dataclass(frozen=True)
class Augmentation:
    """What changes the images of one training: what is wanted, `train.seed`, the grey level of what moves in."""

    params: AugmentParams
    seed: int
    background: int

    def draw(self, epoch: int, images: int) -> Changes:
        """The changes of the epoch of this number, from 1, for a training set of `images` images.

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
    for which, axis in ((across, 3), (down, 2)):
        if which.any():
            images = torch.where(_of_each(which, images), images.flip(axis), images)
    return images


def _of_each(values: NDArray[np.generic], images: Tensor) -> Tensor:
    """A value for each image, to be spread over its pixels."""
    return torch.from_numpy(values).to(images.device).view(-1, 1, 1, 1)


@dataclass(frozen=True)
class Places:
    """Where the pixels of each changed image come from, in px from the first; x and y stand first.

    x and y of a pixel are the sums of what its column and its row say: float64 (2, n, width) and (2, n, height).
    """

    columns: NDArray[np.float64]
    rows: NDArray[np.float64]

    def flip(self, across: NDArray[np.bool_], down: NDArray[np.bool_]) -> "Places":
        """The same places in images of which those of `across` and `down` were flipped before."""
        lasts = [values.shape[2] - 1 for values in (self.columns, self.rows)]
        flipped = np.stack([across, down])[:, :, None]
        columns = np.where(flipped, np.reshape(lasts, (2, 1, 1)) - self.columns, self.columns)
        return Places(columns, np.where(flipped, -self.rows, self.rows))


def _move(images: Tensor, places: Places, background: int) -> Tensor:
    """Resample each image at its places, to float grey levels; what moves in is `background`.

    The places are whole multiples of 1 / PLACES px, and the images are filled up to powers of 2 px: so the grid is
    exact.
    """
    height, width = images.shape[2:]
    high, wide = (1 << (size - 1).bit_length() for size in (height, width))
    # x and y in planes of their own: to write and to read them in turn is slower.
    grid = torch.empty(2, len(images), height, width, device=images.device)
    for plane, size, columns, rows in zip(grid, (wide, high), places.columns, places.rows, strict=True):
        # torch's unit: -1 and 1 are the edges of the image, half a pixel beyond the centres of the outer pixels.
        by_column = torch.from_numpy((2 * columns + 1) / size - 1).float().to(images.device)
        by_row = torch.from_numpy(2 * rows / size).float().to(images.device)
        torch.add(by_column[:, None, :], by_row[:, :, None], out=plane)
    ink = torch.full((*images.shape[:2], high, wide), float(background), device=images.device)
    ink[:, :, :height, :width] = images
    ink -= background
    moved = functional.grid_sample(
        ink, grid.permute(1, 2, 3, 0), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return _round(moved.add_(background))


def _places(wanted: AugmentParams, draws: Draws, height: int, width: int) -> Places:
    """Turn and zoom each image about its centre, then shift it."""
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
    return Places(np.rint(columns * PLACES) / PLACES, np.rint(rows * PLACES) / PLACES)


def _brighten(values: Tensor, factors: NDArray[np.float64]) -> None:
    _round(values.mul_(_of_each(factors.astype(np.float32), values)))


def _contrast(values: Tensor, factors: NDArray[np.float64]) -> None:
    """Pull each pixel to the image's mean grey level, or push it away."""
    # Whole numbers, so the order of the sums does not matter; those of a row are few enough for float32.
    shares = torch.tensor(SHARES[values.shape[1]], device=values.device)
    sums = (values.sum(3).sum(2, dtype=torch.float64) * shares).sum(1)
    means = sums / (sum(SHARES[1]) * values[0, 0].numel())
    kept = _of_each(factors, values)
    # One operation at a time: fused ones round once less, and only where the processor has them.
    grey = ((1 - kept) * means.view(-1, 1, 1, 1)).float()
    _round(values.mul_(kept.float()).add_(grey))


def _erase(images: Tensor, which: NDArray[np.bool_], draws: Draws, background: int) -> None:
    """Fill a rectangle of the images of `which` with `background`."""
    height, width = images.shape[2:]
    areas = height * width * (SMALLEST + (LARGEST - SMALLEST) * draws["area"])
    ratios = np.array([FLATTEST * (TALLEST / FLATTEST) ** number for number in draws["ratio"].tolist()])
    tops, bottoms = _stretches(height, np.sqrt(areas * ratios), draws["top"])
    lefts, rights = _stretches(width, np.sqrt(areas / ratios), draws["left"])
    for row in np.flatnonzero(which):
        images[row, :, tops[row] : bottoms[row], lefts[row] : rights[row]] = background


def _stretches(
    size: int, lengths: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the end of as many pixels of `size` as `lengths` say, at `places` from 0 to 1."""
    lengths = np.rint(lengths).clip(1, size)
    first = np.floor(places * (size - lengths + 1))
    return first.astype(np.int64), (first + lengths).astype(np.int64)


def _round(values: Tensor) -> Tensor:
    """Float grey levels, which are overwritten, as the nearest ones that a file can hold."""
    return values.round_().clamp_(0, 255)
