"""The networks of timm: one by its name, its maps and what it takes, without its weights.

timm is an optional extra and takes seconds to load, so it is loaded only where a backbone is asked for. No name is
looked up outside of this machine: only those that timm itself has are taken.
"""

import difflib
import importlib.util
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, cast

import torch
from torch import nn

from crosscheck.core.errors import InputError
from crosscheck.network.backbones import EXTRA, MissingExtraError

# What the networks of timm raise for an image that they cannot take.
UNFIT = (RuntimeError, AssertionError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class Maps:
    """The last maps of a backbone: how many, and their size. `batch_norm`: whether it has batch normalisation."""

    channels: int
    height: int
    width: int
    batch_norm: bool


def build(name: str) -> nn.Module:
    """The network `name` without its classifier, with random weights, on the default device.

    Takes float (n, 3, height, width) as `normalisation` says, and gives maps, float (n, channels, height, width).
    Raises InputError for a name that timm does not have, and where timm is not installed.
    """
    timm = _load_timm(name)
    _check_name(timm, name)
    try:
        # Without a name of weights, so that timm never looks for them.
        net = timm.create_model(name, pretrained=False, num_classes=0, global_pool="")
    except UNFIT as error:
        raise InputError(
            f"params.yaml: model.backbone {name!r} cannot be built without its classifier ({_first_line(error)}); "
            "choose a convolutional network, such as resnet18"
        ) from None
    return cast(nn.Module, net)


@cache
def _blueprint(name: str) -> nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return build(name).eval()


@cache
def measure(name: str, height: int, width: int) -> Maps:
    """The last maps that the network `name` makes of an image of `height` x `width` px.

    Raises InputError as `build` does, and where the image is too small for it, or of a size that it cannot take.
    """
    net = _blueprint(name)
    own = " x ".join(map(str, _config(net)["input_size"][1:]))
    # A place of its last maps stands for so many px.
    stages = cast(list[dict[str, Any]], getattr(net, "feature_info", []))
    least = int(stages[-1]["reduction"]) if stages else 1
    if min(height, width) < least:
        raise InputError(
            f"params.yaml: model.backbone {name!r} takes images from {least} x {least} px on, and data.height and "
            f"data.width are {height} and {width}; its own size is {own}"
        )
    try:
        with torch.device("meta"), torch.no_grad():
            maps = net(torch.zeros(1, 3, height, width))
    except UNFIT as error:
        raise InputError(
            f"params.yaml: model.backbone {name!r} cannot take images of {height} x {width} px "
            f"({_first_line(error)}); its own size is {own}"
        ) from None
    if not isinstance(maps, torch.Tensor) or maps.ndim != 4 or getattr(net, "output_fmt", "NCHW") != "NCHW":
        raise InputError(
            f"params.yaml: model.backbone {name!r} makes no maps with a channel each, as a transformer; choose a "
            "convolutional network, such as resnet18"
        )
    batch_norm = any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())
    return Maps(maps.shape[1], maps.shape[2], maps.shape[3], batch_norm)


def normalisation(name: str) -> tuple[list[float], list[float]]:
    """The mean and the standard deviation, of grey levels as shares of 255, by which each colour is normalised."""
    config = _config(_blueprint(name))
    return list(config["mean"]), list(config["std"])


def expected_tensors(name: str) -> dict[str, torch.Tensor]:
    """The tensors of the network's state by name, with shapes and no values."""
    return _blueprint(name).state_dict()


def classifiers(name: str) -> tuple[str, ...]:
    """The names of the layers that a file of weights may have and a backbone has not."""
    found = _config(_blueprint(name)).get("classifier") or ()
    return (found,) if isinstance(found, str) else tuple(found)


def release(name: str) -> str:
    """The release of timm, which decides what the network `name` is."""
    return str(_load_timm(name).__version__)


def _config(net: nn.Module) -> dict[str, Any]:
    """What timm notes of the network beside its weights."""
    return cast(dict[str, Any], net.pretrained_cfg)


def _load_timm(name: str) -> ModuleType:
    if importlib.util.find_spec("timm") is None:
        raise MissingExtraError(f"model.backbone is {name!r}, and timm is not installed here; run `{EXTRA}`")
    import timm

    loaded: ModuleType = timm
    return loaded


def _check_name(timm: ModuleType, name: str) -> None:
    """Raise InputError where timm does not have `name`, with or without the name of its weights behind a point."""
    known = _known_names(timm)
    if name in known:
        return
    close = difflib.get_close_matches(name, [each for each in known if "." not in each], 3, 0.5)
    remedy = f"did you mean {', '.join(close)}?" if close else "see timm.list_models() for its names"
    raise InputError(f"params.yaml: model.backbone is {name!r}, which timm does not have; {remedy}")


@cache
def _known_names(timm: ModuleType) -> frozenset[str]:
    return frozenset(timm.list_models()) | frozenset(timm.list_pretrained())


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
