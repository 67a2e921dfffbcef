"""The answers of a study at a glance: for each question a word, a plain sentence, and the evidence.

The words are in at_a_glance.txt.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import cast

from crosscheck.reporting.sentences import Sentences
from crosscheck.study.answers_table import AnswersTable, Pair, Row, Word
from crosscheck.study.findings import Answer, Change, Finding, Verdict
from crosscheck.study.measures import MEASURES
from crosscheck.study.plans import Plan
from crosscheck.study.runs import Run
from crosscheck.study.study_file import Question, Study

# The word of a question with several pairs is the first of these that one of them has.
WORDS: tuple[Word, ...] = ("Better", "Worse", "Equivalent", "Hint", "Inconclusive")
OPPOSITE: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
# From this factor on, the text says how many times as large a network is; below, that the sizes are about equal.
LARGER = 2.0
# So many that no figure of the page, which has four at most, is rounded twice: 0.031348 would become 0.03135 and 3.14.
DIGITS = 9


def probability(value: float, alpha: float = 0.0) -> str:
    """A p-value with two digits, or with as many as it takes to see on which side of `alpha` it is."""
    if value < 0.0001:
        return "below 0.0001"
    limit = round(alpha, DIGITS)
    texts = (f"{value:.{digits}g}" for digits in range(2, DIGITS))
    return next((text for text in texts if value == limit or (float(text) - limit) * (value - limit) > 0), str(value))


def equation(value: float, alpha: float = 0.0) -> str:
    """The same as "p = 0.015" or "p below 0.0001"."""
    text = probability(value, alpha)
    return f"p {text}" if text.startswith("below") else f"p = {text}"


_say = Sentences(__file__, probability=probability, equation=equation)


def tabulate(plan: Plan, runs: Mapping[str, Sequence[Run]], answers: Sequence[Answer]) -> AnswersTable:
    """The table of the study's answers, in the order of its file."""
    rows = [
        _row(plan.study, plan.study.questions[name], [*mine])
        for name, mine in groupby(answers, key=lambda answer: answer.question)
    ]
    return AnswersTable(title=plan.study.title, variants=len(runs), runs=sum(map(len, runs.values())), rows=rows)


def word(finding: Finding) -> Word:
    """The verdict on the second variant of a pair, as tables have it."""
    return _word(finding, finding.verdict)


def name(question: Question, variant: str) -> str:
    """What the answer to a question calls a variant."""
    return question.labels.get(variant, variant)


def name_pair(question: Question, first: str, second: str) -> str:
    """What a pair of variants is called, the second first: a difference is about it."""
    return f"{name(question, second)} against {name(question, first)}"


def _row(study: Study, question: Question, answers: Sequence[Answer]) -> Row:
    told = [_word(answer.primary, _seen(answer.primary, question)) for answer in answers]
    several = len(answers) > 1
    return Row(
        question=answers[0].question,
        ask=question.ask,
        word=min(told, key=WORDS.index),
        sentence=" ".join(_sentences(question, answers, study.equivalence_margin)),
        pairs=[_pair(study, answer, name(question, answer.second) if several else "") for answer in answers],
    )


def _seen(finding: Finding, question: Question) -> Verdict:
    """The verdict or the hint on the variant that the question is about."""
    verdict = finding.alone if finding.hint else finding.verdict
    return OPPOSITE.get(verdict, verdict) if question.subject == "first" else verdict


def _word(finding: Finding, verdict: Verdict) -> Word:
    return "Hint" if finding.hint else cast(Word, verdict.capitalize())


def _sentences(question: Question, answers: Sequence[Answer], margin: float) -> list[str]:
    """One for all pairs that are told the same: what is shown, then hints, then what stays open."""
    alike: dict[tuple[Word, str], list[Answer]] = {}
    for answer in answers:
        finding, contrast = answer.primary, answer.primary.contrast
        verdict = _seen(finding, question)
        why = contrast.test.removeprefix("none: ") if contrast.p is None else ""
        title = MEASURES[contrast.measure].title
        clause = _say("clause", verdict, "{whom}", contrast.measure, title, contrast.guessing, why, margin)
        alike.setdefault((_word(finding, verdict), clause), []).append(answer)
    sentences = []
    for (told, clause), mine in sorted(alike.items(), key=lambda item: WORDS.index(item[0][0])):
        others = _say("listed", [name(question, answer.second) for answer in mine])
        first = name(question, mine[0].first)
        about_first = question.subject == "first" or len(answers) == 1
        who, whom = ("", others if question.subject == "first" else first) if about_first else (others, first)
        sentences.append(_say("sentence", who, clause.replace("{whom}", whom), told == "Hint" and len(alike) > 1))
    return sentences


def _pair(study: Study, answer: Answer, named: str) -> Pair:
    finding, contrast = answer.primary, answer.primary.contrast
    difference = contrast.difference
    low, high = sorted((difference.low, difference.high)) if difference else (None, None)
    several = len(answer.settings) if len(answer.settings) > 1 else 0
    larger = size_ratio(answer.consequences)
    return Pair(
        first=answer.first,
        second=answer.second,
        measure=contrast.measure,
        word=word(finding),
        difference=_rounded(difference.value if difference else None),
        low=_rounded(low),
        high=_rounded(high),
        n=contrast.n,
        p=_rounded(contrast.p),
        p_corrected=_rounded(finding.p),
        evidence=_say("evidence", named, contrast, finding, larger, several, 1 - study.confidence),
    )


def size_ratio(changes: Sequence[Change]) -> str:
    """How many times the parameters of the first the second has, in words; empty where it is about as large."""
    sizes = [
        [float(size.replace(",", "")) for size in (each.first, each.second)]
        for each in changes
        if each.name == "parameters"
    ]
    if not sizes:
        return ""
    ratio = sizes[0][1] / sizes[0][0]
    if 1 / LARGER < ratio < LARGER:
        return ""
    return f"{_two_digits(ratio)} times" if ratio > 1 else f"1/{_two_digits(1 / ratio)} of"


def _two_digits(number: float) -> str:
    return f"{float(f'{number:.2g}'):,g}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
