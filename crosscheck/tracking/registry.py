"""MLflow's model registry: a version for each checkpoint that was promoted, and the alias of the best."""

import re
from pickle import UnpicklingError
from types import ModuleType
from typing import Any
from zipfile import BadZipFile

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.core.project import root
from crosscheck.tracking import store, tags
from crosscheck.tracking.notes import NOTE_TAG
from crosscheck.tracking.outages import describe, explained, outages
from crosscheck.tracking.tags import CHECKPOINT

MODEL, ALIAS = "crosscheck", "champion"
DESCRIPTION = (
    "Tells the classes of images apart. It takes images as uint8, (n, channels, height, width), and gives a logit for "
    f"each class. The version with the alias `{ALIAS}` is the one that `make champion` chose last."
)
# What loading a model raises where its files are damaged, beside what a failing store raises.
UNREADABLE: tuple[type[Exception], ...] = (
    RuntimeError, ValueError, LookupError, TypeError, EOFError, UnpicklingError, BadZipFile, ImportError,
)  # fmt: skip


def make_champion(run_id: str, checkpoint: str, description: str = "") -> int:
    """Let the alias name the version of the checkpoint with this SHA-256, which is made where there is none.

    `run_id`: the MLflow run that has its model. `description`: of a new version, in Markdown; the run's own note is put
    below it. Returns the version. Raises InputError where the store fails, and where MLflow cannot load the model: then
    neither a version nor the alias is changed.
    """
    with explained("does not register the model"):
        mlflow, _ = store.connect()
        client = mlflow.MlflowClient()
        with store.lock():
            version = _known(mlflow, client, checkpoint)
            if not version:
                version = _register(mlflow, client, run_id, checkpoint)
                _describe(client, version, f"{description}\n\n{client.get_run(run_id).data.tags.get(NOTE_TAG, '')}")
            client.set_registered_model_alias(MODEL, ALIAS, version.version)
    return int(version.version)


def _known(mlflow: ModuleType, client: Any, checkpoint: str) -> Any:
    """A version of this checkpoint whose model can still be loaded, or None."""
    for version in client.search_model_versions(f"name = '{MODEL}'"):
        if tags.read(version.tags, CHECKPOINT) == checkpoint and not _problem(
            mlflow, f"models:/{MODEL}/{version.version}"
        ):
            return version
    return None


def _register(mlflow: ModuleType, client: Any, run_id: str, checkpoint: str) -> Any:
    models = client.get_run(run_id).outputs.model_outputs
    address = f"models:/{models[-1].model_id}" if models else ""
    problem = _problem(mlflow, address) if models else "it has none"
    if problem and addresses.sqlite_file(store.uri()) and re.search("%[0-9A-Fa-f]{2}", str(root())):
        raise InputError(
            f"{root()}: MLflow cannot load a model from a folder whose path holds a percent sign "
            "before two digits of a hexadecimal number; move the project to another folder and run this again"
        )
    if problem:
        delete = store.typed(f"mlflow runs delete --run-id {run_id}")
        raise InputError(
            f"MLflow at {store.shown_uri()}: the model of the run {run_id} cannot be loaded ({problem}); "
            f"run `{delete}`, then `make champion` records it again"
        )
    return mlflow.register_model(address, MODEL, tags={tags.hidden(CHECKPOINT): checkpoint})


def _describe(client: Any, version: Any, description: str) -> None:
    """Describe a new version, and the model that it is of, unless a user has done so."""
    client.update_model_version(MODEL, version.version, description.strip())
    if not client.get_registered_model(MODEL).description:
        client.update_registered_model(MODEL, DESCRIPTION)


def _problem(mlflow: ModuleType, address: str) -> str:
    """Why MLflow cannot load the model, or an empty text."""
    try:
        mlflow.pyfunc.load_model(address)
    except outages() + UNREADABLE as error:
        return describe(error)[0]
    return ""
