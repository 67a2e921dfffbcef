"""Finds which images stay together in a split: those of one group, and those with equal pixels."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from crosscheck.core.errors import InputError


@dataclass(frozen=True)
class Units:
    """Sets of images that stay together; most consist of one image.

    `of`: int64 (n,), the unit of each image; `counts`: sparse int64 (units, classes), how many images of each class.
    """

    of: NDArray[np.int64]
    counts: Any

    @property
    def sizes(self) -> NDArray[np.int64]:
        """int64 (units,): the images of each unit."""
        sizes: NDArray[np.int64] = np.asarray(self.counts.sum(axis=1), dtype=np.int64)
        return sizes


def name_groups(
    paths: Sequence[str], class_names: Sequence[str], listed: Sequence[str], group_by: str
) -> Sequence[str]:
    """The group of each image, empty where it has none; all arguments but the last are as long as `paths`.

    `listed` are the groups that a table of labels names. `group_by` is `split.group_by`: with folder, the group is the
    folder that holds the image; an image right in the folder of its class has none. Raises InputError where both
    `listed` and `group_by` name groups, and for paths that a regular expression does not match.
    """
    if group_by == "none":
        return listed
    if any(listed):
        raise InputError(
            f"params.yaml: split.group_by is {group_by!r}, but the table of data.labels names groups itself; set it to "
            "none, or take the column 'group' out of the table"
        )
    if group_by == "folder":
        return [_folder(path, name) for path, name in zip(paths, class_names, strict=True)]
    return _matches(paths, group_by)


def _folder(path: str, class_name: str) -> str:
    folder = path.rpartition("/")[0]
    # By its name, since ready-made subsets have their class folders further down.
    return "" if folder.rpartition("/")[2] == class_name else folder


def _matches(paths: Sequence[str], expression: str) -> list[str]:
    search = re.compile(expression).search
    found = [(match and match[1]) or "" for match in map(search, paths)]
    missed = [path for path, group in zip(paths, found, strict=True) if not group]
    if missed:
        raise InputError(
            f"params.yaml: split.group_by={expression!r} finds no group in {len(missed)} of {len(paths)} paths, such "
            f"as {missed[0]!r}; write an expression that matches every path"
        )
    return found


def check_parts(groups: Sequence[str], given: Sequence[str]) -> None:
    """Raise InputError for a group with images in two subsets that the folder itself names; `given` are these."""
    if not any(groups) or not any(given):
        return
    part_of: dict[str, str] = {}
    for group, subset in zip(groups, given, strict=True):
        part = subset or "train"
        if group and part_of.setdefault(group, part) != part:
            raise InputError(
                f"the group {group!r} has images in two parts that the folder itself names, {part_of[group]} and "
                f"{part}, but images of a group stay together; move them into one, or name no groups"
            )


def join(
    pixels: Sequence[str], groups: Sequence[str], labels: Sequence[int], classes: int, order: NDArray[np.int64]
) -> Units:
    """The units of images, in the sequence in which `order`, int64 (n,), comes to them.

    Images with equal `pixels` are of one unit, and so are those of one of the `groups`; an empty group is none, and no
    `groups` at all are none either.
    """
    first = np.arange(len(pixels))
    links = [_first_of_equals(pixels)]
    if any(groups):
        links.append(_first_of_equals([name or index for index, name in enumerate(groups)]))
    sources, targets = np.tile(first, len(links)), np.concatenate(links)
    graph = coo_array((np.ones(len(sources), dtype=bool), (sources, targets)), shape=(len(first), len(first)))
    component = connected_components(graph, directed=False)[1]
    _, places, inverse = np.unique(component[order], return_index=True, return_inverse=True)
    rank = np.empty(len(places), dtype=np.int64)
    rank[np.argsort(places)] = np.arange(len(places))
    of = np.empty(len(first), dtype=np.int64)
    of[order] = rank[inverse]
    ones = np.ones(len(of), dtype=np.int64)
    return Units(of, csr_array(coo_array((ones, (of, np.asarray(labels))), shape=(len(places), classes))))


def _first_of_equals(values: Sequence[Hashable]) -> NDArray[np.int64]:
    first: dict[Hashable, int] = {}
    return np.fromiter((first.setdefault(value, at) for at, value in enumerate(values)), np.int64, len(values))
