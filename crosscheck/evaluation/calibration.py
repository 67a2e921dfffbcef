"""Does a confidence of 90 % mean being right nine times in ten? Bins of confidence, and their CSV file."""

from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosscheck.core import tables


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence fell into one bin: how many, their mean confidence and their accuracy."""

    n: int
    confidence: float
    accuracy: float


def bin_confidence(probabilities: NDArray[np.float64], labels: NDArray[np.int64], count: int) -> list[Bin]:
    """The occupied ones of `count` equal-width bins of the confidence in the predicted class, lowest first.

    `probabilities` is (n, classes), `labels` (n,).
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * count).astype(np.int64), count - 1)
    members = [bin_of == number for number in np.unique(bin_of)]
    return [Bin(int(m.sum()), float(confidence[m].mean()), float(right[m].mean())) for m in members]


def expected_calibration_error(found: list[Bin]) -> float:
    """Expected calibration error (Guo et al., ICML 2017): mean gap of confidence and accuracy, weighted by count."""
    return sum(each.n * abs(each.confidence - each.accuracy) for each in found) / sum(each.n for each in found)


def write_bins(found: list[Bin], file: Path) -> None:
    """Write a line for each bin."""
    tables.write([field.name for field in fields(Bin)], map(astuple, found), file)


def read_bins(file: Path) -> list[Bin]:
    """Read what `write` wrote. Raises InputError where it is missing or something else."""
    return tables.read_records(file, _bin, "a calibration table", "evaluate")


def _bin(row: dict[str, str]) -> Bin:
    found = Bin(int(row["n"]), tables.finite(row["confidence"]), tables.finite(row["accuracy"]))
    if found.n < 1:
        raise ValueError(f"a bin of {found.n} images")
    return found
