"""`make search`: what is tried, stopped, chosen and told, and that it goes on where it stopped."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pytest
from conftest import ROOT, TINY, change_params
from ruamel.yaml import YAML
from sqlalchemy import create_engine, text

from stages import cost, front, search, space, trials
from stages.curves import Epoch
from stages.errors import InputError
from stages.files import read_json
from stages.front import Candidate, Finalist
from stages.images import DataSet
from stages.params import Params
from stages.space import StopParams
from stages.training import Training
from stages.trials import on_plateau

SHIPPED = ROOT / "search" / "space.yaml"
STANDARD = DataSet(["circles", "crosses"], 116, 116, 1, "stretch", 255)


def change_space(file: Path, **sections: Any) -> None:
    """Set keys of the space file: a dictionary for a section, or a value for what is no section."""
    yaml = YAML()
    content = yaml.load(file.read_text(encoding="utf-8"))
    for section, values in sections.items():
        if isinstance(values, dict):
            content[section].update(values)
        else:
            content[section] = values
    with file.open("w", encoding="utf-8") as stream:
        yaml.dump(content, stream)


@pytest.fixture
def folder(split_images: Callable[..., Path], toy_images: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a split of toy images and a space for tiny networks, which one thread searches."""
    split_images(toy_images, val=3, test=3)
    root = Path.cwd()
    for source in (ROOT / "dvc.yaml", SHIPPED):
        shutil.copy(source, root / source.name)
    change_params(root / "params.yaml", model=TINY["model"], train=TINY["train"])
    change_space(
        root / "space.yaml",
        study={"trials": 3, "workers": 1, "repeats": 1, "startup": 2},
        space={
            "convolutions": {"low": 1, "high": 2},
            "channels": {"low": 1, "high": 3},
            "epochs": {"low": 1, "high": 3},
            "batch_size": [8],
        },
        known=[],
        limits={"accuracy": 0.0, "parameters": 100_000, "cost": 1000.0},
        final={"models": 2, "seeds": [0, 1]},
    )

    @contextmanager
    def in_this_process(workers: int) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(workers) as pool:
            yield pool

    monkeypatch.setattr(search, "pool_of", in_this_process)
    # MLflow leaves its address in the environment, where the next test would find it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(root))
    return root


def store_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def run(folder: Path) -> dict[str, Any]:
    search.main(folder / "space.yaml", folder / "report")
    found: dict[str, Any] = read_json(folder / "report" / "report.json")
    return found


def query(folder: Path, statement: str) -> list[Any]:
    engine = create_engine(f"sqlite:///{folder / 'search.db'}")
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(statement))]
    engine.dispose()
    return rows


def runs_below_the_parent(folder: Path) -> dict[str, Any]:
    client = mlflow.MlflowClient(store_of(folder))
    runs = client.search_runs([client.get_experiment_by_name("crosscheck").experiment_id])
    parents = [run for run in runs if run.info.run_name == "search small"]
    assert len(parents) == 1 and parents[0].info.status == "FINISHED"
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == len(runs) - 1
    named = {run.info.run_name: run for run in children}
    assert len(named) == len(children)
    return named


def test_a_search_reports_its_front_and_goes_on_when_there_is_more_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    first = run(folder)
    assert capsys.readouterr().err.count("warning: MLflow at ") == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_of(folder))
    assert first["trials"]["complete"] + first["trials"]["stopped"] == 3
    assert first["trials_at_test"] == [3]
    words = (folder / "report" / "report.md").read_text(encoding="utf-8")
    for each in first["front"]:
        assert f"| {each['trial']} | {each['val_accuracy']:.2%} |" in words
    assert (folder / "report" / "front.png").stat().st_size > 0
    for final in first["finalists"]:
        assert [one["seed"] for one in final["runs"]] == [0, 1]

    before = {file.name: file.read_bytes() for file in (folder / "report").iterdir()}
    assert run(folder) == first
    assert {file.name: file.read_bytes() for file in (folder / "report").iterdir()} == before
    assert query(folder, "SELECT count(*) FROM trials") == [(3,)]
    # What the outage kept from MLflow is there now, once.
    finals = {f"final {final['trial']} seed {seed}" for final in first["finalists"] for seed in (0, 1)}
    assert runs_below_the_parent(folder).keys() == {"trial 0", "trial 1", "trial 2"} | finals

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
        stop={"epochs": 2, "loss": 0.01},
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
    assert [point.step for point in client.get_metric_history(runs["trial 0"].info.run_id, "val_loss")] == [1, 2]


