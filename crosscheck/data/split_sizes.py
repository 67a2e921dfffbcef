"""How many images of each class a split is to put into the test and validation subsets, and what makes that impossible.

A number below 1 is a share of the images of each class. What the folder itself names as a subset keeps its size.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data.grouping import Units

DRAWN = ("test", "val")


def resolve(
    labels: Sequence[int], given: Sequence[str], classes: Sequence[str], params: SplitParams
) -> dict[str, list[int]]:
    """The images of each class wanted for test and val.

    `given`: the subset that the folder names for each image, or nothing at all. A subset that it names has just these
    images; the other is taken of the rest. With `split.folds`, a test set is at least as large as an even fold.
    """
    kept = Counter(zip(labels, given, strict=True)) if any(given) else Counter()
    total = Counter(labels)
    sizes = {}
    for subset in DRAWN:
        if subset in given:
            sizes[subset] = [kept[label, subset] for label in range(len(classes))]
        else:
            pool = [total[label] - sum(kept[label, each] for each in DRAWN) for label in range(len(classes))]
            sizes[subset] = [_size(getattr(params, subset), count) for count in pool]
    if params.folds:
        sizes["test"] = [total[label] // params.folds for label in range(len(classes))]
    return sizes


def _size(asked: int | float, images: int) -> int:
    """Of a share, the nearest number, and at least one."""
    return asked if isinstance(asked, int) else max(1, math.floor(asked * images + 0.5))


def check(
    sizes: dict[str, list[int]],
    labels: Sequence[int],
    given: Sequence[str],
    classes: Sequence[str],
    params: SplitParams,
) -> None:
    """Raise InputError, in one line, where the images of a class are too few for `sizes`, as `resolve` gives them."""
    named = [subset for subset in DRAWN if subset in given]
    if params.folds and named:
        raise InputError(
            f"params.yaml: split.folds is {params.folds}, but the folder has its own {named[0]} part, which stays as "
            "it is; set split.folds to 0"
        )
    total = Counter(labels)
    for label, name in enumerate(classes):
        count, test, val = total[label], sizes["test"][label], sizes["val"][label]
        if count == 0:
            raise InputError(f"the class {name!r} holds no image; put images into its folder or move the folder away")
        if count == 1:
            raise InputError(
                f"the class {name!r} has one image; it needs two or more, to train and to test with; add images"
            )
        if params.folds > count:
            raise InputError(
                f"params.yaml: split.folds={params.folds} is more than the {count} images of the class {name!r}; it "
                f"may be at most {count}"
            )
        if count < test + val + 1 + (params.folds > 0 and count % params.folds > 0):
            raise InputError(
                _too_few(name, count - sum(sizes[each][label] for each in named), test, val, named, params)
            )


def _too_few(name: str, pool: int, test: int, val: int, named: Sequence[str], params: SplitParams) -> str:
    if pool == 0:
        return f"the folder's own train part has no image of the class {name!r}; put some there"
    asked = {subset: getattr(params, subset) for subset in DRAWN if subset not in named}
    if params.folds:
        asked = {"folds": params.folds, "val": params.val}
    said = " and ".join(f"split.{key}={value}" for key, value in asked.items())
    leave = "leave" if len(asked) > 1 else "leaves"
    where = " in the folder's own train part" if named else ""
    have = f"params.yaml: {said} {leave} no training image of the class {name!r}, which has {pool}{where}"
    counts = [key for key in asked if key in DRAWN and isinstance(asked[key], int) and asked[key]]
    if not counts:
        return f"{have} and would give {test} to test and {val} to val; add images, or lower the shares"
    shares = " and ".join(f"split.{key}=0.15" for key in counts)
    together = len(asked) > 1 and all(key in DRAWN and isinstance(value, int) for key, value in asked.items())
    most = f"together they may be at most {pool - 1}" if together else f"lower split.{counts[0]}"
    return f"{have}; {most}; or give shares of each class, such as {shares}"


def check_groups(sizes: dict[str, list[int]], drawn: Sequence[str], units: Units, classes: Sequence[str]) -> None:
    """Raise InputError where a class has fewer units than the subsets that want images of it, training included."""
    held = np.bincount(units.counts.indices, minlength=len(classes)).tolist()
    for label, name in enumerate(classes):
        needed = 1 + sum(sizes[subset][label] > 0 for subset in drawn)
        if held[label] < needed:
            raise InputError(
                f"the class {name!r} has {_count(held[label], 'group')} of images that stay together, the largest of "
                f"{_count(_sizes_of_class(units, label).max(), 'image')}; it needs {needed} groups or more"
            )


def check_drawn(
    drawn: dict[str, list[int]],
    left: Sequence[int],
    sizes: dict[str, list[int]],
    units: Units,
    classes: Sequence[str],
    params: SplitParams,
) -> None:
    """Raise InputError where a subset that wants images of a class got none, or none are left to train with.

    `drawn`: the images of each class that each subset got.
    """
    for subset, counts in drawn.items():
        for label, name in enumerate(classes):
            if sizes[subset][label] and not counts[label]:
                raise InputError(
                    f"params.yaml: split.{subset}={getattr(params, subset)} gets no image of the class {name!r}, whose "
                    f"{describe_units(units, label)}, since duplicates and groups stay together; raise it, or remove "
                    "duplicates"
                )
    for name, images in zip(classes, left, strict=True):
        if not images:
            raise InputError(
                f"params.yaml: split leaves no image of the class {name!r} to train with, whose "
                f"{describe_units(units, classes.index(name))}, which stay together; lower split.test and split.val"
            )


def describe_units(units: Units, label: int) -> str:
    """How the images of a class hang together, for an error."""
    held = _sizes_of_class(units, label)
    return f"{_count(held.sum(), 'image')} form {_count(len(held), 'group')} of {held.min()} to {held.max()}"


def _sizes_of_class(units: Units, label: int) -> NDArray[np.int64]:
    """How many images of the class each unit has that has any, int64 (k,)."""
    sizes: NDArray[np.int64] = units.counts.data[units.counts.indices == label]
    return sizes


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
