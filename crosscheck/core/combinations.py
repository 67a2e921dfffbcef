"""What no section of `params.yaml` can tell alone: values that do not go together."""

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, TrainParams


def check(params: Params) -> None:
    """Raise InputError, in one line, where values of different sections do not go together."""
    # Ready-made subsets may bring validation images of their own; the training itself knows.
    if not params.split.val and params.data.layout != "subsets" and params.data.labels == "none":
        refuse_without_validation(params.train)


def refuse_without_validation(train: TrainParams) -> None:
    """Raise InputError where `train` decides by the validation loss. To be asked where there are no such images."""
    wanted = {"keep": (train.keep, "last"), "patience": (train.patience, 0)}
    for name, (value, off) in wanted.items():
        if value != off:
            raise InputError(
                f"params.yaml: train.{name} is {value!r}, which decides by the validation loss, but there are no "
                f"validation images; set split.val to a number such as 100, or train.{name} to {off}"
            )
