"""The checkpoint: a trained network in a file that describes itself, read without running any code from it."""

import reprlib
import struct
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from crosscheck.core import validation_messages
from crosscheck.core.errors import InputError
from crosscheck.core.files import write_file
from crosscheck.core.params import ModelParams, decisive
from crosscheck.data.dataset import DataSet, data_set_from
from crosscheck.network.backbones import MissingExtraError
from crosscheck.network.model import build

CHECKPOINT_FORMAT = "crosscheck-checkpoint-1"
MAX_PIXELS = 8192
# What torch.load may raise at damaged bytes: it unpickles them with its own restricted reader.
UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
)
AGAIN = "run `dvc repro train` to make it again"


@dataclass(frozen=True)
class Checkpoint:
    """A trained network with all that is needed to use it."""

    net: nn.Sequential
    params: ModelParams
    data_set: DataSet


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write the checkpoint to `path`, whole or not at all; the same content gives the same bytes."""
    content = {
        "format": CHECKPOINT_FORMAT,
        # Without what is at its default: a new parameter that is off changes no byte of a checkpoint.
        "model": decisive("model", checkpoint.params.model_dump()),
        "data_set": asdict(checkpoint.data_set),
        "weights": {name: _dense(tensor) for name, tensor in checkpoint.net.state_dict().items()},
    }
    write_file(path, lambda partial: _write(content, partial))


def _write(content: Any, file: Path) -> None:
    # Into an open file, since torch.save would store a name inside.
    with file.open("wb") as stream:
        try:
            torch.save(content, stream)
        except RuntimeError as error:
            # It hides what the file said, such as that the disk is full.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise


def _dense(tensor: Tensor) -> Tensor:
    """The same values on the CPU, with the usual strides: those of a length of 1 depend on the memory format."""
    return tensor.cpu().contiguous().view(-1).view(tensor.shape)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU, in evaluation mode, without running any code from it.

    Raises InputError for a missing, damaged or foreign file and for weights that do not fit the description.
    """
    content = _read(path)
    if not isinstance(content, dict) or content.get("format") != CHECKPOINT_FORMAT:
        raise InputError(f"{path}: not a checkpoint of this project's format {CHECKPOINT_FORMAT}; {AGAIN}")
    try:
        params = ModelParams.model_validate(content.get("model"))
    except ValidationError as error:
        problem = validation_messages.describe_error(error, ModelParams, ("model",))
        raise InputError(f"{path}: its model description is wrong ({problem}); {AGAIN}") from None
    described = content.get("data_set")
    data_set = data_set_from(described if isinstance(described, dict) else {}, str(path), AGAIN)
    net = _without_weights(params, data_set, path)
    _check_weights(content.get("weights"), net, path)
    net.load_state_dict(content["weights"], assign=True)
    return Checkpoint(net.eval(), params, data_set)


def _read(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run `dvc repro train` to make it") from None
    except UnpicklingError:
        # torch's own words are advice to load the file without protection.
        problem = "it is damaged, or loading it would run code that it names, which is never done"
        raise InputError(f"{path}: not a readable checkpoint ({problem}); {AGAIN}") from None
    except UNREADABLE as error:
        problem = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a readable checkpoint ({problem}); {AGAIN}") from None


def _without_weights(params: ModelParams, data_set: DataSet, path: Path) -> nn.Sequential:
    """The network of a description that may be false: it takes no memory, however large it claims to be."""
    if max(data_set.height, data_set.width) > MAX_PIXELS:
        raise InputError(f"{path}: describes images of more than {MAX_PIXELS} px; {AGAIN}")
    try:
        with torch.device("meta"):
            return build(params, data_set)
    except MissingExtraError as error:
        raise MissingExtraError(f"{path}: {error}") from None
    except InputError as error:
        raise InputError(f"{path}: its model description is wrong ({error}); {AGAIN}") from None


def _check_weights(weights: Any, net: nn.Module, path: Path) -> None:
    expected = {name: _kind(tensor.shape, tensor.dtype) for name, tensor in net.state_dict().items()}
    if not isinstance(weights, dict):
        raise InputError(f"{path}: holds no weights; {AGAIN}")
    found = {name: _found_kind(value) for name, value in weights.items()}
    for name in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{path}: the weights {reprlib.repr(name)} are {found.get(name, 'missing')}, but the model it "
                f"describes has {expected.get(name, 'none of that name')}; {AGAIN}"
            )


def _kind(shape: torch.Size, dtype: torch.dtype) -> str:
    return f"{str(dtype).removeprefix('torch.')} {tuple(shape)}"


def _found_kind(value: Any) -> str:
    """As `_kind` for a tensor that holds each of its values in memory; other words for all else."""
    if not isinstance(value, Tensor):
        return "not a tensor"
    if value.layout != torch.strided or value.device.type != "cpu" or not value.is_contiguous():
        return "a tensor without a value for each place"
    return _kind(value.shape, value.dtype)
