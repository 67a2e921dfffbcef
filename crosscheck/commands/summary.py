"""Prints the result in a few lines, and where to find the rest.

python -m crosscheck summary
"""

from crosscheck.pipeline import paths
from crosscheck.reporting import summary
from crosscheck.tracking import store


def main() -> None:
    at = paths.read_paths("track")
    names = ("card", "metrics", "predictions", "plots", "samples", "report")
    print(*summary.lines(*(at[name] for name in names)), store.shown_place(), sep="\n")
