"""What MLflow is told of a search: a run for each trial and for each final training, and the report."""

from collections.abc import Sequence
from pathlib import Path

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from crosscheck.search.pareto import Candidate
from crosscheck.search.results import FinalResult, TrialResult, Wanted, result_of, wanted_of
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns
from crosscheck.tracking.run import Point
from crosscheck.training import curves

KIND = Kind("search", parent="search", child="search.run")
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
    return Child(
        key=name,
        name=name,
        note=note_of_trial(result),
        tags={"crosscheck.stopped": result.stopped or ""},
        parameters=wanted.model_dump(),
        figures=figures(result),
        epochs=epochs(result),
        status=STATUS[finished.state],
    )


def final(candidate: Candidate, result: FinalResult) -> Child:
    """The run of a second training of a candidate."""
    name = f"final {candidate.number} seed {result.seed}"
    recipe = candidate.train.model_copy(update={"seed": result.seed})
    return Child(
        key=name,
        name=name,
        note=f"Trial {candidate.number} trained again: {result.test_accuracy:.2%} of the test images and "
        f"{result.val_accuracy:.2%} of the validation images are right.",
        tags={},
        parameters=Wanted(model=candidate.model, train=recipe).model_dump(),
        figures=figures(result),
        epochs=epochs(result),
        status="FAILED" if result.diverged else "FINISHED",
    )


def record_report(runs: NestedRuns, summary: Sequence[str], report: Path, trials: dict[str, int]) -> None:
    """The answers as the note of the search's run, its report as artifacts, and how its `trials` ended."""
    runs.describe("\n\n".join([*summary, f"All of it is in the artifact `{report.name}/report.md`."]), [report])
    runs.finish({f"trials/{ended}": count for ended, count in trials.items()})


def note_of_trial(result: TrialResult) -> str:
    """How accurate the trial is, or why it was stopped, and how large, in Markdown."""
    size = f"{result.parameters:,} parameters"
    if result.stopped:
        return f"Stopped: {result.stopped}. {size}."
    right = f"{result.accuracy:.2%} of the validation images" if result.accuracy is not None else "No images"
    return f"{right} are right in its worst training. {size}."


def figures(result: TrialResult | FinalResult) -> dict[str, float]:
    """The figures of a training as a whole."""
    named = {"seconds": "training_seconds"}
    return {
        named.get(key, key): value
        for key, value in dict(result).items()
        if isinstance(value, int | float) and key != "seed"
    }


def epochs(result: TrialResult | FinalResult) -> list[Point]:
    """The figures of each epoch of a training."""
    return [(epoch.epoch, dict(curves.figures(epoch))) for epoch in result.curve]
