"""What MLflow is told of a study: a run for each run of it. `report_tracking` adds the report."""

from crosscheck.study.plans import SECTIONS_OF_A_VARIANT, Plan, PlannedRun
from crosscheck.study.results import RunResult, RunTiming, StoredResult
from crosscheck.study.runs import right_answers, share_right
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns

KIND = Kind("study", "crosscheck.study", "crosscheck.cell")


def open_runs(plan: Plan) -> NestedRuns:
    """The runs of the study of this name."""
    return NestedRuns(KIND, f"study {plan.name}", lambda: plan.name)


def child(planned: PlannedRun, stored: StoredResult, timing: RunTiming | None) -> Child:
    """The MLflow run of a planned run: another result of the same run is another run."""
    result, curve = stored.result, stored.result.curve
    values = curve.model_dump(exclude={"epoch"})
    epochs = [(epoch, {name: column[row] for name, column in values.items()}) for row, epoch in enumerate(curve.epoch)]
    return Child(
        key=f"{planned.variant}/{planned.seed}/{stored.key}",
        name=f"{planned.variant} seed {planned.seed}",
        tags={"variant": planned.variant},
        parameters={name: getattr(planned.params, name).model_dump() for name in SECTIONS_OF_A_VARIANT},
        figures=figures(result, timing),
        epochs=epochs,
        status="FAILED" if result.diverged else "FINISHED",
    )


def figures(result: RunResult, timing: RunTiming | None) -> dict[str, float]:
    """The figures of a run as a whole."""
    numbers: dict[str, float] = {
        name: value for name, value in dict(timing or {}).items() if isinstance(value, int | float)
    } | result.cost.model_dump()
    if result.test.log_loss is not None:
        numbers |= {"test.accuracy": share_right(right_answers(result)), "test.log_loss": result.test.log_loss}
    return numbers
