"""Notes: what a run says of itself to people, in Markdown."""

import hashlib
from collections.abc import Mapping
from typing import Any

from crosscheck.evaluation import baselines
from crosscheck.tracking import tags
from crosscheck.tracking.changes import Changes

NOTE_TAG = "mlflow.note.content"
# The hash of the note that this project wrote last.
RECEIPT = "written"
# What MLflow takes as the value of a run's tag, in characters.
LONGEST = 8000
# More of them say less.
MOST_CHANGES = 12


def write_note(client: Any, run_id: str, note: str) -> None:
    """Give a run its note, unless a user has written another one meanwhile."""
    from mlflow.entities import RunTag

    known = client.get_run(run_id).data.tags
    if NOTE_TAG not in known or _hash(known[NOTE_TAG]) == tags.read(known, RECEIPT):
        client.log_batch(run_id, tags=[RunTag(name, value) for name, value in note_tags(note).items()])


def note_tags(note: str) -> dict[str, str]:
    """The tags of a new run that has this note."""
    shortened = note if len(note) <= LONGEST else f"{note[: LONGEST - 4]} ..."
    return {NOTE_TAG: shortened, tags.hidden(RECEIPT): _hash(shortened)}


def describe_scores(figures: Mapping[str, float], changes: Changes | None) -> str:
    """The note of a network with these `figures` on the test set: its accuracy, the baselines, and what is different.

    `figures` are shares of 1, as in metrics/test.json.
    """
    said = [describe_accuracy(*(figures[name] for name in ("accuracy", "n", "accuracy_low", "accuracy_high")))]
    # Figures of an earlier version call them otherwise.
    if baselines.NAMES.keys() <= figures.keys():
        said.append(
            f"Without a network: {figures['baseline_1nn']:.2%} nearest neighbour on pixels, "
            f"{figures['baseline_majority']:.2%} most frequent class."
        )
        if verdict := baselines.compare(figures):
            said.append(f"{verdict[0].upper()}{verdict[1:]}.")
    different = [describe_changes(changes.values, f"commit {changes.commit[:8]}")] if changes else []
    # MLflow folds a note of more than a few lines.
    return "\n\n".join([" ".join(said), *different])


def describe_accuracy(accuracy: float, n: float, low: float, high: float) -> str:
    """The share of `n` test images that is right, with the ends of its 95 % interval, all shares of 1.

    MLflow's list of runs shows the beginning of a note as it is written, so it has no signs of Markdown.
    """
    return f"{accuracy:.2%} of n = {n:,.0f} test images are right, 95 % interval {low:.2%} to {high:.2%}."


def describe_changes(values: Mapping[str, tuple[Any, Any]], base: str) -> str:
    """What a run does differently from `base`: for each parameter by its name the value there, and the run's own."""
    if not values:
        return f"The parameters are those of {base}."
    said = [f"`{name}` {_shown(own)}, not {_shown(there)}" for name, (there, own) in values.items()]
    more = [f"and {len(said) - MOST_CHANGES} more"] if len(said) > MOST_CHANGES else []
    return f"Different from {base}: {'; '.join([*said[:MOST_CHANGES], *more])}."


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hash(note: str) -> str:
    return hashlib.sha256(note.encode("utf-8")).hexdigest()
