"""Scores with answers worked out by hand."""

import math

import numpy as np
import pytest

from crosscheck.evaluation import metrics


def sure_of(predicted: list[int], classes: int, confidence: float = 0.9) -> metrics.Probabilities:
    """Probabilities of which the largest belong to `predicted`, the others being equal."""
    table = np.full((len(predicted), classes), (1 - confidence) / (classes - 1))
    table[range(len(predicted)), predicted] = confidence
    return table


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(299, 300, 0.9816, 0.9999), (300, 300, 0.9878, 1.0), (0, 300, 0.0, 0.0122), (1, 1, 0.025, 1.0)],
)
def test_the_interval_of_the_accuracy_is_the_exact_one(right: int, n: int, low: float, high: float) -> None:
    labels = np.zeros(n, dtype=np.int64)
    found = metrics.score_overall(sure_of([0] * right + [1] * (n - right), 2), labels)
    assert (found["n"], found["accuracy"]) == (n, right / n)
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx((low, high), abs=5e-5)


def test_overall_figures_of_four_images_by_hand() -> None:
    labels = np.array([0, 0, 0, 1])
    found = metrics.score_overall(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]), labels)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["log_loss"] == pytest.approx(-math.log(0.9 * 0.8 * 0.3 * 0.6) / 4)


def test_log_loss_stays_finite_where_the_true_class_got_no_probability() -> None:
    found = metrics.score_overall(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    assert 15 < found["log_loss"] < 40


def test_log_loss_knows_all_classes_where_only_one_is_true() -> None:
    assert metrics.score_overall(sure_of([0, 1], 3, 0.5), np.array([0, 0]))["log_loss"] == pytest.approx(
        -(math.log(0.5) + math.log(0.25)) / 2
    )


def test_a_class_that_is_never_predicted_has_precision_recall_and_f1_of_nothing() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2])
    found = metrics.score_classes(sure_of([0, 0, 0, 2, 2, 0], 3), labels)
    assert found[0] == metrics.ClassScore(0.5, 1.0, pytest.approx(2 / 3), 2)
    assert found[1] == metrics.ClassScore(0.0, 0.0, 0.0, 1)
    assert found[2] == metrics.ClassScore(1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3)


def test_the_majority_is_that_of_the_training_labels() -> None:
    assert metrics.majority_accuracy(np.array([1, 1, 0]), np.array([0, 0, 0, 1])) == 0.25
    assert metrics.majority_accuracy(np.array([0, 1]), np.array([0, 0, 1])) == pytest.approx(2 / 3)


def test_the_nearest_neighbour_is_found_among_images_that_hardly_differ() -> None:
    """Nearly equal bright images: in single precision, x*x - 2xy + y*y would drown the difference."""
    random = np.random.default_rng(0)
    base = random.integers(200, 250, (1, 100, 100, 1), dtype=np.int64)
    train = (base + random.integers(-1, 2, (40, 100, 100, 1))).astype(np.uint8)
    labels = random.integers(0, 2, 40)
    test = (base + random.integers(-1, 2, (30, 100, 100, 1))).astype(np.uint8)
    differences = train[None].astype(np.int64) - test[:, None].astype(np.int64)
    nearest = (differences**2).sum(axis=(2, 3, 4)).argmin(axis=1)
    expected = labels[nearest]
    assert metrics.nearest_neighbour_accuracy(train, labels, test, expected) == 1.0
    assert metrics.nearest_neighbour_accuracy(train, labels, test, 1 - expected) == 0.0


def test_neighbours_are_sought_part_by_part() -> None:
    images = np.arange(2500, dtype=np.int64)
    test = np.stack([images % 256, images // 256], axis=1).astype(np.uint8).reshape(-1, 1, 2, 1)
    assert metrics.nearest_neighbour_accuracy(test[:50], images[:50], test, np.minimum(images, 49)) < 1
    assert metrics.nearest_neighbour_accuracy(test, images, test, images) == 1.0
