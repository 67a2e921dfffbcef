"""What fails in the store is told with what helps."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.tracking import found_run, started

from crosscheck.tracking import store


def said_of(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], address: str = "") -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    capfd.readouterr()
    assert found_run("b" * 64).failed
    said = capfd.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1, said.err
    return said.err.strip()


def change(root: Path, *statements: str) -> None:
    with sqlite3.connect(root / "mlflow.db") as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_experiment_that_was_deleted_is_named_with_the_command_that_restores_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found_run()
    mlflow, experiment = store.connect()
    mlflow.delete_experiment(experiment)
    said = said_of(root, monkeypatch, capfd)
    command = f"MLFLOW_TRACKING_URI=sqlite:///mlflow.db mlflow experiments restore --experiment-id {experiment}"
    assert said == (
        f"warning: MLflow at sqlite:///{root}/mlflow.db does not record this run (the experiment 'crosscheck' was "
        f"deleted in MLflow); nothing else is lost: run `{command}`, then `make sync` records it later"
    )
    # What it says is what helps.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    restored = subprocess.run(
        ["env", *command.replace(" mlflow ", f" {sys.executable} -m mlflow ").split()],
        cwd=root, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert restored.returncode == 0, restored.stderr
    assert not found_run("b" * 64).failed


def test_a_run_that_was_deleted_while_it_trains_is_named_and_recorded_anew(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = started()
    store.connect()[0].MlflowClient().delete_run(recorder.run_id)
    recorder.metrics({"train_loss": 0.4}, 2)
    recorder.finish("c" * 64)
    said = capfd.readouterr().err
    assert "(the run was deleted in MLflow); nothing else is lost: run `" in said
    assert f"mlflow runs restore --run-id {recorder.run_id}` if you want it back, then `make sync` records it" in said
    again = found_run("c" * 64)
    assert not again.failed and again.run_id != recorder.run_id


def test_a_run_that_was_deleted_before_it_is_evaluated_is_made_again(root: Path) -> None:
    recorder = found_run()
    store.connect()[0].MlflowClient().delete_run(recorder.run_id)
    again = found_run()
    assert not again.failed and again.run_id not in (None, recorder.run_id)


@pytest.mark.parametrize("further", [[], ["DROP TABLE trace_tags"]], ids=["same tables", "fewer tables"])
def test_a_database_of_a_newer_mlflow_is_said_to_be_one(
    further: list[str], root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found_run()
    shutil.copy(root / "mlflow.db", root / "newer.db")
    with sqlite3.connect(root / "newer.db") as connection:
        for statement in ("UPDATE alembic_version SET version_num = 'ffffffffffff'", *further):
            connection.execute(statement)
    said = said_of(root, monkeypatch, capfd, "sqlite:///newer.db")
    assert "(the database was made by a newer MLflow than the installed " in said
    assert "move it away, name another one in MLFLOW_TRACKING_URI, or install this project's environment again" in said
    assert said.endswith("`make sync` records it later")


def test_a_database_of_an_older_mlflow_is_named_with_the_command_that_brings_it_up_to_date(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import mlflow
    from alembic.script import ScriptDirectory

    found_run()
    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    script = ScriptDirectory(str(migrations))
    before = script.get_revision(script.get_current_head()).down_revision
    shutil.copy(root / "mlflow.db", root / "older.db")
    with sqlite3.connect(root / "older.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (before,))
    said = said_of(root, monkeypatch, capfd, "sqlite:///older.db")
    assert "(the database was made by an older MLflow than the installed " in said
    assert 'make a copy of it and run `mlflow db upgrade "$MLFLOW_TRACKING_URI"`, then `make sync`' in said


def garbage(root: Path) -> str:
    (root / "bad.db").write_bytes(b"this is not a database, and it is not empty either\n" * 100)
    return "sqlite:///bad.db"


def read_only(root: Path) -> str:
    return f"sqlite:///file:{root / 'mlflow.db'}?mode=ro&uri=true"


def folder(root: Path) -> str:
    (root / "bad.db").mkdir()
    return "sqlite:///bad.db"


DAMAGED = {
    garbage: "(file is not a database); nothing else is lost: move it away, so that a new one is made, then `make",
    read_only: "(attempt to write a readonly database); nothing else is lost: see that you may write it and its folder",
    folder: "(unable to open database file); nothing else is lost: see that it is a file",
}


@pytest.mark.parametrize("damage", DAMAGED, ids=lambda damage: damage.__name__)
def test_a_database_that_cannot_be_used_is_named_with_what_helps(
    damage: object, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found_run()
    said = said_of(root, monkeypatch, capfd, damage(root))  # type: ignore[operator]
    assert DAMAGED[damage] in said  # type: ignore[index]


def test_a_full_disk_under_the_database_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    recorder = started()
    capfd.readouterr()

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    recorder.part("curve", "hash", full)
    assert "(database or disk is full); nothing else is lost: make room on the disk, then `make sync`" in (
        capfd.readouterr().err
    )


def test_a_driver_that_is_not_installed_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = said_of(root, monkeypatch, capfd, "postgresql+pg8000://name:secret@127.0.0.1:9/x")
    assert "the Python package pg8000 is missing" in said and "secret" not in said and "`make postgresql`" in said
