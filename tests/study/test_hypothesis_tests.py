"""The statistics against known answers: arms of one distribution, a planted difference, too few runs."""

import gc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from helpers.models import run_result
from scipy import stats

from crosscheck.core.params import Params
from crosscheck.study import findings, hypothesis_tests, intervals, text
from crosscheck.study.plans import PlannedRun
from crosscheck.study.runs import Run

CONFIDENCE = 0.95
MARGIN = 0.01


@pytest.fixture(scope="module", autouse=True)
def _nothing_to_collect() -> Iterator[None]:
    """statsmodels collects garbage in every correction, which takes long among all of torch's objects."""
    gc.freeze()
    yield
    gc.unfreeze()


def run_of(
    params: Params, seed: int, accuracy: float, n: int = 300, failed: bool = False, reached: int | None = 3
) -> Run:
    right = np.arange(n) < round(accuracy * n)
    rows = np.arange(n) + 1000 * seed
    return Run(PlannedRun("arm", seed, params), failed, rows, right, reached, 10, run_result(test={"actual": [0, 1]}))


def arm(params: Params, rng: np.random.Generator, mean: float, spread: float, count: int) -> list[Run]:
    accuracies = np.clip(rng.normal(mean, spread, count), 0, 1)
    return [run_of(params, seed, value, reached=int(rng.geometric(0.3))) for seed, value in enumerate(accuracies)]


def judge(*contrasts: hypothesis_tests.Contrast) -> list[findings.Finding]:
    """The verdicts on the primary measures of a study."""
    return findings.judge(contrasts, "primary", 1 - CONFIDENCE)


def by_accuracy(first: list[Run], second: list[Run]) -> hypothesis_tests.Contrast:
    return hypothesis_tests.compare_values(first, second, "accuracy", MARGIN, CONFIDENCE)


def test_two_arms_of_one_distribution_differ_no_more_often_than_stated(params: Params) -> None:
    rng = np.random.default_rng(1)
    studies, false_alarms = 400, 0
    for _ in range(studies):
        arms = [arm(params, rng, 0.9, 0.03, 8) for _ in range(4)]
        family = [by_accuracy(arms[0], other) for other in arms[1:]]
        family += [hypothesis_tests.compare_epochs(arms[0], other, CONFIDENCE) for other in arms[1:]]
        false_alarms += any(
            each.verdict in ("better", "worse") for each in findings.judge(family, "primary", 1 - CONFIDENCE)
        )
    # Of this many studies, 1 in 20 may err; more than this would be a one in a thousand chance.
    assert false_alarms <= stats.binom.ppf(0.999, studies, 1 - CONFIDENCE)


def test_a_planted_difference_is_found_in_its_direction(params: Params) -> None:
    rng = np.random.default_rng(2)
    verdicts = []
    for _ in range(25):
        first, second = arm(params, rng, 0.85, 0.02, 10), arm(params, rng, 0.95, 0.02, 10)
        verdicts.append(judge(by_accuracy(first, second), by_accuracy(second, first)))
    assert all([each.verdict for each in pair] == ["better", "worse"] for pair in verdicts)


def test_arms_that_hardly_differ_are_equivalent_and_seldom_so_where_they_differ_by_the_margin(params: Params) -> None:
    rng = np.random.default_rng(3)

    def equivalent(mean: float) -> int:
        found = 0
        for _ in range(100):
            shared = rng.normal(0.9, 0.003, 10)
            first = [run_of(params, seed, value, n=3000) for seed, value in enumerate(shared)]
            others = shared + rng.normal(mean, 0.003, 10)
            second = [run_of(params, seed, value, n=3000) for seed, value in enumerate(others)]
            found += judge(by_accuracy(first, second))[0].verdict == "equivalent"
        return found

    assert equivalent(0.0) >= 95
    assert equivalent(MARGIN) <= stats.binom.ppf(0.999, 100, 1 - CONFIDENCE)


def test_too_few_runs_say_so_and_how_many_are_needed(params: Params) -> None:
    one = by_accuracy([run_of(params, 0, 0.9)], [run_of(params, 0, 0.99)])
    assert one.p is None and "fewer than two pairs" in one.test
    assert judge(one)[0].verdict == "inconclusive"
    first = [run_of(params, seed, value) for seed, value in enumerate([0.90, 0.96, 0.93])]
    second = [run_of(params, seed, value) for seed, value in enumerate([0.95, 0.92, 0.94])]
    few = by_accuracy(first, second)
    assert judge(few)[0].verdict == "inconclusive"
    assert (few.needed_for_margin() or 0) > 13


