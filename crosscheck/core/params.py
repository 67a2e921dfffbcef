"""The parameters: one typed, documented and checked class for each section of `params.yaml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import (
    NO_BACKBONE,
    Chance,
    Channels,
    Head,
    ImageChannels,
    Layout,
    Norm,
    Optimizer,
    Pixels,
    Pool,
    Schedule,
    Seed,
    TestSize,
    ValSize,
    Width,
)
from crosscheck.core.records import Record
from crosscheck.core.yaml_files import check_section, read_yaml

PARAMS_FILE = Path("params.yaml")


class Section(Record):
    """A section of `params.yaml` or of a file like it."""


class DataParams(Section):
    images: str = Field(min_length=1, description="folder with one sub-folder of images per class")
    height: Pixels = Field(description="height every image is brought to, in px")
    width: Pixels = Field(description="width every image is brought to, in px")
    channels: ImageChannels = Field(description="1 for grey, 3 for colour")
    fit: Literal["stretch", "pad"] = Field(description="stretch to the size, or keep the aspect ratio and pad")
    background: int = Field(ge=0, le=255, description="grey level behind transparent and padded pixels")
    layout: Layout = Field(
        description="whether the top folders are classes or ready-made subsets such as train and test; auto finds out",
        default="auto",
    )
    labels: str = Field(
        min_length=1,
        description="none, or a CSV file in the folder of images, with the columns path and label",
        default="none",
    )

    @field_validator("labels")
    @classmethod
    def _in_the_folder(cls, labels: str, info: ValidationInfo) -> str:
        if Path(labels).is_absolute() or ".." in Path(labels).parts:
            raise PydanticCustomError("outside", "be the name of a file in data.images")
        asked = info.data.get("layout", "auto")
        if labels != "none" and asked != "auto":
            raise PydanticCustomError("unused", "be none with data.layout '{layout}'", {"layout": asked})
        return labels


class SynthesizeParams(Section):
    images_per_class: int = Field(
        ge=1, le=10_000_000, description="images of each class", json_schema_extra={"formerly": "count"}
    )
    size: int = Field(ge=16, le=4096, description="height and width of an image, in px")
    stroke_width: float = Field(ge=1, le=40, description="width of the pen, in px of a 116 px image")
    seed: Seed = Field(description="seed of the drawing")
    rotation: float = Field(ge=0, le=180, description="largest rotation either way, in degrees")
    stroke_spread: float = Field(ge=0, le=40, description="largest change of the stroke width, in px of a 116 px image")
    noise: float = Field(ge=0, le=0.5, description="share of pixels flipped")
    displacement: float = Field(ge=0, le=116, description="largest shift along each axis, in px of a 116 px image")


class SplitParams(Section):
    test: TestSize = Field(description="test images of each class, or their share")
    val: ValSize = Field(description="validation images of each class, or their share; 0 for none")
    seed: Seed = Field(description="seed of the split")
    on_bad_image: Literal["fail", "skip"] = Field(description="stop at an unreadable image, or list it and go on")
    samples: int = Field(ge=1, le=50, description="images of each class on the sample sheet")
    group_by: str = Field(
        min_length=1,
        description="images that stay together: none, folder, or a regular expression with one group on the path",
        default="none",
    )
    folds: int = Field(ge=0, le=100, description="parts for a cross-validation, 0 for none", default=0)
    fold: int = Field(ge=0, description="which of the folds is the test set", default=0)

    @field_validator("group_by")
    @classmethod
    def _expression_with_one_group(cls, group_by: str) -> str:
        try:
            groups = re.compile(group_by).groups
        except (re.error, RecursionError, OverflowError) as error:
            raise PydanticCustomError(
                "expression", "be none, folder, or a regular expression ({why})", {"why": str(error)}
            ) from None
        if group_by not in ("none", "folder") and groups != 1:
            raise PydanticCustomError("expression", "be none, folder, or a regular expression with one group in ( )")
        return group_by

    @field_validator("folds")
    @classmethod
    def _more_than_one(cls, folds: int) -> int:
        if folds == 1:
            raise PydanticCustomError("folds", "be 0, or 2 or more")
        return folds

    @field_validator("fold")
    @classmethod
    def _one_of_the_folds(cls, fold: int, info: ValidationInfo) -> int:
        folds = info.data.get("folds")
        if folds is not None and fold >= max(folds, 1):
            raise PydanticCustomError("fold", "be below split.folds, which is {folds}", {"folds": folds})
        return fold


class ModelParams(Section):
    channels: Channels = Field(description="output channels of the first convolution")
    further_channels: list[Channels] = Field(max_length=12, description="output channels of each further convolution")
    norm: Norm = Field(description="what normalises the maps of each convolution")
    pool: Pool = Field(description="what halves the maps after each convolution")
    head: Head = Field(description="what turns the last maps into classes")
    hidden: Annotated[list[Width], Field(max_length=20)] | Literal["auto"] = Field(
        description="widths of the hidden layers of the head, or auto for the original's at this depth and pooling"
    )
    invert: bool = Field(description="give the network ink as 1 and paper as 0")
    centre: bool = Field(description="subtract the mean of the training images, channel by channel")
    backbone: str = Field(
        min_length=1,
        description="none, or timm's name of a network that takes the place of the convolutions",
        default=NO_BACKBONE,
    )
    pretrained: bool | Annotated[str, Field(min_length=1)] = Field(
        description="whether the backbone begins with weights from ImageNet, or a safetensors file of weights",
        default=False,
    )
    freeze: bool = Field(description="leave the weights of the backbone as they are", default=False)


class TrainParams(Section):
    images_per_class: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        description="training images of each class that are used, or all of them",
        json_schema_extra={"formerly": "images"},
    )
    epochs: int = Field(ge=1, le=100_000, description="passes over the training images")
    batch_size: int = Field(ge=1, le=1_000_000, description="images in a step")
    optimizer: Optimizer = Field(description="how a step follows from the gradients")
    lr: float = Field(gt=0, le=1000, description="learning rate")
    momentum: float = Field(ge=0, lt=1, description="momentum of SGD; AdamW has its own")
    weight_decay: float = Field(ge=0, le=10, description="L2 penalty of SGD, decoupled decay of AdamW")
    schedule: Schedule = Field(description="how the learning rate moves")
    precision: Literal["float32", "bfloat16"] = Field(description="number format of the products in training")
    seed: Seed = Field(description="seed of the initial weights, of the order of the images and of their changes")
    snapshots: int = Field(ge=0, le=1000, description="states of the network kept over the training, for the animation")

    processes: int = Field(ge=1, le=4096, description="processes that share each batch, here or on several hosts")
    keep: Literal["last", "best"] = Field(
        description="the network of the last epoch, or of the one with the lowest validation loss", default="last"
    )
    patience: int = Field(
        ge=0, description="epochs without a lower validation loss after which training stops, 0 for never", default=0
    )
    class_weights: Literal["none", "balanced"] = Field(
        description="whether images of rare classes count more in the loss", default="none"
    )

    @field_validator("momentum")
    @classmethod
    def _only_of_sgd(cls, momentum: float, info: ValidationInfo) -> float:
        if momentum and info.data.get("optimizer") == "adamw":
            raise PydanticCustomError("unused", "be 0 with train.optimizer 'adamw'")
        return momentum


class AugmentParams(Section):
    """Random changes of the training images, drawn anew for each image and epoch."""

    fliplr: Chance = Field(description="probability of a left-right flip", default=0.0)
    flipud: Chance = Field(description="probability of an upside-down flip", default=0.0)
    degrees: float = Field(ge=0, le=180, description="largest rotation either way, in degrees", default=0.0)
    translate: Chance = Field(description="largest shift along each axis, as a share of the size", default=0.0)
    scale: float = Field(ge=0, lt=1, description="largest zoom either way, as a share of the size", default=0.0)
    brightness: Chance = Field(description="largest change of the brightness either way, as a share", default=0.0)
    contrast: Chance = Field(description="largest change of the contrast either way, as a share", default=0.0)
    erasing: Chance = Field(description="probability that a rectangle is erased", default=0.0)


class EvaluateParams(Section):
    batch_size: int = Field(ge=1, le=1_000_000, description="images in a forward pass")
    calibration_bins: int = Field(ge=2, le=1000, description="equal-width bins of the calibration error")
    knn_images: int = Field(
        ge=1,
        description="training images the nearest-neighbour baseline may look at",
        json_schema_extra={"formerly": "neighbour_images"},
    )


class VisualizeParams(Section):
    dpi: int = Field(ge=30, le=600, description="resolution of the pictures, in dots per inch")
    example: int = Field(ge=0, description="index of the test image of each class whose feature maps are shown")
    mistakes: int = Field(ge=1, le=100, description="most confident mistakes shown")


class ExplainParams(Section):
    dpi: int = Field(ge=30, le=600, description="resolution of the pictures, in dots per inch")
    images: int = Field(ge=1, description="training images in which a channel looks for what excites it")
    probe_images: int = Field(ge=2, description="images that a linear probe is fitted on, and as many it is scored on")
    channels: int = Field(ge=1, le=64, description="channels of a layer that are drawn")
    classes: int = Field(ge=1, le=20, description="classes that are drawn")
    patches: int = Field(ge=1, le=20, description="patches shown of each channel")
    attributions: int = Field(
        ge=1,
        le=20,
        description="right answers, and as many wrong ones, that are explained",
        json_schema_extra={"formerly": "decisions"},
    )


class ComputeParams(Section):
    threads: int = Field(ge=1, le=1024, description="CPU threads, whatever the environment says")
    device: Literal["cpu", "cuda"] = Field(description="where the network runs")
    portable: bool = Field(description="the same bits on every x86-64 CPU with AVX2, or as fast as this machine can")


class Params(Section):
    """Every section of `params.yaml`."""

    data: DataParams
    synthesize: SynthesizeParams
    split: SplitParams
    model: ModelParams
    train: TrainParams
    augment: AugmentParams = AugmentParams()
    evaluate: EvaluateParams
    visualize: VisualizeParams
    explain: ExplainParams
    compute: ComputeParams


SECTIONS: dict[str, Any] = {name: field.annotation for name, field in Params.model_fields.items()}


def decisive(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """The `values` of the section `name` without those that change nothing: the neutral defaults of its parameters.

    A new parameter that can be off has that value as its default. Then the keys of results that were made before it was
    there stay as they are, and files that were written before are still read.
    """
    fields = SECTIONS[name].model_fields
    return {key: value for key, value in values.items() if key not in fields or not _is_neutral(fields[key], value)}


def decisive_sections(sections: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is `decisive` of each section, by its name; a section that came later and is off is left out."""
    kept = {name: decisive(name, values) for name, values in sections.items()}
    return {name: values for name, values in kept.items() if values}


def _is_neutral(field: FieldInfo, value: Any) -> bool:
    # True equals 1, and no default is equal to PydanticUndefined.
    return (type(value), value) == (type(field.default), field.default)


def load(file: Path = PARAMS_FILE) -> Params:
    """Read and check every section of `file`.

    Raises InputError, in one line, for a file that cannot be read, an unknown, missing or wrong key.
    """
    params: Params = check_section(Params, _read(file), file)
    return params


def load_section(name: str, file: Path = PARAMS_FILE) -> Any:
    """Read and check the one section `name` of `file`; the others are neither read nor checked."""
    content = _read(file)
    if name not in content:
        raise InputError(f"{file}: the section {name!r} is missing; docs/reference/parameters.md shows every section")
    return check_section(SECTIONS[name], content[name], file, (name,))


def _read(file: Path) -> dict[str, Any]:
    return read_yaml(file, "train", "run the stages from the project's root folder")
