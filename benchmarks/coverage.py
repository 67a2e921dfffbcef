"""How often the intervals of a study hold the true value: nominal against found, by simulation.

    python -m benchmarks.coverage --studies 2000 --results benchmarks/results

Writes coverage.json. Needs a minute on an idle core. Where a count has few possible values, all of them are weighted by
their probability and nothing is simulated. docs/statistics.md has the table.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosscheck.core.files import write_json
from crosscheck.study import intervals
from crosscheck.study.intervals import Estimate

CONFIDENCE = 0.95
RUNS = (5, 10, 20)
FILE = "coverage.json"
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True)
class Coverage:
    """`found`: the share of intervals that hold the true value; `studies`: simulated ones, 0 for an exact figure."""

    interval: str
    data: str
    runs: int
    nominal: float
    found: float
    studies: int


def main() -> None:
    asked = arguments()
    rows = [asdict(row) for row in find_coverage(asked.studies)]
    write_json(asked.results / FILE, {"rows": rows})
    for row in rows:
        print(f"{row['interval']}, {row['data']}, n = {row['runs']}: {row['found']:.3f}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies of each row")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"), help="where the results go")
    return parser.parse_args()


def find_coverage(studies: int) -> Iterator[Coverage]:
    """A row for each interval, kind of data and number of runs."""
    for data, (draw, true) in ACCURACIES.items():
        for runs in RUNS:
            yield simulate("mean accuracy", data, runs, studies, draw, true, intervals.mean)
            yield simulate("mean accuracy, bootstrap (BCa)", data, runs, studies, draw, true, bootstrap)
    for data, (draw, true) in DIFFERENCES.items():
        for runs in RUNS:
            yield simulate("difference of accuracy", data, runs, studies, draw, true, intervals.mean_difference)
    for runs in RUNS:
        yield from count_shares(runs)


def count_shares(runs: int) -> Iterator[Coverage]:
    """The rows of shares of this number of runs, exact."""
    for share in (0.6, 0.9):
        yield Coverage("share converged", f"{share:.0%} converge", runs, CONFIDENCE, _of_share(share, runs), 0)
    for first, second in ((0.9, 0.9), (1.0, 0.6)):
        found = _of_share_difference(first, second, runs)
        yield Coverage(
            "difference of shares converged", f"{second:.0%} against {first:.0%}", runs, CONFIDENCE, found, 0
        )


def simulate(
    interval: str,
    data: str,
    runs: int,
    studies: int,
    draw: Draw,
    true: float,
    estimate: Callable[[Any, float], Estimate | None],
) -> Coverage:
    rng = np.random.default_rng([len(interval), len(data), runs])
    found = [estimate(draw(rng, runs), CONFIDENCE) for _ in range(studies)]
    held = [each is not None and each.low <= true <= each.high for each in found]
    return Coverage(interval, data, runs, CONFIDENCE, round(float(np.mean(held)), 4), studies)


def _of_share(share: float, runs: int) -> float:
    held = [_holds(intervals.share(count, runs, CONFIDENCE), share) for count in range(runs + 1)]
    return round(float(stats.binom.pmf(range(runs + 1), runs, share) @ held), 4)


def _of_share_difference(first: float, second: float, runs: int) -> float:
    weights = [stats.binom.pmf(range(runs + 1), runs, share) for share in (second, first)]
    held = [
        [_holds(intervals.share_difference((a, runs), (b, runs), CONFIDENCE), second - first) for b in range(runs + 1)]
        for a in range(runs + 1)
    ]
    return round(float(weights[0] @ np.array(held, dtype=float) @ weights[1]), 4)


def _holds(estimate: Estimate, true: float) -> bool:
    # The difference of two decimal shares is not exactly that of their floating-point numbers.
    return estimate.low - 1e-9 <= true <= estimate.high + 1e-9


def bootstrap(values: NDArray[np.float64], confidence: float) -> Estimate:
    """The interval that the study had before, for comparison (Efron, JASA 82, 1987)."""
    found = stats.bootstrap((values,), np.mean, confidence_level=confidence, rng=np.random.default_rng(0))
    low, high = found.confidence_interval
    return Estimate(float(values.mean()), float(low), float(high), "bootstrap (BCa)")


def _near_the_ceiling(rng: np.random.Generator, runs: int) -> NDArray[np.float64]:
    """Accuracies whose errors are log-normal, with a median of 1 %: most runs near 100 %, a few far below."""
    return 1 - 0.01 * rng.lognormal(0.0, LOG_SPREAD, runs)


LOG_SPREAD = 0.8
MEAN_ERROR = 0.01 * float(np.exp(LOG_SPREAD**2 / 2))
# How accuracies, and their differences in pairs, are drawn, and the true mean.
ACCURACIES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, runs: rng.normal(0.9, 0.03, runs), 0.9),
    "near 100 %": (_near_the_ceiling, 1 - MEAN_ERROR),
}
DIFFERENCES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, runs: rng.normal(0.01, 0.02, runs), 0.01),
    "both near 100 %": (lambda rng, runs: _near_the_ceiling(rng, runs) - _near_the_ceiling(rng, runs), 0.0),
    "one near 100 %": (lambda rng, runs: _near_the_ceiling(rng, runs) - rng.normal(0.9, 0.03, runs), 0.1 - MEAN_ERROR),
}


if __name__ == "__main__":
    main()
