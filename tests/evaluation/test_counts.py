"""Counts of answers, and the interval of a share, against scikit-learn and scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from crosscheck.evaluation import counts


def test_confusion_has_a_row_for_each_true_class() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    matrix = counts.count_confusions(np.array([0, 0, 0, 2, 2, 0]), labels, 4)
    assert matrix.tolist() == [[2, 0, 0, 0], [1, 0, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]


def test_confusions_are_those_of_scikit_learn() -> None:
    labels, predicted = np.random.default_rng(0).integers(0, 7, (2, 300))
    found = counts.count_confusions(predicted, labels, 7)
    assert found.dtype == np.int64
    assert (found == confusion_matrix(labels, predicted, labels=range(7))).all()


@pytest.mark.parametrize("n", [1, 2, 15, 300, 123_456])
def test_the_exact_interval_is_that_of_scipy(n: int) -> None:
    for right in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = binomtest(right, n).proportion_ci(0.95, "exact")
        assert counts.exact_interval(right, n) == pytest.approx((expected.low, expected.high), abs=1e-11)
