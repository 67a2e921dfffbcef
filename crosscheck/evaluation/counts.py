"""Counts of answers, and the interval of a share.

Apart from the other scores, since pictures need no more: scikit-learn and scipy.stats take a second to load.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

LEVEL = 0.95


def count_confusions(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Counts, (classes, classes), of predicted and true labels (n,): a row for each true class, a column for each
    predicted one.
    """
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def exact_interval(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `right` in `n`: Clopper and Pearson's exact one (Biometrika 26, 1934).

    Its ends are quantiles of the beta distribution, the inverse of the incomplete beta function.
    """
    tail = (1 - LEVEL) / 2
    low = betaincinv(right, n - right + 1, tail) if right else 0.0
    high = betaincinv(right + 1, n - right, 1 - tail) if right < n else 1.0
    return float(low), float(high)
