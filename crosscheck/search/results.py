"""What a search keeps with each trial and each final training in its database: under these names, as these records."""

from typing import Annotated, Any, TypeVar

from optuna import Study
from optuna.trial import FrozenTrial
from pydantic import BeforeValidator, Field, ValidationError

from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams, TrainParams
from crosscheck.core.records import Record
from crosscheck.core.validation_messages import describe_damage
from crosscheck.training.curves import Epoch

# `surplus` marks a trial that other sessions have left no room for.
WANTED, RESULT, SURPLUS = "wanted", "result", "surplus"


def _epoch(value: Any) -> Any:
    return Epoch(**value) if isinstance(value, dict) else value


Curve = list[Annotated[Epoch, BeforeValidator(_epoch)]]


class Wanted(Record):
    """What is trained."""

    model: ModelParams
    train: TrainParams


class TrialResult(Record):
    """What a trial came to.

    The first four are as in `complexity.Cost`; `accuracy`: the lowest of its trainings on the validation images;
    `curve`, `seconds`: of the first of them; `stopped`: why it did not run to its end, or None.
    """

    parameters: int
    multiply_adds: int
    activations: int
    training_cost: int
    accuracy: float | None = None
    curve: Curve = Field(default_factory=list)
    seconds: float = 0.0
    stopped: str | None


class FinalResult(Record):
    """What a second training of a finalist came to; `diverged`: why it broke off, or None."""

    seed: int
    val_accuracy: float
    test_accuracy: float
    diverged: str | None
    curve: Curve
    seconds: float


Kind = TypeVar("Kind", bound=Record)


def result_of(trial: FrozenTrial) -> TrialResult:
    """What a finished trial came to."""
    return _read(TrialResult, trial.user_attrs[RESULT], f"trial {trial.number}")


def wanted_of(trial: FrozenTrial) -> Wanted:
    """What a begun trial was to train."""
    return _read(Wanted, trial.user_attrs[WANTED], f"trial {trial.number}")


def final_of(study: Study, key: str) -> FinalResult:
    """The second training that the study keeps under `key`."""
    return _read(FinalResult, study.user_attrs[key], key)


def _read(kind: type[Kind], content: Any, where: str) -> Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problem = describe_damage(error)
        raise InputError(f"the search's database: {where}: {problem}; give study.name another name") from None
