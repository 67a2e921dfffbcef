"""The pictures of a study leave no variant and no failed run out."""

from dataclasses import replace
from typing import cast

import numpy as np
from helpers.models import run_result

from crosscheck.core.params import Params
from crosscheck.study import corruptions, figures
from crosscheck.study.looks import Look
from crosscheck.study.plans import PlannedRun
from crosscheck.study.runs import Run


def run(accuracy: float, failed: bool) -> Run:
    """A run of ten test images, with this accuracy on all distorted ones."""
    curves = {
        kind: {"level": levels, "accuracy": [accuracy] * len(levels)} for kind, levels in corruptions.GRID.items()
    }
    right = np.arange(10) < 10 * accuracy
    return Run(cast(PlannedRun, None), failed, np.arange(10), right, None, 10, run_result(robustness=curves))


def test_a_mean_under_distortion_says_of_how_many_runs_it_is_and_names_variants_that_failed() -> None:
    runs = {
        "all": [run(0.9, False), run(0.7, False)],
        "some": [run(0.8, False), run(0.5, True)],
        "none": [run(0.5, True)],
    }
    same = {name: Look("black", "-", "o") for name in runs}
    axis = figures.draw_robustness(runs, same, 0.5).axes[0]
    legend = axis.get_legend()
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == [
        "all (n = 2)",
        "some (n = 1 of 2)",
        "none (n = 0 of 1)",
        "chance: 50.0%",
    ]
    np.testing.assert_allclose(
        [line.get_ydata() for line in axis.lines[:2]], [[0.8] * len(axis.lines[0].get_ydata())] * 2
    )
    assert len(axis.lines[2].get_ydata()) == 0


def test_no_line_goes_through_the_two_points_of_a_corruption_that_is_there_or_not() -> None:
    runs = {"one": [run(0.9, False), run(0.7, False)], "other": [run(0.8, False)]}
    same = {name: Look("black", "--", "o") for name in runs}
    figure = figures.draw_robustness(runs, same, 0.5)
    looked_at = set()
    for axis in figure.axes:
        kind, chance = axis.get_title(), [line for line in axis.lines if line.get_label().startswith("chance")]
        assert [line.get_ydata() for line in chance] == [[0.5, 0.5]]
        of_variants = [line for line in axis.lines if line.get_label().startswith(("one", "other"))]
        two = len(corruptions.GRID[kind]) == 2
        looked_at.add(two)
        assert {line.get_linestyle() for line in of_variants} == ({"None"} if two else {"--"})
    assert looked_at == {True, False}


def test_a_run_that_failed_is_told_by_more_than_its_colour(params: Params) -> None:
    found = []
    for failed in (False, True):
        result = run_result(curve={"epoch": [1, 2], "train_loss": [0.7, 0.1]}, test={"actual": [0, 1]})
        planned = PlannedRun("a", 0, params)
        found.append(replace(run(0.5 if failed else 0.9, failed), planned=planned, result=result))
    lines = figures.draw_losses({"a": found}).axes[0].lines[:2]
    assert [line.get_linestyle() for line in lines] == ["-", "--"]
    assert lines[0].get_color() != lines[1].get_color()
    whole = figures.draw_dots({"a": found}, {"a": None}, 0.95).axes[0]
    shapes = {len(dots.get_paths()[0].vertices) for dots in whole.collections}
    assert len(shapes) == 2, "a cross and a circle"
    assert [line.get_label() for line in whole.lines] == ["chance: 50.0%"]
