"""The pictures of a study leave no variant and no failed run out."""

from typing import cast

import numpy as np
from helpers.models import run_result

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
