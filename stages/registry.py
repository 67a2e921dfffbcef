"""MLflow's model registry: a version for each checkpoint that was promoted, and the alias of the best."""

from types import ModuleType
from typing import Any

from stages import store
from stages.errors import InputError
from stages.tracking import CHECKPOINT_TAG, outages

MODEL, ALIAS = "crosscheck", "champion"


def make_champion(run_id: str, checkpoint: str) -> int:
    """Let the alias name the version of the checkpoint with this SHA-256, which is made where there is none.

    `run_id`: the MLflow run that has its model. Returns the version. Raises InputError where the store fails.
    """
    try:
        mlflow, _ = store.connect()
        client = mlflow.MlflowClient()
        with store.lock():
            known = [
                version
                for version in client.search_model_versions(f"name = '{MODEL}'")
                if version.tags.get(CHECKPOINT_TAG) == checkpoint
            ]
            version = known[0] if known else _register(mlflow, client, run_id, checkpoint)
            client.set_registered_model_alias(MODEL, ALIAS, version.version)
    except outages() as error:
        problem = " ".join(str(error).split())[:200]
        raise InputError(f"MLflow at {store.uri()} does not register the model ({problem}); mend that first") from None
    return int(version.version)


def _register(mlflow: ModuleType, client: Any, run_id: str, checkpoint: str) -> Any:
    models = client.get_run(run_id).outputs.model_outputs
    if not models:
        raise InputError(f"MLflow at {store.uri()}: the run {run_id} has no model; delete the run and try again")
    return mlflow.register_model(f"models:/{models[-1].model_id}", MODEL, tags={CHECKPOINT_TAG: checkpoint})
