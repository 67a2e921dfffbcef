"""What MLflow is told of a search: a run for each trial and for each final training."""

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from crosscheck.search.pareto import Candidate
from crosscheck.search.results import FinalResult, TrialResult, Wanted, result_of, wanted_of
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns
from crosscheck.tracking.run import Point
from crosscheck.training import curves

KIND = Kind("search", "crosscheck.search", "crosscheck.search.run")
STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}


def open_runs(study: Study) -> NestedRuns:
    """The runs of this search. Its name may be used again in another database; its first trial's time may not."""
    return NestedRuns(
        KIND,
        f"search {study.study_name}",
        lambda: f"{study.study_name} {study.get_trials(deepcopy=False)[0].datetime_start}",
    )


def trial(finished: FrozenTrial) -> Child:
    """The run of a trial that has a result."""
    result, wanted = result_of(finished), wanted_of(finished)
    name = f"trial {finished.number}"
    tags = {"crosscheck.stopped": result.stopped or ""}
    return Child(name, name, tags, wanted.model_dump(), figures(result), epochs(result), STATUS[finished.state])


def final(candidate: Candidate, result: FinalResult) -> Child:
    """The run of a second training of a candidate."""
    name = f"final {candidate.number} seed {result.seed}"
    recipe = candidate.train.model_copy(update={"seed": result.seed})
    wanted = Wanted(model=candidate.model, train=recipe).model_dump()
    status = "FAILED" if result.diverged else "FINISHED"
    return Child(name, name, {}, wanted, figures(result), epochs(result), status)


def figures(result: TrialResult | FinalResult) -> dict[str, float]:
    """The figures of a training as a whole."""
    return {key: value for key, value in dict(result).items() if isinstance(value, int | float) and key != "seed"}


def epochs(result: TrialResult | FinalResult) -> list[Point]:
    """The figures of each epoch of a training."""
    return [(epoch.epoch, dict(curves.figures(epoch))) for epoch in result.curve]
