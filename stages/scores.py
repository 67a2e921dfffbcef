"""Scores predictions: pure functions of probabilities and labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn import config_context
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support
from sklearn.neighbors import KNeighborsClassifier

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class ClassScore:
    """How one class fared; `n` counts its images. A share of nothing is 0."""

    precision: float
    recall: float
    f1: float
    n: int


def overall(probabilities: Probabilities, labels: Labels) -> dict[str, float]:
    """Figures over all images; `probabilities` is (n, classes), `labels` (n,).

    The interval of the accuracy is Clopper and Pearson's exact one (Biometrika 26, 1934), at 95 %.
    """
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(confidence_level=0.95, method="exact")
    classes = range(probabilities.shape[1])
    return {
        "n": len(labels),
        "accuracy": right / len(labels),
        "accuracy_low": float(interval.low),
        "accuracy_high": float(interval.high),
        "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
        "log_loss": float(log_loss(labels, probabilities, labels=list(classes))),
    }


def per_class(probabilities: Probabilities, labels: Labels) -> list[ClassScore]:
    """Precision, recall and F1 of each class, in label order."""
    classes = list(range(probabilities.shape[1]))
    columns = precision_recall_fscore_support(labels, probabilities.argmax(axis=1), labels=classes, zero_division=0)
    return [ClassScore(float(p), float(r), float(f), int(n)) for p, r, f, n in zip(*columns, strict=True)]


def confusion(probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
    """Counts, (classes, classes): a row for each true class, a column for each predicted one."""
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(probabilities.shape[1]))
    return np.asarray(matrix, dtype=np.int64)


def majority_accuracy(train_labels: Labels, labels: Labels) -> float:
    """Accuracy of always answering the class that is most frequent in training (the first of equals)."""
    return float((labels == np.bincount(train_labels).argmax()).mean())


def neighbour_accuracy(
    train_images: NDArray[np.uint8], train_labels: Labels, images: NDArray[np.uint8], labels: Labels
) -> float:
    """Accuracy of the class of the nearest training image, by Euclidean distance of the grey levels."""
    reference = train_images.reshape(len(train_images), -1).astype(np.float32)
    neighbours = KNeighborsClassifier(n_neighbors=1, algorithm="brute").fit(reference, train_labels)
    right, step = 0, 1024
    with config_context(working_memory=64):
        for start in range(0, len(images), step):
            part = images[start : start + step].reshape(-1, reference.shape[1]).astype(np.float32)
            right += int((neighbours.predict(part) == labels[start : start + step]).sum())
    return right / len(images)
