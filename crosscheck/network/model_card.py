"""The card: what `train` says in words of the checkpoint that it wrote."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from crosscheck.core.errors import InputError
from crosscheck.core.files import sha256, write_json
from crosscheck.core.params import AugmentParams, ComputeParams, ModelParams, TrainParams
from crosscheck.core.records import Record, read_record
from crosscheck.core.validation_messages import new_name
from crosscheck.data.guessing import Guess
from crosscheck.network.checkpoint import Checkpoint, load_checkpoint
from crosscheck.network.pretrained import BackboneSource

REMEDY = "run `dvc repro train` to make it again"


class CardData(Record):
    """The images: as in `DataSet`, and how many of them the network was trained on and validated with."""

    classes: list[str]
    height: int
    width: int
    channels: int
    fit: str
    background: int
    train_images: int
    train_images_of_class: list[int]
    val_images: int

    @field_validator("train_images_of_class")
    @classmethod
    def _one_for_each_class(cls, counts: list[int], info: ValidationInfo) -> list[int]:
        wanted = len(info.data.get("classes", [])), info.data.get("train_images")
        if min(counts, default=0) < 0 or (len(counts), sum(counts)) != wanted:
            raise PydanticCustomError("counts", "be the number of training images of each class")
        return counts

    @property
    def guess(self) -> Guess:
        """What is right of the training images without looking at them, where each counts the same."""
        return Guess(tuple(self.train_images_of_class))


class Description(Record):
    """All that the card says besides the hash; it is known before the training.

    `bits`: what decides the bits; `backbone`: what a backbone began with, None where there is none.
    """

    parameter_count: int
    model: ModelParams
    train: TrainParams
    # A card of an earlier version does not have it.
    augment: AugmentParams = AugmentParams()
    data: CardData
    compute: ComputeParams
    bits: dict[str, str]
    backbone: BackboneSource | None = None

    @property
    def guess(self) -> Guess:
        """What is right of the training images without looking at them, and the loss that this has in training."""
        return replace(self.data.guess, balanced=self.train.class_weights == "balanced")

    @field_validator("model", "train", "compute", mode="before")
    @classmethod
    def _by_new_names(cls, values: Any, info: ValidationInfo) -> Any:
        """A card of an earlier version has some parameters under earlier names."""
        kind = cls.model_fields[info.field_name or ""].annotation
        return {new_name(kind, key) or key: value for key, value in values.items()} if type(values) is dict else values


class ModelCard(Description):
    """The card of the checkpoint whose file has this SHA-256, in hexadecimal."""

    sha256: str


def write_card(description: Description, checkpoint: Path, file: Path) -> None:
    """Write the card of the file `checkpoint`."""
    write_json(file, {"sha256": sha256(checkpoint), **description.model_dump()})


def read_card(file: Path) -> ModelCard:
    """Read a card. Raises InputError where the file is missing or something else."""
    return read_record(ModelCard, file, REMEDY)


def load_trained(checkpoint: Path, card: Path) -> Checkpoint:
    """The network that the card describes. Raises InputError for a missing checkpoint and for any other one."""
    described = read_card(card).sha256
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint}: not found; run `dvc repro train` to make it")
    if sha256(checkpoint) != described:
        raise InputError(
            f"{checkpoint}: not the weights that train wrote ({card} has another SHA-256); run `dvc repro`"
        )
    return load_checkpoint(checkpoint)
