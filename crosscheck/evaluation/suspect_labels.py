"""Suspect labels: images for which a network that never trained on them prefers another class than their label.

They are ranked by cleanlab's label quality score (Kuan and Mueller, "Model-agnostic label quality scoring to detect
real-world label errors", ICML workshop DataPerf 2022), by its normalised margin: (1 + p(label) - max p(other)) / 2. Of
its methods that is the one for images that belong to another of the known classes, so that a class can be suggested;
plain confidence in the label also puts images first that are like no class at all. Below 0.5 another class is the more
probable one.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from crosscheck.core import tables
from crosscheck.evaluation.predictions import Predictions

MOST = 200
DOUBTED_BELOW = 0.5


@dataclass(frozen=True)
class Suspect:
    """An image whose label the network doubts: `path` in the user's folder, and its `row` in the arrays of `subset`.

    `label` and `suggested` are classes by name, `probability` is that of the suggested one, `quality` is from 0, which
    is surely a wrong label, to below 0.5.
    """

    path: str
    subset: str
    row: int
    label: str
    suggested: str
    probability: float
    quality: float


def find_suspects(answers: Mapping[str, Predictions], classes: list[str]) -> list[Suspect]:
    """The images of each subset whose label is doubted, at most 200, those of the lowest quality first.

    `answers`: by subset, what a network that was not trained on it says of it.
    """
    # Needed here alone.
    from cleanlab.rank import get_label_quality_scores

    found = []
    for subset, answered in answers.items():
        odds = answered.probabilities
        qualities = get_label_quality_scores(answered.labels, odds, method="normalized_margin")
        found += [
            Suspect(
                answered.paths[row],
                subset,
                row,
                classes[answered.labels[row]],
                classes[answered.predicted[row]],
                float(odds[row].max()),
                float(qualities[row]),
            )
            for row in np.flatnonzero(qualities < DOUBTED_BELOW).tolist()
        ]
    return sorted(found, key=lambda suspect: suspect.quality)[:MOST]


def write_suspects(found: list[Suspect], file: Path) -> None:
    """Write a header and a line for each suspect, in the order given."""
    tables.write([field.name for field in fields(Suspect)], map(astuple, found), file)


def read_suspects(file: Path) -> list[Suspect]:
    """Read what `write_suspects` wrote. Raises InputError where it is missing or something else."""
    return tables.read_records(file, _suspect, "a table of suspect labels", "evaluate", may_be_empty=True)


def _suspect(row: dict[str, str]) -> Suspect:
    probability, quality = (tables.finite(row[name]) for name in ("probability", "quality"))
    return Suspect(row["path"], row["subset"], int(row["row"]), row["label"], row["suggested"], probability, quality)
