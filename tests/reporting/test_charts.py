"""The charts come out whole, of the expected size and the same every time, whatever they show."""

from pathlib import Path

import numpy as np
import pytest
from helpers.pictures import DPI, STRANGE, draw_twice

from crosscheck.data.guessing import Guess
from crosscheck.evaluation.calibration import Bin
from crosscheck.reporting import charts
from crosscheck.training.curves import Epoch


@pytest.mark.parametrize(
    "history",
    [
        [Epoch(1, 40.0, 0.01, 1e6, 0.0)],
        [Epoch(1, 40.0, 0.01, None, None)],
        [Epoch(n, 0.0, 1.0, 0.0, 1.0) for n in (1, 2, 3)],
        [Epoch(n, 2.3 / n, 1 - 0.5 / n, 2.4 / n, 1 - 0.6 / n) for n in range(1, 400)],
    ],
)
def test_training_curves(tmp_path: Path, history: list[Epoch]) -> None:
    val = 9 if history[0].val_loss is not None else 0
    size = draw_twice(lambda: charts.draw_training_curves(history, Guess((5,) * 40), (300, val)), tmp_path)
    assert size == (9 * DPI, 3.8 * DPI)


@pytest.mark.parametrize("classes", [2, 5, 30, 31])
def test_confusion_matrix(tmp_path: Path, classes: int) -> None:
    names = (STRANGE + [f"class {n}" for n in range(classes)])[:classes]
    counts = np.random.default_rng(0).integers(0, 12_000, (classes, classes))
    side = min(12.0, 2.6 + 0.55 * classes)
    size = draw_twice(lambda: charts.draw_confusion_matrix(counts, names), tmp_path)
    assert size == pytest.approx(((side + 1.2) * DPI, side * DPI), abs=1)


def test_confusion_matrix_of_a_perfect_answer_and_of_one_image(tmp_path: Path) -> None:
    for counts in (np.diag([3, 4]), np.array([[0, 1], [0, 0]])):
        draw_twice(lambda counts=counts: charts.draw_confusion_matrix(counts, ["a", "b"]), tmp_path)


@pytest.mark.parametrize(
    ("classes", "bins"),
    [
        (2, [Bin(1, 1.0, 1.0)]),
        (2, [Bin(1, 0.5, 0.0)]),
        (4, [Bin(3, 0.3, 0.333333), Bin(1000000, 0.999999, 0.999999)]),
        (1000, [Bin(3, 0.001, 0.0)]),
    ],
)
def test_reliability(tmp_path: Path, classes: int, bins: list[Bin]) -> None:
    assert draw_twice(lambda: charts.draw_reliability(bins, classes), tmp_path) == (5.5 * DPI, 5.5 * DPI)


@pytest.mark.parametrize("classes", [2, 3, 1000])
def test_reliability_begins_at_equal_odds_below_which_no_answer_can_be(classes: int) -> None:
    figure = charts.draw_reliability([Bin(3, 1 / classes, 0.3), Bin(5, 1.0, 1.0)], classes)
    for axis in figure.axes:
        low, high = axis.get_xlim()
        assert 1 / classes - 0.03 < low < 1 / classes
        assert 1 < high < 1.03
    assert f"(equal odds: {100 / classes:.3g}%)" in figure.axes[1].get_xlabel()


def test_long_training_curves_differ_in_more_than_their_colour() -> None:
    for epochs in (3, 400):
        history = [Epoch(n, 1 / n, 1 - 0.5 / n, 1.1 / n, 1 - 0.6 / n) for n in range(1, epochs + 1)]
        for axis in charts.draw_training_curves(history, Guess((5, 5)), (10, 10)).axes:
            looks = {(line.get_linestyle(), line.get_marker() * bool(line.get_markersize())) for line in axis.lines[:2]}
            assert len(looks) == 2
