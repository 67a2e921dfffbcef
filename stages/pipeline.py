"""Reads from `dvc.yaml` where the stages put things: its commands are the only list of paths."""

import itertools
import shlex
from pathlib import Path

from ruamel.yaml import YAML

from stages.errors import InputError

DVC_FILE = Path("dvc.yaml")


def paths(*stages: str) -> dict[str, Path]:
    """The options of the commands of these stages, by name, such as `{"checkpoint": Path("models/model.pt")}`.

    Raises InputError where `dvc.yaml` is missing or has no such stage.
    """
    try:
        content = YAML(typ="safe", pure=True).load(DVC_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{DVC_FILE}: not found; run this from the project's root folder") from None
    found: dict[str, Path] = {}
    for stage in stages:
        words = shlex.split(content["stages"][stage]["cmd"])
        found |= {
            name.removeprefix("--"): Path(value) for name, value in itertools.pairwise(words) if name.startswith("--")
        }
    return found
