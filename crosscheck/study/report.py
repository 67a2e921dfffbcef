"""What `compare` says of a study, as blocks of a document: the answers first, then what they rest on.

The longer words stand in report.txt.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crosscheck.reporting.document import Block, Bullets, Document, Paragraph, Picture, Section, Table
from crosscheck.reporting.sentences import Sentences
from crosscheck.study import cross_validation, plateau, text
from crosscheck.study.analysis import Overview
from crosscheck.study.findings import Answer
from crosscheck.study.plans import Plan
from crosscheck.study.runs import all_equal_odds

P_VALUES = ["p (uncorrected)", "p (corrected)", "p (TOST, corrected)"]
FINDINGS = ["measure", "difference", "n", *P_VALUES, "test", "verdict"]

_say = Sentences(__file__)


def build_document(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> Document:
    """The report; `pictures` are PNG files by what they show."""
    blocks: list[Block] = [
        *_opening(plan, found),
        _answers_in_short(found.answers),
        _variants(plan, found, pictures),
        _convergence(found, pictures),
        *_sizes(pictures),
        _questions(plan, found, pictures),
        *_reported(plan, found),
        _hardest(found, pictures),
        _method(plan),
    ]
    return Document(plan.study.title, blocks)


def _opening(plan: Plan, found: Overview) -> list[Paragraph]:
    study = plan.study
    total = sum(map(len, found.runs.values()))
    failed = sum(run.failed for runs in found.runs.values() for run in runs)
    few = [(name, len(runs)) for name, runs in found.runs.items() if len(runs) < study.seeds]
    folded = describe_coverage(plan)
    counts = len(found.runs), total, failed
    lines = _say("opening", study, bool(folded), *counts, text.limit(study, found)).splitlines() + folded
    if few:
        lines.append(_say("fewer_seeds", study.seeds, few))
    return [*map(Paragraph, lines)]


def describe_coverage(plan: Plan) -> list[str]:
    """A sentence for each way in which the variants are a cross-validation; none where none has folds."""
    found = cross_validation.find(plan)
    of_all = len(found) == 1 and len(found[0].variants) == len(plan.study.variants)
    return [_say("cross_validation", each, not of_all) for each in found]


def _answers_in_short(answers: Sequence[Answer]) -> Section:
    questions = []
    for question in dict.fromkeys(answer.question for answer in answers):
        mine = [answer for answer in answers if answer.question == question]
        questions.append(Section(mine[0].ask, [Bullets([text.in_short(answer) for answer in mine])]))
    return Section("The answers in short", questions)


def _variants(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> Section:
    header = ["variant", "runs", "failed", "accuracy", f"reached {plan.study.target:.0%}", "epochs to it, median"]
    costs = ["variant", "parameters", "multiply-adds", "weights, MB", "s per epoch", "s to the target", "peak MB"]
    dots = "Test accuracy of every run, by variant, with the mean of those that converged and its interval."
    blocks: list[Block] = [
        Paragraph(
            "Accuracy is that of the runs that converged, with its interval. The target is one of validation accuracy."
        ),
        Table(header, [text.variant_row(name, found) for name in found.runs]),
        Picture(pictures["dots"], dots),
        Paragraph(_say("costs", found.machine)),
        Table(costs, [text.cost_row(name, found) for name in found.runs]),
        Paragraph(found.provenance),
    ]
    return Section("The variants", blocks)


def _convergence(found: Overview, pictures: Mapping[str, Path]) -> Section:
    even = all_equal_odds(found.runs)
    rows = [text.plateau_row(name, plateau.diagnose(runs)) for name, runs in found.runs.items()]
    header = ["variant", "ever on it", "ended on it", "came back", "first off it", "signs on it", "signs off it"]
    blocks: list[Block] = [
        Paragraph(_say("plateau", even)),
        Table(header, rows),
        Picture(pictures["losses"], _say("losses", even)),
    ]
    return Section("Convergence and the plateau", blocks)


def _sizes(pictures: Mapping[str, Path]) -> list[Section]:
    if "sizes" not in pictures:
        return []
    caption = "Test accuracy by number of training images, beside that of the nearest training image."
    return [Section("Accuracy by number of training images", [Picture(pictures["sizes"], caption)])]


def _questions(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> Section:
    questions = []
    for name, question in plan.study.questions.items():
        blocks: list[Block] = []
        for answer in (each for each in found.answers if each.question == name):
            blocks.append(Paragraph(text.what_changes(answer)))
            blocks.append(Table(FINDINGS, [text.finding_row(each) for each in answer.findings]))
            blocks.append(Bullets(text.beside(answer, found.paths)))
        blocks.append(Picture(pictures[f"survival-{name}"], _say("survival", question.compare)))
        if f"robustness-{name}" in pictures:
            blocks.append(Picture(pictures[f"robustness-{name}"], _say("robustness", question.compare)))
        questions.append(Section(question.ask, blocks))
    return Section("The questions, one by one", questions)


def _reported(plan: Plan, found: Overview) -> list[Section]:
    if not plan.study.reported:
        return []
    rows = [text.reported_row(each, found) for each in plan.study.reported]
    table = Table(["variant", "reported", "found here", "what explains it"], rows)
    return [Section("What was reported before", [table])]


def _hardest(found: Overview, pictures: Mapping[str, Path]) -> Section:
    blocks: list[Block] = [Bullets(text.describe_baselines(found.baselines))]
    if "hardest" in pictures:
        caption = "The test images that the largest share of converged runs got wrong, among all variants."
        blocks.append(Picture(pictures["hardest"], caption))
    else:
        blocks.append(Paragraph("No converged run got any test image wrong."))
    return Section("Baselines and the hardest images", blocks)


def _method(plan: Plan) -> Section:
    return Section(
        "How this was found", [Bullets(_say("method", plan.study, bool(cross_validation.find(plan))).splitlines())]
    )
