"""What MLflow is told of a study's report: the answers as a note of the study's run, and all files as its artifacts."""

from collections.abc import Sequence
from pathlib import Path

from crosscheck.study import answers_table, tracking
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.plans import Plan

# What MLflow takes as the value of a tag, in characters.
LONGEST_NOTE = 8000


def record_report(plan: Plan, table: AnswersTable, paths: Sequence[Path]) -> None:
    """The table of answers as the note of the study's run, and the files and folders with all the rest."""
    runs = tracking.open_runs(plan)
    runs.describe(note(table), paths)
    runs.finish()


def note(table: AnswersTable) -> str:
    """The table in Markdown, or its first two columns where all of it is too long for MLflow."""
    whole = answers_table.markdown(table.rows)
    if len(whole) <= LONGEST_NOTE:
        return whole
    short = answers_table.markdown(row.model_copy(update={"pairs": []}) for row in table.rows)
    return short if len(short) <= LONGEST_NOTE else f"{short[: LONGEST_NOTE - 2]} …"
