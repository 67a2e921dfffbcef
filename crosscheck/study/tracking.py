"""What MLflow is told of a study: a run for each run of it, and the report in the run above them."""

from collections.abc import Sequence
from pathlib import Path

from crosscheck.study import answers_table
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.plans import SECTIONS_OF_A_VARIANT, Plan, PlannedRun
from crosscheck.study.results import RunResult, RunTiming, StoredResult
from crosscheck.study.runs import right_answers, share_right
from crosscheck.tracking.nested_runs import Child, Kind, NestedRuns

KIND = Kind("study", "crosscheck.study", "crosscheck.cell")

# What MLflow takes as the value of a tag, in characters.
LONGEST_NOTE = 8000


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


def record_report(plan: Plan, table: AnswersTable, paths: Sequence[Path]) -> None:
    """The table of answers as the note of the study's run, and the files and folders with all the rest."""
    runs = open_runs(plan)
    runs.describe(note(table), paths)
    runs.finish()


def note(table: AnswersTable) -> str:
    """The table in Markdown, or its first two columns where all of it is too long for MLflow."""
    whole = answers_table.markdown(table.rows)
    if len(whole) <= LONGEST_NOTE:
        return whole
    short = answers_table.markdown(row.model_copy(update={"pairs": []}) for row in table.rows)
    return short if len(short) <= LONGEST_NOTE else f"{short[: LONGEST_NOTE - 2]} …"


def figures(result: RunResult, timing: RunTiming | None) -> dict[str, float]:
    """The figures of a run as a whole."""
    numbers: dict[str, float] = {
        name: value for name, value in dict(timing or {}).items() if isinstance(value, int | float)
    } | result.cost.model_dump()
    if result.test.log_loss is not None:
        numbers |= {"test.accuracy": share_right(right_answers(result)), "test.log_loss": result.test.log_loss}
    return numbers
