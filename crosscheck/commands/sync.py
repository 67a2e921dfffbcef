"""Brings MLflow up to date with the results in the working tree. Running it again changes nothing.

    python -m crosscheck sync

It does what the stage `track` does. Use it after `dvc exp apply`, or after an outage of the tracking server.
"""

from crosscheck.core.errors import InputError
from crosscheck.pipeline import paths
from crosscheck.tracking import stage_logging


def main() -> None:
    at = paths.read_paths("track")
    missing = [str(path) for path in at.values() if not path.exists()]
    if missing:
        raise InputError(f"{missing[0]}: not found; run `dvc repro` or `dvc checkout` first")
    # After an interrupted run, the current figures may be those of the checkpoint before.
    changed = paths.changed("train", "evaluate", "visualize", "explain")
    if changed:
        raise InputError(f"{changed[0]}: not what DVC recorded with the other results; run `dvc repro` first")
    if stage_logging.record(stage_logging.Results(**at)).failed:
        raise InputError("MLflow could not be brought up to date; do as the warning says and run `make sync` again")
