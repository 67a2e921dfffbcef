"""The MLflow store: where it is, and how it is made without two processes breaking it between them."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

from filelock import FileLock

from stages.files import new_file, remove_state, write_text
from stages.project import STATES, root

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
DEFAULT_EXPERIMENT = "crosscheck"
SQLITE = "sqlite:///"
LOCK_SECONDS = 600
# A tracking server that does not answer must not hold up training; the user's own settings win.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# How MLflow builds its tables is no news, and what fails comes as an exception too, without a traceback.
QUIET = {
    "mlflow.store.db.utils": logging.CRITICAL,
    "mlflow.tracking.client": logging.WARNING,
    "urllib3.connectionpool": logging.ERROR,
}


def uri() -> str:
    """`MLFLOW_TRACKING_URI`, or the sqlite file in the project's root."""
    return anchored(os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{DATABASE}")


def anchored(address: str) -> str:
    """The address of a database with the full name of the file where it is an sqlite file.

    A relative name counts from the project's root: DVC deletes the temporary copy that an experiment runs in.
    """
    file = _sqlite_file(address)
    return address if file is None else f"{SQLITE}{root() / file}"


def _sqlite_file(address: str) -> Path | None:
    """The plain file that an sqlite address names; None for servers, and for sqlite's own file: addresses."""
    name = address.removeprefix(SQLITE)
    return None if name == address or name.startswith(("file:", ":")) or "?" in name else Path(name)


def connect() -> tuple[ModuleType, str]:
    """Import MLflow, point it at the store and return it with the experiment's id; both are made where missing.

    Raises what MLflow raises where the store cannot be reached (`tracking.Recorder` makes a warning of it).
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    for logger, level in QUIET.items():
        logging.getLogger(logger).setLevel(level)
    file = _sqlite_file(uri())
    if file is not None:
        _make_database(file)
    mlflow.set_tracking_uri(uri())
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    with lock():
        experiment = mlflow.get_experiment_by_name(name)
        if experiment is not None:
            return mlflow, str(experiment.experiment_id)
        # MLflow freezes this location as an absolute path; a server decides on its own.
        location = (root() / ARTIFACTS / name).as_uri() if uri().startswith("sqlite:") else None
        return mlflow, str(mlflow.create_experiment(name, artifact_location=location))


def lock() -> FileLock:
    """For what must not happen in two processes at once; it holds among all that use this project's folder."""
    return FileLock(root() / f".{DATABASE}.lock", timeout=LOCK_SECONDS)


def note_unfinished(checkpoint: str, training: str) -> None:
    """Note that the run of this training does not know its checkpoint, of this SHA-256, since the store was away."""
    write_text(_note_of(checkpoint), training)


def unfinished(checkpoint: str) -> str | None:
    """The name of the training of this checkpoint, where its run does not know the checkpoint yet."""
    note = _note_of(checkpoint)
    return note.read_text(encoding="utf-8") if note.exists() else None


def forget_unfinished(checkpoint: str) -> None:
    """The run of this checkpoint knows it now."""
    remove_state(_note_of(checkpoint))


def _note_of(checkpoint: str) -> Path:
    return root() / STATES / "unfinished" / checkpoint


def _make_database(database: Path) -> None:
    """Create the sqlite file under a temporary name first: two first users at once would leave it broken."""
    with lock():
        if database.exists():
            # MLflow would try for two minutes to open a file that cannot be opened.
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA schema_version")
            return
        from mlflow import MlflowClient

        new_file(database, lambda partial: MlflowClient(f"{SQLITE}{partial}").search_experiments(max_results=1))
