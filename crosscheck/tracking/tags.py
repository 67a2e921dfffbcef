"""The tags by which this project finds its runs again, and by which it knows what is recorded in them.

They hold hashes and keys, which tell people nothing, so that people do not see them: MLflow's UI hides the tags whose
names begin with `mlflow.`, and no others. They have to be tags, since MLflow finds runs by their tags, and not by what
their artifacts hold. Runs of earlier versions have these tags under former names, which everyone sees. Such runs keep
them, and are found by them as well.
"""

from collections.abc import Mapping
from typing import Any

# The SHA-256 of the checkpoint of a run, and the name of its training, before there is a checkpoint.
CHECKPOINT, TRAINING = "checkpoint", "training"


def hidden(name: str) -> str:
    """The whole name of one of these tags."""
    return f"mlflow.crosscheck.{name}"


def recorded(part: str) -> str:
    """The tag with the hash of what is recorded of a part of a run."""
    return f"recorded.{part}"


def read(tags: Mapping[str, str], name: str) -> str:
    """The value of one of these tags among all `tags` of a run or a model; empty where it is not there."""
    return tags.get(hidden(name)) or tags.get(_former(name), "")


def find_runs(client: Any, experiment: str, name: str, value: str) -> list[Any]:
    """The runs of an experiment in which the tag has this value, the newest first."""
    found = {
        run.info.run_id: run
        for tag in (hidden(name), _former(name))
        for run in client.search_runs([experiment], f"tags.`{tag}` = '{value}'")
    }
    return sorted(found.values(), key=lambda run: run.info.start_time, reverse=True)


def _former(name: str) -> str:
    return f"crosscheck.{name}"
