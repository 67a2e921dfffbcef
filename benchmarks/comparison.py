"""Two sides of a comparison: each run in a separate process, in turn, several times."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from crosscheck.core.bits import unpinned


@dataclass(frozen=True)
class Row:
    """What was measured of one thing: the figures of both sides, in the order they were taken.

    `question` is the function of `benchmarks.rows` that made it, and `commit` what was measured.
    """

    name: str
    unit: str
    reference: list[float]
    ours: list[float]
    target: float
    note: str = ""
    more_is_better: bool = False
    question: str = ""
    commit: str = ""

    @property
    def ratio(self) -> float:
        """How many times better ours is, by the medians."""
        reference, ours = statistics.median(self.reference), statistics.median(self.ours)
        return ours / reference if self.more_is_better else reference / ours


def in_turn(repeats: int, *sides: Callable[[int], Any]) -> list[list[Any]]:
    """What each side gave in each repeat, 0 to `repeats` - 1; the first side goes first in even repeats only."""
    results: list[list[Any]] = [[] for _ in sides]
    for repeat in range(repeats):
        order = range(len(sides)) if repeat % 2 == 0 else reversed(range(len(sides)))
        for side in order:
            results[side].append(sides[side](repeat))
    return results


def module(name: str, *options: object) -> list[str]:
    return [sys.executable, "-m", name, *map(str, options)]


def report_of(command: Sequence[str]) -> dict[str, Any]:
    """The JSON that the command prints last. Raises CalledProcessError where it fails."""
    # The reference computes as fast as the machine can; this project's own processes choose their kernels themselves.
    done = subprocess.run(command, check=True, env=unpinned(), stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def wall_seconds(commands: Sequence[Sequence[str]], folder: Path | None = None) -> float:
    """How long the commands take, started at the same time. Raises CalledProcessError where one fails."""
    began = time.perf_counter()
    processes = [
        subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL) for command in commands
    ]
    for process in processes:
        process.wait()
    seconds = time.perf_counter() - began
    for process in processes:
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, process.args)
    return seconds


def repro_seconds(folder: Path, *options: str) -> tuple[float, dict[str, float]]:
    """How long `dvc repro` takes, and each of its stages. Raises CalledProcessError where it fails."""
    return stage_seconds(module("dvc", "repro", *options), folder)


def stage_seconds(
    command: Sequence[str], folder: Path, complaints: IO[str] | None = None
) -> tuple[float, dict[str, float]]:
    """How long a command of DVC takes, and each stage with DVC's work after it; `start` is what comes before the first.

    What it writes to stderr goes to the file `complaints`. Raises CalledProcessError where it fails.
    """
    began = since = time.perf_counter()
    stages: dict[str, float] = {}
    running = "start"
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=complaints, text=True
    ) as process:
        for line in cast(IO[str], process.stdout):
            if started := re.match(r"Running stage '(\w+)'", line):
                now = time.perf_counter()
                stages[running], running, since = now - since, started[1], now
    ended = time.perf_counter()
    stages[running] = ended - since
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return ended - began, stages


def environment() -> dict[str, str]:
    """This one, with nothing that sends DVC or MLflow elsewhere, and the Python that runs this first on the path."""
    kept = {name: value for name, value in unpinned().items() if not name.startswith(("DVC_", "MLFLOW_"))}
    kept["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept
