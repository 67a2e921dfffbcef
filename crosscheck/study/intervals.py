"""Figures with intervals, from scipy and statsmodels.

A t interval needs some variation to tell of: where all runs agree, as at 100 %, the exact binomial interval over the
images (Clopper and Pearson, Biometrika 26, 1934) takes its place. docs/background/statistics.md says how often each of
them holds the true value.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, and how the interval was found."""

    value: float
    low: float
    high: float
    method: str


def share(count: float, n: int, confidence: float) -> Estimate:
    """`count` of `n` as a share, with the exact binomial interval; halves are possible, and make it somewhat wide."""
    low, high = proportion_confint(count, n, alpha=1 - confidence, method="beta")
    return Estimate(count / n, float(low), float(high), "exact binomial")


def share_difference(second: tuple[int, int], first: tuple[int, int], confidence: float) -> Estimate:
    """The second share minus the first, each a count and its total, with Newcombe's interval (Stat. Med. 17, 1998)."""
    low, high = confint_proportions_2indep(*second, *first, method="newcomb", compare="diff", alpha=1 - confidence)
    return Estimate(second[0] / second[1] - first[0] / first[1], float(low), float(high), "Newcombe")


def mean_difference(differences: NDArray[np.float64], confidence: float) -> Estimate:
    """The mean of the differences of pairs, float64 (n,), with the interval of Student's t. They have to vary."""
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(confidence)
    return Estimate(float(differences.mean()), float(interval.low), float(interval.high), "paired t")


def mean(shares: Sequence[float], confidence: float) -> Estimate | None:
    """The mean of shares with the interval of Student's t, within 0 and 1; None where they do not vary.

    A bootstrap of five runs holds the true mean in 83 of 100 studies where it says 95 (docs/background/statistics.md).
    """
    if len(shares) < 2 or np.ptp(shares) == 0:
        return None
    found = mean_difference(np.asarray(shares, dtype=np.float64), confidence)
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high), "t")


def accuracy(right: Sequence[NDArray[np.bool_]], rows: Sequence[NDArray[np.int64]], confidence: float) -> Estimate:
    """The mean accuracy of one run or more, each with its `right` answers at its `rows`."""
    found = mean([float(each.mean()) for each in right], confidence)
    if found is not None:
        return found
    # Every image counts once, however many runs were tested on it; it is right if all of them were.
    images, place = np.unique(np.concatenate(rows), return_inverse=True)
    wrong = np.unique(place[~np.concatenate(right)])
    exact = share(len(images) - len(wrong), len(images), confidence)
    value = float(np.mean([each.mean() for each in right]))
    return Estimate(value, min(exact.low, value), max(exact.high, value), f"exact binomial over {len(images)} images")


@dataclass(frozen=True)
class Survival:
    """The share of runs that have not reached the target by each epoch; `median` is None where under half have.

    Kaplan and Meier's estimate (JASA 53, 1958): runs that stop before they reach it are censored, not left out.
    """

    epochs: list[float]
    remaining: list[float]
    median: float | None
    low: float | None
    high: float | None
    reached: int
    n: int


def survival(reached: Sequence[int | None], trained: Sequence[int], confidence: float) -> Survival:
    """`reached`: the epoch in which each run reached the target, or None; `trained`: how many epochs it had."""
    events = [epoch is not None for epoch in reached]
    if not any(events):
        return Survival([], [], None, None, None, 0, len(events))
    times = [trained[number] if epoch is None else epoch for number, epoch in enumerate(reached)]
    function = SurvfuncRight(np.array(times, dtype=float), np.array(events, dtype=int))
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        low, high = function.quantile_ci(0.5, alpha=1 - confidence)
    return Survival(
        [float(time) for time in function.surv_times],
        [float(value) for value in function.surv_prob],
        _finite(function.quantile(0.5)),
        _finite(low),
        _finite(high),
        sum(events),
        len(events),
    )


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
