"""Stops before DVC would remove a file that the project did not write. `make` runs it before it starts DVC.

    python -m crosscheck protect dvc.yaml

DVC empties the folder of an output before it runs the stage, and `check`, the first stage, does not always run: not
where nothing changed. This looks at the same folders each time, in a fraction of a second.
"""

from pathlib import Path

from crosscheck.core import ownership
from crosscheck.pipeline import paths


def main(*pipelines: Path) -> None:
    ownership.check(*(output for file in pipelines for output in paths.outputs(file)))
