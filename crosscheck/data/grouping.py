"""Finds which images stay together in a split: those of one group, and those with equal pixels."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from crosscheck.core.errors import InputError


class Texts(Protocol):
    """Texts that may be made one at a time."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...


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


def join(pixels: Texts, groups: Sequence[str], labels: Sequence[int], classes: int, order: NDArray[np.int64]) -> Units:
    """The units of images, in the sequence in which `order`, int64 (n,), comes to them.

    Images with equal `pixels` are of one unit, and so are those of one of the `groups`; an empty group is none, and no
    `groups` at all are none either.
    """
    component = first_of_equals(pixels)
    if any(groups):
        component = _connect(component, groups)
    first, inverse = np.unique(component[order], return_index=True, return_inverse=True)[1:]
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    of = np.empty(len(order), dtype=np.int64)
    of[order] = rank[inverse]
    ones = np.ones(len(of), dtype=np.int64)
    return Units(of, csr_array(coo_array((ones, (of, np.asarray(labels))), shape=(len(first), classes))))


def _connect(equals: NDArray[np.int64], groups: Sequence[str]) -> NDArray[np.int64]:
    """Numbers, int64 (n,), that are equal for images that equal pixels or a group connect, over however many others."""
    # An image without a group is alone: no group has a name that begins with a line break.
    fellows = first_of_equals(name or f"\n{at}" for at, name in enumerate(groups))
    images = np.arange(len(equals))
    ends = np.tile(images, 2), np.concatenate([equals, fellows])
    graph = coo_array((np.ones(2 * len(images), dtype=bool), ends), shape=(len(images), len(images)))
    component: NDArray[np.int64] = connected_components(graph, directed=False)[1]
    return component


def first_of_equals(values: Iterable[str]) -> NDArray[np.int64]:
    """For each text, int64 (n,), where the first one stands that is equal to it."""
    # By a hash of 128 bits: a dictionary of a million texts takes 200 MB.
    hashes = bytearray()
    for value in values:
        hashes += hashlib.blake2b(value.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    words = np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2)
    order = np.lexsort(words.T)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    first = np.empty(len(order), dtype=np.int64)
    # The sorting is stable, so the first of equals comes first.
    first[order] = order[new][np.cumsum(new) - 1]
    return first
