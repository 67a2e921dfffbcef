"""What came out for each folder, kept as JSON and as a table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from statsmodels.stats.proportion import proportion_confint

from benchmarks.table import SAME
from crosscheck.core.files import write_json, write_text

# What nobody should be below without being told so.
PLAIN = ("most-frequent", "nearest-neighbour")
FROZEN = "frozen-features"
# By so much may a network of ours be less accurate than frozen pretrained features.
MARGIN = 0.02


@dataclass(frozen=True)
class Answer:
    """How many of the test images were right, and the seconds from the files to the answers."""

    right: int
    tests: int
    seconds: float
    note: str = ""

    @property
    def accuracy(self) -> float:
        return self.right / self.tests

    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the accuracy, at 95 % (Journal of the American Statistical Association 22, 1927)."""
        low, high = proportion_confint(self.right, self.tests, method="wilson")
        return float(low), float(high)


@dataclass(frozen=True)
class Result:
    """One folder: what `inspect` said of it, what its commands gave, and what others gave on the same split.

    `failure` is the line with which `inspect` or a command of its ended, where one failed; then there are no answers.
    """

    name: str
    commit: str
    settings: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    failure: str = ""
    classes: int = 0
    train_images: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    ours: Answer | None = None
    peers: dict[str, Answer] = field(default_factory=dict)


def kept(machine: dict[str, Any], folder: Path) -> list[Result]:
    """The results in `folder`/folders.json, if they are of the same machine and torch."""
    file = folder / "folders.json"
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"machine": {}, "folders": []}
    if any(content["machine"].get(name) != machine[name] for name in SAME):
        return []
    return [_read(each) for each in content["folders"]]


def _read(content: dict[str, Any]) -> Result:
    ours = Answer(**content["ours"]) if content["ours"] else None
    peers = {name: Answer(**answer) for name, answer in content["peers"].items()}
    return Result(**content | {"ours": ours, "peers": peers})


def write(results: Sequence[Result], machine: dict[str, Any], folder: Path) -> None:
    """`folder`/folders.json and `folder`/folders.md."""
    about = {name: machine[name] for name in SAME}
    write_json(folder / "folders.json", {"machine": about, "folders": [asdict(result) for result in results]})
    write_text(folder / "folders.md", markdown(results, machine))


def markdown(results: Sequence[Result], machine: dict[str, Any]) -> str:
    """Accuracy with its interval and seconds, ours beside the others', and what `inspect` chose."""
    peers = list(dict.fromkeys(name for result in results for name in result.peers))
    about = f"{machine['threads']} threads of {machine['cpu']} ({machine['instructions']}), torch {machine['torch']}"
    lines = [
        "# Folders that a stranger brings",
        "",
        f"{about}. Accuracy on the same test images, with Wilson's interval at 95 %, and the seconds from the files to "
        "the answers; ours are those of the whole pipeline, its pictures and its report included.",
        "",
        f"| folder | classes | train + val, test | ours | {' | '.join(peers)} | of commit |",
        "|---|---:|---:|---|" + "---|" * (len(peers) + 1),
    ]
    for result in results:
        if result.ours is None:
            cells = ["", "", f"failed: {result.failure}", *("" for _ in peers)]
        else:
            answers = [result.ours, *(result.peers.get(name) for name in peers)]
            counts = [str(result.classes), f"{result.train_images}, {result.ours.tests}"]
            cells = [*counts, *(spoken(answer) if answer else "" for answer in answers)]
        lines.append(f"| {' | '.join([result.name, *cells, result.commit])} |")
    lines += ["", *verdict(results), "", "| folder | what `inspect` chose |", "|---|---|"]
    for result in results:
        chosen = ", ".join(f"{key}={value}" for key, value in result.settings.items())
        lines.append(f"| {result.name} | {chosen} |")
    return "\n".join(lines) + "\n"


def spoken(answer: Answer) -> str:
    """An answer in a cell of the table."""
    low, high = answer.interval()
    note = f" ({answer.note})" if answer.note else ""
    return f"{answer.accuracy:.1%} ({low:.1%} to {high:.1%}), {answer.seconds:.0f} s{note}"


def verdict(results: Sequence[Result]) -> list[str]:
    """Where ours is below what is plain, and where it is more than MARGIN below frozen pretrained features."""
    measured = [(result, result.ours) for result in results if result.ours is not None]
    below = [
        result.name
        for result, ours in measured
        if any(ours.right < result.peers[name].right for name in PLAIN if name in result.peers)
    ]
    behind = [
        result.name
        for result, ours in measured
        if FROZEN in result.peers and ours.accuracy < result.peers[FROZEN].accuracy - MARGIN
    ]
    return [
        f"Failed: {', '.join(result.name for result in results if result.ours is None) or 'none'}.",
        f"Below the most frequent class or the nearest neighbour: {', '.join(below) or 'none'}.",
        f"More than {MARGIN:.0%} below frozen pretrained features: {', '.join(behind) or 'none'}.",
    ]