def test_as_many_runs_as_were_asked_for_find_a_difference_of_the_margin_four_times_in_five(params: Params) -> None:
    rng = np.random.default_rng(4)
    gaps = np.array([0.008, -0.012, 0.02, 0.004, -0.004, 0.001])
    pilot = [run_of(params, seed, 0.9, n=10_000) for seed in range(6)]
    contrast = by_accuracy(pilot, [run_of(params, seed, 0.9 + gap, n=10_000) for seed, gap in enumerate(gaps)])
    needed, spread = contrast.needed_for_margin(), gaps.std(ddof=1)
    assert needed is not None
    p = stats.ttest_1samp(rng.normal(MARGIN, spread, (2000, needed)), 0.0, axis=1).pvalue
    assert 0.75 < (p < 1 - CONFIDENCE).mean() < 0.9


def test_fewer_runs_would_confirm_a_difference_larger_than_the_margin(params: Params) -> None:
    first = [run_of(params, seed, 0.9, n=1000) for seed in range(3)]
    second = [run_of(params, seed, value, n=1000) for seed, value in enumerate([0.92, 0.98, 0.96])]
    found = by_accuracy(first, second)
    assert 2 < (found.needed_for_seen() or 0) < (found.needed_for_margin() or 0)
    within = by_accuracy(first, [run_of(params, seed, 0.9 + 0.002 * seed, n=1000) for seed in range(3)])
    assert (within.needed_for_seen() or 0) > (within.needed_for_margin() or 0)
    none = by_accuracy(first, [run_of(params, seed, 0.9 + 0.02 * (seed - 1), n=1000) for seed in range(3)])
    assert none.needed_for_seen() is None and none.needed_for_margin() is not None


def test_equivalent_variants_that_only_guess_are_told_from_those_that_know(params: Params) -> None:
    def pair(accuracy: float) -> hypothesis_tests.Contrast:
        first, second = ([run_of(params, seed, accuracy + s * 0.001, n=1000) for seed in range(4)] for s in (0, 1))
        second[0] = run_of(params, 0, accuracy - 0.001, n=1000)
        return by_accuracy(first, second)

    assert pair(0.5).guessing
    assert not pair(0.9).guessing
    finding = judge(pair(0.5))[0]
    assert finding.verdict == "equivalent"
    assert text.finding_row(finding)[-1] == "equivalent, neither better than guessing"


def test_more_overfitting_is_worse(params: Params) -> None:
    def fitted(seed: int, gap: float) -> Run:
        run = run_of(params, seed, 0.9)
        return replace(run, result=run_result(test={"actual": [0, 1]}, train_accuracy=0.9 + gap))

    first = [fitted(seed, 0.01 + 0.001 * seed) for seed in range(5)]
    second = [fitted(seed, 0.05 - 0.001 * seed) for seed in range(5)]
    contrast = hypothesis_tests.compare_values(first, second, "overfitting", MARGIN, CONFIDENCE)
    assert contrast.difference is not None and contrast.difference.value == pytest.approx(0.036)
    assert [each.verdict for each in judge(contrast)] == ["worse"]
    assert not contrast.favours_second and not contrast.guessing


@pytest.mark.parametrize("runs", [2, 3, 6])
def test_runs_that_all_reach_the_target_in_the_same_epoch_do_not_differ(params: Params, runs: int) -> None:
    for epoch in (1, 4, 10):
        arms = [[run_of(params, seed, 0.9, reached=epoch) for seed in range(runs)] for _ in range(2)]
        found = hypothesis_tests.compare_epochs(*arms, CONFIDENCE)
        assert (found.p, found.favours_second) == (1.0, False)
        assert found.detail == f"median of {epoch} epochs against {epoch}"


def test_a_target_that_most_runs_do_not_reach_has_no_median_within_the_training(params: Params) -> None:
    slow = [run_of(params, seed, 0.9, reached=9 if seed == 0 else None) for seed in range(5)]
    fast = [run_of(params, seed, 0.9, reached=epoch) for seed, epoch in enumerate((2, 3, 3, 4, 9))]
    assert hypothesis_tests.compare_epochs(slow, fast, CONFIDENCE).detail == (
        f"median of 3 epochs against more than {slow[0].epochs}"
    )


