"""The answers of a study in a table, one row a question: as records in a JSON file, as Markdown, and for a terminal.

answers.json, in the study's folder, holds it. `at_a_glance` makes it of what was found.
"""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from crosscheck.core.records import Record, read_record
from crosscheck.reporting import document
from crosscheck.reporting.document import Break, Link, Strong, Table
from crosscheck.study.measures import Measure

FILE = "answers.json"
Word = Literal["Better", "Worse", "Equivalent", "Hint", "Inconclusive"]
HEADER = ("question", "answer", "evidence")
# From this width in columns on, a terminal has room for three columns of text side by side.
WIDE = 120
SHARES_OF_WIDTH = (0.27, 0.36)
GAP = "  "


class Pair(Record):
    """A pair of variants by the primary measure of the question. The difference is that of the second from the first.

    `difference`, `low` and `high` are shares of 1, None where the measure has no difference. `n`: pairs of runs, or
    runs of each variant. `word` is the verdict on the second.
    """

    first: str
    second: str
    measure: Measure
    word: Word
    difference: float | None
    low: float | None
    high: float | None
    n: int
    p: float | None
    p_corrected: float | None
    evidence: str


class Row(Record):
    """What is answered to a question: in a word, in a plain sentence or a few, and by the evidence of each pair."""

    question: str
    ask: str
    word: Word
    sentence: str
    pairs: list[Pair]


class AnswersTable(Record):
    """The answers of a study, and how much they rest on."""

    title: str
    variants: int
    runs: int
    rows: list[Row]


def read(file: Path) -> AnswersTable:
    """The table in `file`. Raises InputError where it is missing or damaged."""
    return read_record(AnswersTable, file, "run `make study` to make it again")


def markdown(rows: Iterable[Row]) -> str:
    """The table in GitHub's Markdown, to be quoted anywhere."""
    return document.render_markdown(to_table(rows, linked=False))


def to_table(rows: Iterable[Row], linked: bool) -> Table:
    """The table as a block of a document; `linked`: each question leads to its section."""
    return Table(
        HEADER,
        [
            (
                [Link(row.ask, anchor(row.question))] if linked else row.ask,
                [Strong(f"{row.word}."), f" {row.sentence}"],
                [part for pair in row.pairs for part in (pair.evidence, Break())][:-1],
            )
            for row in rows
        ],
    )


def anchor(question: str) -> str:
    """Where the report tells all of a question."""
    return f"question-{question}"


def terminal(table: AnswersTable, width: int) -> list[str]:
    """The lines of the table for a terminal of `width` columns: side by side where there is room, else one by one."""
    if width < WIDE:
        return [line for row in table.rows for line in (*_stacked(row, width), "")]
    question, answer = (int(share * width) for share in SHARES_OF_WIDTH)
    widths = (question, answer, width - question - answer - 2 * len(GAP))
    rows = [HEADER, *((row.ask, f"{row.word}. {row.sentence}", _evidence(row)) for row in table.rows)]
    return [line for cells in rows for line in (*_beside(cells, widths), "")]


def _evidence(row: Row) -> str:
    return "\n".join(pair.evidence for pair in row.pairs)


def _stacked(row: Row, width: int) -> list[str]:
    said = [f"{row.word.upper()}: {row.sentence}", *(pair.evidence for pair in row.pairs)]
    return [*_wrap(row.ask, width), *(line for each in said for line in _indented(each, width))]


def _indented(text: str, width: int) -> list[str]:
    return _wrap(text, width, "  ", "    ")


def _wrap(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """Lines of at most `width` columns, none of which ends within "n = 6"."""
    lines = textwrap.wrap(text.replace(" = ", "\xa0=\xa0"), width, initial_indent=first, subsequent_indent=others)
    return [line.replace("\xa0", " ") for line in lines]


def _beside(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Cells side by side, each wrapped at its width; a line break in a cell begins a new line in it."""
    wrapped = [
        [line for part in cell.splitlines() for line in _wrap(part, width)]
        for cell, width in zip(cells, widths, strict=True)
    ]
    height = max(map(len, wrapped))
    lines = zip(*([*lines, *[""] * (height - len(lines))] for lines in wrapped), strict=True)
    return [GAP.join(f"{line:{width}}" for line, width in zip(each, widths, strict=True)).rstrip() for each in lines]
