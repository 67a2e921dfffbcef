"""The packed data set that `split` writes and every later stage reads: arrays, no decoding."""

import mmap
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json
from crosscheck.core.param_types import ImageChannels
from crosscheck.core.validation_messages import describe_damage

AGAIN = "run `dvc repro split` to make it again"


@checked_dataclass(frozen=True, config=ConfigDict(strict=True))
class DataSet:
    """What holds for every subset: class names in label order, size in px, channels, and how images became so."""

    classes: Annotated[list[str], Field(min_length=2)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    channels: ImageChannels
    fit: str
    background: int


@dataclass(frozen=True)
class Subset:
    """`images`: uint8 (n, height, width, channels), mapped from the file; `labels`: int64 (n,).

    Where only a part of a network is trained, `images` may be what the layers before it make of them, float32.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def read_data_set(folder: Path) -> DataSet:
    """Read `folder`/dataset.json. Raises InputError where it is missing or not what `split` writes."""
    file = folder / "dataset.json"
    content = read_json(file)
    return data_set_from(content, str(file), AGAIN)


def data_set_from(content: dict[str, Any], where: str, remedy: str) -> DataSet:
    """Check a description read from `where`. Raises InputError naming what is wrong in it."""
    known = {field.name: content[field.name] for field in fields(DataSet) if field.name in content}
    try:
        return DataSet(**known)
    except ValidationError as error:
        raise InputError(f"{where}: {describe_damage(error)}; {remedy}") from None


def read(folder: Path, name: str, data_set: DataSet) -> Subset:
    """Map the subset `name` from `folder`. Raises InputError where its arrays do not fit `data_set`."""
    images = _load(folder / f"{name}.npy")
    labels = _load(folder / f"{name}_labels.npy")
    shape = (data_set.height, data_set.width, data_set.channels)
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise InputError(f"{folder}/{name}.npy: holds {images.dtype} {images.shape}, not uint8 (n, *{shape}); {AGAIN}")
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise InputError(f"{folder}/{name}_labels.npy: does not hold an int64 label for each image; {AGAIN}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(data_set.classes)):
        raise InputError(f"{folder}/{name}_labels.npy: holds a label without a class; {AGAIN}")
    return Subset(images, labels)


def read_to_train(folder: Path, data_set: DataSet, images_per_class: int | Literal["all"]) -> tuple[Subset, Subset]:
    """Map the training images, of each class the first `images_per_class`, and the validation images.

    Raises InputError as `read` does.
    """
    train, val = read(folder, "train", data_set), read(folder, "val", data_set)
    if images_per_class != "all":
        train = first_of_each_class(train, images_per_class)
    expect_random_order(train.images)
    return train, val


def expect_random_order(array: NDArray[np.uint8]) -> None:
    """Tell the system that rows of a mapped array are about to be read in random order, so that it reads them alone.

    Where the array is larger than the memory, whatever it read ahead would push out what is needed next.
    """
    mapped = array.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)


def first_of_each_class(subset: Subset, count: int) -> Subset:
    """The first `count` images of each class, or all it has, in the order of `subset`; in memory, not mapped."""
    classes = np.unique(subset.labels)
    rows = np.sort(np.concatenate([np.flatnonzero(subset.labels == label)[:count] for label in classes]))
    return Subset(subset.images[rows], subset.labels[rows])


def _load(file: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(f"{file}: not found; {AGAIN}") from None
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: not a numpy array ({error}); {AGAIN}") from None
    return array
