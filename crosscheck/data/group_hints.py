"""Guesses from names which images belong together, as those of one patient, video or page do.

To keep images together that do not belong together costs almost nothing. To separate those that do puts images like
those of the training into the test.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from crosscheck.data.image_folder import Listing

ALONE, FOLDER = "none", "folder"
# `patient12_03.png`, `video-7_0012.jpg`: what stands before the last number, if it holds a number itself.
NUMBERED = r"([^/]*[0-9][^/]*)[_-][0-9]+\.[A-Za-z]+$"
# Fewer groups could not be split by shares.
FEWEST_GROUPS, LARGEST_SHARE = 8, 0.2


@dataclass(frozen=True)
class Hint:
    """The value of `split.group_by` that fits, with the name of one group and how many there are."""

    group_by: str
    example: str = ""
    groups: int = 0


def guess(listing: Listing) -> Hint:
    """Whether the sub-folders of the class folders, or the files' names, look like groups of images.

    They do where every image is in a group, and each class has several groups, most of them of two images or more and
    none of them large. Where the folder itself names subsets or groups, those decide.
    """
    if any(listing.groups) or any(listing.subsets):
        return Hint(ALONE)
    for group_by, name_group in ((FOLDER, _folder), (NUMBERED, _number)):
        sizes = _count(map(name_group, listing.paths), listing.labels)
        if sizes and _look_like_groups(sizes):
            return Hint(group_by, name_group(listing.paths[0]), len(set().union(*sizes.values())))
    return Hint(ALONE)


def _folder(path: str) -> str:
    return path.rpartition("/")[0] if path.count("/") > 1 else ""


def _number(path: str) -> str:
    match = re.search(NUMBERED, path)
    return match[1] if match else ""


def _count(groups: Iterable[str], labels: list[int]) -> dict[int, Counter[str]]:
    """The images of each group, by class; nothing where an image has no group."""
    of_class: dict[int, Counter[str]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        if not group:
            return {}
        of_class[label][group] += 1
    return of_class


def _look_like_groups(of_class: dict[int, Counter[str]]) -> bool:
    return all(
        len(sizes) >= FEWEST_GROUPS
        and np.median(list(sizes.values())) >= 2
        and max(sizes.values()) <= LARGEST_SHARE * sizes.total()
        for sizes in of_class.values()
    )
