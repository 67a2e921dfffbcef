"""The outcome of each run of a study: did it converge, when, and which test images did it get right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosscheck.data.guessing import Guess, only_answer
from crosscheck.study import corruptions, result_cache
from crosscheck.study.plans import Plan, PlannedRun
from crosscheck.study.results import RunResult
from crosscheck.training import curves


@dataclass(frozen=True)
class Run:
    """One trained network.

    `failed`: the training loss of the epoch that is kept is above the study's limit or became no number, or it takes
    every test image for the same class. `rows`, int64 (n,), are the places of its test images in the data set, `right`,
    bool (n,), which of them it got right; both are empty where the loss became no number. `reached`: the first epoch
    whose validation accuracy is the study's target, if there is one. `epochs`: those planned; a training that its
    patience ended before has not reached the target in any of them.
    """

    planned: PlannedRun
    failed: bool
    rows: NDArray[np.int64]
    right: NDArray[np.bool_]
    reached: int | None
    epochs: int
    result: RunResult

    @property
    def accuracy(self) -> float:
        """Share of right answers; 0 where there are none."""
        return share_right(self.right)

    @property
    def guess(self) -> Guess:
        """What is right of its training images without looking at them, and the loss that this has in training."""
        return guess_of(self.planned, self.result)

    @property
    def loss(self) -> float:
        """The training loss of the epoch that is kept."""
        return kept_loss(self.planned, self.result)

    @property
    def on_plateau(self) -> list[bool]:
        """For each epoch, whether its training loss was that of guessing."""
        guess = self.guess
        return [guess.on_plateau(loss) for loss in self.result.curve.train_loss]

    @property
    def answers_alike(self) -> bool:
        """Whether it takes every test image for the same class."""
        return answers_alike(self.result)

    @property
    def guessing(self) -> float:
        """The accuracy of always answering the most frequent class of the test images."""
        labels = np.array(self.result.test.actual, dtype=np.int64)
        return float(np.bincount(labels).max() / len(labels))

    def measured(self, measure: str) -> float:
        """The accuracy, how much higher that of the training images is, or the mean accuracy over all levels of a
        distortion that change the images.
        """
        if measure == "accuracy":
            return self.accuracy
        if measure == "overfitting":
            return (self.result.train_accuracy or 0.0) - self.accuracy
        curve = self.result.robustness[measure]
        pairs = zip(curve.level, curve.accuracy, strict=True)
        return float(np.mean([accuracy for level, accuracy in pairs if level != corruptions.UNTOUCHED[measure]]))


def read_runs(plan: Plan, folder: Path) -> dict[str, list[Run]]:
    """The runs of every variant, by seed. Raises InputError where a result is missing."""
    return {
        name: [
            _run(planned, result_cache.read(result_cache.result_file(folder, planned)), plan)
            for planned in plan.of(name)
        ]
        for name in plan.study.variants
    }


def all_equal_odds(runs: Mapping[str, Sequence[Run]]) -> bool:
    """Whether equal odds are the best guess in every run, by variant: each class counts the same in training."""
    return all(run.guess.equal_odds for each in runs.values() for run in each)


def right_answers(result: RunResult) -> NDArray[np.bool_]:
    """Which test images, in the order of their rows, a run of this result got right; (0,) where it gives no answers."""
    right: NDArray[np.bool_] = np.array(result.test.actual) == np.array(result.test.predicted)
    return right


def share_right(right: NDArray[np.bool_]) -> float:
    """The accuracy of these answers; 0 where there are none."""
    return float(right.mean()) if len(right) else 0.0


def answers_alike(result: RunResult) -> bool:
    """Whether a run of this result takes every test image for the same class, and there are images of others."""
    predicted = np.array(result.test.predicted, dtype=np.int64)
    return len(set(result.test.actual)) > 1 and only_answer(predicted) is not None


def guess_of(planned: PlannedRun, result: RunResult) -> Guess:
    """What is right of the run's training images without looking at them, and the loss that this has in training."""
    return replace(result.data.guess, balanced=planned.params.train.class_weights == "balanced")


def kept_loss(planned: PlannedRun, result: RunResult) -> float:
    """The training loss of the epoch whose network the run keeps."""
    return result.curve.train_loss[curves.kept_epoch(result.curve.val_loss, planned.params.train.keep) - 1]


def _run(planned: PlannedRun, result: RunResult, plan: Plan) -> Run:
    curve, test = result.curve, result.test
    limit = plan.study.failed_above * guess_of(planned, result).loss
    target = plan.study.target
    reached = [n for n, value in enumerate(curve.val_accuracy, start=1) if value is not None and value >= target]
    return Run(
        planned=planned,
        failed=result.diverged or kept_loss(planned, result) > limit or answers_alike(result),
        rows=np.array(test.row, dtype=np.int64),
        right=right_answers(result),
        reached=reached[0] if reached else None,
        epochs=planned.params.train.epochs,
        result=result,
    )
