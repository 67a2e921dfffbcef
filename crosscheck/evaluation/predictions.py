"""The table of predictions: one line per test image, in the order of the test arrays."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.data.dataset import Subset

PROBABILITY = "p_"
AGAIN = "run `dvc repro evaluate` to make it again"


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
    label_of = {name: label for label, name in enumerate(names)}
    try:
        rows = tables.read(file)
        labels = [label_of[row["actual"]] for row in rows]
        predicted = [label_of[row["predicted"]] for row in rows]
        values = [[tables.finite(row[PROBABILITY + name]) for name in names] for row in rows]
        paths = [row["path"] for row in rows]
    except FileNotFoundError:
        raise InputError(f"{file}: not found; run `dvc repro evaluate` to make it") from None
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{file}: not a table of predictions for these classes ({error!r}); {AGAIN}") from None
    return Predictions(paths, np.array(labels, np.int64), np.array(predicted, np.int64), np.array(values, np.float64))


def read_predictions_for(file: Path, classes: list[str], test: Subset) -> Predictions:
    """Read what `evaluate` wrote of just these images. Raises InputError where the table is missing or of others."""
    answered = read_predictions(file, classes)
    if not np.array_equal(answered.labels, test.labels):
        raise InputError(f"{file}: not of the test images of this split; {AGAIN}")
    return answered
