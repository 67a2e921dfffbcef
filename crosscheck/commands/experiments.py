"""Prints how the experiments of the current commit fared on the test images, and what differs between them.

    python -m crosscheck experiments

The accuracy has its exact 95 % interval: where two of them overlap, the test images cannot tell the two networks apart.
`dvc exp show` has all parameters and all figures.
"""

import shutil

from crosscheck.pipeline import experiment_list, experiment_table


def main() -> None:
    found = experiment_list.read_experiments()
    print(*experiment_table.lay_out(found, shutil.get_terminal_size().columns), sep="\n")
