"""Splits images into the test, validation and training subsets, by their content and a seed."""

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.params import SplitParams
from crosscheck.data import folds, grouping, split_sizes
from crosscheck.data.grouping import Texts, Units
from crosscheck.data.packed_texts import FewTexts
from crosscheck.data.split_sizes import DRAWN

SUBSETS = ("train", "val", "test")
ROWS = 2**12


def assign(
    labels: Sequence[int],
    contents: Texts,
    pixels: Texts,
    classes: Sequence[str],
    params: SplitParams,
    given: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> tuple[FewTexts, NDArray[np.int64]]:
    """The subset of each image, and the order in which the images are stored.

    `contents` and `pixels` are hashes of each file's bytes and of its converted pixels. `given` are the subsets and
    `groups` the groups that the folder names, with empty texts for none; both may be left out. Images with equal pixels
    or of one group are a unit that stays in one subset, whatever their classes.

    Units are taken in the order of a hash of the seed and their content, first for the test set and then for
    validation, so that neither names nor dates matter, and so that more validation images leave the test set as it is.
    A unit too large for what a class still needs goes on to the next subset. So a subset may get fewer images than
    asked for. It gets more only where there are groups, and only by a group that brings it nearer to what was asked.

    With `split.folds`, the test set is one of the folds. A subset that `given` names stays as it is, and images with
    equal pixels stay where the folder has them. Raises InputError where a class has too few images, or would get none.
    """
    sizes = split_sizes.resolve(labels, given, classes, params)
    split_sizes.check(sizes, labels, given, classes, params)
    grouping.check_parts(groups, given)
    order = _shuffle(labels, contents, params.seed)
    units = grouping.join(pixels, groups, labels, len(classes), order)
    fixed = np.fromiter((subset in DRAWN for subset in given or [""] * len(labels)), dtype=bool, count=len(labels))
    draw = _Draw(units, fixed, np.asarray(labels))
    drawn = [subset for subset in DRAWN if subset not in given]
    grouped = any(groups)
    if grouped:
        split_sizes.check_groups(sizes, drawn, units, classes)
    if params.folds:
        draw.take("test", folds.test_units(units, classes, params))
    elif "test" in drawn:
        # Of each class, one image is left to train with and, where there is to be validation, one for that.
        draw.fill("test", sizes["test"], 1 + ("val" in drawn and params.val > 0), grouped)
    if "val" in drawn:
        draw.fill("val", sizes["val"], 1, grouped)
    split_sizes.check_drawn({name: draw.counts(name) for name in drawn}, draw.left, sizes, units, classes, params)
    found = FewTexts.from_codes(SUBSETS, draw.subset_of[units.of])
    if any(given):
        found = FewTexts(own if own in DRAWN else subset for own, subset in zip(given, found, strict=True))
    return found, order


def repeated(digests: Texts) -> dict[str, list[int]]:
    """Where each digest stands that occurs more than once, in the order of their first occurrence."""
    first = grouping.first_of_equals(digests)
    groups: dict[str, list[int]] = defaultdict(list)
    for index in np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1).tolist():
        groups[digests[int(first[index])]].append(index)
    return groups


def _shuffle(labels: Sequence[int], contents: Texts, seed: int) -> NDArray[np.int64]:
    """The images, int64 (n,), by a hash of the seed and their content; equal ones by label and place."""
    digests = bytearray()
    for content in contents:
        # No two contents have half of a digest in common.
        digests += hashlib.sha256(f"{seed}/{content}".encode()).digest()[:16]
    words = np.frombuffer(digests, dtype=">u8").reshape(-1, 2)
    order: NDArray[np.int64] = np.lexsort((np.asarray(labels), *words.T[::-1]))
    return order


# Whether a subset takes a unit: by what each class still wants, and by the classes and numbers of the unit's images.
_Suits = Callable[[list[int], list[tuple[int, int]]], bool]


class _Draw:
    """Takes units out of training, for one subset after the other.

    `fixed`, bool (n,): images that the folder itself puts into test or val. What hangs together with one of them is
    never taken. `subset_of`: the subset of each unit, by its place in SUBSETS; `left`: the training images of each
    class.
    """

    def __init__(self, units: Units, fixed: NDArray[np.bool_], labels: NDArray[np.int64]) -> None:
        self.units = units
        self.subset_of = np.full(units.counts.shape[0], SUBSETS.index("train"), dtype=np.uint8)
        self.left: list[int] = np.bincount(labels[~fixed], minlength=units.counts.shape[1]).tolist()
        self._free = np.ones(len(self.subset_of), dtype=bool)
        self._free[units.of[fixed]] = False

    def counts(self, subset: str) -> list[int]:
        """The images of each class that were taken for `subset`."""
        counts: list[int] = (
            self.units.counts[np.flatnonzero(self.subset_of == SUBSETS.index(subset))].sum(axis=0).tolist()
        )
        return counts

    def take(self, subset: str, taken: NDArray[np.int64]) -> None:
        """Put the units `taken`, int64 (k,), into `subset`."""
        self.subset_of[taken] = SUBSETS.index(subset)
        self._free[taken] = False
        self.left = (np.array(self.left) - self.counts(subset)).tolist()

    def fill(self, subset: str, wanted: Sequence[int], keep: int, stretch: bool) -> None:
        """Take units up to the number `wanted` of each class, and leave `keep` images of each class.

        `stretch`: then also units that are too large, where the subset is nearer to what is wanted with them.
        """
        room = list(wanted)
        self._walk(subset, room, keep, _fits)
        if stretch:
            self._walk(subset, room, keep, _brings_nearer)

    def _walk(self, subset: str, room: list[int], keep: int, suits: _Suits) -> None:
        left = self.left
        missing = sum(max(0, each) for each in room)
        for unit, held in self._rows(np.flatnonzero(self._free)):
            if not missing:
                break
            if suits(room, held) and all(left[label] - count >= keep for label, count in held):
                self.subset_of[unit] = SUBSETS.index(subset)
                self._free[unit] = False
                for label, count in held:
                    missing -= min(count, max(0, room[label]))
                    room[label] -= count
                    left[label] -= count

    def _rows(self, units: NDArray[np.int64]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Each of the `units`, with its classes and how many images it has of each."""
        # In parts, since lists take much more memory than arrays.
        for start in range(0, len(units), ROWS):
            part = units[start : start + ROWS]
            rows = self.units.counts[part]
            held = list(zip(rows.indices.tolist(), rows.data.tolist(), strict=True))
            for unit, (begin, end) in zip(part.tolist(), itertools.pairwise(rows.indptr.tolist()), strict=True):
                yield unit, held[begin:end]


def _fits(room: list[int], held: list[tuple[int, int]]) -> bool:
    return all(room[label] >= count for label, count in held)


def _brings_nearer(room: list[int], held: list[tuple[int, int]]) -> bool:
    return sum(abs(room[label]) - abs(room[label] - count) for label, count in held) > 0
