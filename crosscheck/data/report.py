"""What `split` found in the folder."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data import class_names, depth, grouping, leakage, near_duplicates, split_sizes
from crosscheck.data.decoding import Decoded
from crosscheck.data.image_folder import Listing
from crosscheck.data.packed_texts import FewTexts
from crosscheck.data.read_images import ReadImages
from crosscheck.data.splitting import SUBSETS, repeated

MOST_PAIRS = 100


@dataclass
class Corpus:
    """The images of `listing` that were read so far, and the files that are not images.

    `notes`, `skipped`: remarks by path; `narrow`: what images use of their range, where that is little.
    """

    listing: Listing
    images: ReadImages = field(init=False)
    notes: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    narrow: dict[str, depth.Used] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.images = ReadImages(self.listing)
        self.ignored += self.listing.ignored
        self.skipped |= dict.fromkeys(self.listing.missing, "named in the table, and not there")

    def add(self, row: int, decoded: Decoded) -> None:
        """Add the image that the listing's file `row` was decoded to."""
        path = self.listing.paths[row]
        self.images.append(row, decoded)
        if decoded.note:
            self.notes[path] = decoded.note
        if decoded.narrow:
            self.narrow[path] = decoded.narrow

    def expect_images(self, root: Path) -> None:
        """Raise InputError where no image was read of a class, or none that is to train on; the folder is `root`."""
        classes = self.listing.classes
        filled = set(self.images.labels)
        known = zip(self.images.labels, self.images.given, strict=True)
        trained = {label for label, given in known if given in ("", "train")}
        empty = [label for label in range(len(classes)) if label not in filled]
        if empty:
            more = f", like {len(empty) - 1} more classes" if len(empty) > 1 else ""
            held, name = self._held(empty[0]), classes[empty[0]]
            raise InputError(f"{root}: the class {name!r} holds no image{more}; {held}; {self._remedy()}")
        untrained = [name for label, name in enumerate(classes) if label not in trained]
        if untrained:
            raise InputError(f"{root}: no image could be read of the class {untrained[0]!r} in train; {self._remedy()}")

    def _held(self, label: int) -> str:
        """What was found of a class that holds no image."""
        labelled = zip(self.listing.paths, self.listing.labels, strict=True)
        others = [path for path, its_label in labelled if its_label == label]
        others += [path for path, name in self.listing.missing.items() if name == self.listing.classes[label]]
        if not others:
            return "it holds no file"
        first = min(others, key=lambda path: path not in self.skipped)
        reason = f" ({self.skipped[first]})" if first in self.skipped else ""
        held = "the table names {} files of it" if self.listing.read_as == "table" else "it holds {} other files"
        return f"{held.format(len(others))}, such as {first!r}{reason}"

    def _remedy(self) -> str:
        if self.listing.read_as == "table":
            return "correct the table, or the images that it names"
        return "put images into its folder or move the folder away"


def make(
    corpus: Corpus,
    pixels: NDArray[np.uint8],
    classes: list[str],
    subset_of: FewTexts,
    params: SplitParams,
    groups: Sequence[str] = (),
) -> dict[str, Any]:
    """Counts by class and subset, duplicates and near-duplicates, and what was ignored, skipped or remarkable.

    `pixels` holds the images in the order of `corpus`, and `groups` names the group of each, if there are groups.
    """
    images = corpus.images
    counted = Counter(zip(images.labels, subset_of, strict=True))
    counts = {name: {subset: counted[label, subset] for subset in SUBSETS} for label, name in enumerate(classes)}
    asked = split_sizes.resolve(images.labels, images.given, classes, params)
    equals = duplicates(corpus)
    pairs = near_duplicates.across_subsets(pixels, images.looks, images.pixels, subset_of)
    return {
        "counts": counts,
        "asked": {subset: dict(zip(classes, sizes, strict=True)) for subset, sizes in asked.items()},
        "fewer_than_asked": {
            subset: {
                name: size - counts[name][subset]
                for name, size in zip(classes, sizes, strict=True)
                if counts[name][subset] < size
            }
            for subset, sizes in asked.items()
        },
        "given": sorted(set(images.given) - {""}),
        "groups": {
            "named_by": "labels" if any(images.listed) else params.group_by,
            "count": grouping.count_groups(groups),
            "images": sum(map(bool, groups)),
        },
        "fold": {"folds": params.folds, "fold": params.fold},
        "duplicates": equals,
        "duplicates_across_classes": [group for group in equals if len(set(group.values())) > 1],
        "near_duplicates_across_subsets_count": len(pairs),
        "near_duplicates_across_subsets": [_named(pair, corpus, subset_of) for pair in pairs[:MOST_PAIRS]],
        "narrow_ranges": depth.found(corpus.narrow),
        "class_names": class_names.remarks(classes),
        "notes": corpus.notes,
        "skipped": corpus.skipped,
        "ignored": sorted(corpus.ignored),
        **_reading(corpus, pairs, counts),
    }


def _reading(corpus: Corpus, pairs: list[near_duplicates.Pair], counts: dict[str, dict[str, int]]) -> dict[str, Any]:
    """How the folder was read, and what its author's subsets have in common or lack."""
    listing, given = corpus.listing, corpus.images.given
    paths, hashes = corpus.images.paths, corpus.images.pixels
    return {
        "read_as": listing.read_as,
        "sources": listing.sources,
        "remarks": listing.remarks,
        "unlisted": listing.unlisted,
        "lacking": {
            subset: lacking
            for subset in ("val", "test")
            if subset in given and (lacking := [name for name in counts if not counts[name][subset]])
        },
        "leakage": leakage.find(paths, hashes, pairs, given),
    }


def _named(pair: near_duplicates.Pair, corpus: Corpus, subset_of: FewTexts) -> dict[str, Any]:
    members = (pair.first, pair.second)
    return {
        "subsets": {corpus.images[member].path: subset_of[member] for member in members},
        "difference": round(pair.difference, 4),
    }


def duplicates(corpus: Corpus) -> list[dict[str, int]]:
    """Groups of images with the same pixels once converted, as path to label."""
    return [
        {corpus.images[member].path: corpus.images[member].label for member in members}
        for members in repeated(corpus.images.pixels).values()
    ]
