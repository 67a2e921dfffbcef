"""The search space: `search/space.yaml`, typed and checked as `params.yaml` is, and the points drawn from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from optuna import Trial
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import Channels, Head, Norm, Optimizer, Pool, Schedule, Seed, Width
from crosscheck.core.params import ModelParams, Section, TrainParams
from crosscheck.core.yaml_files import check_section, read_yaml
from crosscheck.data.dataset import DataSet
from crosscheck.network import shapes

GUIDE = "docs/reference/search-space.md"
Objective = Literal["accuracy", "parameters", "multiply_adds", "activations", "training_cost"]


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("distinct", "Input should name each value once")
    return values


Once = AfterValidator(_distinct)
Some = Field(min_length=1, max_length=100)


class Range(Section):
    """A range of whole numbers, both ends included."""

    low: int = Field(ge=1, le=4096, description="smallest value tried")
    high: int = Field(ge=1, le=4096, description="largest value tried")

    @model_validator(mode="after")
    def _is_ordered(self) -> Range:
        if self.low > self.high:
            raise PydanticCustomError("ordered", "Input should have a low that is not above its high")
        return self


class Rates(Section):
    """A range of learning rates."""

    low: float = Field(gt=0, le=1000, description="lowest learning rate tried")
    high: float = Field(gt=0, le=1000, description="highest learning rate tried")

    @model_validator(mode="after")
    def _is_ordered(self) -> Rates:
        if self.low > self.high:
            raise PydanticCustomError("ordered", "Input should have a low that is not above its high")
        return self


class RatesOf(Section):
    """Learning rates for each optimizer, since they do not compare."""

    sgd: Rates = Field(description="learning rates of SGD")
    adamw: Rates = Field(description="learning rates of AdamW")


class StudyParams(Section):
    name: str = Field(min_length=1, max_length=100, description="name of the search in the database")
    trials: int = Field(ge=1, le=100_000, description="finished trials in all")
    minutes: int = Field(ge=0, le=100_000, description="longest duration of a session, 0 for no limit")
    workers: int = Field(ge=1, le=256, description="processes on this machine, with one thread each")
    repeats: int = Field(ge=1, le=100, description="trainings of a trial, each with a seed; its lowest accuracy counts")
    startup_trials: int = Field(
        ge=1,
        le=100_000,
        description="trials drawn at random before the sampler learns",
        json_schema_extra={"formerly": "startup"},
    )
    seed: Seed = Field(description="seed of the sampler")


class SpaceParams(Section):
    convolutions: Range = Field(description="number of convolutions")
    channels: Range = Field(description="output channels of each convolution")
    pool: Annotated[list[Pool], Some, Once] = Field(description="kinds of pooling tried")
    head: Annotated[list[Head], Some, Once] = Field(description="heads tried")
    hidden: Annotated[list[Annotated[int, Field(ge=0)]], Some, Once] = Field(
        description="widths of one hidden layer, 0 for none"
    )
    norm: Annotated[list[Norm], Some, Once] = Field(description="kinds of normalisation tried")
    invert: Annotated[list[bool], Some, Once] = Field(description="polarities tried")
    batch_size: Annotated[list[Width], Some, Once] = Field(description="images in a step")
    optimizer: Annotated[list[Optimizer], Some, Once] = Field(description="optimizers tried")
    momentum: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Some, Once] = Field(description="momenta of SGD")
    lr: RatesOf = Field(description="learning rates of each optimizer")
    schedule: Annotated[list[Schedule], Some, Once] = Field(description="schedules tried")
    epochs: Range = Field(description="passes over the training images")


class EarlyStopping(Section):
    epochs: int = Field(ge=1, description="epochs that every trial gets")
    loss: float = Field(
        gt=0, le=1, description="share of the loss of guessing that no loss has come below on the plateau"
    )


class InitialPoint(Section):
    """A point of the space that is tried first."""

    channels: Annotated[list[Channels], Some] = Field(description="output channels of each convolution")
    pool: Pool = Field(description="as in the space, like all that follow")
    head: Head
    hidden: int
    norm: Norm
    invert: bool
    batch_size: int
    optimizer: Optimizer
    momentum: float = Field(description="momentum of SGD, 0 with AdamW")
    lr: float
    schedule: Schedule
    epochs: int

    def drawn(self) -> dict[str, Any]:
        """The same under the names by which `draw` asks for it."""
        plain = ("pool", "head", "hidden", "norm", "invert", "batch_size", "optimizer", "schedule", "epochs")
        return {
            "convolutions": len(self.channels),
            **{f"channels_{number}": width for number, width in enumerate(self.channels, start=1)},
            **{name: getattr(self, name) for name in plain},
            **({"momentum": self.momentum} if self.optimizer == "sgd" else {}),
            f"lr_{self.optimizer}": self.lr,
        }


class Constraints(Section):
    accuracy: float = Field(ge=0, le=1, description="lowest validation accuracy that is of use")
    parameters: int = Field(ge=1, description="most parameters")
    cost: float = Field(gt=0, description="highest training cost, as a share of that of params.yaml")


class FinalParams(Section):
    models: int = Field(ge=1, le=1000, description="models that are trained again, at most")
    seeds: Annotated[list[Seed], Some, Once] = Field(description="seeds that each is trained again with")


class Search(Section):
    """Every section of `search/space.yaml`."""

    study: StudyParams
    objectives: Annotated[list[Objective], Some, Once] = Field(description="figures that are traded off")
    space: SpaceParams
    initial_points: Annotated[list[InitialPoint], Field(max_length=1000)] = Field(
        description="points of the space tried first", json_schema_extra={"formerly": "known"}
    )
    constraints: Constraints = Field(json_schema_extra={"formerly": "limits"})
    early_stopping: EarlyStopping = Field(json_schema_extra={"formerly": "stop"})
    final: FinalParams


def load(file: Path, data_set: DataSet) -> Search:
    """Read and check `file` for images such as those of `data_set`.

    Raises InputError, in one line, for an unknown, missing or wrong key, and for more convolutions than fit.
    """
    search: Search = check_section(Search, read_yaml(file, "space"), file, guide=GUIDE)
    space = search.space
    for pool in space.pool:
        fitting = next(n for n in range(space.convolutions.high, -1, -1) if _fits(n, pool, data_set))
        if fitting < space.convolutions.high:
            raise InputError(
                f"{file}: space.convolutions.high is {space.convolutions.high}, but with pool {pool!r} an image of "
                f"{data_set.height} x {data_set.width} px has room for {fitting} convolutions; lower it to {fitting}"
            )
    for number, point in enumerate(search.initial_points):
        for name, tried in _outside(point, space):
            raise InputError(
                f"{file}: initial_points.{number}.{name} is {getattr(point, name)}, which is not in the space "
                f"({tried}); change one of them"
            )
    return search


def _outside(point: InitialPoint, space: SpaceParams) -> Iterator[tuple[str, str]]:
    """The keys of `point` that lie outside of `space`, each with what is tried there."""
    rates: Rates = getattr(space.lr, point.optimizer)
    ranges: list[tuple[str, list[Any], Range | Rates]] = [
        ("channels", [len(point.channels)], space.convolutions),
        ("channels", list(point.channels), space.channels),
        ("epochs", [point.epochs], space.epochs),
        ("lr", [point.lr], rates),
    ]
    for name, values, tried in ranges:
        if not all(tried.low <= value <= tried.high for value in values):
            yield name, f"{tried.low} to {tried.high}"
    names = ["pool", "head", "hidden", "norm", "invert", "batch_size", "optimizer", "schedule"]
    for name in [*names, *(["momentum"] if point.optimizer == "sgd" else [])]:
        if getattr(point, name) not in getattr(space, name):
            yield name, ", ".join(map(str, getattr(space, name)))


def _fits(convolutions: int, pool: Pool, data_set: DataSet) -> bool:
    if convolutions == 0:
        return True
    wanted = ModelParams.model_construct(channels=1, further_channels=[1] * (convolutions - 1), pool=pool)
    try:
        shapes.map_size(wanted, data_set.height, data_set.width)
    except InputError:
        return False
    return True


def draw(trial: Trial, space: SpaceParams, model: ModelParams, train: TrainParams) -> tuple[ModelParams, TrainParams]:
    """The point of the space that `trial` suggests; what the space leaves open is as in `model` and `train`."""
    depth = trial.suggest_int("convolutions", space.convolutions.low, space.convolutions.high)
    low, high = space.channels.low, space.channels.high
    channels = [trial.suggest_int(f"channels_{number}", low, high, log=True) for number in range(1, depth + 1)]
    hidden = trial.suggest_categorical("hidden", space.hidden)
    architecture = {
        "channels": channels[0],
        "further_channels": channels[1:],
        "pool": trial.suggest_categorical("pool", space.pool),
        "head": trial.suggest_categorical("head", space.head),
        "hidden": [hidden] if hidden else [],
        "norm": trial.suggest_categorical("norm", space.norm),
        "invert": trial.suggest_categorical("invert", space.invert),
    }
    optimizer = trial.suggest_categorical("optimizer", space.optimizer)
    rates: Rates = getattr(space.lr, optimizer)
    momentum = trial.suggest_categorical("momentum", space.momentum) if optimizer == "sgd" else 0.0
    recipe = {
        "epochs": trial.suggest_int("epochs", space.epochs.low, space.epochs.high),
        "batch_size": trial.suggest_categorical("batch_size", space.batch_size),
        "optimizer": optimizer,
        "lr": float(f"{trial.suggest_float(f'lr_{optimizer}', rates.low, rates.high, log=True):.3g}"),
        "momentum": momentum,
        "schedule": trial.suggest_categorical("schedule", space.schedule),
    }
    return (
        ModelParams.model_validate(model.model_dump() | architecture),
        TrainParams.model_validate(train.model_dump() | recipe),
    )
