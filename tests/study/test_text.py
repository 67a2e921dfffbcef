"""The rows of a study's report."""

from types import SimpleNamespace
from typing import Any

import pytest
from helpers.models import run_result

from crosscheck.study import text


@pytest.mark.parametrize(("size", "shown"), [(1_041_966_808, "1,040"), (17_810_776, "17.8"), (6452, "0.00645")])
def test_the_size_of_the_weights_is_no_power_of_ten(size: int, shown: str) -> None:
    cost = {"parameters": size // 4, "multiply_adds": size, "weight_bytes": size}
    timing = SimpleNamespace(seconds_per_epoch=2.0, peak_megabytes=None)
    found: Any = SimpleNamespace(
        runs={"a": [SimpleNamespace(result=run_result(cost=cost))]},
        timings={"a": timing},
        survival={"a": SimpleNamespace(median=3)},
    )
    row = text.cost_row("a", found)
    assert row[3] == shown
    assert row[4:] == ["2.00", "6.0", "–"]
