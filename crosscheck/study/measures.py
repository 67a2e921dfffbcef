"""What a study measures of its runs, in words: the title, the unit, and what exactly is estimated."""

from dataclasses import dataclass
from typing import Literal

Measure = Literal[
    "accuracy", "failures", "epochs", "overfitting", "shift", "scale", "rotation", "stroke", "noise", "inversion"
]
Unit = Literal["points", "share of runs", "epochs"]


@dataclass(frozen=True)
class Description:
    """`title`: in a heading or a table; `unit`: of a difference; `estimand`: what is estimated, in one sentence.

    `lower_is_better`: a negative difference speaks for the second variant.
    """

    title: str
    unit: Unit
    estimand: str
    lower_is_better: bool = False


_CONVERGED = "of the runs that converged; failed runs are left out, in both variants of a pair"

MEASURES: dict[Measure, Description] = {
    "accuracy": Description("Test accuracy", "points", f"The test accuracy {_CONVERGED}."),
    "failures": Description(
        "Runs that converged", "share of runs", "The share of all runs that converged; a failed run counts."
    ),
    "epochs": Description(
        "Epochs to the target",
        "epochs",
        "The epochs until the validation accuracy reaches the target, of all runs; one that never reaches it counts "
        "as slower than any other.",
        lower_is_better=True,
    ),
    "overfitting": Description(
        "Overfitting",
        "points",
        f"The accuracy on the training images after training minus the test accuracy, {_CONVERGED}.",
        lower_is_better=True,
    ),
    "shift": Description(
        "Accuracy on shifted images", "points", f"The mean accuracy on shifted test images {_CONVERGED}."
    ),
    "scale": Description(
        "Accuracy on scaled images", "points", f"The mean accuracy on enlarged and reduced test images {_CONVERGED}."
    ),
    "rotation": Description(
        "Accuracy on rotated images", "points", f"The mean accuracy on rotated test images {_CONVERGED}."
    ),
    "stroke": Description(
        "Accuracy with other stroke widths",
        "points",
        f"The mean accuracy on test images with thinner and wider strokes {_CONVERGED}.",
    ),
    "noise": Description(
        "Accuracy on noisy images",
        "points",
        f"The mean accuracy on test images with black and white pixels {_CONVERGED}.",
    ),
    "inversion": Description(
        "Accuracy on inverted images",
        "points",
        f"The accuracy on test images with black and white swapped {_CONVERGED}.",
    ),
}
