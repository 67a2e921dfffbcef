"""Stops before DVC would remove a file that the project did not write. `make` runs it before it starts DVC.

    python -m crosscheck protect dvc.yaml

DVC empties the folder of an output before it runs the stage. `check`, the first stage, does not run if nothing has
changed. This command looks at the same folders each time, in a fraction of a second.
"""

from pathlib import Path

from crosscheck.core import ownership
from crosscheck.pipeline import paths


def main(*pipelines: Path) -> None:
    ownership.check(*(output for file in pipelines for output in paths.outputs(file)))
