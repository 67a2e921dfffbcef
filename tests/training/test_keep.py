"""The network that is kept: the last one, or the one with the lowest validation loss."""

import json
import signal
from copy import deepcopy
from typing import Any

import pytest
from helpers.interruptions import kill_tree, outputs, start, training_command, wait_for_progress
from helpers.project import Project, copy_project, runs_of
from helpers.repository import ROOT
from helpers.trainings import draw_by_turns, interrupted, mislabelled, same_weights, training
from matplotlib.text import Text

from crosscheck.core import combinations
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.data.guessing import Guess
from crosscheck.explain import animation, text
from crosscheck.reporting import charts
from crosscheck.study import plans
from crosscheck.training import curves
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import Trainer
from crosscheck.training.validation import score

HISTORY = [Epoch(number, 0.5, 0.8, loss, 0.8) for number, loss in enumerate([0.6, 0.4, 0.5, 0.4], start=1)]
pytestmark = pytest.mark.usefixtures("one_thread")


def worsening(params: Params, **recipe: Any) -> Trainer:
    """A training whose validation loss falls at first, and then rises for ever."""
    return training(params, draw_by_turns(8), mislabelled(draw_by_turns(3, 1)), **recipe)


def test_the_first_of_the_lowest_validation_losses_is_the_best() -> None:
    assert curves.best_epoch([0.5, 0.4, 0.6, 0.4]) == 2
    assert curves.best_epoch([None, 0.4]) == 2
    assert curves.kept_epoch([0.5, 0.4, 0.6], "best") == 2
    assert curves.kept_epoch([0.5, 0.4, 0.6], "last") == 3
    assert (curves.kept(HISTORY, "best"), curves.kept(HISTORY, "last")) == (HISTORY[1], HISTORY[3])


def test_the_best_network_is_kept_and_nothing_else_of_the_training_changes(params: Params) -> None:
    states: list[dict[str, Any]] = []
    best, last = worsening(params, keep="best"), worsening(params)
    last.run(lambda *_: states.append(deepcopy(last.net.state_dict())))
    best.run()
    assert best.history == last.history
    kept = best.kept.epoch
    assert 1 <= kept < len(best.history)
    assert same_weights(best.net.state_dict(), states[kept - 1])
    assert same_weights(last.net.state_dict(), states[-1])
    assert last.kept.epoch == len(last.history)
    # The faster copy of the network shares its weights.
    for net in (best.net, best.fast_net):
        assert score(net, best.val, 8) == (best.kept.val_loss, best.kept.val_accuracy)


@pytest.mark.parametrize("epochs", [1, 3, 5, 8])
def test_a_training_that_was_interrupted_keeps_the_same_network(params: Params, epochs: int) -> None:
    whole = worsening(params, keep="best")
    resumed = interrupted(whole, epochs, params, keep="best")
    whole.run()
    resumed.run()
    assert whole.history == resumed.history
    assert same_weights(whole.net.state_dict(), resumed.net.state_dict())


def test_by_default_no_copy_of_the_weights_is_made(params: Params) -> None:
    last = worsening(params)
    last.run()
    assert last.best == {} == last.state()["best"]


@pytest.mark.parametrize(
    ("changes", "named"), [({"keep": "best"}, "keep is 'best'"), ({"patience": 3}, "patience is 3")]
)
def test_without_validation_images_it_is_refused_in_one_line(params: Params, changes: Any, named: str) -> None:
    wanted = params.model_dump()
    wanted["train"] |= changes
    wanted["split"] |= {"val": 0}
    remedy = r"set split\.val to a number such as 100, or train\.\w+ to \w+$"
    with pytest.raises(InputError, match=rf"train\.{named}, .*; {remedy}"):
        combinations.check(Params.model_validate(wanted))
    images = draw_by_turns(2)
    with pytest.raises(InputError, match=named):
        training(params, images, type(images)(images.images[:0], images.labels[:0]), **changes)
    # A folder may bring its own.
    combinations.check(Params.model_validate(wanted | {"data": {**wanted["data"], "layout": "subsets"}}))


def test_a_study_refuses_it_before_any_run(tmp_path: Any) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("title: T\nseeds: 1\nparams: {split.val: 0, train.keep: best}\nvariants: {small: {}}\n")
    with pytest.raises(InputError, match=r"train\.keep is 'best'"):
        plans.read(file, ROOT / "params.yaml")


def test_the_picture_of_the_curves_marks_the_epoch_kept_only_where_one_was_chosen() -> None:
    def words(kept: int | None) -> str:
        figure = charts.draw_training_curves(HISTORY, Guess((5, 5)), (10, 4), kept)
        return " ".join(each.get_text() for each in figure.findobj(Text))

    assert "epoch kept: 2, with the lowest validation loss" in words(2)
    assert "kept" not in words(None)


def test_the_report_says_which_epoch_its_network_is_of() -> None:
    words = text.describe_training(HISTORY, Guess((5, 5)), [0, 4], 2)
    assert words.endswith(
        "The network of this report is that of epoch 2, where the validation loss was lowest; the training went on to "
        "epoch 4."
    )
    assert "network of this report" not in text.describe_training(HISTORY, Guess((5, 5)), [0, 4])
    assert animation.caption(2, HISTORY, Guess((5, 5)), 2) == "after epoch 2 of 4 (the one kept)"


@pytest.mark.slow
def test_all_that_follows_is_of_the_network_that_is_kept(reproduced: Project, tmp_path: Any) -> None:
    project = copy_project(reproduced, tmp_path)
    # Its patience sees to it that the best epoch is not the last one.
    recipe = {"keep": "best", "patience": 2, "epochs": 40, "lr": 0.6, "seed": 3, "snapshots": 50}
    project.set(train=recipe)
    project.run("dvc", "repro")
    figures = json.loads(project.read("metrics/train.json"))
    history = curves.read(project.folder / "metrics" / "curve.csv")
    kept = curves.kept(history, "best")
    assert figures["epoch_kept"] == kept.epoch == len(history) - 2
    assert figures["val"] == {"loss": kept.val_loss, "accuracy": kept.val_accuracy}
    models = project.folder / "models"
    snapshot = models / "snapshots" / f"epoch_{kept.epoch:03d}.pt"
    assert (models / "model.pt").read_bytes() == snapshot.read_bytes()
    assert (models / "snapshots" / f"epoch_{len(history):03d}.pt").exists()
    assert runs_of(project)[0].data.metrics["epoch_kept"] == kept.epoch
    page = project.read("report/report.html")
    assert f"images for {kept.epoch} of {len(history)} epochs, since the validation loss was lowest then" in page
    assert f"The network of this report is that of epoch {kept.epoch}" in page


@pytest.mark.slow
@pytest.mark.soak
def test_a_killed_training_ends_with_the_same_network(reproduced: Project, tmp_path: Any) -> None:
    project = copy_project(reproduced, tmp_path)
    project.set(train={"epochs": 60, "keep": "best", "patience": 50, "momentum": 0.9})
    project.run(*training_command(project))
    expected = outputs(project)
    for _ in range(3):
        process = start(project, training_command(project))
        assert wait_for_progress(project, process)
        kill_tree(process, signal.SIGKILL)
    project.run(*training_command(project))
    assert outputs(project) == expected
