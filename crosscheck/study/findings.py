"""What a study answers to its questions: better, equivalent within the margin, or inconclusive; and why.

Each question names one primary measure before the runs. Holm's correction (Scand. J. Statist. 6, 1979) holds over the
primary measures of all questions: one false verdict or more in them, in a share of `alpha` of all studies at most. All
other measures are exploratory: Benjamini and Hochberg's procedure (J. R. Stat. Soc. B 57, 1995) keeps the false ones
among their verdicts to a share of `alpha`, on average. In both families differences and equivalences are corrected
apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from statsmodels.stats.multitest import multipletests

from crosscheck.core.params import Params
from crosscheck.study import hypothesis_tests
from crosscheck.study.hypothesis_tests import Contrast
from crosscheck.study.intervals import Estimate
from crosscheck.study.measures import Measure
from crosscheck.study.plans import SECTIONS_OF_A_VARIANT, Plan
from crosscheck.study.runs import Run

Verdict = Literal["better", "worse", "equivalent", "inconclusive"]
Family = Literal["primary", "exploratory"]
# How statsmodels calls the correction of each family.
CORRECTIONS: dict[Family, str] = {"primary": "holm", "exploratory": "fdr_bh"}
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
    family: Family
    verdict: Verdict
    p: float | None
    p_equivalent: float | None
    alone: Verdict

    @property
    def hint(self) -> bool:
        """Whether only the correction takes the verdict away."""
        return self.verdict == "inconclusive" and self.alone != "inconclusive"


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

    @property
    def primary(self) -> Finding:
        """The finding that answers the question."""
        return next(finding for finding in self.findings if finding.family == "primary")

    @property
    def exploratory(self) -> list[Finding]:
        """The findings of the other measures, in the order of the study file."""
        return [finding for finding in self.findings if finding.family == "exploratory"]


def answer_questions(plan: Plan, runs: dict[str, list[Run]]) -> list[Answer]:
    """An answer for each question and each variant in it but the first."""
    asked = [
        (name, first, second)
        for name, question in plan.study.questions.items()
        for first, second in ((question.compare[0], other) for other in question.compare[1:])
    ]
    alpha = 1 - plan.study.confidence
    primary, others = [], []
    for name, first, second in asked:
        question = plan.study.questions[name]
        primary.append(_contrast(question.primary, runs[first], runs[second], plan))
        others.append([_contrast(measure, runs[first], runs[second], plan) for measure in question.measure])
    answers = judge(primary, "primary", alpha)
    explored = iter(judge([contrast for each in others for contrast in each], "exploratory", alpha))
    return [
        _answer(name, plan, runs[first], runs[second], [answer, *islice(explored, len(mine))])
        for (name, first, second), answer, mine in zip(asked, answers, others, strict=True)
    ]


def _contrast(measure: Measure, first: list[Run], second: list[Run], plan: Plan) -> Contrast:
    study = plan.study
    if measure == "failures":
        return hypothesis_tests.compare_failures(first, second, study.confidence)
    if measure == "epochs":
        return hypothesis_tests.compare_epochs(first, second, study.confidence)
    return hypothesis_tests.compare_values(first, second, measure, study.equivalence_margin, study.confidence)


def judge(contrasts: Sequence[Contrast], family: Family, alpha: float) -> list[Finding]:
    """The verdict on each contrast, after the correction over the whole family."""
    differences = _corrected([contrast.p for contrast in contrasts], family)
    equivalences = _corrected([contrast.p_equivalent for contrast in contrasts], family)
    return [
        Finding(
            contrast,
            family,
            _verdict(contrast, p, p_equivalent, alpha),
            p,
            p_equivalent,
            _verdict(contrast, contrast.p, contrast.p_equivalent, alpha),
        )
        for contrast, p, p_equivalent in zip(contrasts, differences, equivalences, strict=True)
    ]


def _verdict(contrast: Contrast, p: float | None, p_equivalent: float | None, alpha: float) -> Verdict:
    if p_equivalent is not None and p_equivalent < alpha:
        return "equivalent"
    if p is not None and p < alpha:
        return "better" if contrast.favours_second else "worse"
    return "inconclusive"


def _corrected(values: Sequence[float | None], family: Family) -> list[float | None]:
    known = [value for value in values if value is not None]
    corrected = iter(multipletests(known, method=CORRECTIONS[family])[1].tolist() if known else [])
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
