"""How much an image counts in the loss, by its class."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosscheck.core.errors import InputError
from crosscheck.core.params import TrainParams


@dataclass(frozen=True)
class ClassWeights:
    """`values`: float64 (classes,) by label, or None where each image counts as one."""

    values: NDArray[np.float64] | None = None

    def total(self, labels: NDArray[np.int64], rows: NDArray[np.int64] | slice) -> float:
        """What the images of `rows` count together; `labels`, int64 (n,), are those of all images."""
        # Without weights no label is looked up.
        if self.values is None:
            return len(rows) if isinstance(rows, np.ndarray) else len(labels[rows])
        return float(self.values[labels[rows]].sum())

    def tensor(self, device: torch.device) -> Tensor | None:
        """The values as `cross_entropy` takes them, float32: its mean is then sum(w loss) / sum(w)."""
        return None if self.values is None else torch.from_numpy(self.values).to(device, torch.float32)


UNWEIGHTED = ClassWeights()


def weigh_classes(params: TrainParams, labels: NDArray[np.int64], val_labels: NDArray[np.int64]) -> ClassWeights:
    """What `train.class_weights` asks for, given the labels of the training and of the validation images.

    `balanced` gives the class c the weight n / (K n_c), of n training images of K classes, n_c of them of its own: that
    of scikit-learn's `compute_class_weight` (King and Zeng, Logistic Regression in Rare Events Data, 2001). Then all
    classes count the same, and the mean weight of an image is 1. Raises InputError where there is no training image of
    a class that is validated.
    """
    if params.class_weights == "none":
        return UNWEIGHTED
    counts = np.bincount(labels, minlength=int(val_labels.max(initial=0)) + 1)
    if not counts[val_labels].all():
        raise InputError(
            "params.yaml: train.class_weights is 'balanced', but a class of the validation images has no training "
            "image to weigh; add images of it, or set train.class_weights to none"
        )
    return ClassWeights(len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1.0)))