def test_failed_runs_are_counted_apart_and_enter_no_mean(params: Params) -> None:
    first = [run_of(params, seed, 0.9 + 0.01 * seed) for seed in range(5)]
    second = [*first[:3], run_of(params, 3, 0.5, failed=True), run_of(params, 4, 0.5, failed=True)]
    accuracy = by_accuracy(first, second)
    assert accuracy.n == 3
    assert accuracy.difference is not None and accuracy.difference.value == 0
    failures = hypothesis_tests.compare_failures(first, second, CONFIDENCE)
    assert failures.p == pytest.approx(stats.fisher_exact([[0, 5], [2, 3]]).pvalue)
    assert not failures.favours_second
    chance = hypothesis_tests.improvement(hypothesis_tests.paired(first, second), CONFIDENCE)
    assert chance is not None and chance.value == pytest.approx(0.3)


def test_many_failures_against_none_are_worse(params: Params) -> None:
    first = [run_of(params, seed, 0.9) for seed in range(10)]
    second = [run_of(params, seed, 0.5, failed=True, reached=None) for seed in range(10)]
    found = judge(hypothesis_tests.compare_failures(first, second, CONFIDENCE))[0]
    assert found.verdict == "worse"
    assert found.contrast.difference is not None and found.contrast.difference.value == -1
    assert found.contrast.detail == "0 of 10 runs converged against 10 of 10"
    assert found.contrast.needed_for_margin() is None and (found.contrast.needed_for_seen() or 11) < 10


def test_runs_that_are_all_perfect_get_the_exact_interval_of_their_images(params: Params) -> None:
    perfect = [run_of(params, seed, 1.0, n=100) for seed in range(3)]
    found = intervals.accuracy([run.right for run in perfect], [run.rows for run in perfect], CONFIDENCE)
    exact = stats.binomtest(300, 300).proportion_ci(CONFIDENCE, method="exact")
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(exact.low)


def test_perfect_arms_are_equivalent_as_soon_as_the_images_say_so(params: Params) -> None:
    few = [run_of(params, seed, 1.0, n=20) for seed in range(3)]
    many = [run_of(params, seed, 1.0, n=300) for seed in range(3)]
    assert judge(by_accuracy(few, few))[0].verdict == "inconclusive"
    assert judge(by_accuracy(many, many))[0].verdict == "equivalent"


def test_holm_makes_an_answer_rarer_the_more_is_asked(params: Params) -> None:
    rng = np.random.default_rng(5)
    first, second = arm(params, rng, 0.9, 0.02, 6), arm(params, rng, 0.93, 0.02, 6)
    contrast = by_accuracy(first, second)
    assert contrast.p is not None
    alone, among_ten = (judge(*[contrast] * count)[0].p for count in (1, 10))
    assert alone == pytest.approx(contrast.p)
    assert among_ten == pytest.approx(min(1.0, 10 * contrast.p))


def test_what_the_correction_takes_away_is_a_hint(params: Params) -> None:
    first = [run_of(params, seed, accuracy) for seed, accuracy in enumerate([0.90, 0.91, 0.92, 0.90, 0.91, 0.90])]
    second = [run_of(params, seed, accuracy) for seed, accuracy in enumerate([0.92, 0.94, 0.93, 0.92, 0.92, 0.93])]
    contrast = by_accuracy(first, second)
    (alone,) = judge(contrast)
    assert (alone.verdict, alone.alone, alone.hint) == ("better", "better", False)
    among_many = judge(*[contrast] * 40)[0]
    assert (among_many.verdict, among_many.alone, among_many.hint) == ("inconclusive", "better", True)
    mixed = [run_of(params, seed, accuracy) for seed, accuracy in enumerate([0.92, 0.89, 0.95])]
    nothing = judge(by_accuracy(first[:3], mixed))[0]
    assert (nothing.verdict, nothing.alone, nothing.hint) == ("inconclusive", "inconclusive", False)


def test_a_run_that_never_reaches_the_target_is_censored(params: Params) -> None:
    found = intervals.survival([2, 3, None, None], [10, 10, 10, 10], CONFIDENCE)
    assert found.remaining == pytest.approx([0.75, 0.5])
    assert (found.reached, found.n) == (2, 4)
    never = intervals.survival([None, None], [10, 10], CONFIDENCE)
    assert never.median is None and never.reached == 0


def test_images_are_counted_once_however_many_runs_see_them(params: Params) -> None:
    rows, wrong = np.arange(10), np.array([False] * 4 + [True] * 6)
    first = [Run(PlannedRun("a", seed, params), False, rows, wrong, 1, 10, run_result()) for seed in range(5)]
    second = [
        Run(PlannedRun("b", seed, params), False, rows, np.ones(10, bool), 1, 10, run_result()) for seed in range(5)
    ]
    wins = hypothesis_tests.image_wins(hypothesis_tests.paired(first, second))
    assert hypothesis_tests.compare_images(wins) == pytest.approx(stats.binomtest(4, 4, 0.5).pvalue)
