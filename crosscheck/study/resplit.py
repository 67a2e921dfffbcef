"""Splits the images that `split` has packed once more, with another seed, without decoding them again."""

import csv
import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json
from crosscheck.core.params import SplitParams
from crosscheck.data import dataset, grouping, manifest
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.data.splitting import SUBSETS, assign


@dataclass(frozen=True)
class PackedImages:
    """All images of a packed folder, in the order of their paths, whatever subset they were packed into.

    `images`: uint8 (n, height, width, channels); `labels`: int64 (n,); `contents`: SHA-256 of each file's bytes.
    `given` and `listed`: the subset and the group that the folder itself names for each, or empty texts.
    """

    data_set: DataSet
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    paths: list[str]
    contents: list[str]
    given: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SplitImages:
    """The three subsets of one seed; `test_rows`, int64 (n,), are the places of the test images among the packed."""

    train: Subset
    val: Subset
    test: Subset
    test_rows: NDArray[np.int64]


def read(folder: Path) -> PackedImages:
    """Read what the stage `pack` wrote for a study. Raises InputError where it is missing or something else."""
    if not folder.is_dir():
        pack = f"python -m stages.study.pack --study {folder.parent}.yaml"
        raise InputError(f"{folder}: the study's images are not packed yet; run `{pack}`")
    data_set = dataset.read_data_set(folder)
    subsets = {name: dataset.read(folder, name, data_set) for name in SUBSETS}
    file = folder / "manifest.csv"
    try:
        rows = sorted(map(manifest.parse, tables.each(file)), key=lambda row: (row.path, row.subset, row.row))
        pixels = np.stack([subsets[each.subset].images[each.row] for each in rows])
        labels = np.array([subsets[each.subset].labels[each.row] for each in rows], dtype=np.int64)
    except (OSError, ValueError, LookupError, csv.Error) as error:
        raise InputError(f"{file}: not the manifest of its folder ({error!r}); run this study again") from None
    # Groups that follow from the paths are found again, since a variant may set `split.group_by`.
    listed = read_json(folder / "report.json").get("groups", {}).get("named_by") == "labels"
    return PackedImages(
        data_set,
        pixels,
        labels,
        [row.path for row in rows],
        [row.sha256 for row in rows],
        [row.given_subset for row in rows],
        [row.group if listed else "" for row in rows],
    )


def split_again(packed: PackedImages, params: SplitParams, train_images: int | Literal["all"] = "all") -> SplitImages:
    """The subsets that `split` makes with these parameters, with `train_images` training images of each class.

    Raises InputError where a class has too few images.
    """
    digests = [hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in packed.images]
    labels, classes = packed.labels.tolist(), packed.data_set.classes
    names = [classes[label] for label in labels]
    groups = grouping.name_groups(packed.paths, names, packed.listed, params.group_by)
    subset_of, order = assign(labels, packed.contents, digests, classes, params, packed.given, groups)
    rows = {name: np.array([row for row in order if subset_of[row] == name], dtype=np.int64) for name in SUBSETS}
    train, val, test = (Subset(packed.images[rows[name]], packed.labels[rows[name]]) for name in SUBSETS)
    if train_images != "all":
        train = dataset.first_of_each_class(train, train_images)
    return SplitImages(train, val, test, rows["test"])


def digest(subsets: SplitImages, data_set: DataSet) -> str:
    """A hash of the subsets: every image with its label, in order, and the names of the classes."""
    # Not as `repr` writes it, which names the class.
    total = hashlib.sha256(repr(sorted(asdict(data_set).items())).encode("utf-8", "backslashreplace"))
    for subset in (subsets.train, subsets.val, subsets.test):
        for array in (subset.images, subset.labels):
            total.update(f"{array.dtype} {array.shape}".encode())
            total.update(np.ascontiguousarray(array).tobytes())
    total.update(subsets.test_rows.tobytes())
    return total.hexdigest()
