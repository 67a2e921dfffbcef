"""Near-duplicates: images that are not equal to the pixel, but that nobody would call two images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MARGIN = 2
FARTHEST = 4
WINDOW = 8
# Of the 2 million pairs of the built-in images, one is below it; saving one as JPEG of quality 50 makes 0.06.
LARGEST_DIFFERENCE = 0.1
MOST_COMPARED = 50_000


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
    pixels: NDArray[np.uint8], looks: Sequence[int], digests: Sequence[str], subset_of: Sequence[str]
) -> list[Pair]:
    """Pairs of near-duplicates in different subsets, in the order of their indices.

    Candidates have fingerprints at most `FARTHEST` of 64 bits apart; a pair counts where its pixels (`pixels[index]`)
    differ by at most `LARGEST_DIFFERENCE` of the contrast. Images with equal pixels (`digests`) are taken once.

    Bounded, so some pairs can be missed: the fingerprints are sorted in four ways, each is compared to the next
    `WINDOW` in each, and at most `MOST_COMPARED` candidates, the closest ones, have their pixels compared. For 200,000
    images that is 6.4 million comparisons of 64 bits, in half a second, or ten and 500 MB where all look the same.
    """
    distinct = np.array(list(dict(zip(reversed(digests), reversed(range(len(digests))), strict=True)).values()))
    subsets = np.unique(np.array(subset_of), return_inverse=True)[1]
    candidates = _candidates(distinct, np.array(looks, dtype=np.uint64), subsets)
    pairs = [Pair(first, second, _difference(pixels[first], pixels[second])) for first, second in candidates]
    return [pair for pair in pairs if pair.difference <= LARGEST_DIFFERENCE]


def _candidates(
    indices: NDArray[np.int64], looks: NDArray[np.uint64], subsets: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Pairs of `indices` in different subsets with close fingerprints, in order, the lower index first."""
    found: list[NDArray[np.int64]] = []
    for turn in np.array([0, 16, 32, 48], dtype=np.uint64):
        turned = (looks[indices] << turn) | (looks[indices] >> ((np.uint64(64) - turn) % np.uint64(64)))
        in_order = indices[np.lexsort((indices, turned))]
        for step in range(1, WINDOW + 1):
            first, second = in_order[:-step], in_order[step:]
            distance = np.bitwise_count(looks[first] ^ looks[second]).astype(np.int64)
            close = (distance <= FARTHEST) & (subsets[first] != subsets[second])
            lower, higher = np.minimum(first, second)[close], np.maximum(first, second)[close]
            found.append(np.stack([distance[close], lower, higher], axis=1))
    closest_first = np.unique(np.concatenate(found), axis=0)
    return sorted((int(first), int(second)) for _, first, second in closest_first[:MOST_COMPARED])


def _difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """The mean absolute difference, as a share of the larger contrast: the mean distance from the image's mean."""
    one, other = first.astype(np.float32), second.astype(np.float32)
    contrast = max(float(np.abs(image - image.mean()).mean()) for image in (one, other))
    difference = float(np.abs(one - other).mean())
    return difference / contrast if contrast > 0 else float(difference > 0)
