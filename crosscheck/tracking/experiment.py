"""What the experiment of this project shows of itself in MLflow's pages: a note, and a view of its list of runs."""

import json
import time
from pathlib import Path

from crosscheck.tracking.notes import NOTE_TAG

# A view is what MLflow's pages keep where a user saves one: the columns of the list. `make ui` opens it by this name.
VIEW, VIEW_NAME = "crosscheck", "Accuracy and baselines"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
COLUMNS = [
    "metrics.`test/accuracy`",
    "metrics.`test/accuracy_low`",
    "metrics.`test/accuracy_high`",
    "metrics.`test/baseline_1nn`",
    "params.`parameter_count`",
]


def tags() -> dict[str, str]:
    """The tags of a new experiment."""
    now = int(time.time() * 1000)
    state = json.dumps({"selectedColumns": COLUMNS})
    view = {"name": VIEW_NAME, "createdAt": now, "updatedAt": now, "state": state}
    return {NOTE_TAG: note(), VIEW_TAG: json.dumps(view)}


def note() -> str:
    """How to read the list of runs, in Markdown."""
    return Path(__file__).with_name("experiment_note.md").read_text(encoding="utf-8").strip()
