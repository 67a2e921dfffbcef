"""A network that is not better than what one gets without training is told so."""

import pytest

from crosscheck.evaluation import baselines


def told(accuracy: float, low: float, high: float, majority: float = 0.5, neighbour: float = 0.8) -> str:
    return baselines.compare(
        {
            "accuracy": accuracy,
            "accuracy_low": low,
            "accuracy_high": high,
            "baseline_majority": majority,
            "baseline_1nn": neighbour,
        }
    )


@pytest.mark.parametrize(
    ("figures", "phrase"),
    [
        ((0.6, 0.5, 0.7), "the network does worse than the nearest neighbour on pixels (80.00%)"),
        ((0.79, 0.7, 0.85), "the network does no better than the nearest neighbour on pixels (80.00%)"),
        ((0.8, 0.7, 0.85), "the network does no better than the nearest neighbour on pixels (80.00%)"),
        ((0.82, 0.7, 0.85), "the network does not do clearly better than the nearest neighbour on pixels (80.00%)"),
        ((0.9, 0.81, 0.95), ""),
    ],
)
def test_the_interval_decides_how_it_is_said(figures: tuple[float, float, float], phrase: str) -> None:
    assert told(*figures) == phrase


def test_the_better_baseline_is_the_one_to_beat() -> None:
    phrase = told(0.7, 0.6, 0.8, majority=0.9, neighbour=0.8)
    assert phrase == "the network does worse than guessing the most frequent class (90.00%)"
