"""The page of a study, as blocks of a document: the answers at a glance, then the details, folded.

The longer texts are in report.txt, the sections of the details in `details`.
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from crosscheck.reporting.document import (
    Block,
    Bullets,
    Document,
    Link,
    Mark,
    Paragraph,
    Part,
    Picture,
    Section,
    Strong,
    Table,
    Words,
)
from crosscheck.reporting.sentences import Sentences
from crosscheck.study import answers_table, at_a_glance, cross_validation, details, text
from crosscheck.study.analysis import Overview
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.findings import Answer
from crosscheck.study.looks import SIGNS
from crosscheck.study.measures import MEASURES
from crosscheck.study.plans import Plan

_say = Sentences(__file__)


def build_document(plan: Plan, found: Overview, table: AnswersTable, pictures: Mapping[str, Path]) -> Document:
    """The page; `pictures` are PNG files by what they show."""
    blocks: list[Block] = [
        *map(Paragraph, [_opening(found), *describe_coverage(plan)]),
        _answers(plan, table),
        *_differences(table, pictures),
        *_measures(plan, found),
        _variants(plan, found),
        Section("Details", details.build_sections(plan, found, pictures), "details"),
    ]
    return Document(plan.study.title, blocks)


def describe_coverage(plan: Plan) -> list[str]:
    """A sentence for each way in which the variants are a cross-validation; none where none has folds."""
    found = cross_validation.find(plan)
    of_all = len(found) == 1 and len(found[0].variants) == len(plan.study.variants)
    return [_say("cross_validation", each, not of_all) for each in found]


def name_pairs(plan: Plan, table: AnswersTable) -> dict[tuple[str, str], str]:
    """What each pair is called, by its question and its second variant."""
    questions = plan.study.questions
    return {
        (row.question, pair.second): at_a_glance.name_pair(questions[row.question], pair.first, pair.second)
        for row in table.rows
        for pair in row.pairs
    }


def _opening(found: Overview) -> str:
    total = sum(map(len, found.runs.values()))
    failed = sum(run.failed for runs in found.runs.values() for run in runs)
    return _say("opening", len(found.runs), total, failed)


def _answers(plan: Plan, table: AnswersTable) -> Section:
    if not table.rows:
        return Section("Answers", [Paragraph("The study file asks no question.")], "answers")
    words = Paragraph(_say("words", plan.study))
    return Section("Answers", [answers_table.to_table(table.rows, linked=True), words], "answers")


def _differences(table: AnswersTable, pictures: Mapping[str, Path]) -> list[Section]:
    if not table.rows:
        return []
    instead = "Forest plot of the differences; the table above has its figures."
    picture = Picture(pictures["differences"], _say("differences"), instead=instead)
    return [Section("Differences", [picture], "differences")]


def _measures(plan: Plan, found: Overview) -> list[Section]:
    """A matrix of marks: a line a question, or a pair where it has several; a column a measure."""
    if not found.answers:
        return []
    used = {finding.contrast.measure for answer in found.answers for finding in answer.findings}
    measures = [measure for measure in MEASURES if measure in used]
    header = ["question", *(MEASURES[measure].title for measure in measures)]
    rows: list[list[Words]] = []
    for name, mine in groupby(found.answers, key=lambda answer: answer.question):
        question, pairs = plan.study.questions[name], [*mine]
        link = Link(question.ask, answers_table.anchor(name))
        if len(pairs) > 1:
            rows.append([[link], *[""] * len(measures)])
        for answer in pairs:
            marks = _marks(answer)
            pair = at_a_glance.name_pair(question, answer.first, answer.second)
            first: Words = f"– {pair}" if len(pairs) > 1 else [link]
            rows.append([first, *(marks.get(each, "") for each in measures)])
    legend: list[Part] = []
    for word, sign in SIGNS.items():
        legend += [Mark(sign.text, word.lower(), sign.style), f" {word.lower()}   "]
    blocks: list[Block] = [Table(header, rows, grid=True), Paragraph(legend), Paragraph(_say("matrix"))]
    return [Section("All measures", blocks, "measures")]


def _marks(answer: Answer) -> dict[str, Words]:
    """A mark for each measure; a hint also says in which direction, to those who hear it."""
    marks: dict[str, Words] = {}
    for finding in answer.findings:
        word = at_a_glance.word(finding)
        sign = SIGNS[word]
        said = f"hint: {finding.alone}" if finding.hint else word.lower()
        marks[finding.contrast.measure] = [Mark(sign.text, said, sign.style)]
    return marks


def _variants(plan: Plan, found: Overview) -> Section:
    lines: list[Words] = [[Strong(name), f": {text.describe_variant(plan.study, name)}"] for name in found.runs]
    return Section("The variants", [Bullets(lines)], "variants")
