"""The table of predictions: one line per test image, in the order of the test arrays."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.data.dataset import Subset

PROBABILITY = "p_"


@dataclass(frozen=True)
class Predictions:
    """Of n test images: `paths` in the user's folder, true and predicted classes, int64 (n,), and their odds.

    `probabilities` is float64 (n, classes). In a table it is rounded, so `predicted` does not follow from it there.
    """

    paths: list[str]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def make_predictions(paths: list[str], labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Predictions:
    """The most probable class of each image is the predicted one, the first of equals."""
    return Predictions(paths, labels, np.asarray(probabilities.argmax(axis=1), dtype=np.int64), probabilities)


def write_predictions(predictions: Predictions, classes: list[str], file: Path) -> None:
    """Write path, actual and predicted class, and the probability of each class with 6 decimals."""
    header = ["path", "actual", "predicted", *(PROBABILITY + name for name in classes)]
    rows = zip(predictions.paths, predictions.labels, predictions.predicted, predictions.probabilities, strict=True)
    named = ([path, classes[actual], classes[predicted], *p.tolist()] for path, actual, predicted, p in rows)
    tables.write(header, named, file)


def read_predictions(file: Path, classes: list[str]) -> Predictions:
    """Read a table that `write` wrote for the same classes. Raises InputError where it is missing or is not one."""
    names = [tables.cell(name) for name in classes]
    answers = tables.read_records(file, _reader(names), "a table of predictions for these classes", "evaluate")
    return _collect(answers)


def parse_predictions(text: str) -> tuple[list[str], Predictions]:
    """The classes, as its columns name them, and the answers of a table that `write` wrote.

    Raises ValueError, KeyError or csv.Error where `text` is not such a table.
    """
    rows = list(tables.parse(io.StringIO(text, newline="")))
    classes = [name.removeprefix(PROBABILITY) for name in rows[0] if name.startswith(PROBABILITY)]
    return classes, _collect(map(_reader(classes), rows))


# What stands in a row: path, true and predicted class, and the probabilities.
_Answer = tuple[str, int, int, list[float]]


def _reader(names: list[str]) -> Callable[[dict[str, str]], _Answer]:
    """Reads a row of a table for the classes of these `names`."""
    label_of = {name: label for label, name in enumerate(names)}

    def answer(row: dict[str, str]) -> _Answer:
        values = [tables.finite(row[PROBABILITY + name]) for name in names]
        return row["path"], label_of[row["actual"]], label_of[row["predicted"]], values

    return answer


def _collect(answers: Iterable[_Answer]) -> Predictions:
    paths, labels, predicted, values = zip(*answers, strict=True)
    return Predictions(
        list(paths), np.array(labels, np.int64), np.array(predicted, np.int64), np.array(values, np.float64)
    )


def read_predictions_for(file: Path, classes: list[str], test: Subset) -> Predictions:
    """Read what `evaluate` wrote of just these images. Raises InputError where the table is missing or of others."""
    answered = read_predictions(file, classes)
    if not np.array_equal(answered.labels, test.labels):
        raise InputError(f"{file}: not of the test images of this split; run `dvc repro evaluate` to make it again")
    return answered
