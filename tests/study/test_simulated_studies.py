"""Whole studies, simulated: how often a verdict is false in each family, and how often a planted difference is found.

The probabilities of many studies are computed at once by the formulas of the tests that `hypothesis_tests` calls; the
first test holds them against it. Everything after them is the project's own.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from helpers.models import run_result
from numpy.typing import NDArray
from scipy import stats

from crosscheck.core.params import Params
from crosscheck.study import findings, hypothesis_tests
from crosscheck.study.findings import Family, Finding
from crosscheck.study.hypothesis_tests import Contrast
from crosscheck.study.plans import PlannedRun
from crosscheck.study.runs import Run

ALPHA, MARGIN = 0.05, 0.01
STUDIES, SEEDS = 400, 20
# As in the shipped study: pairs that are compared by a value, and pairs that are compared by how many runs converged.
VALUES, SHARES = 12, 5
# A run's accuracy apart from what its seed does to all variants.
SPREAD = 0.01
Verdicts = list[list[Finding]]


@pytest.fixture(scope="module", autouse=True)
def _nothing_to_collect() -> Iterator[None]:
    """statsmodels collects garbage in every correction, which takes long among all these objects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


def differences(rng: np.random.Generator, effects: Sequence[float], spread: float = SPREAD) -> NDArray[np.float64]:
    """Differences of pairs, (studies, measures, seeds): all measures share the runs of the first variant."""
    shared = rng.normal(0, spread, (STUDIES, 1, SEEDS))
    own = rng.normal(0, spread, (STUDIES, len(effects), SEEDS))
    return own - shared + np.array(effects)[None, :, None]


def contrasts_of_values(seen: NDArray[np.float64]) -> list[list[Contrast]]:
    """For each study, the contrast of each of its measures."""
    p = stats.ttest_1samp(seen, 0.0, axis=2).pvalue
    above = stats.ttest_1samp(seen, -MARGIN, axis=2, alternative="greater").pvalue
    below = stats.ttest_1samp(seen, MARGIN, axis=2, alternative="less").pvalue
    equivalent, means = np.maximum(above, below), seen.mean(2)
    return [
        [
            Contrast("accuracy", SEEDS, None, float(p[study, each]), float(equivalent[study, each]), mean > 0, "t")
            for each, mean in enumerate(means[study])
        ]
        for study in range(len(seen))
    ]


@cache
def fisher(first: int, second: int) -> float:
    """The probability that Fisher's exact test gives these numbers of runs that converged, of SEEDS each."""
    return float(stats.fisher_exact([[first, SEEDS - first], [second, SEEDS - second]]).pvalue)


def contrasts_of_shares(rng: np.random.Generator, pairs: Sequence[tuple[float, float]]) -> list[list[Contrast]]:
    """For each study, the contrast of each pair, of which these shares of the runs converge."""
    counts = rng.binomial(SEEDS, np.array(pairs), (STUDIES, len(pairs), 2)).tolist()
    return [
        [Contrast("failures", SEEDS, None, fisher(a, b), None, b > a, "Fisher's exact") for a, b in study]
        for study in counts
    ]


def judge(studies: Sequence[list[Contrast]], family: Family) -> Verdicts:
    return [findings.judge(contrasts, family, ALPHA) for contrasts in studies]


def studies_without_differences(seed: int) -> list[list[Contrast]]:
    rng = np.random.default_rng(seed)
    values = contrasts_of_values(differences(rng, [0.0] * VALUES))
    shares = contrasts_of_shares(rng, [(0.7, 0.7)] * SHARES)
    return [a + b for a, b in zip(values, shares, strict=True)]


