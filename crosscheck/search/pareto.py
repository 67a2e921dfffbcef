"""The models that nothing beats in every objective, and the rules by which some of them are chosen.

The rules are here, and were here before any test set was opened: they see validation figures only.
"""

from dataclasses import dataclass
from itertools import groupby, zip_longest
from statistics import median
from typing import Any, Literal

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from crosscheck.core.params import ModelParams, TrainParams
from crosscheck.search.results import FinalResult, result_of, wanted_of

RULE = (
    "Of the models on the front, those of the highest validation accuracy, of the next highest and so on take turns, "
    "the smallest of each first. Each is trained again with every seed, without stopping early. The winner has the "
    "highest lowest validation accuracy over the seeds; among equals the highest mean, then the fewest parameters."
)


@dataclass(frozen=True)
class Candidate:
    """A finished trial that reached its last epoch; `accuracy` is that on the validation images."""

    number: int
    accuracy: float
    parameters: int
    multiply_adds: int
    activations: int
    training_cost: int
    model: ModelParams
    train: TrainParams


@dataclass(frozen=True)
class Finalist:
    """A candidate with its second trainings: one for each seed."""

    candidate: Candidate
    runs: list[FinalResult]

    def accuracies(self, subset: Literal["val", "test"]) -> list[float]:
        """The accuracies on `val` or `test`, seed by seed."""
        return [run.val_accuracy if subset == "val" else run.test_accuracy for run in self.runs]


def finished(study: Study) -> list[FrozenTrial]:
    """The trials that came to an end, trained or not."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def make_candidate(trial: FrozenTrial) -> Candidate:
    """A complete trial as a candidate."""
    result, wanted = result_of(trial), wanted_of(trial)
    return Candidate(
        number=trial.number,
        accuracy=result.accuracy or 0.0,
        parameters=result.parameters,
        multiply_adds=result.multiply_adds,
        activations=result.activations,
        training_cost=result.training_cost,
        model=wanted.model,
        train=wanted.train,
    )


def front(study: Study) -> list[Candidate]:
    """The Pareto front of the models within the limits, from few parameters to many.

    Where none reaches the accuracy, the most accurate ones.
    """
    best = [make_candidate(trial) for trial in study.best_trials]
    if not best:
        complete = [make_candidate(trial) for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
        highest = max((each.accuracy for each in complete), default=0.0)
        best = [each for each in complete if each.accuracy == highest]
    return sorted(best, key=lambda each: (each.parameters, each.training_cost, each.number))


def finalists(candidates: list[Candidate], models: int) -> list[Candidate]:
    """At most `models` of the front, by the first part of the rule."""
    by_accuracy = sorted(candidates, key=lambda each: (-each.accuracy, each.parameters, each.training_cost))
    levels = [list(level) for _, level in groupby(by_accuracy, key=lambda each: each.accuracy)]
    in_turn = [each for turn in zip_longest(*levels) for each in turn if each is not None]
    return in_turn[:models]


def winner(finals: list[Finalist]) -> Finalist | None:
    """The best by the second part of the rule, or None where there is no finalist."""

    def merit(final: Finalist) -> tuple[float, float, int]:
        accuracies = final.accuracies("val")
        return min(accuracies), sum(accuracies) / len(accuracies), -final.candidate.parameters

    return max(finals, key=merit, default=None)


def smallest(finals: list[Finalist], accuracy: float) -> Finalist | None:
    """The finalist with the fewest parameters whose median validation accuracy over the seeds is so high."""
    reaching = [final for final in finals if median(final.accuracies("val")) >= accuracy]
    return min(reaching, key=lambda final: final.candidate.parameters, default=None)


def overrides(candidate: Candidate, model: ModelParams, train: TrainParams) -> dict[str, Any]:
    """What makes of `model` and `train` those of the candidate, as `section.key`; the seed stays."""
    changed: dict[str, Any] = {}
    for section, base, wanted in (("model", model, candidate.model), ("train", train, candidate.train)):
        for key, value in wanted.model_dump().items():
            if key != "seed" and value != getattr(base, key):
                changed[f"{section}.{key}"] = value
    return changed
