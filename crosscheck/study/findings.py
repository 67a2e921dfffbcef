"""What a study answers to its questions: better, equivalent within the margin, or inconclusive; and why.

Holm's correction (Scand. J. Statist. 6, 1979) holds over all questions and measures of the study at once, apart for
differences and for equivalences, so that asking often does not make an answer more likely.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from statsmodels.stats.multitest import multipletests

from crosscheck.core.params import Params
from crosscheck.study import hypothesis_tests
from crosscheck.study.hypothesis_tests import Contrast
from crosscheck.study.intervals import Estimate
from crosscheck.study.plans import SECTIONS_OF_A_VARIANT, Plan
from crosscheck.study.runs import Run

Verdict = Literal["better", "worse", "equivalent", "unknown"]
# Two networks within so much of each other's size are of one size.
SAME_SIZE = 0.01


@dataclass(frozen=True)
class Change:
    """One thing that differs between two variants: a parameter, or a figure that follows from several."""

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class Finding:
    """One measure of one pair of variants: the verdict on the second, and the corrected probabilities behind it.

    `alone`: the verdict if nothing else had been asked, without the correction.
    """

    contrast: Contrast
    verdict: Verdict
    p: float | None
    p_equivalent: float | None
    alone: Verdict


@dataclass(frozen=True)
class Answer:
    """All that is said of one pair of variants.

    `settings` are the parameters that differ and `consequences` what differs with them; `confounded`: whether more
    differs than one setting. `gained` and `lost` are images, by their packed place, that more runs of the second
    or of the first got right; `p_images` is McNemar's of these.
    """

    question: str
    ask: str
    first: str
    second: str
    findings: list[Finding]
    improvement: Estimate | None
    pairs: int
    settings: list[Change]
    consequences: list[Change]
    confounded: bool
    gained: dict[int, int]
    lost: dict[int, int]
    p_images: float


def answer_questions(plan: Plan, runs: dict[str, list[Run]]) -> list[Answer]:
    """An answer for each question and each variant in it but the first."""
    asked = [
        (name, first, second)
        for name, question in plan.study.questions.items()
        for first, second in ((question.compare[0], other) for other in question.compare[1:])
    ]
    found = [
        [_contrast(measure, runs[first], runs[second], plan) for measure in plan.study.questions[name].measure]
        for name, first, second in asked
    ]
    findings = judge([contrast for each in found for contrast in each], 1 - plan.study.confidence)
    answers = []
    for (name, first, second), contrasts_of_pair in zip(asked, found, strict=True):
        mine, findings = findings[: len(contrasts_of_pair)], findings[len(contrasts_of_pair) :]
        answers.append(_answer(name, plan, runs[first], runs[second], mine))
    return answers


def _contrast(measure: str, first: list[Run], second: list[Run], plan: Plan) -> Contrast:
    study = plan.study
    if measure == "failures":
        return hypothesis_tests.compare_failures(first, second, study.confidence)
    if measure == "epochs":
        return hypothesis_tests.compare_epochs(first, second)
    return hypothesis_tests.compare_values(first, second, measure, study.equivalence_margin, study.confidence)


def judge(family: Sequence[Contrast], alpha: float) -> list[Finding]:
    """The verdict on each contrast, after Holm's correction over the whole family."""
    differences = _corrected([contrast.p for contrast in family])
    equivalences = _corrected([contrast.p_equivalent for contrast in family])
    return [
        Finding(
            contrast,
            _verdict(contrast, p, p_equivalent, alpha),
            p,
            p_equivalent,
            _verdict(contrast, contrast.p, contrast.p_equivalent, alpha),
        )
        for contrast, p, p_equivalent in zip(family, differences, equivalences, strict=True)
    ]


def _verdict(contrast: Contrast, p: float | None, p_equivalent: float | None, alpha: float) -> Verdict:
    if p_equivalent is not None and p_equivalent < alpha:
        return "equivalent"
    if p is not None and p < alpha:
        return "better" if contrast.favours_second else "worse"
    return "unknown"


def _corrected(values: Sequence[float | None]) -> list[float | None]:
    known = [value for value in values if value is not None]
    corrected = iter(multipletests(known, method="holm")[1].tolist() if known else [])
    return [None if value is None else next(corrected) for value in values]


def _answer(name: str, plan: Plan, first: list[Run], second: list[Run], findings: list[Finding]) -> Answer:
    pairs = hypothesis_tests.paired(first, second)
    both = [(a, b) for a, b in pairs if not (a.failed or b.failed)]
    wins = hypothesis_tests.image_wins(both)
    settings = changed_settings(first[0].planned.params, second[0].planned.params)
    consequences = changed_costs(first[0], second[0])
    return Answer(
        question=name,
        ask=plan.study.questions[name].ask,
        first=first[0].planned.variant,
        second=second[0].planned.variant,
        findings=findings,
        improvement=hypothesis_tests.improvement(pairs, plan.study.confidence),
        pairs=len(pairs),
        settings=settings,
        consequences=consequences,
        confounded=len(settings) > 1 or any(change.name == "parameters" for change in consequences),
        gained={row: gain for row, gain in wins.items() if gain > 0},
        lost={row: -gain for row, gain in wins.items() if gain < 0},
        p_images=hypothesis_tests.compare_images(wins),
    )


def changed_settings(first: Params, second: Params) -> list[Change]:
    """The parameters in which two variants differ, but for the seeds."""
    changes = []
    for section in SECTIONS_OF_A_VARIANT:
        old, new = getattr(first, section).model_dump(), getattr(second, section).model_dump()
        changes += [
            Change(f"{section}.{key}", str(old[key]), str(new[key]))
            for key in old
            if key != "seed" and old[key] != new[key]
        ]
    return changes


def changed_costs(first: Run, second: Run) -> list[Change]:
    """The sizes in which two networks differ by more than a hundredth."""
    names = {"parameters": "parameters", "multiply_adds": "multiply-adds"}
    costs = [run.result.cost for run in (first, second)]
    pairs = {shown: [getattr(cost, name) for cost in costs] for name, shown in names.items()}
    return [
        Change(name, f"{old:,}", f"{new:,}") for name, (old, new) in pairs.items() if abs(new - old) > SAME_SIZE * old
    ]
