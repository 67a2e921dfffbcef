"""Diagnoses the plateau from what was recorded of the runs: how many sat on it, for how long, and what went on there.

On the plateau a network gives each class its share of the training images as odds, whatever the image, so its loss is
the entropy of these shares: ln of the number of classes, where all are equally frequent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from crosscheck.study.runs import Run


@dataclass(frozen=True)
class Signs:
    """Medians over epochs: norms of the gradients of the first convolution's and of the last layer's weights, standard
    deviation of the logits over the images, and the share of dead ReLUs in the layer that has most of them.
    """

    epochs: int
    first_gradient: float
    last_gradient: float
    spread: float
    dead: float


@dataclass(frozen=True)
class Diagnosis:
    """Of `n` runs: how many were ever on the plateau, ended there, and came back to it after they had left it.

    `left`: the median epoch in which runs were first off it, None where no run ever was.
    """

    n: int
    ever: int
    ended: int
    returned: int
    left: float | None
    on: Signs | None
    off: Signs | None


def diagnose(runs: Sequence[Run]) -> Diagnosis:
    """Look at runs of one variant."""
    courses = [run.on_plateau for run in runs]
    left = [course.index(False) + 1 for course in courses if False in course]
    return Diagnosis(
        n=len(runs),
        ever=sum(any(course) for course in courses),
        ended=sum(course[-1] for course in courses if course),
        returned=sum(False in course and any(course[course.index(False) :]) for course in courses),
        left=median(left) if left else None,
        on=_signs(runs, True),
        off=_signs(runs, False),
    )


def _signs(runs: Iterable[Run], on: bool) -> Signs | None:
    found = [
        (first, last, spread, max(dead.values(), default=0.0))
        for run in runs
        for first, last, spread, dead, here in zip(
            run.result.vitals.first_gradient,
            run.result.vitals.last_gradient,
            run.result.vitals.spread,
            run.result.vitals.dead,
            run.on_plateau,
            strict=False,
        )
        if here == on
    ]
    return Signs(len(found), *map(median, zip(*found, strict=True))) if found else None
