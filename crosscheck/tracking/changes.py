"""What a run does differently: the parameters that its results were made with, against those of the commit below it."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosscheck.core.errors import InputError
from crosscheck.core.nesting import flatten
from crosscheck.core.params import PARAMS_FILE, SECTIONS
from crosscheck.core.yaml_files import parse_yaml, read_yaml

LOCK = Path("dvc.lock")
# It looks at every section, and makes nothing of them.
LOOKS_ONLY = "check"


@dataclass(frozen=True)
class Changes:
    """The parameters that differ from those of a commit: by name, the value there and the run's own."""

    commit: str
    values: dict[str, tuple[Any, Any]]


def find_commit() -> str:
    """The commit that this experiment started from, or the one that is checked out; empty where there is none."""
    return os.environ.get("DVC_EXP_BASELINE_REV") or (_git("rev-parse", "HEAD") or "").strip()


def find_changes() -> Changes | None:
    """What is different in the results here; None where git has nothing to compare with, or DVC has no results."""
    commit = find_commit()
    there = _git("show", f"{commit}:./{PARAMS_FILE}") if commit else None
    used = used_parameters()
    if there is None or not used:
        return None
    try:
        committed = parse_yaml(there, PARAMS_FILE, "train")
    except InputError:
        return None
    return Changes(commit, differences(committed, used))


def used_parameters() -> dict[str, dict[str, Any]]:
    """The sections of params.yaml that DVC's stages ran with, as it wrote them down; empty where it did not."""
    try:
        stages = read_yaml(LOCK)["stages"]
        written = [stage.get("params", {}) for name, stage in stages.items() if name != LOOKS_ONLY]
        return {name: values for params in written for name, values in params.get(str(PARAMS_FILE), {}).items()}
    except (InputError, LookupError, AttributeError):
        return {}


def differences(
    base: Mapping[str, Any], own: Mapping[str, Any], names: Iterable[str] = SECTIONS
) -> dict[str, tuple[Any, Any]]:
    """By name, such as `train.lr`, the value in `base` and the one in `own`, where they are not the same.

    Both hold sections of params.yaml. A parameter that is missing has its default.
    """
    before, after = (
        flatten({name: _defaults(name) | sections[name] for name in names if isinstance(sections.get(name), dict)})
        for sections in (base, own)
    )
    return {name: (before[name], after[name]) for name in after if name in before and before[name] != after[name]}


def _defaults(section: str) -> dict[str, Any]:
    fields = SECTIONS[section].model_fields
    return {name: field.default for name, field in fields.items() if not field.is_required()}


def _git(*words: str) -> str | None:
    if shutil.which("git") is None:
        return None
    result = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None
