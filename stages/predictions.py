"""The table of predictions: one line per test image, in the order of the test arrays."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages import tables
from stages.errors import InputError

PROBABILITY = "p_"
AGAIN = "run `dvc repro evaluate` to make it again"


@dataclass(frozen=True)
class Predictions:
    """`probabilities`: float64 (n, classes); `labels`: int64 (n,), the true classes; `paths` in the user's folder."""

    paths: list[str]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each image, int64 (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)


def write(predictions: Predictions, classes: list[str], file: Path) -> None:
    """Write path, actual and predicted class, and the probability of each class with 6 decimals."""
    header = ["path", "actual", "predicted", *(PROBABILITY + name for name in classes)]
    rows = zip(predictions.paths, predictions.labels, predictions.predicted, predictions.probabilities, strict=True)
    named = ([path, classes[actual], classes[predicted], *p.tolist()] for path, actual, predicted, p in rows)
    tables.write(header, named, file)


def read(file: Path, classes: list[str]) -> Predictions:
    """Read a table that `write` wrote for the same classes. Raises InputError where it is missing or is not one."""
    label_of = {name: label for label, name in enumerate(classes)}
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        labels = np.array([label_of[row["actual"]] for row in rows], dtype=np.int64)
        values = [[float(row[PROBABILITY + name]) for name in classes] for row in rows]
        paths = [row["path"] for row in rows]
    except FileNotFoundError:
        raise InputError(f"{file}: not found; run `dvc repro evaluate` to make it") from None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{file}: not a table of predictions for these classes ({error!r}); {AGAIN}") from None
    return Predictions(paths, labels, np.array(values, dtype=np.float64).reshape(len(rows), len(classes)))
