"""The MLflow store: where it is, and how it is made without two processes breaking it between them."""

import os
from pathlib import Path
from types import ModuleType

from filelock import FileLock

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
DEFAULT_EXPERIMENT = "crosscheck"
# A tracking server that does not answer must not hold up training; the user's own settings win.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def root() -> Path:
    """The project's root: DVC's, also when the stage runs in a temporary copy, or else the working directory."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def uri() -> str:
    """`MLFLOW_TRACKING_URI`, or the sqlite file in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / DATABASE}"


def connect() -> tuple[ModuleType, str]:
    """Import MLflow, point it at the store and return it with the experiment's id; both are made where missing.

    Raises what MLflow raises where the store cannot be reached (`tracking.OUTAGES`).
    """
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    import mlflow

    local = uri().startswith("sqlite:")
    if local:
        _make_database(uri().removeprefix("sqlite:///"))
    mlflow.set_tracking_uri(uri())
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    with FileLock(root() / f".{DATABASE}.lock"):
        experiment = mlflow.get_experiment_by_name(name)
        if experiment is not None:
            return mlflow, str(experiment.experiment_id)
        # MLflow freezes this location as an absolute path; a server decides on its own.
        location = (root() / ARTIFACTS / name).as_uri() if local else None
        return mlflow, str(mlflow.create_experiment(name, artifact_location=location))


def _make_database(path: str) -> None:
    """Create the sqlite file under a temporary name first: two first users at once would leave it broken."""
    database = Path(path)
    with FileLock(root() / f".{DATABASE}.lock"):
        if database.exists():
            return
        from mlflow import MlflowClient

        partial = database.with_name(f"{database.name}.partial")
        partial.unlink(missing_ok=True)
        MlflowClient(f"sqlite:///{partial}").search_experiments(max_results=1)
        partial.replace(database)
