"""What MLflow is told of a study's report: the answers as a note of the study's run, and all files as its artifacts."""

from collections.abc import Sequence
from pathlib import Path

from crosscheck.study import answers_table, tracking
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.plans import Plan
from crosscheck.tracking.notes import LONGEST


def record_report(plan: Plan, table: AnswersTable, paths: Sequence[Path]) -> None:
    """The table of answers as the note of the study's run, and the files and folders with all the rest."""
    runs = tracking.open_runs(plan)
    runs.describe(note(table), paths)
    runs.finish({"variants": table.variants, "runs": table.runs})


def note(table: AnswersTable) -> str:
    """The table in Markdown, or its first two columns where all of it is too long for MLflow."""
    opening = (
        f"{table.title}: {table.variants} variants, {table.runs} runs. All of it is in the artifact "
        "`report/report.html`."
    )
    whole = f"{opening}\n\n{answers_table.markdown(table.rows)}"
    if len(whole) <= LONGEST:
        return whole
    return f"{opening}\n\n{answers_table.markdown(row.model_copy(update={'pairs': []}) for row in table.rows)}"
