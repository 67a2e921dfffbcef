"""`make search`: what is tried, stopped, chosen and told, and that it goes on where it stopped."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from helpers.repository import ROOT
from helpers.search import SHIPPED, change_space
from helpers.toy_searches import query, run, runs_below_the_parent, store_of
from helpers.tracking import visible
from ruamel.yaml import YAML

from crosscheck.commands import search
from crosscheck.core.errors import InputError
from crosscheck.search import objective, results, runner
from crosscheck.search.space import EarlyStopping
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import DivergedError, Trainer


def check_what_the_runs_say(folder: Path, found: dict[str, Any]) -> None:
    """The parent has the report, its answers and the trials; each training has the names that all trainings have."""
    client = mlflow.MlflowClient(store_of(folder))
    children = runs_below_the_parent(folder)
    for name, child in children.items():
        assert not {metric for metric in child.data.metrics if "/" not in metric}
        assert {"train/loss", "val/accuracy", "train/seconds"} <= child.data.metrics.keys()
        assert ("test/accuracy" in child.data.metrics) == name.startswith("final")
        assert "images are right" in child.data.tags["mlflow.note.content"]
        assert visible(child.data.tags) <= {"crosscheck.stopped"}
    parent = client.get_run(children["trial 0"].data.tags["mlflow.parentRunId"])
    assert parent.data.metrics == {f"trials/{ended}": count for ended, count in found["trials"].items()}
    assert "`space/report.md`" in parent.data.tags["mlflow.note.content"]
    kept = {each.path for each in client.list_artifacts(parent.info.run_id, "space")}
    assert {"space/report.md", "space/report.json", "space/pareto_front.png"} <= kept


def test_a_search_reports_its_front_and_goes_on_when_there_is_more_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    first = run(folder)
    assert capsys.readouterr().err.count("warning: MLflow at ") == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(folder))
    assert first["trials"]["complete"] + first["trials"]["stopped"] == 3
    assert first["trials_at_test"] == [3]
    words = (folder / "space" / "report.md").read_text(encoding="utf-8")
    for each in first["front"]:
        assert f"| {each['trial']} | {each['val_accuracy']:.2%} |" in words
    assert (folder / "space" / "pareto_front.png").stat().st_size > 0
    for final in first["finalists"]:
        assert [one["seed"] for one in final["runs"]] == [0, 1]

    before = {file.name: file.read_bytes() for file in (folder / "space").iterdir()}
    assert run(folder) == first
    assert {file.name: file.read_bytes() for file in (folder / "space").iterdir()} == before
    assert query(folder, "SELECT count(*) FROM trials") == [(3,)]
    # What the outage kept from MLflow is there now, once.
    finals = {f"final {final['trial']} seed {seed}" for final in first["finalists"] for seed in (0, 1)}
    assert runs_below_the_parent(folder).keys() == {"trial 0", "trial 1", "trial 2"} | finals
    check_what_the_runs_say(folder, first)

    change_space(folder / "space.yaml", study={"trials": 4})
    second = run(folder)
    assert second["trials"]["complete"] + second["trials"]["stopped"] == 4
    assert query(folder, "SELECT count(*) FROM trials") == [(4,)]
    assert "trial 3" in runs_below_the_parent(folder)


def test_hopeless_trials_are_stopped_and_said_to_be_stopped(folder: Path) -> None:
    still = {"low": 1e-9, "high": 1e-9}
    change_space(
        folder / "space.yaml",
        study={"trials": 2},
        space={"optimizer": ["sgd"], "lr": {"sgd": still, "adamw": still}, "epochs": {"low": 3, "high": 3}},
        early_stopping={"epochs": 2, "loss": 0.01},
    )
    found = run(folder)
    assert found["trials"] == {"complete": 0, "stopped": 2, "over_limit": 0, "failed": 0}
    for each in found["stopped"]:
        assert each == {"trial": each["trial"], "epochs": 2, "of": 3, "reason": "on the plateau at ln 2 after epoch 2"}
    assert found["front"] == found["finalists"] == found["trials_at_test"] == []
    assert found["winner"] is None and found["smallest"] is None
    assert query(folder, "SELECT DISTINCT state FROM trials") == [("PRUNED",)]
    runs = runs_below_the_parent(folder)
    assert {child.info.status for child in runs.values()} == {"KILLED"}
    assert {child.data.tags["crosscheck.stopped"] for child in runs.values()} == {found["stopped"][0]["reason"]}
    client = mlflow.MlflowClient(store_of(folder))
    assert [point.step for point in client.get_metric_history(runs["trial 0"].info.run_id, "val/loss")] == [1, 2]


def test_a_trial_is_worth_its_worst_training_and_no_seed_follows_one_of_no_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = {0: 0.9, 1: 0.7, 2: 0.8, 3: 0.6, 4: 1.0, 5: 1.0}
    seeds: list[int] = []

    def fit(training: Trainer, stop: EarlyStopping | None, classes: int) -> None:
        seed = training.params.seed - objective.FIRST_SEED
        seeds.append(seed)
        training.history.append(Epoch(1, 0.1, 1.0, 0.1, accuracies.get(seed, 0.5)))

    monkeypatch.setattr(objective, "fit", fit)
    change_space(folder / "space.yaml", study={"trials": 2, "repeats": 3}, constraints={"accuracy": 0.65})
    found = run(folder)
    assert [each["val_accuracy"] for each in found["front"]] == [0.7]
    assert [seed for seed in seeds if seed >= 0] == [0, 1, 2, 3]


def test_what_is_over_a_limit_is_not_trained_and_takes_no_place_among_the_trials(folder: Path) -> None:
    # One convolution with one channel and a dense head has 10 + 98 + 2 parameters or more; an averaging one, 14.
    change_space(
        folder / "space.yaml",
        study={"trials": 2, "startup_trials": 100},
        space={"head": ["dense", "average"], "convolutions": {"low": 1, "high": 1}, "pool": ["stride"], "hidden": [0]},
        constraints={"parameters": 50},
    )
    found = run(folder)
    assert found["trials"]["complete"] + found["trials"]["stopped"] == 2
    assert all(each["parameters"] <= 50 for each in found["front"])
    over = found["trials"]["over_limit"]
    assert query(folder, "SELECT count(*) FROM trials") == [(2 + over,)]
    told = [child for child in runs_below_the_parent(folder).values() if child.data.tags.get("crosscheck.stopped")]
    assert sum(child.data.tags["crosscheck.stopped"].endswith("limit of 50 parameters") for child in told) == over


def test_known_points_are_tried_first_and_once(folder: Path) -> None:
    known = YAML(typ="safe").load(SHIPPED)["initial_points"][0] | {
        "channels": [3],
        "epochs": 2,
        "batch_size": 8,
        "norm": "none",
    }
    change_space(folder / "space.yaml", study={"trials": 1}, initial_points=[known])
    found = run(folder)
    tried = (
        mlflow.MlflowClient(store_of(folder)).get_run(runs_below_the_parent(folder)["trial 0"].info.run_id).data.params
    )
    assert (tried["model.channels"], tried["model.further_channels"], tried["train.epochs"]) == ("3", "[]", "2")
    assert run(folder) == found
    assert query(folder, "SELECT count(*) FROM trials") == [(1,)]


def test_a_trial_that_diverges_is_stopped_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(training: Trainer, on_step: Any = None) -> Epoch:
        raise DivergedError("the training loss became nan in epoch 1")

    monkeypatch.setattr(Trainer, "run_epoch", diverge)
    change_space(folder / "space.yaml", study={"trials": 1})
    found = run(folder)
    assert [each["reason"] for each in found["stopped"]] == ["diverged in epoch 1"]
    assert found["trials"] == {"complete": 0, "stopped": 1, "over_limit": 0, "failed": 0}


def test_the_test_set_is_read_after_the_last_trial_and_not_before(folder: Path) -> None:
    hidden = folder / "hidden.npy"
    (folder / "data" / "split" / "test.npy").rename(hidden)
    with pytest.raises(InputError, match=r"test\.npy: not found"):
        run(folder)
    assert query(folder, "SELECT count(*) FROM trials") == [(3,)]
    hidden.rename(folder / "data" / "split" / "test.npy")
    assert run(folder)["finalists"]


def test_a_search_does_not_go_on_with_another_space(folder: Path) -> None:
    change_space(folder / "space.yaml", study={"trials": 1}, final={"models": 1, "seeds": [0]})
    run(folder)
    change_space(folder / "space.yaml", space={"pool": ["max"]})
    with pytest.raises(InputError, match=r"the search 'small' was begun with other space; give study\.name another"):
        run(folder)


def test_a_database_out_of_reach_is_one_line_without_the_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSCHECK_SEARCH_DATABASE", "postgresql://me:secret@127.0.0.1:9/search")
    with pytest.raises(InputError) as caught:
        run(folder)
    message = str(caught.value)
    assert message.startswith("CROSSCHECK_SEARCH_DATABASE: postgresql://***@127.0.0.1:9/search cannot be opened")
    assert "secret" not in message and len(message.splitlines()) == 1


def test_a_damaged_result_in_the_database_is_one_line(folder: Path) -> None:
    change_space(folder / "space.yaml", study={"trials": 1}, final={"models": 1, "seeds": [0]})
    run(folder)
    study = runner.open_study(runner.read_setup(folder / "space.yaml"))
    (trial,) = study.get_trials()
    assert (results.result_of(trial).parameters, results.wanted_of(trial).train.epochs > 0) == (
        trial.user_attrs[results.RESULT]["parameters"],
        True,
    )
    trial.user_attrs[results.RESULT]["seconds"] = "long"
    with pytest.raises(InputError, match=r"^the search's database: trial 0: seconds must be a .*; give study\.name"):
        results.result_of(trial)


def test_a_search_needs_validation_images(split_images: Callable[..., Path], toy_images: Path) -> None:
    split_images(toy_images, val=0)
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    with pytest.raises(InputError, match=r"split\.val is 0"):
        search.main(SHIPPED)
