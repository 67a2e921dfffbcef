"""Patience: a training stops where the validation loss has not become lower for some epochs, whatever interrupts it."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.interruptions import training_command
from helpers.project import Project, copy_project, runs_of
from helpers.trainings import TOY, draw_by_turns, interrupted, mislabelled, same_weights, training

from crosscheck.core.params import Params
from crosscheck.search import objective
from crosscheck.study import single_run
from crosscheck.training import curves, snapshots
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def worsening(params: Params, **recipe: Any) -> Trainer:
    """A training whose validation loss falls at first, and then rises for ever."""
    return training(params, draw_by_turns(8), mislabelled(draw_by_turns(3, 1)), **recipe)


@pytest.mark.parametrize(
    ("losses", "patience", "ended"),
    [
        ([0.5, 0.6], 2, False),
        ([0.5, 0.6, 0.7], 2, True),
        # An equal one is not lower.
        ([0.5, 0.5, 0.5], 2, True),
        ([0.5, 0.6, 0.4], 2, False),
        ([0.5, 0.6, 0.7], 0, False),
        ([0.5], 1, False),
        ([0.5, 0.6], 1, True),
        ([], 1, False),
    ],
)
def test_it_ends_after_so_many_epochs_without_a_lower_validation_loss(
    params: Params, losses: list[float], patience: int, ended: bool
) -> None:
    learner = worsening(params, patience=patience)
    learner.history = [Epoch(number, 0.5, 0.5, loss, 0.5) for number, loss in enumerate(losses, start=1)]
    assert learner.ended == ended


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_up_to_its_end_it_is_the_training_without_patience(params: Params, schedule: str) -> None:
    whole, patient = (worsening(params, schedule=schedule, patience=patience) for patience in (0, 2))
    assert whole.run() is None
    assert patient.run() is None, "not a reason: a search would take the trial for a hopeless one"
    reached = len(patient.history)
    assert 2 < reached < 8 == len(whole.history)
    assert patient.history == whole.history[:reached]
    assert curves.best_epoch([epoch.val_loss for epoch in patient.history]) == reached - 2


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("keep", ["last", "best"])
def test_an_interrupted_training_stops_at_the_same_epoch(params: Params, epochs: int, keep: str) -> None:
    recipe = {"patience": 2, "keep": keep}
    whole = worsening(params, **recipe)
    resumed = interrupted(whole, epochs, params, **recipe)
    whole.run()
    resumed.run()
    assert len(whole.history) == 5
    assert whole.history == resumed.history
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())


def test_the_last_epoch_reached_gives_the_last_snapshot(params: Params, tmp_path: Path) -> None:
    learner = worsening(params, epochs=40, snapshots=6)
    album = snapshots.Album(tmp_path / "kept", learner.params, params.model, TOY, learner.net)
    due = list(album.due)
    assert due[-1] == 40
    for epoch in range(18):
        if epoch == 17:
            album.end_at(17)
        album.take(epoch, learner.net)
    album.deliver(tmp_path / "out")
    assert list(snapshots.read(tmp_path / "out")[0]) == [*(epoch for epoch in due if epoch < 17), 17]
    assert album.reaches(17)


@pytest.mark.parametrize("count", [0, 1])
def test_no_snapshot_is_added_where_none_of_the_end_was_due(params: Params, tmp_path: Path, count: int) -> None:
    learner = worsening(params, snapshots=count)
    album = snapshots.Album(tmp_path, learner.params, params.model, TOY, learner.net)
    album.end_at(3)
    assert album.due == [0][:count]


def test_a_search_counts_the_network_that_is_kept(params: Params) -> None:
    learner = worsening(params, patience=2, keep="best")
    assert objective.fit(learner, None, 3) is None
    assert learner.kept.epoch == len(learner.history) - 2


def test_a_run_of_a_study_has_as_many_vitals_as_epochs(params: Params) -> None:
    learner = worsening(params, patience=2)
    vitals, seconds, diverged = single_run.fit(learner)
    assert len(vitals) == len(seconds) == len(learner.history) < 8
    assert not diverged


@pytest.mark.slow
def test_a_training_that_stops_early_says_so_and_is_recorded_as_such(reproduced: Project, tmp_path: Path) -> None:
    project = copy_project(reproduced, tmp_path)
    project.set(train={"patience": 2, "epochs": 40, "lr": 0.6, "seed": 3, "snapshots": 5})
    complaints = project.run(*training_command(project)).stderr
    history = curves.read(project.folder / "metrics" / "curve.csv")
    reached = len(history)
    assert reached < 40
    assert (
        f"stopped after epoch {reached} of 40: no lower validation loss than that of epoch {reached - 2} in 2 epochs"
        in complaints
    )
    index = json.loads(project.read("models/snapshots/index.json"))
    assert index["epochs"][-1] == reached
    folder = project.folder / "models"
    assert (folder / "snapshots" / f"epoch_{reached:03d}.pt").read_bytes() == (folder / "model.pt").read_bytes()
    assert json.loads(project.read("metrics/train.json"))["val"]["loss"] == history[-1].val_loss
    (run,) = runs_of(project)
    assert (run.data.params["train.patience"], run.data.params["train.keep"]) == ("2", "last")
    assert run.data.metrics["val/loss"] == history[-1].val_loss
