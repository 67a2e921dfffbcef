"""The result of a study's run and how long it took, as they stand in its files.

What a run has not come to is left out of its file: curve and vitals of a run that diverged in its first epoch, answers
and robustness of one that diverged at all. In the record these are empty.
"""

from typing import Any

from pydantic import Field

from crosscheck.core.records import Record
from crosscheck.data.guessing import Guess


class Images(Record):
    """The images that the run has seen."""

    classes: list[str]
    train_images: int
    train_images_of_class: list[int]
    val_images: int
    test_images: int

    @property
    def guess(self) -> Guess:
        """What is right of the training images without looking at them."""
        return Guess(tuple(self.train_images_of_class))


class NetworkCost(Record):
    """Multiplications and additions are those of a forward pass of one image."""

    parameters: int
    multiply_adds: int
    weight_bytes: int


class Curve(Record):
    """The training curve by columns, as in `training.curves.Epoch`."""

    epoch: list[int] = Field(default_factory=list)
    train_loss: list[float] = Field(default_factory=list)
    train_accuracy: list[float] = Field(default_factory=list)
    val_loss: list[float | None] = Field(default_factory=list)
    val_accuracy: list[float | None] = Field(default_factory=list)


class VitalsCurve(Record):
    """`diagnostics.Vitals` after each epoch, by columns."""

    first_gradient: list[float] = Field(default_factory=list)
    last_gradient: list[float] = Field(default_factory=list)
    spread: list[float] = Field(default_factory=list)
    dead: list[dict[str, float]] = Field(default_factory=list)


class Answers(Record):
    """The answers to the test images: their packed places, true and predicted labels, and the mean loss."""

    row: list[int] = Field(default_factory=list)
    actual: list[int] = Field(default_factory=list)
    predicted: list[int] = Field(default_factory=list)
    log_loss: float | None = None


class DistortionCurve(Record):
    """The accuracy on the test images at each level of a distortion."""

    level: list[float]
    accuracy: list[float | None]


class RunResult(Record):
    """What follows from parameters, images and code alone. `diverged`: a loss or a weight became no number.

    `train_accuracy`: of the network that is kept, on its training images as they are.
    """

    data: Images
    cost: NetworkCost
    curve: Curve
    vitals: VitalsCurve
    diverged: bool
    train_accuracy: float | None = None
    test: Answers
    robustness: dict[str, DistortionCurve]

    def content(self) -> dict[str, Any]:
        """The result as plain values, without what the run has not come to."""
        return self.model_dump(exclude_unset=True)


class StoredResult(RunResult):
    """A result in its file, with the hash of all that it follows from."""

    key: str


class RunTiming(Record):
    """What a run took on this machine; `seconds` are those of its process, from beginning to end."""

    seconds_per_epoch: float | None
    training_seconds: float
    seconds: float
    peak_megabytes: float = Field(description="largest resident memory, in MiB")
    machine: dict[str, str]
