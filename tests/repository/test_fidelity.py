"""The row `fidelity`: both sides take the same steps, and the comparison finds a side that trains otherwise."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from benchmarks import drawings, fidelity, reference, steps
from benchmarks.comparison import module, report_of
from benchmarks.fidelity import Result, Side
from crosscheck.data.guessing import Guess

GOOD = Side([True] * 10, [5, 4, 5, 6, 5, 4, 5, 5, 6, 4], [0.98, 0.99, 1.0, 0.97, 0.99, 0.99, 0.98, 1.0, 0.99, 0.98])
SAME = {"reference": [0.7, 0.602], "same_greys": [0.7, 0.6], "ours": [0.7, 0.60001]}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """35 training images of each class: a whole batch and one of six."""
    folder = tmp_path_factory.mktemp("fidelity") / "images"
    drawings.make(folder, 35, 2)
    return folder


@pytest.mark.slow
def test_both_sides_have_the_same_loss_in_each_step(drawn: Path) -> None:
    losses = report_of(module("benchmarks.steps", drawn, "three_conv"))
    assert {side: len(values) for side, values in losses.items()} == {"reference": 2, "same_greys": 2, "ours": 2}
    assert losses["ours"] == pytest.approx(losses["reference"], abs=1e-5)
    assert losses["ours"] == pytest.approx(losses["same_greys"], abs=1e-6)
    assert losses["ours"][0] != losses["ours"][1]


def test_white_is_one_with_the_same_greys_and_a_little_less_in_the_script() -> None:
    white = Image.new("RGB", (1, 1), "white")
    assert steps.SAME_GREYS(white).flatten().tolist() == [1.0]
    assert reference.PREPARE(white).item() == pytest.approx(0.9999, abs=1e-6)


def test_the_script_tells_the_loss_of_each_step_and_of_each_epoch(drawn: Path) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    batches = [(torch.ones(3, 1, 2, 2), torch.tensor([0, 1, 1]))] * 2
    losses = reference.train_epoch(net, batches, 0.1)
    assert len(losses) == 2 and losses[1] < losses[0]


def result_of(theirs: Side, ours: Side, losses: dict[str, list[float]] = SAME) -> Result:
    return fidelity.compare("base", ("abc", "def"), losses, theirs, ours)


def test_sides_that_train_alike_differ_no_more_than_by_chance() -> None:
    other = Side([True] * 9 + [False], [*GOOD.left_plateau[1:], None], [*GOOD.accuracy[1:], 0.5])
    assert result_of(GOOD, other).alike
    assert result_of(GOOD, GOOD).p == {"converged": 1.0, "left_plateau": 1.0, "accuracy": 1.0}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("converged", Side([False] * 8 + [True] * 2, GOOD.left_plateau, GOOD.accuracy)),
        ("left_plateau", Side(GOOD.converged, [9, 10, None, 8, 9, None, 9, 10, 9, 8], GOOD.accuracy)),
        ("accuracy", Side(GOOD.converged, GOOD.left_plateau, [0.9 + 0.001 * seed for seed in range(10)])),
    ],
)
def test_a_side_that_trains_otherwise_is_found(name: str, ours: Side) -> None:
    found = result_of(GOOD, ours)
    assert not found.alike
    assert [each for each, p in found.p.items() if p is not None and p < fidelity.ALPHA] == [name]


def test_steps_that_part_are_found() -> None:
    assert not result_of(GOOD, GOOD, {**SAME, "ours": [0.7, 0.6002]}).alike


def test_a_side_without_converged_trainings_has_no_accuracy_to_compare() -> None:
    failed = Side([False] * 4, [None] * 4, [0.5] * 4)
    found = result_of(Side([True] * 4, [9] * 4, [0.97] * 4), failed)
    assert found.p["accuracy"] is None
    assert "4 of 4; 0 of 4" in fidelity.markdown([found]) and "never" in fidelity.markdown([found])


def test_outcomes_follow_the_rules_of_the_study() -> None:
    courses = [[0.69, 0.6, 0.1], [0.693, 0.693, 0.693], [0.69, 0.5, 0.4]]
    reports = [{"train_loss": course, "test_accuracy": [0.9]} for course in courses]
    side = fidelity.describe_side(reports, Guess((850, 850)), 0.5)
    assert side == Side([True, False, False], [2, None, 2], [0.9] * 3)


def test_what_was_measured_before_stays_and_is_read_again(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "report_of", lambda words: SAME)
    monkeypatch.setattr(fidelity, "train_both", lambda folder, network, seeds, images: [GOOD, GOOD])
    for network in ("three_conv", "base"):
        table = fidelity.measure(fidelity.Wanted([network], 1, 1, 1, "abc"), tmp_path)
    assert [each.network for each in fidelity.read_results(tmp_path)] == ["base", "three_conv"]
    assert table == (tmp_path / "fidelity.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "fidelity.json").read_text(encoding="utf-8"))["results"][0]["p"]["converged"] == 1.0


def test_no_seeds_measure_the_steps_again_and_keep_the_trainings(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "report_of", lambda words: SAME)
    monkeypatch.setattr(fidelity, "train_both", lambda folder, network, seeds, images: [GOOD, GOOD])
    fidelity.measure(fidelity.Wanted(["base"], 1, 1, 1, "abc"), tmp_path)
    (before,) = fidelity.read_results(tmp_path)
    monkeypatch.setattr(fidelity, "report_of", lambda words: {**SAME, "ours": [0.7, 0.6003]})
    fidelity.measure(fidelity.Wanted(["base"], 0, 1, 1, "def"), tmp_path)
    (after,) = fidelity.read_results(tmp_path)
    assert (after.commit, after.steps_commit, after.ours) == ("abc", "def", before.ours)
    assert before.alike and not after.alike
    with pytest.raises(SystemExit, match="no trainings of no_pool"):
        fidelity.measure(fidelity.Wanted(["no_pool"], 0, 1, 1, "def"), tmp_path)
