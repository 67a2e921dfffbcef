"""Compares the runs of two variants, pair by pair of the same seed and split: by scipy and statsmodels.

The second variant is looked at from the first: a positive difference of accuracy, fewer failures and earlier epochs
speak for the second. Runs that failed to converge take no part in means; they are counted on their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.duration.survfunc import survdiff
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import ttost_paired

from crosscheck.study import intervals
from crosscheck.study.intervals import Estimate
from crosscheck.study.measures import MEASURES, Measure
from crosscheck.study.runs import Run
from crosscheck.study.sample_sizes import ConvergedShares, PairDifferences


@dataclass(frozen=True)
class Contrast:
    """What one measure says of a second variant against a first, before the correction for asking often.

    `n`: pairs of runs, or runs of each. `p`: of there being no difference; `p_equivalent`: of a difference beyond the
    margin; None where the data cannot say, or the measure has no margin. `favours_second`: the direction of what was
    seen. `sample`: what tells how many runs are needed, None where the data cannot say that either.
    `detail`: what was counted, the second variant first. `guessing`: neither is better than guessing, by the margin.
    """

    measure: Measure
    n: int
    difference: Estimate | None
    p: float | None
    p_equivalent: float | None
    favours_second: bool
    test: str
    detail: str = ""
    guessing: bool = False
    sample: PairDifferences | ConvergedShares | None = None

    def needed_for_margin(self) -> int | None:
        """Runs of each, those there are among them, that find a difference of the margin's size with 80 % power."""
        return self.sample.needed_for_margin() if self.sample else None

    def needed_for_seen(self) -> int | None:
        """The same for a difference as large as was seen."""
        return self.sample.needed_for_seen() if self.sample else None


def paired(first: Sequence[Run], second: Sequence[Run]) -> list[tuple[Run, Run]]:
    """The runs of the same seed."""
    by_seed = {run.planned.seed: run for run in second}
    return [(run, by_seed[run.planned.seed]) for run in first if run.planned.seed in by_seed]


def compare_values(
    first: Sequence[Run], second: Sequence[Run], measure: Measure, margin: float, confidence: float
) -> Contrast:
    """Accuracies, also under a distortion, or overfitting: paired t test, and for equivalence one-sided ones (TOST).

    Where all pairs differ by nothing, a t test has nothing to go by; for accuracy, the images then speak.
    """
    pairs = [(a, b) for a, b in paired(first, second) if not (a.failed or b.failed)]
    differences = np.array([b.measured(measure) - a.measured(measure) for a, b in pairs])
    if len(pairs) > 1 and np.ptp(differences) < 1e-12:
        if measure == "accuracy" and abs(differences[0]) < 1e-12:
            return _of_images(pairs, margin, confidence)
        favours_second = _favours_second(measure, float(differences[0]))
        return Contrast(measure, len(pairs), None, None, None, favours_second, "none: no variation")
    if len(pairs) < 2:
        return _undecided(measure, len(pairs), "fewer than two pairs of runs")
    difference = intervals.mean_difference(differences, confidence)
    p_equivalent = float(ttost_paired(differences, np.zeros(len(pairs)), -margin, margin)[0])
    return Contrast(
        measure,
        len(pairs),
        difference,
        float(stats.ttest_1samp(differences, 0.0).pvalue),
        p_equivalent,
        _favours_second(measure, difference.value),
        "paired t, TOST",
        guessing=_guessing(pairs, measure, margin),
        sample=PairDifferences(differences, margin, confidence),
    )


def _favours_second(measure: Measure, difference: float) -> bool:
    return difference < 0 if MEASURES[measure].lower_is_better else difference > 0


def _guessing(pairs: Sequence[tuple[Run, Run]], measure: Measure, margin: float) -> bool:
    # Each variant by its own test images: another split may give another most frequent class.
    return measure != "overfitting" and all(
        np.mean([run.measured(measure) for run in runs]) < np.mean([run.guessing for run in runs]) + margin
        for runs in zip(*pairs, strict=True)
    )


def _of_images(pairs: list[tuple[Run, Run]], margin: float, confidence: float) -> Contrast:
    """The difference of two accuracies is at most the share of images on which the two disagree."""
    wins = image_wins(pairs)
    apart, n = sum(value != 0 for value in wins.values()), len(wins)
    bound = intervals.share(apart, n, confidence).high
    p_equivalent = float(stats.binomtest(apart, n, margin, alternative="less").pvalue)
    return Contrast(
        "accuracy",
        len(pairs),
        Estimate(0.0, -bound, bound, f"exact binomial over {n} images"),
        1.0,
        p_equivalent,
        False,
        "exact binomial: all pairs are equal",
    )


