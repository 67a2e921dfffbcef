"""Scores predictions: pure functions of probabilities and labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.metrics import log_loss, precision_recall_fscore_support
from sklearn.neighbors import NearestNeighbors

from crosscheck.evaluation.counts import exact_interval

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScore:
    """How one class fared; `n` counts its images. A share of nothing is 0."""

    precision: float
    recall: float
    f1: float
    n: int


def score_overall(probabilities: Probabilities, labels: Labels) -> dict[str, float]:
    """Figures over all images; `probabilities` is (n, classes), `labels` (n,).

    The balanced accuracy is the mean over the classes that occur.
    """
    predicted = probabilities.argmax(axis=1)
    right_ones = predicted == labels
    right = int(right_ones.sum())
    low, high = exact_interval(right, len(labels))
    classes = range(probabilities.shape[1])
    return {
        "n": len(labels),
        "accuracy": right / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": float(np.mean([right_ones[labels == label].mean() for label in np.unique(labels)])),
        "log_loss": float(log_loss(labels, probabilities, labels=list(classes))),
    }


def score_classes(probabilities: Probabilities, labels: Labels) -> list[ClassScore]:
    """Precision, recall and F1 of each class, in label order."""
    classes = list(range(probabilities.shape[1]))
    columns = precision_recall_fscore_support(labels, probabilities.argmax(axis=1), labels=classes, zero_division=0)
    return [ClassScore(float(p), float(r), float(f), int(n)) for p, r, f, n in zip(*columns, strict=True)]


def majority_accuracy(train_labels: Labels, labels: Labels) -> float:
    """Accuracy of always answering the class that is most frequent in training (the first of equals)."""
    return float((labels == np.bincount(train_labels).argmax()).mean())


def nearest_neighbour_accuracy(
    train_images: NDArray[np.uint8], train_labels: Labels, images: NDArray[np.uint8], labels: Labels
) -> float:
    """Accuracy of the class of the nearest training image, by Euclidean distance of the grey levels."""
    reference = train_images.reshape(len(train_images), -1).astype(np.float32)
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(reference)
    right, step = 0, 1024
    with config_context(working_memory=64):
        for start in range(0, len(images), step):
            part = images[start : start + step].reshape(-1, reference.shape[1]).astype(np.float32)
            nearest = neighbours.kneighbors(part, return_distance=False)[:, 0]
            right += int((train_labels[nearest] == labels[start : start + step]).sum())
    return right / len(images)
