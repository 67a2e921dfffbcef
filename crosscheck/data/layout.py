"""What the names of folders say about how a folder of images is laid out."""

import re
from collections.abc import Iterable
from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.data import walk

SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
# Words that say nothing about what is in a folder.
EMPTY_WORDS = {"", "data", "dataset", "images", "imgs", "split"}
# Folders of pictures and of what is marked on them, as data sets for detection and segmentation have them.
PICTURES = {"image", "images", "img", "imgs", "jpegimages"}
MARKS = {"annotation", "annotations", "bboxes", "gt", "label", "labels", "mask", "masks", "segmentation"}
SHOWN = 5
# Where a user settles what a folder does not say. `inspect` reads no such value from params.yaml.
SET_LAYOUT = "set data.layout in params.yaml (with inspect: --layout)"
LABELS = "data.labels in params.yaml (with inspect: --labels)"
IN_TABLE = f"name each image's label in a table: {LABELS}"


def subset_named(name: str) -> str | None:
    """The subset that a folder's name speaks of, as `Test`, `training_set`, `seg_train` and `val2017` do, or None."""
    found = {SUBSETS[word] for word in _words(name) if word in SUBSETS}
    return found.pop() if len(found) == 1 else None


def subsets_among(folders: Iterable[str]) -> dict[str, str]:
    """The folders that are named like subsets, with the subset.

    Where the bare names of two subsets are there, only such names count: `test_extra` is then no subset.
    """
    named = {name: subset for name in folders if (subset := subset_named(name))}
    bare = {name: subset for name, subset in named.items() if not _other_words(name)}
    return bare if len(set(bare.values())) > 1 else named


def are_bare(names: Iterable[str]) -> bool:
    """Whether the names of subsets have no other words in them, or all the same: `seg_train` and `seg_test`."""
    return len({_other_words(name) for name in names}) == 1


def is_bare(name: str) -> bool:
    """Whether the name of a subset has no other word in it: `train2017`, and not `bullet-train`."""
    return not _other_words(name)


def _words(name: str) -> list[str]:
    return [word.removesuffix("set") for word in re.split(r"[^a-z]+", name.casefold())]


def _other_words(name: str) -> tuple[str, ...]:
    return tuple(word for word in _words(name) if word not in SUBSETS and word not in EMPTY_WORDS)


def innermost(folder: Path) -> Path:
    """`folder`, or the first folder below it that holds more than one folder: archives often unpack to one too many."""
    while True:
        inside, images = walk.look(folder)
        if len(inside) != 1 or images:
            return folder
        deeper = folder / inside[0]
        if not walk.look(deeper)[0]:
            return folder
        folder = deeper


def refuse_parts(folder: Path, inside: list[str]) -> None:
    """Raise InputError where the folders `inside` are pictures and what is marked on them, and no classes."""
    parts = [name for name in inside if name.casefold() in PICTURES | MARKS]
    if len({name.casefold() in MARKS for name in parts}) == 2:
        raise InputError(
            f"{folder}: holds {listed(parts)}, as data sets for detection and segmentation do, and no folder for each "
            f"class; make these, or {IN_TABLE}; if they are the classes, {SET_LAYOUT} to classes"
        )


def listed(names: list[str]) -> str:
    """The first few names, quoted."""
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
