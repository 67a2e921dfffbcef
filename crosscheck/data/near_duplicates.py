"""Near-duplicates: images that are not equal to the pixel, but that nobody would call two images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosscheck.data import grouping

MARGIN = 2
FARTHEST = 4
WINDOW = 8
# Of the 2 million pairs of the built-in images, one is below it; saving one as JPEG of quality 50 makes 0.06.
LARGEST_DIFFERENCE = 0.1
MOST_COMPARED = 50_000
CHUNK_PIXELS = 2**20
# Images that are compared with their neighbours at once.
ROWS = 2**12


@dataclass(frozen=True)
class Pair:
    """Two images by their index, and how much they differ: 0 is not at all, about 1 is as much as any two images."""

    first: int
    second: int
    difference: float


def fingerprint(pixels: NDArray[np.uint8]) -> int:
    """A 64-bit difference hash of uint8 (height, width, channels): where in 8 rows of 9 cells the next one is lighter.

    A difference up to `MARGIN` grey levels counts as none, so that compression does not decide in flat areas.
    """
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).convert("L")
    cells = np.asarray(image.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    lighter = cells[:, 1:] - cells[:, :-1] > MARGIN
    return int.from_bytes(np.packbits(lighter).tobytes(), "big")


def across_subsets(
    pixels: NDArray[np.uint8], looks: Sequence[int], digests: Iterable[str], subset_of: Sequence[str]
) -> list[Pair]:
    """Pairs of near-duplicates in different subsets, in the order of their indices.

    Candidates have fingerprints at most `FARTHEST` of 64 bits apart; a pair counts where its pixels (`pixels[index]`)
    differ by at most `LARGEST_DIFFERENCE` of the contrast. Images with equal pixels (`digests`) are taken once.

    Bounded, so some pairs can be missed: the fingerprints are sorted in four ways, each is compared to the next
    `WINDOW` in each, and at most `MOST_COMPARED` candidates, the closest ones, have their pixels compared. For 200,000
    images that is 6.4 million comparisons of 64 bits, in half a second, or ten where all look the same.
    """
    first = grouping.first_of_equals(digests)
    distinct = np.flatnonzero(first == np.arange(len(first)))
    del first
    number_of = {subset: number for number, subset in enumerate(set(subset_of))}
    subsets = np.fromiter(map(number_of.__getitem__, subset_of), dtype=np.uint8, count=len(subset_of))
    candidates = _candidates(distinct, np.asarray(looks, dtype=np.uint64), subsets)
    step = max(1, CHUNK_PIXELS // pixels[0].size)
    pairs: list[Pair] = []
    for start in range(0, len(candidates), step):
        chunk = candidates[start : start + step]
        differences = _differences(pixels[chunk[:, 0]], pixels[chunk[:, 1]])
        pairs += [
            Pair(first, second, share)
            for (first, second), share in zip(chunk.tolist(), differences.tolist(), strict=True)
        ]
    return [pair for pair in pairs if pair.difference <= LARGEST_DIFFERENCE]


def _candidates(indices: NDArray[np.int64], looks: NDArray[np.uint64], subsets: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n, 2) pairs of `indices` in different subsets with close fingerprints, in order, the lower index first."""
    found = [np.empty((0, 3), dtype=np.int64)]
    for first, second in _neighbours(indices, looks):
        distance = np.bitwise_count(looks[first] ^ looks[second]).astype(np.int64)
        close = (distance <= FARTHEST) & (subsets[first] != subsets[second])
        lower, higher = np.minimum(first, second)[close], np.maximum(first, second)[close]
        found.append(np.stack([distance[close], lower, higher], axis=1))
        # What is not among the closest so far is not among the closest of all.
        if sum(map(len, found)) > 2 * MOST_COMPARED:
            found = [_closest(found)]
    return np.unique(_closest(found)[:, 1:], axis=0)


def _neighbours(
    indices: NDArray[np.int64], looks: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The ends of pairs, int64 (k,) each, at most ROWS at once: `indices` up to WINDOW apart in each of four orders."""
    for turn in np.array([0, 16, 32, 48], dtype=np.uint64):
        turned = looks[indices] << turn
        turned |= looks[indices] >> ((np.uint64(64) - turn) % np.uint64(64))
        # Of equal ones the lower index comes first.
        in_order = indices[np.argsort(turned, kind="stable")]
        del turned
        for step in range(1, WINDOW + 1):
            for start in range(0, len(in_order) - step, ROWS):
                second = in_order[start + step : start + step + ROWS]
                yield in_order[start : start + len(second)], second


def _closest(found: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Of the rows distance, lower and higher index the first MOST_COMPARED different ones."""
    return np.unique(np.concatenate(found), axis=0)[:MOST_COMPARED]


def _differences(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The mean absolute difference of each pair of (n, height, width, channels), as a share of the larger contrast.

    Contrast is the mean distance from the image's mean. Sums of whole numbers, so every machine finds the same.
    """
    first, second = (images.reshape(len(images), -1).astype(np.int16) for images in (one, other))
    contrast = np.maximum(_contrast(first), _contrast(second))
    difference = np.abs(first - second).sum(axis=1, dtype=np.int64)
    shares: NDArray[np.float64] = np.where(contrast > 0, difference / np.maximum(contrast, 1), difference > 0)
    return shares


def _contrast(images: NDArray[np.int16]) -> NDArray[np.int64]:
    means = images.sum(axis=1, keepdims=True, dtype=np.int64) // images.shape[1]
    distances: NDArray[np.int64] = np.abs(images - means.astype(np.int16)).sum(axis=1, dtype=np.int64)
    return distances
