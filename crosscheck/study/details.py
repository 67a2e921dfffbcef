"""The details on the page of a study: a folded section for each thing that the answers rest on.

The longer texts are in details.txt.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crosscheck.reporting.document import Block, Bullets, Paragraph, Picture, Section, Strong, Table
from crosscheck.reporting.sentences import Sentences
from crosscheck.study import answers_table, at_a_glance, cross_validation, plateau, text
from crosscheck.study.analysis import Overview
from crosscheck.study.findings import Answer
from crosscheck.study.plans import Plan
from crosscheck.study.runs import all_equal_odds
from crosscheck.study.study_file import Question

P_VALUES = ["p (uncorrected)", "p (corrected)", "p (TOST, corrected)"]
FINDINGS = ["measure", "difference", "n", *P_VALUES, "test", "verdict"]

_say = Sentences(__file__)


def build_sections(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> list[Section]:
    """The sections, with their pictures, which are PNG files by what they show."""
    return [
        _runs(plan, found, pictures),
        _convergence(plan, found, pictures),
        *_sizes(pictures),
        *_questions(plan, found, pictures),
        *_needed(plan, found),
        *_reported(plan, found),
        _hardest(found, pictures),
        _method(plan),
    ]


def _folded(heading: str, name: str, blocks: Sequence[Block]) -> Section:
    return Section(heading, blocks, name, folded=True)


def _runs(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> Section:
    target = plan.study.target
    header = ["variant", "runs", "failed", "accuracy", f"reached {target:.0%}", "epochs to it, median"]
    costs = ["variant", "parameters", "multiply-adds", "weights, MB", "s per epoch", "s to the target", "peak MB"]
    dots = "Test accuracy of every run, by variant, with the mean of those that converged and its interval."
    few = [(name, len(runs)) for name, runs in found.runs.items() if len(runs) < plan.study.seeds]
    blocks: list[Block] = [
        Paragraph(_say("runs", target)),
        *([Paragraph(_say("fewer_seeds", plan.study.seeds, few))] if few else []),
        Table(header, [text.variant_row(name, found) for name in found.runs]),
        Picture(pictures["dots"], dots, instead="A dot for every run, a line for every variant of the table above."),
        Paragraph(_say("costs", found.machine)),
        Table(costs, [text.cost_row(name, found) for name in found.runs]),
        Paragraph(found.provenance),
    ]
    return _folded("Runs, accuracy and cost of each variant", "runs", blocks)


def _convergence(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> Section:
    even = all_equal_odds(found.runs)
    rows = [text.plateau_row(name, plateau.diagnose(runs)) for name, runs in found.runs.items()]
    header = ["variant", "ever on it", "ended on it", "came back", "first off it", "signs on it", "signs off it"]
    caption = "How many runs have converged after each epoch: the darker, the larger their share."
    blocks: list[Block] = [
        Paragraph(_say("convergence", plan.study, text.limit(plan.study, found))),
        Picture(pictures["convergence"], caption, instead="A table of counts, a line a variant, a column an epoch."),
        Paragraph(_say("plateau", even)),
        Table(header, rows),
        Picture(pictures["losses"], _say("losses", even), instead="A chart of losses for every variant."),
    ]
    return _folded("Convergence and the plateau", "convergence", blocks)


def _sizes(pictures: Mapping[str, Path]) -> list[Section]:
    if "sizes" not in pictures:
        return []
    caption = "Test accuracy by number of training images, and of the nearest training image."
    instead = "Lines of accuracy that rise with the number of training images."
    return [
        _folded(
            "Accuracy by number of training images", "sizes", [Picture(pictures["sizes"], caption, instead=instead)]
        )
    ]


def _questions(plan: Plan, found: Overview, pictures: Mapping[str, Path]) -> list[Section]:
    return [
        _folded(
            question.ask,
            answers_table.anchor(name),
            [
                *(block for each in found.answers if each.question == name for block in _pair(question, each, found)),
                Bullets(text.describe_measures([question.primary, *question.measure])),
                *_pictures(name, question, pictures),
            ],
        )
        for name, question in plan.study.questions.items()
    ]


def _pair(question: Question, answer: Answer, found: Overview) -> list[Block]:
    pair = at_a_glance.name_pair(question, answer.first, answer.second)
    return [
        Paragraph([Strong(f"{pair}:"), f" {text.what_changes(answer)}"]),
        Table(FINDINGS, [text.finding_row(each) for each in answer.findings]),
        Bullets(text.beside(answer, found.paths)),
    ]


def _pictures(name: str, question: Question, pictures: Mapping[str, Path]) -> list[Picture]:
    survival = Picture(
        pictures[f"survival-{name}"], _say("survival", question.compare), instead="A falling line for each variant."
    )
    if f"robustness-{name}" not in pictures:
        return [survival]
    instead = "Six charts, one for each kind of corruption, with a line for each variant."
    return [survival, Picture(pictures[f"robustness-{name}"], _say("robustness", question.compare), instead=instead)]


def _needed(plan: Plan, found: Overview) -> list[Section]:
    if not found.answers:
        return []
    header = ["pair", "primary measure", "runs there are", "for the margin", "for the difference seen"]
    rows = [text.needed_row(answer) for answer in found.answers]
    blocks: list[Block] = [Paragraph(_say("needed", plan.study)), Table(header, rows)]
    return [_folded("Runs needed for 80 % power", "needed", blocks)]


def _reported(plan: Plan, found: Overview) -> list[Section]:
    if not plan.study.reported:
        return []
    rows = [text.reported_row(each, found) for each in plan.study.reported]
    table = Table(["variant", "reported", "found here", "what explains it"], rows)
    return [_folded("What was reported before", "reported", [table])]


def _hardest(found: Overview, pictures: Mapping[str, Path]) -> Section:
    blocks: list[Block] = [Bullets(text.describe_baselines(found.baselines))]
    if "hardest" in pictures:
        caption = "The test images that the largest share of converged runs got wrong, among all variants."
        blocks.append(Picture(pictures["hardest"], caption, instead="These images, with their names and counts."))
    else:
        blocks.append(Paragraph("No converged run got any test image wrong."))
    return _folded("Baselines and the hardest images", "baselines", blocks)


def _method(plan: Plan) -> Section:
    lines = _say("method", plan.study, bool(cross_validation.find(plan))).splitlines()
    return _folded("How this was found", "method", [Bullets(lines)])
