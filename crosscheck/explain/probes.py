"""What each layer knows: a linear probe of its values, and a view of them in two dimensions."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from crosscheck.data.dataset import Subset
from crosscheck.explain.activations import sample
from crosscheck.network.inference import batch, outputs

GRID, MOST_FEATURES = 8, 1024
MOST_CLASSES = 10
STEPS = 200
IMAGE = "scale"

Features = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class View:
    """Images at one layer in two dimensions: `points`, float64 (n, 2), and the share of the variance along each."""

    points: NDArray[np.float64]
    shares: tuple[float, float]


def features(net: nn.Sequential, names: list[str], subset: Subset, batch_size: int) -> Features:
    """What the layers `names` give for each image, float64 (n, values), with maps averaged over a coarse grid.

    The grid has up to 8 x 8 cells, and fewer where there are many channels; `scale` is the image itself.
    """
    parts: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for start in range(0, len(subset), batch_size):
        images, _ = batch(subset, slice(start, start + batch_size), torch.device("cpu"))
        for name, values in outputs(net, images):
            if name in parts:
                parts[name].append(_coarse(values).flatten(1))
    return {name: torch.cat(part).double().numpy() for name, part in parts.items()}


def _coarse(values: torch.Tensor) -> torch.Tensor:
    if values.ndim == 2:
        return values
    cells = max(1, min(GRID, int((MOST_FEATURES / values.shape[1]) ** 0.5)))
    return adaptive_avg_pool2d(values, (min(cells, values.shape[2]), min(cells, values.shape[3])))


def take_few_classes(subset: Subset) -> Subset:
    """The images of the first ten classes."""
    rows = np.flatnonzero(subset.labels < MOST_CLASSES)
    return subset if len(rows) == len(subset) else Subset(subset.images[rows], subset.labels[rows])


def accuracy(
    fitted_on: NDArray[np.float64],
    labels: NDArray[np.int64],
    scored_on: NDArray[np.float64],
    answers: NDArray[np.int64],
    threads: int,
) -> float:
    """The accuracy of a linear probe (Alain and Bengio, 2016): logistic regression on standardised values."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=STEPS))
    # Standardised values that a layer never varies are 0, and many steps serve no purpose: neither is worth a word.
    with threadpool_limits(threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(fitted_on, labels)
        return round(float(probe.score(scored_on, answers)), 6)


def view(values: NDArray[np.float64], threads: int) -> View:
    """The two directions in which the values of a layer vary most (principal components), for n >= 2 images."""
    if values.shape[1] < 2:
        values = np.pad(values, ((0, 0), (0, 1)))
    with threadpool_limits(threads):
        components = PCA(n_components=2, svd_solver="full")
        with np.errstate(invalid="ignore"):
            points = components.fit_transform(values)
    first, second = np.nan_to_num(components.explained_variance_ratio_)
    return View(points, (float(first), float(second)))


@dataclass(frozen=True)
class LayerAccuracies:
    """The accuracy of a probe on each layer, from 0 to 1, with trained and with untrained weights."""

    layers: list[str]
    trained: list[float]
    untrained: list[float]


@dataclass(frozen=True)
class Probing:
    """The images that probes are fitted on and scored on, and what the latter are called."""

    fitted: Subset
    scored: Subset
    source: str

    @classmethod
    def choose(cls, train: Subset, val: Subset, count: int, classes: int) -> "Probing":
        """At most `count` training and `count` validation images; without the latter, other training images."""
        kinds = min(classes, MOST_CLASSES)
        train, val = take_few_classes(train), take_few_classes(val)
        if len(val):
            return cls(sample(train, count, kinds), sample(val, count, kinds), "validation")
        both = sample(train, 2 * count, kinds)
        # Sorted by class, so that every second image gives each class its share.
        order = np.argsort(both.labels, kind="stable")
        fitted, scored = (Subset(both.images[rows], both.labels[rows]) for rows in (order[::2], order[1::2]))
        return cls(fitted, scored, "other training")

    @property
    def chance(self) -> float:
        """The accuracy of always giving the most frequent class."""
        return float(np.bincount(self.scored.labels).max() / len(self.scored))

    def accuracies(self, net: nn.Sequential, names: list[str], batch_size: int, threads: int) -> list[float]:
        """The accuracy of a probe on each of the layers `names`."""
        fitted = features(net, names, self.fitted, batch_size)
        scored = features(net, names, self.scored, batch_size)
        return [accuracy(fitted[name], self.fitted.labels, scored[name], self.scored.labels, threads) for name in names]
