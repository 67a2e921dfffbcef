"""The recorder by itself: what it tells MLflow once, what it finds again, and what an outage costs."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.tracking import WARNING, started

from crosscheck.core.errors import InputError
from crosscheck.tracking import run as tracking
from crosscheck.tracking import store
from crosscheck.tracking.run import Recorder
from crosscheck.tracking.tags import CHECKPOINT, hidden
from crosscheck.training.resume import Resumable


def told(recorder: Recorder, name: str) -> list[tuple[int, float]]:
    import mlflow

    return [(point.step, point.value) for point in mlflow.MlflowClient().get_metric_history(recorder.run_id, name)]


def garbage(root: Path) -> str:
    (root / "bad.db").write_bytes(b"this is not a database, and it is not empty either\n" * 100)
    return f"sqlite:///{root / 'bad.db'}"


def truncated(root: Path) -> str:
    started()
    content = (root / "mlflow.db").read_bytes()
    (root / "mlflow.db").write_bytes(content[: len(content) // 2])
    return f"sqlite:///{root / 'mlflow.db'}"


def read_only(root: Path) -> str:
    started()
    return f"sqlite:///file:{root / 'mlflow.db'}?mode=ro&uri=true"


def folder_in_its_place(root: Path) -> str:
    (root / "bad.db").mkdir()
    return f"sqlite:///{root / 'bad.db'}"


def unknown_kind(root: Path) -> str:
    return "gopher://127.0.0.1/store"


def not_mlflow_any_more(root: Path) -> str:
    started()
    with sqlite3.connect(root / "mlflow.db") as database:
        database.execute("DROP TABLE metrics")
        database.execute("DROP TABLE tags")
    return f"sqlite:///{root / 'mlflow.db'}"


OUTAGES = [garbage, truncated, read_only, folder_in_its_place, unknown_kind, not_mlflow_any_more]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.__name__)
def test_a_store_that_fails_costs_one_line_however_much_is_recorded(
    outage: Any, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    address = outage(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    capfd.readouterr()
    recorder = started()
    recorder.metrics({"train_loss": 0.5}, 1)
    recorder.finish("0" * 64)
    recorder.part("curve", "hash", lambda: recorder.points([(1, {"train_loss": 0.5})]))
    printed = capfd.readouterr()
    assert recorder.failed
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert printed.err.startswith(f"{WARNING}{store.uri()} does not record this run (")


def test_a_store_that_fails_in_the_middle_does_not_stop_the_training(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = started()
    recorder.metrics({"train_loss": 0.5}, 1)
    with sqlite3.connect(root / "mlflow.db") as database:
        database.execute("DROP TABLE metrics")
    recorder.metrics({"train_loss": 0.4}, 2)
    recorder.metrics({"train_loss": 0.3}, 3)
    assert recorder.failed
    assert capfd.readouterr().err.count("\n") == 1


def test_a_run_that_its_user_deleted_does_not_stop_the_training(root: Path) -> None:
    recorder = started()
    store.connect()[0].MlflowClient().delete_run(recorder.run_id)
    recorder.metrics({"train_loss": 0.4}, 2)
    assert recorder.failed


def test_an_outage_within_a_part_leaves_it_to_be_recorded_another_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = started()
    points = [(1, {"test_accuracy": 0.5})]
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "log_metrics", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
        recorder.part("evaluation", "hash", lambda: recorder.points(points))
    assert recorder.failed
    assert told(recorder, "test/accuracy") == []

    later = started(resumed=True)
    later.part("evaluation", "hash", lambda: later.points(points))
    assert told(later, "test/accuracy") == [(1, 0.5)]


def test_a_mistake_of_the_project_itself_is_not_passed_over(root: Path) -> None:
    recorder = started()

    def wrong() -> None:
        raise ValueError("a mistake")

    def refused() -> None:
        raise InputError("a user's mistake")

    with pytest.raises(ValueError, match="a mistake"):
        recorder.part("curve", "hash", wrong)
    with pytest.raises(InputError):
        recorder.part("curve", "hash", refused)
    assert not recorder.failed


def test_a_part_is_recorded_again_only_when_its_content_changed(root: Path) -> None:
    recorder = started()
    calls: list[str] = []
    for content in ("a", "a", "b"):
        recorder.part("pictures", content, lambda: calls.append("recorded"))
    assert calls == ["recorded"] * 2


def test_points_that_the_run_has_already_are_not_added_again(root: Path) -> None:
    recorder = started()
    recorder.metrics({"train_loss": 0.5, "val_loss": None}, 1)
    points = [(1, {"train_loss": 0.5, "val_loss": None}), (2, {"train_loss": 0.25, "val_loss": 0.125})]
    for _ in range(2):
        recorder.points(points)
    assert told(recorder, "train/loss") == [(1, 0.5), (2, 0.25)]
    assert told(recorder, "val/loss") == [(2, 0.125)]


def test_a_long_curve_passes_in_batches_that_a_server_takes(root: Path) -> None:
    recorder = started()
    recorder.points([(step, {"train_loss": step / 2}) for step in range(1, 1502)])
    assert not recorder.failed
    assert told(recorder, "train/loss")[-1] == (1501, 750.5)


def test_a_resumed_training_goes_on_with_its_run_and_logs_nothing_twice(root: Path) -> None:
    first = started()
    first.metrics({"train_loss": 0.5, "epoch_seconds": 1.0}, 1)
    second = started({"model.channels": 2, "train.lr": 0.1}, resumed=True)
    second.metrics({"train_loss": 0.5, "epoch_seconds": 3.0}, 1)
    second.metrics({"train_loss": 0.4, "epoch_seconds": 1.0}, 2)
    assert second.run_id == first.run_id
    assert not second.failed
    assert told(second, "train/loss") == [(1, 0.5), (2, 0.4)]
    assert told(second, "train/epoch_seconds") == [(1, 1.0), (2, 1.0)]


def test_a_resumed_training_whose_run_is_gone_gets_a_new_one(root: Path) -> None:
    first = started()
    store.connect()[0].MlflowClient().delete_run(first.run_id)
    again = started(resumed=True)
    assert again.run_id not in (None, first.run_id)
    assert not again.failed


def test_another_training_gets_another_run(root: Path) -> None:
    first, second = started(training="one"), started(training="two")
    third = started(training="one")
    assert len({first.run_id, second.run_id, third.run_id}) == 3


def test_a_training_that_was_killed_before_it_knew_its_run_goes_on_in_it(root: Path) -> None:
    with Resumable("key") as resumable:
        name, resumed = resumable.name()
        assert not resumed
    first = started(training=name)
    with Resumable("key") as resumable:
        assert resumable.name() == (name, True)
    assert started(training=name, resumed=True).run_id == first.run_id


def test_a_run_whose_end_the_store_missed_is_completed_later_and_not_made_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = started()
    recorder.metrics({"train_loss": 0.5}, 1)
    with monkeypatch.context() as patch:
        patch.setattr(tracking, "_client", lambda: (_ for _ in ()).throw(ConnectionError("gone")))
        recorder.metrics({"train_loss": 0.4}, 2)
        recorder.finish("c" * 64)
    assert recorder.failed

    for _ in range(2):
        later = Recorder()
        later.find_or_restore("c" * 64, {})
        assert later.run_id == recorder.run_id
        run = store.connect()[0].MlflowClient().get_run(later.run_id)
        assert run.info.status == "FINISHED"
        assert run.data.tags[hidden(CHECKPOINT)] == "c" * 64
    assert not list((root / ".checkpoints").rglob("c*"))


def slowed_down(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[float]:
    """The only value is the time: it stands still but for so many seconds that logging metrics takes.

    To be called first: on a busy machine, beginning a run may take as long as a training waits.
    """
    now = [time.monotonic()]
    log = tracking.log_metrics

    def slow(*told: Any) -> None:
        now[0] += seconds
        log(*told)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(tracking, "log_metrics", slow)
    return now


def test_a_store_that_answers_slowly_holds_up_a_training_for_half_a_minute_at_most(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    now = slowed_down(monkeypatch, 4)
    recorder = started()
    for step in range(1, 100):
        recorder.metrics({"train_loss": 0.5}, step)
    assert recorder.failed
    assert capfd.readouterr().err.count("answers too slowly") == 1
    assert now[0] - recorder.began < 60


def test_a_long_training_may_wait_longer_for_its_store(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = slowed_down(monkeypatch, 1)
    recorder = started()
    for step in range(1, 100):
        now[0] += 20
        recorder.metrics({"train_loss": 0.5}, step)
    assert not recorder.failed


def test_an_interrupted_training_closes_its_run_as_failed(root: Path) -> None:
    recorder = started()
    with pytest.raises(KeyboardInterrupt), recorder.watch():
        raise KeyboardInterrupt
    assert store.connect()[0].MlflowClient().get_run(recorder.run_id).info.status == "FAILED"


def test_a_checkpoint_is_found_under_its_own_experiment_first_and_then_as_the_newest(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, str | None] = {}
    for name in ("", "one", "two"):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        recorder = started()
        recorder.finish("c" * 64)
        made[name] = recorder.run_id
        time.sleep(0.005)  # MLflow orders by milliseconds

    for name, expected in (("", made[""]), ("one", made["one"]), ("three", made["two"])):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        found = Recorder()
        found.find_or_restore("c" * 64, {})
        assert found.run_id == expected
    other = Recorder()
    other.find_or_restore("d" * 64, {"model.channels": 2})
    assert other.run_id not in made.values()


def test_a_value_too_long_for_a_parameter_is_cut(root: Path) -> None:
    recorder = started({"data.classes": [f"class {index}" for index in range(2000)]})
    assert not recorder.failed
    params = store.connect()[0].MlflowClient().get_run(recorder.run_id).data.params
    assert params["data.classes"].startswith("['class 0', 'class 1'")


def test_a_relative_database_belongs_to_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.uri() == f"sqlite:///{root}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    assert store.uri() == f"sqlite:///{root}/mine.db"
    for address in ("sqlite:////elsewhere/mine.db", "http://127.0.0.1:5000", "postgresql://host/name"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert store.uri() == address
