"""How far one gets without a network: the baselines that a folder allows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from crosscheck.data.inspection import Inspection


@dataclass(frozen=True)
class Baselines:
    """Accuracies: of the nearest neighbour within the sample, and of naming the most frequent class of the folder."""

    nearest_neighbour: float
    most_frequent: float


def score_baselines(found: Inspection) -> Baselines:
    """What a network has to beat."""
    seen, counts = found.sample.seen, found.counts.values()
    nearest = leave_one_out(np.stack([each.pixels for each in seen]), np.array([each.label for each in seen]))
    return Baselines(round(nearest, 4), round(max(counts) / sum(counts), 4))


def leave_one_out(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    """Accuracy of giving each of `images`, uint8 (n, height, width, channels), the class of the most similar other one.

    Similar is what has a small Euclidean distance of its grey levels; `labels` is int64 (n,). A single image has none.
    """
    if len(images) < 2:
        return 0.0
    flat = images.reshape(len(images), -1).astype(np.float32)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat).kneighbors(return_distance=False)[:, 0]
    return float((labels[nearest] == labels).mean())
