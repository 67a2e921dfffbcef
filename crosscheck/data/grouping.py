"""Finds which images stay together in a split: those of one group, and those with equal pixels."""

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from crosscheck.core.errors import InputError
from crosscheck.data.packed_texts import PackedTexts


class Texts(Protocol):
    """Texts that may be made one at a time."""

    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...


@dataclass(frozen=True)
class Units:
    """Sets of images that stay together; most consist of one image.

    `of`: int64 (n,), the unit of each image; `counts`: sparse int32 (units, classes), how many images of each class.
    """

    of: NDArray[np.int64]
    counts: Any

    @property
    def sizes(self) -> NDArray[np.int64]:
        """int64 (units,): the images of each unit."""
        sizes: NDArray[np.int64] = np.asarray(self.counts.sum(axis=1), dtype=np.int64)
        return sizes


def name_groups(
    paths: Sequence[str], class_names: Iterable[str], listed: Sequence[str], group_by: str
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
        return PackedTexts(_folder(path, name) for path, name in zip(paths, class_names, strict=True))
    return _matches(paths, group_by)


def _folder(path: str, class_name: str) -> str:
    folder = path.rpartition("/")[0]
    # By its name, since ready-made subsets have their class folders further down.
    return "" if folder.rpartition("/")[2] == class_name else folder


def _matches(paths: Sequence[str], expression: str) -> PackedTexts:
    search = re.compile(expression).search
    found = PackedTexts((match and match[1]) or "" for match in map(search, paths))
    missed = found.count("")
    if missed:
        raise InputError(
            f"params.yaml: split.group_by={expression!r} finds no group in {missed} of {len(paths)} paths, such "
            f"as {paths[found.index('')]!r}; write an expression that matches every path"
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
    of, count = _number(component, order)
    ones = np.ones(len(of), dtype=np.int32)
    return Units(of, csr_array(coo_array((ones, (of, np.asarray(labels))), shape=(count, classes))))


def _number(component: NDArray[np.int64], order: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The values of `component`, from 0 to below n, as numbers in the sequence in which `order` comes to them.

    Both are int64 (n,). Returns the number of each image, int64 (n,), and how many there are.
    """
    first_at = np.full(len(order), len(order), dtype=np.int64)
    np.minimum.at(first_at, component[order], np.arange(len(order)))
    is_first = np.zeros(len(order) + 1, dtype=bool)
    is_first[first_at] = True
    numbers = np.cumsum(is_first) - 1
    count = int(np.count_nonzero(is_first[:-1]))
    # What no image has gets a number, too, and nobody asks for it.
    first_at = numbers[first_at]
    del numbers
    return first_at[component], count


def _connect(equals: NDArray[np.int64], groups: Sequence[str]) -> NDArray[np.int64]:
    """Numbers, int64 (n,), from 0 to below n, equal for images that equal pixels or a group connect.

    They may do so over any number of other images.
    """
    # An image without a group is alone: no group has a name that begins with a line break.
    fellows = first_of_equals(name or f"\n{at}" for at, name in enumerate(groups))
    # Equal pixels connect groups. Most images share their pixels with no other, so this graph is small.
    copies = np.flatnonzero(equals != np.arange(len(equals)))
    touched, ends = np.unique(fellows[np.stack([equals[copies], copies])], return_inverse=True)
    edges = np.ones(len(copies), dtype=bool), tuple(ends.reshape(2, -1))
    _, connected = connected_components(coo_array(edges, shape=(len(touched), len(touched))), directed=False)
    _, first = np.unique(connected, return_index=True)
    joined = np.arange(len(equals))
    joined[touched] = touched[first[connected]]
    component: NDArray[np.int64] = joined[fellows]
    return component


def count_groups(groups: Sequence[str]) -> int:
    """How many different groups are named; an empty text names none."""
    first = first_of_equals(groups)
    return int(np.count_nonzero(first == np.arange(len(first)))) - ("" in groups)


def first_of_equals(values: Iterable[str]) -> NDArray[np.int64]:
    """For each text, int64 (n,), where the first one stands that is equal to it."""
    # By a hash of 128 bits: a dictionary of a million texts takes 200 MB.
    hashes = array("Q"), array("Q")
    for value in values:
        digest = hashlib.blake2b(value.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        for half, content in zip(hashes, (digest[:8], digest[8:]), strict=True):
            half.append(int.from_bytes(content, "little"))
    words = [np.asarray(half, dtype=np.uint64) for half in hashes]
    order = np.lexsort(words)
    new = np.zeros(len(order), dtype=bool)
    new[:1] = True
    for word in words:
        in_order = word[order]
        new[1:] |= in_order[1:] != in_order[:-1]
    del word, words, hashes, in_order
    # The sorting is stable, so the first of equals comes first.
    heads = np.arange(len(order))
    heads *= new
    np.maximum.accumulate(heads, out=heads)
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[heads]
    return first
