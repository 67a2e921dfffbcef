"""How far a study is, and how long it will go on."""

import statistics
from collections import defaultdict

from crosscheck.study.plans import PlannedRun


class Progress:
    """Counts runs and estimates the time left, from how long others of the same variant took."""

    def __init__(self, waiting: list[PlannedRun], workers: int, known: dict[str, list[float]]) -> None:
        """`known`: seconds that earlier runs took, by variant."""
        self.waiting = list(waiting)
        self.total = len(waiting)
        self.workers = workers
        self.seconds: dict[str, list[float]] = defaultdict(list, known)

    def ended(self, planned: PlannedRun, seconds: float) -> None:
        self.waiting.remove(planned)
        self.seconds[planned.variant].append(seconds)

    def left(self) -> float:
        """Seconds until the last run ends. A variant that none is known of is taken for an average one."""
        average = statistics.fmean(second for seconds in self.seconds.values() for second in seconds)
        each = [statistics.fmean(self.seconds.get(planned.variant) or [average]) for planned in self.waiting]
        return max(sum(each) / self.workers, max(each, default=0.0))

    def line(self) -> str:
        """Such as "12 of 190 runs, about 34 min left"."""
        done = self.total - len(self.waiting)
        if not self.waiting:
            return f"{done} of {self.total} runs"
        return f"{done} of {self.total} runs, about {spoken(self.left())} left"


def spoken(seconds: float) -> str:
    """A duration in the unit that suits it: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
