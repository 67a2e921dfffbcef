"""Deals images out to the test, validation and training subsets, by their content and a seed."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from stages.errors import InputError
from stages.params import SplitParams

SUBSETS = ("train", "val", "test")


def assign(
    labels: Sequence[int], contents: Sequence[str], pixels: Sequence[str], classes: Sequence[str], params: SplitParams
) -> tuple[list[str], list[int]]:
    """The subset of each image, and the order in which the images are stored.

    `contents` and `pixels` are hashes of each file's bytes and of its converted pixels. Images with equal pixels form
    a group that stays in one subset, whatever their classes. Groups are taken in the order of a hash of the seed and
    their content, first for the test set and then for validation, so that neither names nor dates matter, and so that
    more validation images leave the test set as it is. A group too large for what a class still needs goes on to the
    next subset. Raises InputError where a class has too few images.
    """
    _check_counts(labels, classes, params)
    keys = [hashlib.sha256(f"{params.seed}/{content}".encode()).hexdigest() for content in contents]
    groups: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(pixels):
        groups[digest].append(index)
    in_order = sorted(groups.values(), key=lambda members: min(keys[member] for member in members))
    subset_of = [""] * len(labels)
    wanted = {"test": [params.test] * len(classes), "val": [params.val] * len(classes)}
    for members in in_order:
        subset = _first_with_room(wanted, [labels[member] for member in members])
        for member in members:
            subset_of[member] = subset
    _check_every_class_is_trained(subset_of, labels, classes)
    order = sorted(range(len(labels)), key=lambda index: (keys[index], labels[index], index))
    return subset_of, order


def _first_with_room(wanted: dict[str, list[int]], group_labels: list[int]) -> str:
    for subset, room in wanted.items():
        if all(room[label] >= group_labels.count(label) for label in set(group_labels)):
            for label in group_labels:
                room[label] -= 1
            return subset
    return "train"


def _check_counts(labels: Sequence[int], classes: Sequence[str], params: SplitParams) -> None:
    counts = [0] * len(classes)
    for label in labels:
        counts[label] += 1
    for name, count in zip(classes, counts, strict=True):
        if count == 0:
            raise InputError(f"the class {name!r} holds no image; put images into its folder or move the folder away")
        if count < params.test + params.val + 1:
            raise InputError(
                f"params.yaml: split.test={params.test} and split.val={params.val} leave no training image of the "
                f"class {name!r}, which has {count}; together they may be at most {count - 1}"
            )


def _check_every_class_is_trained(subset_of: list[str], labels: Sequence[int], classes: Sequence[str]) -> None:
    trained = {label for label, subset in zip(labels, subset_of, strict=True) if subset == "train"}
    for label, name in enumerate(classes):
        if label not in trained:
            raise InputError(
                f"params.yaml: split.test and split.val leave no training image of the class {name!r}, since "
                "duplicates stay together; lower them or add images"
            )
