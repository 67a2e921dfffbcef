"""The picture of a search: the limits, `base` as the reference, and the winner in a sentence."""

import textwrap
from pathlib import Path

import numpy as np
import pytest
from helpers.pictures import DPI, draw_twice

from crosscheck.core.params import Params
from crosscheck.search import figures
from crosscheck.search.figures import Base, Trials
from crosscheck.search.pareto import Candidate
from crosscheck.search.space import Constraints

LIMITS = Constraints(accuracy=0.99, parameters=1500, cost=0.11)
BASE = Base(4_452_694, 3_000_000_000, 0.985)
SENTENCE = "Winner: trial 3, 635 parameters, 10.0% of the cost; " + "over 5 seeds, as accurate as it can be, " * 4


def candidate(params: Params, number: int, accuracy: float, parameters: int, cost: float) -> Candidate:
    return Candidate(number, accuracy, parameters, 1, 1, int(cost * BASE.training_cost), params.model, params.train)


@pytest.fixture
def trials(params: Params) -> Trials:
    places = [(0.5, 300, 0.02), (0.95, 900, 0.05), (0.99, 456, 0.06), (1.0, 635, 0.1)]
    complete = [candidate(params, number, *place) for number, place in enumerate(places)]
    return Trials(complete, complete[2:], 3, 1)


@pytest.mark.parametrize("accuracy", [None, 0.0, 0.985, 1.0])
def test_base_and_the_limits_are_drawn_whatever_is_known_of_base(
    tmp_path: Path, trials: Trials, accuracy: float | None
) -> None:
    base = Base(BASE.parameters, BASE.training_cost, accuracy)
    size = draw_twice(lambda: figures.draw_front(trials, base, LIMITS, SENTENCE), tmp_path)
    assert size == pytest.approx((9.5 * DPI, 5.4 * DPI), abs=1)
    figure = figures.draw_front(trials, base, LIMITS, SENTENCE)
    assert textwrap.shorten(SENTENCE, 1000) in " ".join(figure.get_suptitle().split())
    for near, far, limit, reference in (
        (*figure.axes[:2], 1500, BASE.parameters),
        (*figure.axes[2:], 0.11, 1.0),
    ):
        low, high = near.get_xlim()
        assert low < limit < high < reference
        assert limit in [line.get_xdata()[0] for line in near.lines if line.get_linestyle() == "--"]
        assert LIMITS.accuracy in [line.get_ydata()[0] for line in near.lines if line.get_linestyle() == "--"]
        assert far.get_xlim()[0] < reference < far.get_xlim()[1]
        places = np.concatenate([each.get_offsets() for each in far.collections] or [np.empty((0, 2))])
        assert places.tolist() == ([] if accuracy is None else [[reference, accuracy]])
        assert (reference in [line.get_xdata()[0] for line in far.lines]) == (accuracy is None)
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said[:5] == ["within the limits", "limit", "trial", "on the front (n = 2)", "winner"]
    assert said[5] == ("base (not trained here)" if accuracy is None else "base")


def test_a_search_without_a_finished_trial_still_has_its_picture(tmp_path: Path) -> None:
    nothing = Trials([], [], None, 2)
    draw_twice(lambda: figures.draw_front(nothing, BASE, LIMITS, "There is no winner."), tmp_path)


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_limits_that_nothing_is_beyond(tmp_path: Path, trials: Trials, accuracy: float) -> None:
    limits = Constraints(accuracy=accuracy, parameters=100_000_000, cost=1000.0)
    draw_twice(lambda: figures.draw_front(trials, BASE, limits, "Winner."), tmp_path)


def test_the_scale_of_accuracies_can_be_undone() -> None:
    values = np.linspace(0, 1, 21)
    np.testing.assert_allclose(figures._shrink(figures._stretch(values)), values, atol=1e-12)
