"""Splits images into the test, validation and training subsets, by their content and a seed."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams

SUBSETS = ("train", "val", "test")


def assign(
    labels: Sequence[int], contents: Sequence[str], pixels: Sequence[str], classes: Sequence[str], params: SplitParams
) -> tuple[list[str], list[int]]:
    """The subset of each image, and the order in which the images are stored.

    `contents` and `pixels` are hashes of each file's bytes and of its converted pixels. Images with equal pixels form
    a group that stays in one subset, whatever their classes. Groups are taken in the order of a hash of the seed and
    their content, first for the test set and then for validation, so that neither names nor dates matter, and so that
    more validation images leave the test set as it is. A group too large for what a class still needs goes on to the
    next subset, so a subset may get fewer images than asked for, never more. Raises InputError where a class has too
    few images, or would get none.
    """
    _check_counts(labels, classes, params)
    keys = [hashlib.sha256(f"{params.seed}/{content}".encode()).digest() for content in contents]
    order = sorted(range(len(labels)), key=lambda index: (keys[index], labels[index], index))
    groups = repeated(pixels)
    subset_of = [""] * len(labels)
    wanted = {"test": [params.test] * len(classes), "val": [params.val] * len(classes)}
    for index in order:
        if not subset_of[index]:
            members = groups.get(pixels[index], [index])
            subset = _first_with_room(wanted, [labels[member] for member in members])
            for member in members:
                subset_of[member] = subset
    _check_no_subset_lacks_a_class(wanted, classes, params)
    return subset_of, order


def repeated(digests: Sequence[str]) -> dict[str, list[int]]:
    """Where each digest stands that occurs more than once, in the order of their first occurrence."""
    once: set[str] = set()
    more_often: set[str] = set()
    for digest in digests:
        (more_often if digest in once else once).add(digest)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        if digest in more_often:
            groups[digest].append(index)
    return groups


def _first_with_room(wanted: dict[str, list[int]], group_labels: list[int]) -> str:
    counts = Counter(group_labels)
    for subset, room in wanted.items():
        if all(room[label] >= count for label, count in counts.items()):
            for label, count in counts.items():
                room[label] -= count
            return subset
    return "train"


def _check_counts(labels: Sequence[int], classes: Sequence[str], params: SplitParams) -> None:
    counts = Counter(labels)
    for label, name in enumerate(classes):
        count = counts[label]
        if count == 0:
            raise InputError(f"the class {name!r} holds no image; put images into its folder or move the folder away")
        if count == 1:
            raise InputError(
                f"the class {name!r} has one image; it takes two or more, so that it is both trained and tested"
            )
        if count < params.test + params.val + 1:
            raise InputError(
                f"params.yaml: split.test={params.test} and split.val={params.val} leave no training image of the "
                f"class {name!r}, which has {count}; together they may be at most {count - 1}"
            )


def _check_no_subset_lacks_a_class(missing: dict[str, list[int]], classes: Sequence[str], params: SplitParams) -> None:
    asked = {"test": params.test, "val": params.val}
    for subset, room in missing.items():
        for name, count in zip(classes, room, strict=True):
            if 0 < asked[subset] == count:
                raise InputError(
                    f"params.yaml: split.{subset}={count} gets no image of the class {name!r}, since it consists "
                    "of larger groups of duplicates, which stay together; raise it or remove duplicates"
                )
