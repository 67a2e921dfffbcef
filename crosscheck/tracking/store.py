"""The MLflow store: where it is, and how it is made without two processes breaking it between them."""

import logging
import os
import re
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from filelock import FileLock

from crosscheck.core import addresses
from crosscheck.core.errors import StoreError
from crosscheck.core.files import new_file, remove_state, write_text
from crosscheck.core.project import STATES, root
from crosscheck.tracking import experiment, notes, relocation

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
DEFAULT_EXPERIMENT = "crosscheck"
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
# How MLflow builds its tables is not news, and what fails comes as an exception too, without a traceback.
QUIET = {
    "mlflow.store.db.utils": logging.CRITICAL,
    "mlflow.tracking.client": logging.WARNING,
    "urllib3.connectionpool": logging.ERROR,
}


def uri() -> str:
    """`MLFLOW_TRACKING_URI`, or the sqlite file in the project's root. It may hold a password: show `shown_uri`."""
    return anchored(os.environ.get("MLFLOW_TRACKING_URI") or f"{addresses.SQLITE}{DATABASE}")


def shown_uri() -> str:
    """`uri` for messages: without passwords and other secrets."""
    return addresses.shown(uri())


def shown_place() -> str:
    """The last line of a result: where MLflow keeps the runs."""
    return f"MLflow      {shown_uri()}; `make ui` opens it"


def anchored(address: str) -> str:
    """The address of a database with the full name of the file where it is an sqlite file.

    A relative name counts from the project's root: DVC deletes the temporary copy that an experiment runs in.
    """
    return addresses.anchored(address, root())


def typed(command: str) -> str:
    """A command of MLflow's as a user types it in the project's root to act on this store."""
    own = uri() == addresses.sqlite_address(root() / DATABASE)
    return f"MLFLOW_TRACKING_URI={addresses.SQLITE}{DATABASE} {command}" if own else command


def connect() -> tuple[ModuleType, str]:
    """Import MLflow, point it at the store and return it with the experiment's id; both are made where missing.

    Raises StoreError where the store needs the user, and what MLflow raises where it cannot be reached
    (`tracking.Recorder` makes a warning of both).
    """
    prepare()
    import mlflow

    address = uri()
    mlflow.set_tracking_uri(address)
    name = experiment_name()
    with lock():
        try:
            found = mlflow.get_experiment_by_name(name)
        except ModuleNotFoundError as error:
            raise StoreError(
                f"the Python package {error.name} is missing, which this kind of address needs",
                "install it (`make postgresql` for psycopg2), or name another driver in MLFLOW_TRACKING_URI, as in postgresql+psycopg2://",
            ) from None
        if found is None:
            # MLflow freezes this location as an absolute path; a server decides on its own.
            location = (root() / ARTIFACTS / _folder(name)).as_uri() if address.startswith("sqlite") else None
            return mlflow, str(mlflow.create_experiment(name, artifact_location=location, tags=experiment.tags()))
        if found.lifecycle_stage == "deleted":
            restore = typed(f"mlflow experiments restore --experiment-id {found.experiment_id}")
            raise StoreError(f"the experiment {name!r} was deleted in MLflow", f"run `{restore}`")
        if name == DEFAULT_EXPERIMENT and notes.NOTE_TAG not in found.tags:
            # An earlier version made it. What a user has set meanwhile stays.
            for tag, value in experiment.tags().items():
                if tag not in found.tags:
                    mlflow.MlflowClient().set_experiment_tag(found.experiment_id, tag, value)
        return mlflow, str(found.experiment_id)


def experiment_name() -> str:
    """The experiment in which all is recorded."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT


def prepare() -> None:
    """Make the sqlite file where it is missing, and let the project's own follow the project to where it is now.

    Raises StoreError where files of the store were left behind, and sqlite3.Error where the file is damaged.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for logger, level in QUIET.items():
        logging.getLogger(logger).setLevel(level)
    _check_installation()
    file = addresses.sqlite_file(uri())
    if file is None:
        return
    with lock():
        if not file.exists():
            _make_database(file)
            return
        # MLflow would try for two minutes to open a file that cannot be opened.
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA schema_version")
        if root() in file.resolve().parents:
            relocation.follow(file, root() / ARTIFACTS)


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
    from mlflow import MlflowClient

    new_file(database, lambda new: MlflowClient(addresses.sqlite_address(new)).search_experiments(max_results=1))


def _folder(experiment: str) -> str:
    """A folder's name for an experiment of any name: one that holds a slash must not lead out of the project."""
    return re.sub(r"[^\w. -]", "-", experiment).strip(". ") or DEFAULT_EXPERIMENT


def _check_installation() -> None:
    spec = find_spec("mlflow")
    if spec is not None and "%" in str(spec.origin):
        raise StoreError(
            f"MLflow cannot work where its own path holds a percent sign, {Path(str(spec.origin)).parent}",
            "move the project, or its environment, to a folder without one",
        )
