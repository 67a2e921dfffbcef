"""What `compare` says of a study, as blocks of a document: the answers first, then what they rest on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crosscheck.reporting.document import Block, Bullets, Document, Paragraph, Picture, Section, Table
from crosscheck.study import baselines, plateau, text
from crosscheck.study.analysis import Overview
from crosscheck.study.findings import Answer
from crosscheck.study.plans import Plan

P_VALUES = ["p (uncorrected)", "p (corrected)", "p (TOST, corrected)"]
FINDINGS = ["measure", "difference", "n", *P_VALUES, "test", "verdict"]


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
    chance = "the images are split again" if study.vary_split else "the images stay split as they are"
    few = [f"{name} ({len(runs)})" for name, runs in found.runs.items() if len(runs) < study.seeds]
    lines = [
        f"{len(found.runs)} variants, {total} runs, {failed} of which failed to converge: their training loss ends "
        f"above {study.failed_above:g} of {text.limit(study, found)}. They are counted, and take no part in any "
        "mean.",
        f"A seed changes the initial weights and the order of the images; with each seed {chance}. "
        "Variants are compared seed by seed, so on the same images.",
    ]
    if few:
        lines.append(f"Fewer seeds than the {study.seeds} of the others, for the time they take: {', '.join(few)}.")
    return [*map(Paragraph, lines)]


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
        Paragraph(
            "What they cost. Multiply-adds are of one image's forward pass (torch's counter). Seconds and memory are "
            f"medians of this machine, {found.machine}; several runs side by side, one thread each."
        ),
        Table(costs, [text.cost_row(name, found) for name in found.runs]),
    ]
    return Section("The variants", blocks)


def _convergence(found: Overview, pictures: Mapping[str, Path]) -> Section:
    height, odds = text.plateau_words(found)
    caption = f"Training loss of every run by epoch; the dotted line is the plateau, {height}."
    rows = [text.plateau_row(name, plateau.diagnose(runs)) for name, runs in found.runs.items()]
    header = ["variant", "ever on it", "ended on it", "came back", "first off it", "signs on it", "signs off it"]
    blocks: list[Block] = [
        Paragraph(
            f"On the plateau a network gives {odds}: its loss is {height}. Looked "
            "at after each epoch, on the same 64 training images: the gradient of the first convolution's weights "
            "(norm), how much the answers differ between images (standard deviation of the logits), and the share of "
            "dead ReLUs in the layer that has most. Medians over the epochs on and off the plateau."
        ),
        Table(header, rows),
        Picture(pictures["losses"], caption),
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
        arms = ", ".join(question.compare)
        survival = f"Share of runs that have not reached the target yet, by epoch: {arms}."
        robustness = f"Test accuracy on distorted images: {arms}."
        blocks.append(Picture(pictures[f"survival-{name}"], survival))
        if f"robustness-{name}" in pictures:
            blocks.append(Picture(pictures[f"robustness-{name}"], robustness))
        questions.append(Section(question.ask, blocks))
    return Section("The questions, one by one", questions)


def _reported(plan: Plan, found: Overview) -> list[Section]:
    if not plan.study.reported:
        return []
    rows = [text.reported_row(each, found) for each in plan.study.reported]
    table = Table(["variant", "reported", "found here", "what explains it"], rows)
    return [Section("What was reported before", [table])]


def _hardest(found: Overview, pictures: Mapping[str, Path]) -> Section:
    blocks: list[Block] = [Bullets(baselines.in_words(found.baselines))]
    if "hardest" in pictures:
        caption = "The test images that the largest share of converged runs got wrong, among all variants."
        blocks.append(Picture(pictures["hardest"], caption))
    else:
        blocks.append(Paragraph("No converged run got any test image wrong."))
    return Section("Baselines and the hardest images", blocks)


def _method(plan: Plan) -> Section:
    study = plan.study
    lines = [
        f"Verdicts hold at {study.confidence:.0%} after Holm's correction over all questions and measures, "
        "apart for differences and for equivalences. Equivalent: two one-sided tests (TOST) rule out that the "
        f"two differ by {study.equivalence_margin:g} or more. Otherwise better or worse, or inconclusive.",
        "p (uncorrected), like the interval of each difference, is that of one question alone. The other two "
        "are corrected for all questions. What only the first supports is a hint; new runs have to test it.",
        "Runs needed for 80 % power: with this number of further runs, a difference of the margin's size would "
        "be found four times in five, if runs vary as they do now. From few runs this is a rough guess.",
        "Intervals of means: bootstrap over runs (BCa); of differences: paired t. Where all runs agree, as at "
        "100 %, the exact binomial one over the distinct test images takes over.",
        "Epochs: Kaplan-Meier with runs that never got there censored, log-rank test. Failures: Fisher's exact "
        "test. Images: McNemar's exact test, each image once.",
        "The test images chose nothing: they were looked at once, after the last epoch of each run.",
        "Several runs share images, so an interval over runs says what other seeds and splits of these images "
        "would give, not other images.",
    ]
    return Section("How this was found", [Bullets(lines)])
