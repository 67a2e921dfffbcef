"""Deals all images out into folds: disjoint test sets of a cross-validation that together are all images."""

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data import split_sizes
from crosscheck.data.grouping import Units


def test_units(units: Units, classes: Sequence[str], params: SplitParams) -> NDArray[np.int64]:
    """The units, int64 (k,), of the fold `split.fold`.

    Raises InputError where one of the folds, whichever, has no image of a class.
    """
    fold_of = deal(units, params.folds)
    for fold in range(params.folds):
        held = units.counts[np.flatnonzero(fold_of == fold)].sum(axis=0)
        if not held.all():
            label = int(held.argmin())
            raise InputError(
                f"params.yaml: split.folds={params.folds} leaves a fold without an image of the class "
                f"{classes[label]!r}, whose {split_sizes.describe_units(units, label)}, which stay together; lower it"
            )
    return np.flatnonzero(fold_of == params.fold)


def deal(units: Units, folds: int) -> NDArray[np.int64]:
    """The fold of each unit, int64 (units,); every class is as even over the folds as its units allow.

    The rule is that of scikit-learn's StratifiedGroupKFold, in linear time and memory: the larger units first, each
    into the fold that keeps the classes most even. What is least is the sum of squares of each fold's share of each
    class. Units of about one size, within a factor of two, come in the sequence of `units`, so that another seed makes
    other folds.
    """
    class_sizes = units.counts.sum(axis=0).astype(np.float64)
    filled = np.zeros((len(class_sizes), folds))
    totals = np.zeros(folds, dtype=np.int64)
    fold_of = np.empty(len(units.sizes), dtype=np.int64)
    together = np.flatnonzero(units.sizes > 1)
    # The exponents of powers of two: sizes within a factor of two are alike.
    magnitude = np.frexp(units.sizes[together])[1]
    for unit in together[np.argsort(-magnitude, kind="stable")].tolist():
        mine = slice(units.counts.indptr[unit], units.counts.indptr[unit + 1])
        held, images = units.counts.indices[mine], units.counts.data[mine]
        # Row by row, which no kernel of a processor adds up in another sequence.
        cost = ((images / class_sizes[held])[:, None] * filled[held]).sum(axis=0)
        least = np.flatnonzero(cost == cost.min())
        fold = least[totals[least].argmin()]
        fold_of[unit] = fold
        filled[held, fold] += images
        totals[fold] += images.sum()
    _deal_single_images(units, filled, totals, fold_of)
    return fold_of


def _deal_single_images(
    units: Units, filled: NDArray[np.float64], totals: NDArray[np.int64], fold_of: NDArray[np.int64]
) -> None:
    """Put each image that stands alone into the fold that has fewest of its class; of equals, into the smallest."""
    alone = np.flatnonzero(units.sizes == 1)
    labels = units.counts.indices[units.counts.indptr[alone]]
    ends = np.bincount(labels, minlength=len(filled)).cumsum()
    by_class = np.split(alone[np.argsort(labels, kind="stable")], ends[:-1])
    for images, members in zip(filled, by_class, strict=True):
        heap = sorted(zip(images.tolist(), totals.tolist(), range(len(totals)), strict=True))
        found = []
        for _ in range(len(members)):
            held, total, fold = heap[0]
            heapq.heapreplace(heap, (held + 1, total + 1, fold))
            found.append(fold)
        fold_of[members] = found
        totals += np.bincount(np.array(found, dtype=np.int64), minlength=len(totals))
