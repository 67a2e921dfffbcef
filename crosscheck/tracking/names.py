"""What MLflow's metrics and parameters are called: one name for one thing, in runs, studies and searches."""

import re

from crosscheck.tracking.usage import PEAK_MEMORY

SUBSET = re.compile(r"^(train|val|test)[._]")
# A training's figures as a whole have shorter names where they are kept.
WHOLE = {
    "accuracy": "val/accuracy",
    "epoch_seconds": "train/epoch_seconds",
    "seconds_per_epoch": "train/epoch_seconds",
    "training_seconds": "train/seconds",
    "seconds": "system/process_seconds",
    "peak_megabytes": PEAK_MEMORY,
}
# Numbers that follow from the parameters alone are parameters too.
CONSTANTS = {
    "parameters": "parameter_count",
    "multiply_adds": "multiply_adds",
    "activations": "activations",
    "weight_bytes": "weight_bytes",
    "training_cost": "training_cost",
}


def metric_name(name: str) -> str:
    """`train/loss` for `train_loss` and `train.loss`; other names stay. What is a name already stays as it is."""
    return WHOLE.get(name) or SUBSET.sub(r"\1/", name)


def split_constants(figures: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """The figures of a training as a whole: those that were measured, and those that are constants, by their names."""
    constants = {CONSTANTS[name]: value for name, value in figures.items() if name in CONSTANTS}
    return {name: value for name, value in figures.items() if name not in CONSTANTS}, constants
