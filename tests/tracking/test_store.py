"""The store's addresses are shown without secrets, and what fails in it is told with what helps."""

import ast
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.project import Project
from helpers.repository import modules
from helpers.servers import free_port, stop, wait_for
from helpers.tracking import client_of, started

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.search import storage
from crosscheck.tracking import store
from crosscheck.tracking.run import Recorder

MODULES = modules()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the project's root, with no tracking settings of the user's."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.setenv(name, "")
    return tmp_path


def found(checkpoint: str = "a" * 64) -> Recorder:
    recorder = Recorder()
    recorder.find_or_restore(checkpoint, {"model.channels": 2})
    return recorder


# Secrets.

ADDRESSES = {
    "http://name:secret@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://secret@127.0.0.1:9/pre": "http://***@127.0.0.1:9/pre",
    "http://name:secret@a@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://name:a/secret?b@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://name:a://secret@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://127.0.0.1:9?token=secret": "http://127.0.0.1:9?***",
    "http://127.0.0.1:9/#secret": "http://127.0.0.1:9/?***",
    "http://name:the%20secret@127.0.0.1:9": "http://***@127.0.0.1:9",
    "http://name:secret@no port:xx": "http://***@no port:xx",
    "name:secret@127.0.0.1": "***@127.0.0.1",
    "postgresql+psycopg2://name:secret@127.0.0.1:9/runs?sslpassword=secret": "postgresql+psycopg2://***@127.0.0.1:9/runs?***",
    "sqlite+pysqlcipher://:secret@/file.db": "sqlite+pysqlcipher://***@/file.db",
    "gopher://name:secret@127.0.0.1": "gopher://***@127.0.0.1",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_shown_without_what_may_be_a_secret(address: str) -> None:
    assert addresses.shown(address) == ADDRESSES[address]


@pytest.mark.parametrize(
    "address", ["sqlite:////home/me@work/mlflow.db", "http://127.0.0.1:5000", "sqlite:///a?timeout=5"]
)
def test_an_address_without_a_secret_is_shown_whole(address: str) -> None:
    assert addresses.shown(address) == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_store_out_of_reach_is_reported_without_its_secret(
    address: str, root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert found().failed
    said = capfd.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert said.err.startswith(f"warning: MLflow at {ADDRESSES[address]} does not record this run (")
    assert "secret" not in said.err


def test_a_password_of_its_own_variable_is_taken_out_of_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "my secret")
    monkeypatch.setenv("CROSSCHECK_SEARCH_DATABASE", "postgresql://me:another%40secret@host/x")
    said = addresses.hidden("got my secret,\n another@secret and another%40secret from http://x:y@host/path?q=z")
    assert said == "got ***, *** and *** from http://***@host/path?***"


@pytest.mark.parametrize("address", ["postgresql://me:{secret}@127.0.0.1:9/x", "postgresql://me:secret@127.0.0.1:xx/x"])
def test_a_search_s_database_out_of_reach_is_one_line_without_its_secret(
    address: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    monkeypatch.setenv("CROSSCHECK_SEARCH_DATABASE", address)
    with pytest.raises(InputError, match="cannot be opened") as caught:
        storage.open_study(storage.address(), "x", [], {}, optuna.samplers.RandomSampler())
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a%2Fb", "{x}?", "a#b"])
def test_a_search_in_a_folder_of_any_name_has_its_database_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna
    from optuna.study import StudyDirection

    root = tmp_path / name / "project"
    root.mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.delenv("CROSSCHECK_SEARCH_DATABASE", raising=False)
    sampler = optuna.samplers.RandomSampler()
    storage.open_study(storage.address(), "x", [StudyDirection.MAXIMIZE], {}, sampler)
    assert storage.load_study(storage.address(), "x", sampler).study_name == "x"
    assert (root / "search.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def told_raw(module: Path) -> list[str]:
    """Where a text has an address put into it as it is."""
    return [
        ast.unparse(value)
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for value in node.values
        if isinstance(value, ast.FormattedValue)
        if ast.unparse(value.value)
        in ("uri()", "store.uri()", "address", "address()", "database.address()", "url", "setup.url")
    ]


@pytest.mark.parametrize("module", [each for each in MODULES if each.stem != "addresses"], ids=lambda path: path.stem)
def test_no_text_holds_an_address_as_it_is(module: Path) -> None:
    assert told_raw(module) == []


def test_the_search_for_such_texts_finds_them(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("print(f'at {store.uri()}')\nraise InputError(f'{url}: no')\n", encoding="utf-8")
    assert len(told_raw(tmp_path / "bad.py")) == 2


def test_every_command_that_names_the_store_hides_its_password(reproduced: Project) -> None:
    address = f"http://name:secret@127.0.0.1:{free_port()}?token=secret"
    quick = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
    for words in (
        ["-m", "crosscheck", "summary"],
        ["-m", "crosscheck", "sync"],
        ["-m", "crosscheck", "promote"],
        ["-m", "crosscheck", "ui"],
    ):
        done = reproduced.run(sys.executable, *words, check=False, MLFLOW_TRACKING_URI=address, **quick)
        assert "http://***@127.0.0.1" in done.stdout + done.stderr, words
        assert "secret" not in done.stdout + done.stderr, words
        assert "Traceback" not in done.stderr


# What fails.


def said_of(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], address: str = "") -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    capfd.readouterr()
    assert found("b" * 64).failed
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
    found()
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
    assert not found("b" * 64).failed


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
    again = found("c" * 64)
    assert not again.failed and again.run_id != recorder.run_id


def test_a_run_that_was_deleted_before_it_is_evaluated_is_made_again(root: Path) -> None:
    recorder = found()
    store.connect()[0].MlflowClient().delete_run(recorder.run_id)
    again = found()
    assert not again.failed and again.run_id not in (None, recorder.run_id)


@pytest.mark.parametrize("further", [[], ["DROP TABLE trace_tags"]], ids=["same tables", "fewer tables"])
def test_a_database_of_a_newer_mlflow_is_said_to_be_one(
    further: list[str], root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found()
    shutil.copy(root / "mlflow.db", root / "newer.db")
    with sqlite3.connect(root / "newer.db") as connection:
        for statement in ("UPDATE alembic_version SET version_num = 'ffffffffffff'", *further):
            connection.execute(statement)
    said = said_of(root, monkeypatch, capfd, "sqlite:///newer.db")
    assert "(the database was made by a newer MLflow than the installed " in said
    assert "move it away, name another one in MLFLOW_TRACKING_URI, or install this project's environment anew" in said
    assert said.endswith("`make sync` records it later")


def test_a_database_of_an_older_mlflow_is_named_with_the_command_that_brings_it_up_to_date(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import mlflow
    from alembic.script import ScriptDirectory

    found()
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
    found()
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
    assert "the Python package pg8000 is missing" in said and "secret" not in said


# What leaves this machine.

WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        name = arguments[1][0] if event == "socket.connect" and isinstance(arguments[1], tuple) else arguments[0]
        if isinstance(name, str) and name not in ("127.0.0.1", "localhost", "::1", "0.0.0.0", ""):
            with open(os.environ["WATCHED"], "a") as file:
                file.write(f"{event} {name}\\n")
sys.addaudithook(watch)
"""


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings with which every Python process notes each address outside of this machine that it asks for."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    log = tmp_path / "asked.txt"
    log.touch()
    yield {"PYTHONPATH": str(tmp_path / "watch"), "WATCHED": str(log)}
    assert log.read_text(encoding="utf-8") == ""


def test_the_watch_itself_notes_what_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
    code = "import socket\ntry:\n    socket.getaddrinfo('collector.invalid', 443)\nexcept OSError:\n    pass"
    env = os.environ | {"PYTHONPATH": str(tmp_path), "WATCHED": str(tmp_path / "asked.txt")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8") == "socket.getaddrinfo collector.invalid\n"


def test_sync_and_promote_ask_nobody(copy_of_reproduced: Project, watched: dict[str, str]) -> None:
    for name in ("sync", "promote"):
        copy_of_reproduced.run(sys.executable, "-m", "crosscheck", name, **watched)
    assert len(client_of(copy_of_reproduced).search_model_versions("name = 'crosscheck'")) == 1


@pytest.mark.slow
def test_make_ui_asks_nobody_and_starts_no_program_with_the_address(
    copy_of_reproduced: Project, watched: dict[str, str], tmp_path: Path
) -> None:
    project = copy_of_reproduced
    project.command("sync")
    port, log = free_port(), tmp_path / "ui.log"
    command = ["make", "-s", "-o", ".venv/.ready", "ui", f"PORT={port}"]
    address = f"sqlite:///{project.folder / 'mlflow.db'}?timeout=5.25"
    env = project.env | watched | {"MLFLOW_TRACKING_URI": address}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=project.folder, env=env, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        words = [
            file.read_bytes()
            for file in Path("/proc").glob("[0-9]*/cmdline")
            if os.getpgid(int(file.parent.name)) == server.pid
        ]
        assert any(b"mlflow" in each for each in words)
        assert not [each for each in words if b"timeout=5.25" in each]
    finally:
        stop(server)
