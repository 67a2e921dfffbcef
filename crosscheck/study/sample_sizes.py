"""How many more runs it takes to see a difference between two variants, by statsmodels."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.power import NormalIndPower, TTestPower
from statsmodels.stats.proportion import proportion_effectsize

POWER = 0.8
# The solvers of sample sizes have no answer for effects that samples of a few runs show.
LARGEST_EFFECT = 2.0
SMALLEST_SAMPLE = 2


@dataclass(frozen=True, eq=False)
class PairDifferences:
    """Second minus first of each pair of runs, float64 (n,), and the smallest difference that matters."""

    values: NDArray[np.float64]
    margin: float
    confidence: float

    def more(self) -> int:
        """Pairs beside these to see a difference of the margin four times in five, at this variation."""
        return self._more_for(self.margin)

    def more_for_seen(self) -> int | None:
        """The same for a difference as large as was seen; None where that is within the margin."""
        seen = abs(float(self.values.mean()))
        return self._more_for(seen) if seen > self.margin else None

    def _more_for(self, size: float) -> int:
        effect = min(LARGEST_EFFECT, size / float(self.values.std(ddof=1)))
        return max(0, _sample_size(TTestPower(), effect, self.confidence) - len(self.values))


@dataclass(frozen=True)
class FailedShares:
    """The shares of failed runs, of `n` or more runs of each variant."""

    first: float
    second: float
    n: int
    confidence: float

    def more(self) -> int | None:
        """Runs of each beside these to see the difference four times in five, if these shares are the true ones."""
        if self.first == self.second:
            return None
        effect = min(LARGEST_EFFECT, abs(proportion_effectsize(self.first, self.second)))
        return max(0, _sample_size(NormalIndPower(), effect, self.confidence) - self.n)

    def more_for_seen(self) -> None:
        """There is no margin, so `more` tells it."""


def _sample_size(test: TTestPower | NormalIndPower, effect: float, confidence: float) -> int:
    with warnings.catch_warnings(action="ignore"):
        needed = float(np.max(test.solve_power(effect_size=effect, alpha=1 - confidence, power=POWER)))
    return math.ceil(needed) if math.isfinite(needed) else SMALLEST_SAMPLE
