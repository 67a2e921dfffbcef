"""A network of timm in the place of the convolutions: whether one is asked for, and what goes together with it."""

from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import NO_BACKBONE
from crosscheck.core.params import AugmentParams, ModelParams, TrainParams
from crosscheck.core.project import WEIGHTS

EXTRA = "make backbones"


class MissingExtraError(InputError):
    """A package that a backbone needs is not installed."""


def is_used(params: ModelParams) -> bool:
    """Whether a backbone takes the place of the convolutions."""
    return params.backbone != NO_BACKBONE


def check(model: ModelParams, train: TrainParams, augment: AugmentParams, height: int, width: int) -> None:
    """Raise InputError for values that do not go together with a backbone, or with none, or with such images."""
    if not is_used(model):
        for name, value in (("pretrained", model.pretrained), ("freeze", model.freeze)):
            if value:
                raise InputError(
                    f"params.yaml: model.{name} is {_as_yaml(value)}, but there is no backbone; "
                    f"set model.backbone to a name of timm, or model.{name} to false"
                )
        return
    for name in ("invert", "centre"):
        if getattr(model, name):
            raise InputError(
                f"params.yaml: model.{name} is true, but a backbone normalises its images itself; set it to false"
            )
    if model.freeze:
        _check_frozen(model, augment)
    # Seconds to load, and needed for a backbone alone.
    from crosscheck.network import pretrained, timm_networks

    maps = timm_networks.measure(model.backbone, height, width)
    if train.processes > 1 and maps.batch_norm and not model.freeze:
        raise InputError(
            f"params.yaml: model.backbone {model.backbone!r} has batch normalisation, which would see each process's "
            "share of a batch; set train.processes to 1, or model.freeze to true"
        )
    if model.pretrained is not False:
        _check_place(model.pretrained)
        pretrained.read_weights(model)


def _check_place(weights: bool | str) -> None:
    """DVC watches the file of this name in the folder of weights, and sees no other one change."""
    if isinstance(weights, str) and (Path(weights).is_absolute() or ".." in Path(weights).parts):
        raise InputError(
            f"params.yaml: model.pretrained is {weights!r}, where DVC would not see the file change; copy it to "
            f"{WEIGHTS}/ and give its name there: {Path(weights).name}"
        )


def _check_frozen(model: ModelParams, augment: AugmentParams) -> None:
    if model.pretrained is False:
        raise InputError(
            "params.yaml: model.freeze is true, but model.pretrained is false: random weights that stay random are of "
            "no use; set model.pretrained to true or to a file of weights, or model.freeze to false"
        )
    if changes := {name: value for name, value in augment.model_dump().items() if value}:
        name, value = next(iter(changes.items()))
        raise InputError(
            f"params.yaml: augment.{name} is {value}, but a frozen backbone looks at each training image once; set "
            f"augment.{name} to 0, or model.freeze to false"
        )


def _as_yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
