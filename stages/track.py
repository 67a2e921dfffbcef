"""Records the results of the other stages in MLflow.

    python -m stages.track --split data/split --checkpoint models/model.pt --card models/model.json \\
        --curve metrics/curve.csv --metrics metrics/test.json --predictions metrics/predictions.csv \\
        --suspects metrics/suspect_labels.csv --samples data/samples.png --plots plots --report report

It has no outputs, because tracking decides nothing. An outage of the tracking server is a warning, and `make sync`
records the rest later. `train` itself records each epoch as it ends.
"""

from pathlib import Path

from crosscheck.core import cli
from crosscheck.tracking import stage_logging


def main(
    split: Path,
    checkpoint: Path,
    card: Path,
    curve: Path,
    metrics: Path,
    predictions: Path,
    suspects: Path,
    samples: Path,
    plots: Path,
    report: Path,
) -> None:
    results = stage_logging.Results(
        split, checkpoint, card, curve, metrics, predictions, suspects, samples, plots, report
    )
    stage_logging.record(results)


if __name__ == "__main__":
    cli.run(main)
