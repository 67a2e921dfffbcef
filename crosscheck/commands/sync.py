"""Brings MLflow up to date with the results in the working tree. Running it again changes nothing.

    python -m crosscheck sync

For use after a run that DVC took from its cache, after `dvc exp apply`, or after an outage of the tracking server.
"""

from crosscheck.core.errors import InputError
from crosscheck.data import dataset
from crosscheck.pipeline import paths
from crosscheck.tracking import stage_logging


def main() -> None:
    at = paths.paths_of("split", "train", "evaluate", "visualize", "explain")
    # What is known of the machine is not kept with the results, and tells MLflow nothing.
    needed = [path for options in at.values() for name, path in options.items() if name != "machine"]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        raise InputError(f"{missing[0]}: not found; run `dvc repro` or `dvc checkout` first")
    # After an interrupted run, the figures at hand may be those of the checkpoint before.
    changed = paths.changed("train", "evaluate", "visualize", "explain")
    if changed:
        raise InputError(f"{changed[0]}: not what DVC recorded with the other results; run `dvc repro` first")
    split, trained, evaluated, drawn = at["split"], at["train"], at["evaluate"], at["visualize"]
    data_set = dataset.read_data_set(split["split"])
    recorder = stage_logging.of_checkpoint(trained["card"])
    stage_logging.curve(recorder, trained["curve"])
    examples = dataset.read(split["split"], "train", data_set)
    stage_logging.network(recorder, trained["checkpoint"], trained["card"], examples)
    stage_logging.evaluation(recorder, evaluated["metrics"], evaluated["table"])
    stage_logging.pictures(recorder, drawn["plots"], drawn["samples"])
    stage_logging.explanation(recorder, at["explain"]["report"])
    if recorder.failed:
        raise InputError("MLflow could not be brought up to date; do as the warning says and run `make sync` again")
