"""The card: what `train` says in words of the checkpoint that it wrote."""

from pathlib import Path
from typing import Any

from crosscheck.core.errors import InputError
from crosscheck.core.files import read_json, sha256
from crosscheck.network.checkpoint import Checkpoint, load_checkpoint

KINDS = {"sha256": str, "parameter_count": int, "model": dict, "train": dict, "data": dict, "compute": dict}


def read(file: Path) -> dict[str, Any]:
    """The card's sections. Raises InputError where the file is missing or lacks one."""
    card: dict[str, Any] = read_json(file)
    for name, kind in KINDS.items():
        if type(card.get(name)) is not kind:
            raise InputError(f"{file}: {name} is missing or no {kind.__name__}; run `dvc repro train` to make it again")
    for name in ("train_images", "val_images"):
        if type(card["data"].get(name)) is not int:
            raise InputError(f"{file}: data.{name} is missing or no int; run `dvc repro train` to make it again")
    return card


def load_trained(checkpoint: Path, card: Path) -> Checkpoint:
    """The network that the card describes. Raises InputError for a missing checkpoint and for any other one."""
    described = read(card)["sha256"]
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint}: not found; run `dvc repro train` to make it")
    if sha256(checkpoint) != described:
        raise InputError(
            f"{checkpoint}: not the weights that train wrote ({card} has another SHA-256); run `dvc repro`"
        )
    return load_checkpoint(checkpoint)
