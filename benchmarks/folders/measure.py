"""The row `folders`: for each folder, the commands that `inspect` gives against what a user would pick instead.

    make bench BENCH='--rows folders'
    make bench BENCH='--rows folders --folders marks patients --seconds 60'

The folders are made in a temporary one, out of nothing and without a network. Each gets a fresh clone, in which only
the words that `inspect --json` gives are run. The others then get the same images to learn from and to be tested on.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison import module, report_of
from benchmarks.folders import ours, packaged, peers, results
from benchmarks.folders.catalogue import FOLDERS, Recipe
from benchmarks.folders.results import Answer, Result
from benchmarks.rows import cloned
from crosscheck.core import devices

ROW = "folders"


@dataclass(frozen=True)
class Wanted:
    """Which folders, the seconds that a network from scratch may train, the project and its commit, how to ask."""

    names: Sequence[str]
    seconds: float
    project: Path
    commit: str
    ask: ours.Ask = ours.inspect


def measure(wanted: Wanted, target: Path) -> str:
    """Measure the folders that are wanted and write all to `target`, after each; the table as Markdown."""
    # A side is a separate process and takes every core, unlike this one.
    machine = devices.fingerprint() | {"threads": str(os.cpu_count())}
    found = results.kept(machine, target)
    others = available_peers()
    for name in wanted.names:
        recipe = FOLDERS[name]
        if lacking := packaged.missing(*recipe.files):
            tell(f"{name}: left out, since scikit-image's {', '.join(lacking)} is not installed")
            continue
        tell(f"measuring {name}")
        with tempfile.TemporaryDirectory(prefix="crosscheck-folder-") as scratch:
            folder = Path(scratch) / name
            recipe.write(folder)
            made = measure_one(name, recipe, folder, wanted, others)
        found = [result for result in found if result.name != name] + [made]
        found.sort(key=lambda result: list(FOLDERS).index(result.name))
        results.write(found, machine, target)
    return results.markdown(found, machine)


def available_peers() -> list[str]:
    """Those whose packages are installed; a line names each of the others."""
    for name in peers.PEERS:
        if lacking := peers.absent(name):
            tell(f"{name}: left out, since {', '.join(lacking)} is not installed")
    return [name for name in peers.PEERS if not peers.absent(name)]


def measure_one(name: str, recipe: Recipe, folder: Path, wanted: Wanted, others: Sequence[str]) -> Result:
    """One folder. Where ours fails there is no split, and so nothing to compare the others with."""
    with cloned(wanted.project) as clone:
        said: dict[str, Any] = {}
        try:
            said = wanted.ask(clone, folder)
            outcome = ours.follow(said["commands"], clone)
        except ours.FailedError as error:
            tell(f"{name}: {error}")
            return Result(name, wanted.commit, **advice(said, folder), failure=str(error))
        return Result(
            name,
            wanted.commit,
            **advice(said, folder),
            classes=outcome.classes,
            train_images=outcome.train_images,
            stages={stage: round(seconds, 1) for stage, seconds in outcome.stages.items()},
            ours=outcome.answer,
            peers={peer: peer_answer(peer, recipe, folder, clone, wanted.seconds) for peer in others},
        )


def advice(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Of what `inspect` said, all that is kept, with the name in the place of a path that is another one each time."""
    kept = {key: said[key] for key in ("settings", "warnings", "commands") if key in said}
    named: dict[str, Any] = json.loads(json.dumps(kept).replace(json.dumps(str(folder))[1:-1], folder.name))
    return named


def peer_answer(peer: str, recipe: Recipe, folder: Path, clone: Path, seconds: float) -> Answer:
    """What `peer` gives in a separate process, on the clone's split."""
    options = ["--peer", peer, "--images", folder, "--manifest", clone / ours.MANIFEST, "--seconds", seconds]
    return Answer(**report_of(module("benchmarks.folders.peers", *options, *(["--flips"] if recipe.flips else []))))


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