def compare_failures(first: Sequence[Run], second: Sequence[Run], confidence: float) -> Contrast:
    """The share of runs that converged: Fisher's exact test; the interval of the difference is Newcombe's."""
    counts, totals = [sum(not run.failed for run in runs) for runs in (first, second)], [len(first), len(second)]
    table = [[converged, total - converged] for converged, total in zip(counts, totals, strict=True)]
    shares = [converged / total for converged, total in zip(counts, totals, strict=True)]
    return Contrast(
        "failures",
        min(totals),
        intervals.share_difference((counts[1], totals[1]), (counts[0], totals[0]), confidence),
        float(stats.fisher_exact(table).pvalue),
        None,
        shares[1] > shares[0],
        "Fisher's exact",
        f"{counts[1]} of {totals[1]} runs converged against {counts[0]} of {totals[0]}",
        sample=ConvergedShares(shares[0], shares[1], confidence),
    )


def _undecided(measure: Measure, n: int, why: str) -> Contrast:
    return Contrast(measure, n, None, None, None, False, f"none: {why}")


def compare_epochs(first: Sequence[Run], second: Sequence[Run], confidence: float) -> Contrast:
    """Epochs until the target is reached, failed runs and slow ones censored: the log-rank test."""
    runs = [*first, *second]
    reached = np.array([run.reached is not None for run in runs], dtype=int)
    times = np.array([run.epochs if run.reached is None else run.reached for run in runs], dtype=float)
    group = np.array([0] * len(first) + [1] * len(second))
    n = min(len(first), len(second))
    if not reached.any() or n < 2:
        why = "no run reached the target" if not reached.any() else "fewer than two runs of each"
        return _undecided("epochs", n, why)
    try:
        with np.errstate(all="ignore"):
            _, p = survdiff(times, reached, group)
    except np.linalg.LinAlgError:
        # Where all runs reach it in the same epoch, there is no variance to test by, and no difference either.
        p = 1.0
    value = float(p) if np.isfinite(p) else 1.0
    detail = f"median of {_median_epochs(second, confidence)} epochs against {_median_epochs(first, confidence)}"
    return Contrast("epochs", n, None, value, None, _earlier(first, second) > 0.5, "log-rank", detail)


def _median_epochs(runs: Sequence[Run], confidence: float) -> str:
    """By Kaplan and Meier's curve; where under half of the runs reach the target, more than they were trained for."""
    trained = [run.epochs for run in runs]
    median = intervals.survival([run.reached for run in runs], trained, confidence).median
    return f"more than {max(trained)}" if median is None else f"{median:g}"


def _earlier(first: Sequence[Run], second: Sequence[Run]) -> float:
    """The chance that a run of the second reaches the target before one of the first; a tie counts half."""
    times = [np.array([math.inf if run.reached is None else run.reached for run in runs]) for runs in (first, second)]
    before = np.less.outer(times[1], times[0]).mean() + 0.5 * np.equal.outer(times[1], times[0]).mean()
    return float(before)


def improvement(pairs: Sequence[tuple[Run, Run]], confidence: float) -> Estimate | None:
    """The chance that the second variant does better than the first on the same seed and split; a tie counts half.

    A failed run does worse than any other, so it is counted without entering a mean (Agarwal et al., NeurIPS 2021).
    """
    if not pairs:
        return None
    ranks = [[-1.0 if run.failed else run.accuracy for run in pair] for pair in pairs]
    wins = [0.5 * (1 + np.sign(second - first)) for first, second in ranks]
    return intervals.share(float(sum(wins)), len(wins), confidence)


def image_wins(pairs: Sequence[tuple[Run, Run]]) -> dict[int, int]:
    """How many more runs of the second than of the first are right, for each test image by its packed place."""
    wins: dict[int, int] = {}
    for first, second in pairs:
        for row, gain in zip(first.rows.tolist(), (second.right.astype(int) - first.right).tolist(), strict=True):
            wins[row] = wins.get(row, 0) + gain
    return wins


def compare_images(wins: dict[int, int]) -> float:
    """McNemar's exact test: does one variant get more images right that the other gets wrong? Each counts once."""
    for_first, for_second = sum(gain < 0 for gain in wins.values()), sum(gain > 0 for gain in wins.values())
    return float(mcnemar([[0, for_first], [for_second, 0]], exact=True).pvalue)
