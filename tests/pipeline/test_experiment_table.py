"""The list of experiments in a terminal: the test accuracy stands first, whatever its width."""

import pytest

from crosscheck.pipeline.experiment_list import Experiment, Score, list_differences, read_result
from crosscheck.pipeline.experiment_table import lay_out

FOUND = [
    Experiment("workspace", "", Score(300, 0.983333, 0.961536, 0.994567, 0.047505), []),
    Experiment("main", "", Score(300, 0.983333, 0.961536, 0.994567, 0.047505), []),
    Experiment("three_conv", "", Score(300, 1.0, 0.987779, 1.0, 0.001), ["model.further_channels=[5,5]"]),
    Experiment("many", "", Score(300, 0.5, 0.442, 0.558, 0.6931), [f"augment.a{n}=0.25" for n in range(9)]),
    Experiment("waits", "queued", None, ["train.seed=3"]),
    Experiment("broken", "failed", None, ["train.lr=1000.0"]),
    Experiment("unfinished", "", None, []),
]


@pytest.mark.parametrize("width", [60, 80, 100, 140, 250])
def test_the_accuracy_and_its_interval_stand_first_at_every_width(width: int) -> None:
    lines = lay_out(FOUND, width)
    assert max(map(len, lines)) <= width
    assert lines[0].split()[:6] == ["experiment", "test", "accuracy", "95", "%", "interval"]
    for name, *figures in (
        ("main", "98.33%", "96.15%", "to", "99.46%", "300"),
        ("three_conv", "100.00%", "98.78%", "to", "100.00%", "300"),
        ("waits", "queued"),
        ("broken", "failed"),
        ("unfinished", "-"),
    ):
        (line,) = [line.split() for line in lines if line.startswith(f"{name} ")]
        assert line[1 : 1 + len(figures)] == figures
    text = " ".join(" ".join(lines).split())
    for each in FOUND:
        for said in each.differs:
            assert said in text


def test_what_differs_stands_beside_the_figures_where_there_is_room_and_below_where_there_is_none() -> None:
    narrow, wide = lay_out(FOUND, 80), lay_out(FOUND, 140)
    assert "    model.further_channels=[5,5]" in narrow
    assert "log loss" not in narrow[0]
    assert wide[0].endswith("log loss  what differs")
    (line,) = [line for line in wide if line.startswith("three_conv")]
    assert line.endswith("0.001  model.further_channels=[5,5]")


def test_where_nothing_differs_there_is_no_column_for_it() -> None:
    assert "what differs" not in lay_out(FOUND[:2], 140)[0]


@pytest.mark.parametrize("metrics", [None, [], {}, {"test": None}, {"test": {"n": 3, "accuracy": "x"}}])
def test_metrics_that_are_missing_or_something_else_are_no_result(metrics: object) -> None:
    assert read_result(metrics) is None


def test_what_differs_is_said_as_dvc_takes_it() -> None:
    base = {"model.pool": "max", "train.lr": 0.1, "model.further_channels": [5]}
    params = {"model.pool": "max", "train.lr": 0.01, "model.further_channels": [5, 5], "split.group_by": "a b"}
    assert list_differences(params, base) == [
        "train.lr=0.01",
        "model.further_channels=[5,5]",
        'split.group_by="a b"',
    ]
