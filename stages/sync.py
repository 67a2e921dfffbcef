"""Brings MLflow up to date with the results in the working tree. Running it again changes nothing.

    python -m stages.sync

For use after a run that DVC took from its cache, after `dvc exp apply`, or after an outage of the tracking server.
"""

from stages import command, images, pipeline, recording
from stages.errors import InputError


def main() -> None:
    at = pipeline.paths_of("split", "train", "evaluate", "visualize", "explain")
    # What is known of the machine is not kept with the results, and tells MLflow nothing.
    needed = [path for options in at.values() for name, path in options.items() if name != "machine"]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        raise InputError(f"{missing[0]}: not found; run `dvc repro` or `dvc checkout` first")
    # After an interrupted run, the figures at hand may be those of the checkpoint before.
    changed = pipeline.changed("train", "evaluate", "visualize", "explain")
    if changed:
        raise InputError(f"{changed[0]}: not what DVC recorded with the other results; run `dvc repro` first")
    split, trained, evaluated, drawn = at["split"], at["train"], at["evaluate"], at["visualize"]
    data_set = images.read_data_set(split["split"])
    recorder = recording.of_checkpoint(trained["card"])
    recording.curve(recorder, trained["curve"])
    examples = images.read(split["split"], "train", data_set)
    recording.network(recorder, trained["checkpoint"], trained["card"], examples)
    recording.evaluation(recorder, evaluated["metrics"], evaluated["table"])
    recording.pictures(recorder, drawn["plots"], drawn["samples"])
    recording.explanation(recorder, at["explain"]["report"])
    if recorder.failed:
        raise InputError("MLflow could not be brought up to date; do as the warning says and run `make sync` again")


if __name__ == "__main__":
    command.run(main)
