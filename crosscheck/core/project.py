"""Where the project is, and what has a fixed name in its root folder."""

import os
from pathlib import Path

# What outlives an interruption: a folder for each training, and notes for `make sync`.
STATES = ".checkpoints"
# Files of weights that the user has put there. Of the working directory, as all that `dvc.yaml` names.
WEIGHTS = "weights"


def root() -> Path:
    """The project's root: DVC's, also when the stage runs in a temporary copy, or else the working directory."""
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()
