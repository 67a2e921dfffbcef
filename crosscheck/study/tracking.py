"""What MLflow is told of a study: a run for each run of it. `report_tracking` adds the report."""

from collections import Counter

from crosscheck.evaluation.counts import exact_interval
from crosscheck.study.plans import SECTIONS_OF_A_VARIANT, Plan, PlannedRun
from crosscheck.study.results import RunResult, RunTiming, StoredResult
from crosscheck.study.runs import right_answers, share_right
from crosscheck.tracking.changes import differences
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns
from crosscheck.tracking.notes import describe_accuracy, describe_changes

KIND = Kind("study", parent="study", child="cell")
# Each seed has its own; they are no change of the variant.
OF_A_SEED = {"train.seed", "split.seed", "split.fold"}


def open_runs(plan: Plan) -> NestedRuns:
    """The runs of the study of this name."""
    return NestedRuns(KIND, f"study {plan.name}", lambda: plan.name)


def child(plan: Plan, planned: PlannedRun, stored: StoredResult, timing: RunTiming | None) -> Child:
    """The MLflow run of a planned run: another result of the same run is another run."""
    result, curve = stored.result, stored.result.curve
    values = curve.model_dump(exclude={"epoch"})
    epochs = [(epoch, {name: column[row] for name, column in values.items()}) for row, epoch in enumerate(curve.epoch)]
    return Child(
        key=f"{planned.variant}/{planned.seed}/{stored.key}",
        name=f"{planned.variant} seed {planned.seed}",
        note=note(plan, planned, result),
        tags={"variant": planned.variant},
        parameters={name: getattr(planned.params, name).model_dump() for name in SECTIONS_OF_A_VARIANT},
        figures=figures(result, timing),
        epochs=epochs,
        status="FAILED" if result.diverged else "FINISHED",
    )


def note(plan: Plan, planned: PlannedRun, result: RunResult) -> str:
    """How accurate the run is, what guessing gives, and what its variant changes, in Markdown."""
    right = right_answers(result)
    if len(right):
        low, high = exact_interval(int(right.sum()), len(right))
        most_frequent = max(Counter(result.test.actual).values()) / len(right)
        found = (
            f"{describe_accuracy(share_right(right), len(right), low, high)} "
            f"Without a network: {most_frequent:.2%} most frequent class."
        )
    else:
        found = "The loss became no number, so there are no answers to the test images."
    changed = differences(plan.params.model_dump(), planned.params.model_dump(), SECTIONS_OF_A_VARIANT)
    own = {name: values for name, values in changed.items() if name not in OF_A_SEED}
    return f"{found}\n\n{describe_changes(own, 'the parameters of the study')}"


def figures(result: RunResult, timing: RunTiming | None) -> dict[str, float]:
    """The figures of a run as a whole."""
    numbers: dict[str, float] = {
        name: value for name, value in dict(timing or {}).items() if isinstance(value, int | float)
    } | result.cost.model_dump()
    if result.test.log_loss is not None:
        numbers |= {"test.accuracy": share_right(right_answers(result)), "test.log_loss": result.test.log_loss}
    return numbers
