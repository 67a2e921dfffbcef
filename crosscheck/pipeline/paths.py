"""Reads from `dvc.yaml` where the stages put things: its commands are the only list of paths."""

import itertools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crosscheck.core.errors import InputError
from crosscheck.core.yaml_files import read_yaml

DVC_FILE = Path("dvc.yaml")
# DVC itself gives up after three seconds, or, told to wait, never; one of these commands that takes longer is stuck.
LONGEST_WAIT = 600
LOCKED = "Unable to acquire lock"


def read_paths(stage: str) -> dict[str, Path]:
    """The options of the command of one stage, by name, such as `{"checkpoint": Path("models/model.pt")}`.

    Raises InputError where `dvc.yaml` is missing or has no such stage.
    """
    return read_paths_by_stage(stage)[stage]


def read_paths_by_stage(*stages: str) -> dict[str, dict[str, Path]]:
    """The options of the commands of these stages, by stage: two stages may give one name to different files.

    Raises InputError where `dvc.yaml` is missing or has no such stage.
    """
    content = read_yaml(DVC_FILE)
    try:
        commands = {stage: content["stages"][stage]["cmd"] for stage in stages}
    except (LookupError, TypeError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{DVC_FILE}: does not describe the stage {', '.join(stages)} ({problem}); fix it") from None
    return {stage: _options(command) for stage, command in commands.items()}


def _options(command: str) -> dict[str, Path]:
    pairs = itertools.pairwise(shlex.split(command))
    return {name.removeprefix("--"): Path(value) for name, value in pairs if name.startswith("--")}


def changed(*stages: str) -> list[str]:
    """The files and folders that these stages read or wrote, and that are no longer what DVC recorded then.

    Changed code and parameters do not count: they make results outdated, but not results of something else.
    Raises InputError where DVC cannot tell.
    """
    answer = _status(stages)
    if answer.returncode != 0:
        problem = (answer.stderr.strip().splitlines() or ["no reason given"])[0]
        raise InputError(f"`dvc status` failed ({problem}); fix that first")
    used = {str(path) for options in read_paths_by_stage(*stages).values() for path in options.values()}
    return sorted(
        path
        for differences in json.loads(answer.stdout).values()
        for difference in differences
        if isinstance(difference, dict)
        for kind in ("changed outs", "changed deps")
        for path in difference.get(kind, {})
        if used & {path, *map(str, Path(path).parents)}
    )


def _status(stages: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """`dvc status` of these stages as JSON, after another DVC command that holds DVC's lock, which is said once."""
    words = ["status", "--json", *stages]
    answer = _dvc(*words)
    if answer.returncode == 0 or LOCKED not in answer.stderr:
        return answer
    print("waiting for another DVC command, which holds DVC's lock", file=sys.stderr)
    try:
        return _dvc("--wait-for-lock", *words, timeout=LONGEST_WAIT)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"another DVC command has held DVC's lock for {LONGEST_WAIT} s; run this again when it has ended"
        ) from None


def _dvc(*words: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(asked, capture_output=True, text=True, check=False, timeout=timeout)


def outputs(file: Path) -> list[Path]:
    """The files and folders that DVC removes before it runs the stages of a pipeline's `file`, from here.

    Raises InputError where the file is missing or is not a pipeline.
    """
    content = read_yaml(file)
    try:
        return [
            Path(os.path.normpath(file.parent / stage.get("wdir", "") / path))
            for stage in content["stages"].values()
            for path, settings in _entries(stage)
            if not settings.get("persist")
        ]
    except (LookupError, TypeError, AttributeError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{file}: does not describe a pipeline ({problem}); correct it") from None


def _entries(stage: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each output with its settings; DVC takes a plain path as well."""
    for kind in ("outs", "metrics", "plots"):
        for entry in stage.get(kind, []):
            yield from entry.items() if isinstance(entry, dict) else [(entry, {})]
