"""Looks at a sample of a folder's files: how each one stores its image, and what it looks like at one common size."""

import random
import time
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosscheck.core import processes
from crosscheck.core.params import DataParams
from crosscheck.data import decoding, depth, links
from crosscheck.data.image_folder import Listing
from crosscheck.data.packing import start_worker

FILES = 400
# A photo of 12 million pixels takes a tenth of a second to decode.
MOST_PIXELS = 400 * 10**6
EXIF_ORIENTATION, TURNED_BY_A_QUARTER = 0x0112, (5, 6, 7, 8)
GREY_MODES = ("1", "L", "LA", "La", "I", "F")
# Paper in yellowish light has one weak tint all over. Colours are strong, or several.
WEAK_TINT, OTHERWISE_TINTED = 20, 0.01
# Grey levels of paper, of a screen or of a black plate are that close together.
ONE_GROUND = 12


@dataclass(frozen=True)
class Header:
    """What a file says of its image: upright size in px, bits a channel, and whether it has transparency and frames."""

    path: str
    label: int
    width: int
    height: int
    bits: int
    stores_colour: bool
    transparent: bool
    frames: int


@dataclass(frozen=True)
class Sighting:
    """An image of the sample at the common size, uint8 (height, width, 3).

    `ground` is the share of pixels about as bright as the most frequent brightness: of a drawing, its paper. A
    `dark_edge` is one whose median is nearer to black.
    """

    path: str
    label: int
    pixels: NDArray[np.uint8]
    colourful: bool
    ground: float
    dark_edge: bool


@dataclass(frozen=True)
class Sample:
    """What was seen of a sample: images at the common size, unreadable ones with the reason, and other files.

    `narrow`: what images use of their range, where that is little; `seconds`: how long all of them took.
    """

    seen: list[Sighting] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    not_images: list[str] = field(default_factory=list)
    narrow: dict[str, depth.Used] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def files(self) -> int:
        """How many files were looked at."""
        return len(self.seen) + len(self.unreadable) + len(self.not_images)


def draw(listing: Listing, seed: int = 0, count: int = FILES) -> list[tuple[str, int]]:
    """Path and label of up to `count` files in random order, of each class as many as of the others if it has them."""
    chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
    by_class = [array("q") for _ in listing.classes]
    for row, label in enumerate(listing.labels):
        by_class[label].append(row)
    chance.shuffle(by_class)
    for rows in by_class:
        chance.shuffle(rows)
    rounds = zip_longest(*(rows[:count] for rows in by_class))
    chosen = [row for row in chain.from_iterable(rounds) if row is not None][:count]
    return [(listing.paths[row], listing.labels[row]) for row in chosen]


def read_headers(root: Path, files: Iterable[tuple[str, int]]) -> list[Header]:
    """The header of each of `files` that is an image; none is decoded."""
    found = (_read_header(root, path, label) for path, label in files)
    return [each for each in found if each is not None]


def _read_header(root: Path, path: str, label: int) -> Header | None:
    file = root / path
    try:
        # A pipe would wait for ever.
        if not file.is_file():
            return None
        with Image.open(file, formats=decoding.FORMATS) as image:
            turned = image.getexif().get(EXIF_ORIENTATION) in TURNED_BY_A_QUARTER
            width, height = image.size[::-1] if turned else image.size
            colour = image.mode not in GREY_MODES and not image.mode.startswith("I;")
            bits, frames = depth.stored(image).bits, getattr(image, "n_frames", 1)
            return Header(path, label, width, height, bits, colour, image.has_transparency_data, frames)
    except decoding.UNREADABLE:
        # Decoding it says what is wrong with it.
        return None


def within_budget(files: list[tuple[str, int]], headers: list[Header]) -> list[tuple[str, int]]:
    """The first of `files`, until their images have MOST_PIXELS in all."""
    pixels = {each.path: each.width * each.height for each in headers}
    chosen: list[tuple[str, int]] = []
    total = 0
    for path, label in files:
        total += pixels.get(path, 0)
        if total > MOST_PIXELS and chosen:
            break
        chosen.append((path, label))
    return chosen


def look(root: Path, files: list[tuple[str, int]], data: DataParams, has_links: bool) -> Sample:
    """Decode `files` on all cores, as `split` would do with the parameters `data`, which ask for colour."""
    sample, began = Sample(), time.perf_counter()
    if has_links:
        # Asked before the processes are forked, so that each of them has the answer.
        links.dvc_cache(root)
    with processes.pool(start=start_worker) as pool:
        decoded = pool.map(partial(decoding.decode, root, data=data), [path for path, _ in files], chunksize=4)
        for (path, label), each in zip(files, decoded, strict=True):
            if each.pixels is not None:
                sample.seen.append(_sighting(path, label, each.pixels))
            elif each.kind == "bad":
                sample.unreadable[path] = each.note
            else:
                sample.not_images.append(path)
            if each.narrow:
                sample.narrow[path] = each.narrow
    return replace(sample, seconds=time.perf_counter() - began)


def _sighting(path: str, label: int, pixels: NDArray[np.uint8]) -> Sighting:
    values = pixels.astype(np.int16)
    tints = values.max(axis=2) - values.min(axis=2)
    grey = values.mean(axis=2)
    counts = np.bincount(grey.astype(np.int64).ravel(), minlength=256)
    near = np.abs(grey - int(np.convolve(counts, np.ones(9), "same").argmax())) <= ONE_GROUND
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    differing = np.mean(np.abs(tints - np.median(tints)) > WEAK_TINT)
    colourful = bool(tints.mean() > WEAK_TINT or differing > OTHERWISE_TINTED)
    return Sighting(path, label, pixels, colourful, float(near.mean()), bool(np.median(edge) < 128))
