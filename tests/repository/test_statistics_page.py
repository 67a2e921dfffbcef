"""docs/statistics.md quotes what was simulated, and that is of the intervals that the study has now."""

import json
from itertools import groupby
from typing import Any

import pytest
from helpers.repository import ROOT
from scipy import stats

from benchmarks import coverage
from crosscheck.study import intervals
from crosscheck.study.measures import MEASURES

PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
ROWS: list[dict[str, Any]] = json.loads((ROOT / "benchmarks" / "results" / coverage.FILE).read_text("utf-8"))["rows"]


def test_the_table_of_coverage_is_that_of_the_file() -> None:
    def named(row: dict[str, Any]) -> tuple[str, str]:
        return row["interval"], row["data"]

    expected = []
    for names, rows in groupby(sorted(ROWS, key=named), named):
        found = sorted(rows, key=lambda row: row["runs"])
        assert [row["runs"] for row in found] == list(coverage.RUNS)
        figures = [f"{100 * row['found']:.1f} %" for row in found]
        expected.append(f"| {' | '.join([*names, *figures])} |")
    begin = PAGE.index("| interval | data |")
    table = PAGE[begin : PAGE.index("\n\n", begin)].splitlines()[2:]
    assert sorted(table) == sorted(expected)
    assert {row["studies"] for row in ROWS} == {0, 4000} and "4,000 studies each" in PAGE
    assert {row["nominal"] for row in ROWS} == {coverage.CONFIDENCE}


def test_the_exact_figures_are_those_of_the_code() -> None:
    for runs in (5, 10):
        known = [row for row in ROWS if row["studies"] == 0 and row["runs"] == runs]
        assert sorted(map(str, known)) == sorted(str(vars(row)) for row in coverage.count_shares(runs))


@pytest.mark.parametrize("name", ["mean accuracy", "difference of accuracy"])
def test_simulated_figures_are_those_of_the_code(name: str) -> None:
    """Few studies, so within what chance allows once in a thousand times."""
    studies = 400
    known = next(row for row in ROWS if (row["interval"], row["data"], row["runs"]) == (name, "normal", 5))
    draw, true = {"mean accuracy": coverage.ACCURACIES, "difference of accuracy": coverage.DIFFERENCES}[name]["normal"]
    estimate = {"mean accuracy": intervals.mean, "difference of accuracy": intervals.mean_difference}[name]
    found = coverage.simulate(name, "normal", 5, studies, draw, true, estimate).found
    low, high = stats.binom.ppf([0.0005, 0.9995], studies, known["found"]) / studies
    assert low <= found <= high


def test_every_measure_stands_on_the_page_with_what_it_estimates() -> None:
    for name, described in MEASURES.items():
        assert f"| `{name}` | {described.title} | {described.estimand} |" in PAGE
