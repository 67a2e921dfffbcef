"""What a user gets who asks `inspect` and runs the commands that it gives, in a clone of this project's commit."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import environment, module, stage_seconds
from benchmarks.folders.results import Answer
from crosscheck.core import tables

MANIFEST = Path("data/split/manifest.csv")
PREDICTIONS = Path("metrics/predictions.csv")

# From the clone and the folder to what `inspect --json` prints.
Ask = Callable[[Path, Path], dict[str, Any]]


class FailedError(Exception):
    """`inspect` or one of its commands failed; the text is the last line that it wrote."""


@dataclass(frozen=True)
class Outcome:
    """The answers on the test images, the seconds of each stage, and how many classes and images there were."""

    answer: Answer
    stages: dict[str, float]
    classes: int
    train_images: int


def inspect(clone: Path, folder: Path) -> dict[str, Any]:
    """What `inspect` says of the folder. Raises FailedError where it fails."""
    words = module("crosscheck", "inspect", "--json", folder)
    done = subprocess.run(words, cwd=clone, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise FailedError(_last_line(done.stderr))
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def follow(commands: list[list[str]], clone: Path) -> Outcome:
    """Run the commands, word for word and nothing else, in the clone. Raises FailedError where one fails."""
    seconds, stages = 0.0, Counter[str]()
    for words in commands:
        took, each = _run(words, clone)
        seconds += took
        stages.update(each)
    rows, answers = tables.read(clone / MANIFEST), tables.read(clone / PREDICTIONS)
    right = sum(row["actual"] == row["predicted"] for row in answers)
    return Outcome(
        Answer(right, len(answers), seconds),
        dict(stages),
        len({row["class_name"] for row in rows}),
        sum(row["subset"] != "test" for row in rows),
    )


def _run(words: list[str], clone: Path) -> tuple[float, dict[str, float]]:
    complaints = clone.parent / "complaints.txt"
    with complaints.open("w", encoding="utf-8") as file:
        try:
            return stage_seconds(words, clone, file)
        except subprocess.CalledProcessError:
            pass
    raise FailedError(_last_line(complaints.read_text(encoding="utf-8")))


def _last_line(text: str) -> str:
    """The error in one line: this project's own where there is one, since DVC adds lines to it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("error: ")]
    return (own or lines or ["it said nothing"])[-1]
