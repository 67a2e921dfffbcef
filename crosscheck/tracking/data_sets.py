"""Tells MLflow which images a run has seen.

MLflow's own classes for data sets would load all images to hash them, and pandas with it. The manifest has a hash of
each image already, so that the entities below these classes are enough.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from crosscheck.core import tables
from crosscheck.data.dataset import DataSet
from crosscheck.tracking import changes

# What `split` writes of how the images were read, and of each image.
DESCRIPTION, MANIFEST = "dataset.json", "manifest.csv"
# The subsets, and what MLflow calls their purpose.
CONTEXTS = {"train": "training", "val": "validation", "test": "test"}
CONTEXT_TAG = "mlflow.data.context"
# As many as MLflow's own hashes have: its pages show all of them.
DIGITS = 8


def digests(split: Path) -> dict[str, str]:
    """A hash of each subset that has images: of how the images were read, and of the files, in their order.

    Raises InputError where the manifest in `split` is missing or damaged.
    """
    read = (split / DESCRIPTION).read_bytes()
    found: dict[str, Any] = {}

    def add(row: dict[str, str]) -> str | None:
        line = f"{row['row']} {row['class_name']} {row['sha256']}\n"
        found.setdefault(row["subset"], hashlib.sha256(read)).update(line.encode("utf-8"))
        return None

    tables.read_records(split / MANIFEST, add, "a manifest", "split")
    return {subset: found[subset].hexdigest()[:DIGITS] for subset in CONTEXTS if subset in found}


def log_data_sets(client: Any, run_id: str, data_set: DataSet, digest: dict[str, str], images: dict[str, int]) -> None:
    """Tell the run of its subsets. `digest` and the number of `images` are by subset."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = str(changes.used_parameters().get("data", {}).get("images", "data"))
    described = {
        "name": Path(source).name,
        "source_type": "local",
        "source": json.dumps({"uri": source}),
        "schema": json.dumps(_schema(data_set)),
    }
    inputs = [
        DatasetInput(
            Dataset(digest=digest[subset], profile=_profile(subset, data_set, images[subset]), **described),
            [InputTag(CONTEXT_TAG, CONTEXTS[subset])],
        )
        for subset in digest
    ]
    client.log_inputs(run_id, inputs)


def _schema(data_set: DataSet) -> dict[str, Any]:
    import numpy as np
    from mlflow.data.schema import TensorDatasetSchema
    from mlflow.types.schema import Schema, TensorSpec

    shape = (-1, data_set.height, data_set.width, data_set.channels)
    images = Schema([TensorSpec(np.dtype(np.uint8), shape, "images")])
    labels = Schema([TensorSpec(np.dtype(np.int64), (-1,), "labels")])
    schema: dict[str, Any] = TensorDatasetSchema(images, labels).to_dict()
    return schema


def _profile(subset: str, data_set: DataSet, images: int) -> str:
    return json.dumps({"subset": subset, "images": images, "classes": data_set.classes})
