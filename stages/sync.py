"""Brings MLflow up to date with the results in the working tree. Running it again changes nothing.

    python -m stages.sync

For use after a run that DVC took from its cache, after `dvc exp apply`, or after an outage of the tracking server.
"""

from stages import command, images, pipeline, recording
from stages.errors import InputError


def main() -> None:
    at = pipeline.paths("split", "train", "evaluate", "visualize", "explain")
    # The fingerprint is left to git, and tells MLflow nothing.
    missing = [str(path) for name, path in at.items() if name != "fingerprint" and not path.exists()]
    if missing:
        raise InputError(f"{missing[0]}: not found; run `dvc repro` or `dvc checkout` first")
    # After an interrupted run, the figures at hand may be those of the checkpoint before.
    changed = pipeline.changed("train", "evaluate", "visualize", "explain")
    if changed:
        raise InputError(f"{changed[0]}: not what DVC recorded with the other results; run `dvc repro` first")
    data_set = images.read_data_set(at["split"])
    recorder = recording.of_checkpoint(at["card"])
    recording.curve(recorder, at["curve"])
    recording.network(recorder, at["checkpoint"], at["card"], images.read(at["split"], "train", data_set))
    recording.evaluation(recorder, at["metrics"], at["table"])
    recording.pictures(recorder, at["plots"], at["samples"])
    recording.explanation(recorder, at["report"])
    if recorder.failed:
        raise InputError(
            "MLflow could not be brought up to date; do what the warning above says and run `make sync` again"
        )


if __name__ == "__main__":
    command.run(main)