def test_a_trial_is_worth_its_worst_training_and_no_seed_follows_one_of_no_use(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = {0: 0.9, 1: 0.7, 2: 0.8, 3: 0.6, 4: 1.0, 5: 1.0}
    seeds: list[int] = []

    def fit(training: Training, stop: StopParams | None, classes: int) -> None:
        seed = training.params.seed - trials.FIRST_SEED
        seeds.append(seed)
        training.history.append(Epoch(1, 0.1, 1.0, 0.1, accuracies.get(seed, 0.5)))

    monkeypatch.setattr(trials, "fit", fit)
    change_space(folder / "space.yaml", study={"trials": 2, "repeats": 3}, limits={"accuracy": 0.65})
    found = run(folder)
    assert [each["val_accuracy"] for each in found["front"]] == [0.7]
    assert [seed for seed in seeds if seed >= 0] == [0, 1, 2, 3]


def test_what_is_over_a_limit_is_not_trained_and_takes_no_place_among_the_trials(folder: Path) -> None:
    # One convolution with one channel and a dense head has 10 + 98 + 2 parameters or more; an averaging one, 14.
    change_space(
        folder / "space.yaml",
        study={"trials": 2, "startup": 100},
        space={"head": ["dense", "average"], "convolutions": {"low": 1, "high": 1}, "pool": ["stride"], "hidden": [0]},
        limits={"parameters": 50},
    )
    found = run(folder)
    assert found["trials"]["complete"] + found["trials"]["stopped"] == 2
    assert all(each["parameters"] <= 50 for each in found["front"])
    over = found["trials"]["over_limit"]
    assert query(folder, "SELECT count(*) FROM trials") == [(2 + over,)]
    told = [child for child in runs_below_the_parent(folder).values() if child.data.tags.get("crosscheck.stopped")]
    assert sum(child.data.tags["crosscheck.stopped"].endswith("limit of 50 parameters") for child in told) == over


def test_known_points_are_tried_first_and_once(folder: Path) -> None:
    known = YAML(typ="safe").load(SHIPPED)["known"][0] | {"channels": [3], "epochs": 2, "batch_size": 8, "norm": "none"}
    change_space(folder / "space.yaml", study={"trials": 1}, known=[known])
    found = run(folder)
    tried = (
        mlflow.MlflowClient(store_of(folder)).get_run(runs_below_the_parent(folder)["trial 0"].info.run_id).data.params
    )
    assert (tried["model.channels"], tried["model.further_channels"], tried["train.epochs"]) == ("3", "[]", "2")
    assert run(folder) == found
    assert query(folder, "SELECT count(*) FROM trials") == [(1,)]


def test_a_trial_that_diverges_is_stopped_as_such(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(training: Training, on_step: Any) -> Epoch:
        raise InputError("the training loss became nan in epoch 1")

    monkeypatch.setattr(Training, "run_epoch", diverge)
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
    assert message.startswith("CROSSCHECK_SEARCH_DATABASE: postgresql://me:***@127.0.0.1:9/search cannot be opened")
    assert "secret" not in message and len(message.splitlines()) == 1


def test_a_search_needs_validation_images(split_images: Callable[..., Path], toy_images: Path) -> None:
    split_images(toy_images, val=0)
    shutil.copy(ROOT / "dvc.yaml", "dvc.yaml")
    with pytest.raises(InputError, match=r"split\.val is 0"):
        search.main(SHIPPED, Path("report"))


WRONG = [
    ("trials: 100", "trails: 100", ["study.trails is not a parameter", "did you mean 'trials'?"]),
    ("trials: 100", "trials: '100'", ["study.trials must be a whole number", "write it without quotes, as 100"]),
    ("pool: [max, avg, stride]", "pool: [max, mean]", ["space.pool.1 must be", "'max', 'avg', 'stride' or 'none'"]),
    ("pool: [max, avg, stride]", "pool: [max, max]", ["space.pool must name each value once"]),
    ("pool: [max, avg, stride]", "pool: []", ["space.pool must", "at least 1 item"]),
    ("epochs: {low: 1, high: 8}", "epochs: {low: 9, high: 8}", ["space.epochs must have a low", "not above its high"]),
    ("epochs: {low: 1, high: 8}", "epochs: {low: 2}", ["space.epochs.high is missing"]),
    ("convolutions: {low: 2, high: 5}", "convolutions: {low: 2, high: 7}", ["has room for 5 convolutions", "lower it"]),
    ("objectives: [accuracy,", "objectives: [speed,", ["objectives.0 must be", "'speed'"]),
    ("sgd: {low: 0.02, high: 1.0}", "sgd: {low: 0, high: 1.0}", ["space.lr.sgd.low must be greater than 0"]),
    ("pool: [max, avg, stride]", "pool: [max]", ["known.0.pool is stride, which is not in the space (max)"]),
    (
        "channels: {low: 2, high: 10}",
        "channels: {low: 3, high: 10}",
        ["known.2.channels is [2, 2, 2, 4, 6]", "3 to 10"],
    ),
    ("accuracy: 0.99", "accuracy: 99", ["limits.accuracy must be less than or equal to 1"]),
]


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[new for _, new, _ in WRONG])
def test_a_wrong_space_ends_in_one_line_that_names_file_key_and_remedy(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    shipped = SHIPPED.read_text(encoding="utf-8")
    assert shipped.count(old) == 1
    file = tmp_path / "space.yaml"
    file.write_text(shipped.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        space.load(file, STANDARD)
    line = str(caught.value)
    assert line.startswith(f"{file}: ") and len(line.splitlines()) == 1
    for word in words:
        assert word in line


def test_the_cost_of_base_is_what_arithmetic_says(params: Params) -> None:
    first, second = 114 * 114 * 9, 55 * 55 * 5
    found = cost.of(params.model, STANDARD, train_images=1500, epochs=10)
    assert found.parameters == 4_452_694
    assert found.multiply_adds == first * 9 + second * 9 * 9 + 27 * 27 * 5 * 1200 + 1200 * 64 + 64 * 2
    # The scaled image; each block's convolution, pooling and ReLU; flattening; each dense layer with its ReLU.
    blocks = first + 2 * 57 * 57 * 9 + second + 2 * 27 * 27 * 5
    assert found.activations == 116 * 116 + blocks + 27 * 27 * 5 + 2 * 1200 + 2 * 64 + 2
    assert found.training_cost == found.activations * 1500 * 10


def curve(*losses: tuple[float, float | None]) -> list[Epoch]:
    return [Epoch(number, train, 0.5, val, 0.5) for number, (train, val) in enumerate(losses, start=1)]


def test_the_plateau_is_where_no_loss_was_ever_below_chance() -> None:
    stop, chance = StopParams(epochs=2, loss=0.95), math.log(2)
    assert on_plateau(curve((chance, chance), (chance, chance)), stop, 2)
    assert not on_plateau(curve((chance, chance)), stop, 2), "too early to tell"
    # Batch normalisation: the training loss falls while the validation loss lags.
    assert not on_plateau(curve((chance, 3.0), (0.4, 2.0)), stop, 2)
    assert not on_plateau(curve((0.5, chance), (chance, chance)), stop, 2)
    # What is chance for two classes is learning for ten.
    assert not on_plateau(curve((chance, chance), (chance, chance)), stop, 10)


def candidate(params: Params, number: int, accuracy: float, parameters: int, training_cost: int = 10) -> Candidate:
    return Candidate(number, accuracy, parameters, 1, 1, training_cost, params.model, params.train)


def test_the_finalists_are_the_smallest_of_each_accuracy_in_turn(params: Params) -> None:
    sizes = {1.0: (900, 500), 0.995: (300, 400, 350), 0.99: (100,)}
    made = [candidate(params, size, accuracy, size) for accuracy, each in sizes.items() for size in each]
    assert [each.number for each in front.finalists(made, 5)] == [500, 300, 100, 900, 350]
    assert len(front.finalists(made, 100)) == 6


def test_the_winner_is_chosen_by_validation_whatever_the_test_set_says(params: Params) -> None:
    def final(number: int, val: list[float], test: float, parameters: int) -> Finalist:
        runs = [{"val_accuracy": value, "test_accuracy": test} for value in val]
        return Finalist(candidate(params, number, 1.0, parameters), runs)

    steady, lucky, smaller = (
        final(1, [0.98, 0.98], 0.1, 900),
        final(2, [1, 0.9], 1.0, 100),
        final(3, [0.98] * 2, 0, 800),
    )
    assert front.winner([steady, lucky]) == steady
    assert front.winner([steady, lucky, smaller]) == smaller
    assert front.winner([]) is None
    assert front.smallest([steady, lucky, smaller], 0.95) == lucky
    assert front.smallest([steady, lucky], 0.99) is None


def commands(folder: Path) -> tuple[list[str], dict[str, str]]:
    (folder / "stages").symlink_to(ROOT / "stages")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_", "PYTEST_"))}
    return [sys.executable, "-m", "stages.search", "--space", "space.yaml", "--report", "report"], env


@pytest.mark.soak
def test_two_workers_share_one_database(folder: Path) -> None:
    change_space(folder / "space.yaml", study={"trials": 4, "workers": 2}, final={"models": 1})
    words, env = commands(folder)
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("Winner: trial ")
    assert query(folder, "SELECT count(*), count(DISTINCT number) FROM trials") == [(4, 4)]
    assert {name for name in runs_below_the_parent(folder) if name.startswith("trial")} == {
        f"trial {number}" for number in range(4)
    }


@pytest.mark.soak
def test_two_sessions_share_one_search_and_a_killed_one_is_missed_by_nobody(folder: Path) -> None:
    change_space(folder / "space.yaml", study={"trials": 40}, final={"models": 1, "seeds": [0]})
    words, env = commands(folder)
    victim, other = (subprocess.Popen(words, cwd=folder, env=env, start_new_session=True) for _ in range(2))
    database = folder / "search.db"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if database.exists() and (folder / "mlflow.db").exists():
            break
        time.sleep(0.2)
    time.sleep(5)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    assert other.wait(timeout=600) == 0
    found = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    assert found["trials"]["complete"] + found["trials"]["stopped"] == 40
