"""How many runs are needed to find a difference between two variants with a power of 80 %, by statsmodels."""

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

    def needed_for_margin(self) -> int:
        """Pairs of runs that find a difference of the margin's size with 80 % power, at this variation."""
        return self._needed_for(self.margin)

    def needed_for_seen(self) -> int | None:
        """The same for a difference as large as was seen; None where none was seen."""
        seen = abs(float(self.values.mean()))
        return self._needed_for(seen) if seen > 0 else None

    def _needed_for(self, size: float) -> int:
        effect = min(LARGEST_EFFECT, size / float(self.values.std(ddof=1)))
        return _sample_size(TTestPower(), effect, self.confidence)


@dataclass(frozen=True)
class ConvergedShares:
    """The shares of runs that converged, of each variant."""

    first: float
    second: float
    confidence: float

    def needed_for_margin(self) -> None:
        """The margin is one of accuracy, so there is none for these shares."""

    def needed_for_seen(self) -> int | None:
        """Runs of each that find the difference with 80 % power, if these shares are the true ones."""
        if self.first == self.second:
            return None
        effect = min(LARGEST_EFFECT, abs(proportion_effectsize(self.first, self.second)))
        return _sample_size(NormalIndPower(), effect, self.confidence)


def _sample_size(test: TTestPower | NormalIndPower, effect: float, confidence: float) -> int:
    with warnings.catch_warnings(action="ignore"):
        needed = float(np.max(test.solve_power(effect_size=effect, alpha=1 - confidence, power=POWER)))
    return math.ceil(needed) if math.isfinite(needed) else SMALLEST_SAMPLE
