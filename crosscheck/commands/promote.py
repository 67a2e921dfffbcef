"""Makes the current trained model the champion of MLflow's registry. Running it again changes nothing.

    python -m crosscheck promote

From then on, everybody who loads `models:/crosscheck@champion` gets this model.
"""

from crosscheck.core.errors import InputError
from crosscheck.data import dataset
from crosscheck.network import model_card
from crosscheck.pipeline import paths
from crosscheck.tracking import models, registry, stage_logging, store


def main() -> None:
    at = paths.read_paths("train")
    trained = model_card.load_trained(at["checkpoint"], at["card"])
    card = model_card.read_card(at["card"])
    recorder = stage_logging.open_run(at["card"])
    stage_logging.network(recorder, at["checkpoint"], at["card"], dataset.read(at["split"], "train", trained.data_set))
    if recorder.failed or recorder.run_id is None:
        raise InputError("the registry needs MLflow; do what the warning above says and run `make champion` again")
    version = registry.make_champion(recorder.run_id, card.sha256, models.describe_model(card))
    print(
        f"models:/{registry.MODEL}@{registry.ALIAS} is version {version}: {card.parameter_count:,} parameters, "
        f"checkpoint {card.sha256[:12]}, at {store.shown_uri()}"
    )
