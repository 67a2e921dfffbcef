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
    "bins",
    [
        [Bin(1, 1.0, 1.0)],
        [Bin(1, 0.5, 0.0)],
        [Bin(3, 0.3, 0.333333), Bin(1000000, 0.999999, 0.999999)],
    ],
)
def test_reliability(tmp_path: Path, bins: list[Bin]) -> None:
    assert draw_twice(lambda: charts.draw_reliability(bins), tmp_path) == (5.5 * DPI, 5.5 * DPI)
