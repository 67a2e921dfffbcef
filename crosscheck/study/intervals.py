"""Figures with intervals, from scipy and statsmodels.

A bootstrap needs some variation to tell of: where all runs agree, as at 100 %, it collapses to a point, and the exact
binomial interval over the images (Clopper and Pearson, Biometrika 26, 1934) takes its place.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.proportion import proportion_confint


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, and how the interval was found."""

    value: float
    low: float
    high: float
    method: str


def share(count: int, n: int, confidence: float) -> Estimate:
    """`count` of `n` as a share, with the exact binomial interval."""
    low, high = proportion_confint(count, n, alpha=1 - confidence, method="beta")
    return Estimate(count / n, float(low), float(high), "exact binomial")


def mean(values: Sequence[float], confidence: float) -> Estimate | None:
    """The mean with its bootstrap interval (BCa: Efron, JASA 82, 1987); None where the values do not vary."""
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    for method in ("BCa", "percentile"):
        # BCa has no answer for some samples, such as one value apart from many equal ones, and then says so.
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            found = stats.bootstrap(
                (np.asarray(values),), np.mean, confidence_level=confidence, method=method, rng=np.random.default_rng(0)
            ).confidence_interval
        if np.isfinite([found.low, found.high]).all():
            return Estimate(float(np.mean(values)), float(found.low), float(found.high), f"bootstrap ({method})")
    return None


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
