"""Makes the current trained model the champion of MLflow's registry. Running it again changes nothing.

    python -m stages.promote

Whoever loads `models:/crosscheck@champion` from then on gets this model.
"""

from stages import cards, command, images, pipeline, recording, registry, store
from stages.errors import InputError


def main() -> None:
    at = pipeline.paths("train")
    trained = cards.load_checkpoint(at["checkpoint"], at["card"])
    card = cards.read(at["card"])
    recorder = recording.of_checkpoint(at["card"])
    recording.network(recorder, at["checkpoint"], at["card"], images.read(at["split"], "train", trained.data_set))
    if recorder.failed or recorder.run_id is None:
        raise InputError(
            "without MLflow there is no registry; do what the warning above says and run `make champion` again"
        )
    version = registry.make_champion(recorder.run_id, card["sha256"])
    print(
        f"models:/{registry.MODEL}@{registry.ALIAS} is version {version}: {card['parameter_count']:,} parameters, "
        f"checkpoint {card['sha256'][:12]}, at {store.shown_uri()}"
    )


if __name__ == "__main__":
    command.run(main)