def studies_that_differ_by_the_margin(seed: int) -> list[list[Contrast]]:
    return contrasts_of_values(differences(np.random.default_rng(seed), [MARGIN, -MARGIN] * (VALUES // 2)))


def share_with_any(judged: Verdicts, *false: str) -> float:
    return float(np.mean([any(each.verdict in false for each in study) for study in judged]))


# A rate of ALPHA gives more than this share of false studies once in a thousand times.
MOST = float(stats.binom.ppf(0.999, STUDIES, ALPHA)) / STUDIES


@dataclass(frozen=True)
class Rates:
    """Of exploratory verdicts of better or worse: the mean share of false ones, and the share of true ones found."""

    false: float
    found: float


def explore(seed: int) -> Rates:
    """Studies of 40 exploratory measures, of which 10 differ."""
    effects = [0.02, -0.02] * 5 + [0.0] * 30
    judged = judge(contrasts_of_values(differences(np.random.default_rng(seed), effects)), "exploratory")
    false, found = [], []
    for study in judged:
        said = [(each.verdict, effect) for each, effect in zip(study, effects, strict=True)]
        verdicts = [(verdict, effect) for verdict, effect in said if verdict in ("better", "worse")]
        right = [pair for pair in verdicts if pair[1] != 0 and (pair[0] == "better") == (pair[1] > 0)]
        false.append((len(verdicts) - len(right)) / max(1, len(verdicts)))
        found.append(len(right) / 10)
    return Rates(float(np.mean(false)), float(np.mean(found)))


@pytest.fixture
def without_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "_corrected", lambda values, family: list(values))


def test_the_simulated_probabilities_are_those_of_the_study(params: Params) -> None:
    rng = np.random.default_rng(0)
    seen = np.round(differences(rng, [0.004, 0.02])[:3], 4)
    for study, contrasts in zip(seen, contrasts_of_values(seen), strict=True):
        for gaps, contrast in zip(study, contrasts, strict=True):
            arms = [
                [_run(params, seed, 0.5 + gap) for seed, gap in enumerate(values)] for values in (np.zeros(SEEDS), gaps)
            ]
            found = hypothesis_tests.compare_values(arms[0], arms[1], "accuracy", MARGIN, 1 - ALPHA)
            assert (found.p, found.p_equivalent) == pytest.approx((contrast.p, contrast.p_equivalent), rel=1e-6)
            assert found.favours_second == contrast.favours_second
    for a, b in ((3, 9), (20, 12)):
        arms = [[_run(params, seed, 0.5, failed=seed >= count) for seed in range(SEEDS)] for count in (a, b)]
        found = hypothesis_tests.compare_failures(arms[0], arms[1], 1 - ALPHA)
        assert (found.p, found.favours_second) == (pytest.approx(fisher(a, b)), b > a)


def _run(params: Params, seed: int, accuracy: float, failed: bool = False) -> Run:
    n = 10_000
    planned = PlannedRun("arm", seed, params)
    return Run(
        planned, failed, np.arange(n), np.arange(n) < round(accuracy * n), 1, 10, run_result(test={"actual": [0, 1]})
    )


def test_a_false_primary_difference_is_in_no_more_studies_than_stated() -> None:
    assert share_with_any(judge(studies_without_differences(1), "primary"), "better", "worse") <= MOST


def test_a_false_primary_equivalence_is_in_no_more_studies_than_stated() -> None:
    assert share_with_any(judge(studies_that_differ_by_the_margin(2), "primary"), "equivalent") <= MOST


@pytest.mark.usefixtures("without_correction")
@pytest.mark.parametrize(
    ("studies", "false"),
    [(studies_without_differences, ("better", "worse")), (studies_that_differ_by_the_margin, ("equivalent",))],
)
def test_without_holms_correction_more_studies_have_a_false_primary_verdict(
    studies: Callable[[int], list[list[Contrast]]], false: tuple[str, ...]
) -> None:
    assert share_with_any(judge(studies(3), "primary"), *false) > 3 * MOST


def test_with_the_correction_of_the_exploratory_family_more_studies_have_a_false_primary_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where some measures differ, a rate of false verdicts is no bound on studies with any."""
    effects = [0.05] * 9 + [0.0] * 3
    studies = contrasts_of_values(differences(np.random.default_rng(4), effects))

    def share() -> float:
        return share_with_any([study[9:] for study in judge(studies, "primary")], "better", "worse")

    assert share() <= MOST
    monkeypatch.setitem(findings.CORRECTIONS, "primary", findings.CORRECTIONS["exploratory"])
    assert share() > MOST


def test_a_planted_primary_difference_is_found_in_its_direction() -> None:
    rng = np.random.default_rng(5)
    values = contrasts_of_values(differences(rng, [0.02, -0.02] + [0.0] * (VALUES - 2)))
    shares = contrasts_of_shares(rng, [(0.95, 0.2), (0.1, 0.9)])
    judged = judge([a + b for a, b in zip(values, shares, strict=True)], "primary")
    found = [[study[row].verdict for row in (0, 1, -2, -1)] for study in judged]
    assert np.mean([verdicts == ["better", "worse", "worse", "better"] for verdicts in found]) > 0.95


def test_planted_equivalences_are_found() -> None:
    studies = contrasts_of_values(differences(np.random.default_rng(6), [0.0] * VALUES, SPREAD / 3))
    assert np.mean([[each.verdict == "equivalent" for each in study] for study in judge(studies, "primary")]) > 0.9


def test_of_the_exploratory_differences_no_larger_a_share_is_false_than_stated() -> None:
    rates = explore(7)
    # The share is known to about two thousandths.
    assert rates.false <= ALPHA
    assert rates.found > 0.9


@pytest.mark.usefixtures("without_correction")
def test_without_correction_a_larger_share_of_the_exploratory_differences_is_false() -> None:
    assert explore(8).false > 1.5 * ALPHA


def test_of_the_exploratory_equivalences_no_larger_a_share_is_false_than_stated() -> None:
    effects = [MARGIN, -MARGIN] * 15 + [0.0] * 10
    seen = differences(np.random.default_rng(9), effects, SPREAD / 2)
    false, found = [], []
    for study in judge(contrasts_of_values(seen), "exploratory"):
        equal = [place for place, each in enumerate(study) if each.verdict == "equivalent"]
        false.append(sum(place < 30 for place in equal) / max(1, len(equal)))
        found.append(sum(place >= 30 for place in equal) / 10)
    assert np.mean(false) <= ALPHA
    assert np.mean(found) > 0.9


def test_the_exploratory_family_finds_more_than_the_strict_correction_would(monkeypatch: pytest.MonkeyPatch) -> None:
    effects = [0.008] * 20 + [0.0] * 20
    studies = contrasts_of_values(differences(np.random.default_rng(10), effects))

    def found() -> float:
        judged = judge(studies, "exploratory")
        return float(np.mean([[each.verdict == "better" for each in study[:20]] for study in judged]))

    rate = found()
    monkeypatch.setitem(findings.CORRECTIONS, "exploratory", findings.CORRECTIONS["primary"])
    assert rate > 1.5 * found()


def test_exploratory_measures_take_nothing_from_the_primary_ones() -> None:
    """However many are explored, the correction of the answers stays the same."""
    contrast = Contrast("accuracy", SEEDS, None, 0.004, 0.5, True, "t")
    other = Contrast("epochs", SEEDS, None, 0.9, None, True, "log-rank")
    alone = findings.judge([contrast] * 10, "primary", ALPHA)
    assert [each.p for each in alone] == pytest.approx([0.04] * 10)
    assert {each.verdict for each in alone} == {"better"}
    assert findings.judge([contrast, *[other] * 39], "exploratory", ALPHA)[0].hint
