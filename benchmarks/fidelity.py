"""Whether this project trains as the original script does: the row `fidelity` of the benchmark.

    make bench BENCH='--rows fidelity'
    make bench BENCH='--rows fidelity --networks base --seeds 2'
    make bench BENCH='--rows fidelity --seeds 0'

First step by step: from the same initial weights, on the same batches, the losses of an epoch. The script's white is
0.9999, since the weights of torchvision's Grayscale add up to that, and ours is 1. So the script takes its steps once
more with our greys: what is left then is rounding. Then as a whole: each side has its own seeds, so a seed means
nothing to the other side, and what comes of it is compared as two samples. With 0 seeds the trainings that were
measured before stay. Takes an hour and a half with all seeds, nearly all of it `no_pool`. Writes fidelity.json and
fidelity.md.
"""

import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from benchmarks import drawings
from benchmarks.comparison import in_turn, module, report_of
from crosscheck.core.files import write_json, write_text
from crosscheck.data.guessing import Guess
from crosscheck.study import plans

ROW = "fidelity"
# How many trainings of each side; those of `no_pool` take ten minutes each.
SEEDS = {"base": 10, "three_conv": 10, "no_pool": 4}
EPOCHS = 10
# The losses of two trainings of the same steps with the same greys may differ by this much.
TOLERANCE = 1e-4
ALPHA = 0.05
Commits = tuple[str, str]
STUDY = Path(__file__).parents[1] / "study" / "variants.yaml"


@dataclass(frozen=True)
class Wanted:
    """Which networks, with how many seeds at most, the images of each class, and the commit of what is measured."""

    networks: Sequence[str]
    seeds: int
    train: int
    test: int
    commit: str


@dataclass(frozen=True)
class Side:
    """What came of a side's trainings, one figure for each; `left_plateau`: the first epoch off it, or None."""

    converged: list[bool]
    left_plateau: list[int | None]
    accuracy: list[float]


@dataclass(frozen=True)
class Result:
    """Of one network: the largest difference of two losses of the same step, both sides' trainings, and the tests.

    `with_same_greys`: that difference where the script too has white as 1. `commit` and `steps_commit`: what was
    measured, of the trainings and of the steps. `p`: the probability of each difference between the sides, or of a
    larger one, if there is none, after Holm's correction over the three; None where there is nothing to compare.
    """

    network: str
    commit: str
    steps_commit: str
    steps: int
    largest_difference: float
    with_same_greys: float
    reference: Side
    ours: Side
    p: dict[str, float | None]

    @property
    def alike(self) -> bool:
        """Whether the steps agree, and the trainings differ no more than by chance."""
        known = [p for p in self.p.values() if p is not None]
        return self.with_same_greys <= TOLERANCE and min(known, default=1.0) >= ALPHA


def measure(wanted: Wanted, target: Path) -> str:
    """Measure the networks that are wanted and write all to `target`, after each; the table as Markdown."""
    found = read_results(target)
    unknown = [name for name in wanted.networks if name not in {each.network for each in found}]
    if unknown and not wanted.seeds:
        raise SystemExit(f"--seeds is 0, but no trainings of {unknown[0]} were measured before; set it to 1 or more")
    with tempfile.TemporaryDirectory(prefix="crosscheck-fidelity-") as scratch:
        folder = Path(scratch) / "images"
        drawings.make(folder, wanted.train, wanted.test)
        for network in wanted.networks:
            print(f"measuring {network}", file=sys.stderr, flush=True)
            # A process of its own, since it fixes threads and kernels for good.
            words = module("benchmarks.steps", folder, network)
            losses = report_of(words)
            sides, trained = trainings(folder, network, wanted, found)
            result = compare(network, (trained, wanted.commit), losses, *sides)
            found = [each for each in found if each.network != network] + [result]
            found.sort(key=lambda each: list(SEEDS).index(each.network))
            write_json(target / "fidelity.json", {"results": [asdict(each) for each in found]})
            write_text(target / "fidelity.md", markdown(found))
    return markdown(found)


def trainings(folder: Path, network: str, wanted: Wanted, found: Sequence[Result]) -> tuple[list[Side], str]:
    """Both sides' trainings and their commit: new ones, or with 0 seeds those that were found."""
    if wanted.seeds:
        return train_both(folder, network, min(wanted.seeds, SEEDS[network]), 2 * wanted.train), wanted.commit
    (known,) = (each for each in found if each.network == network)
    return [known.reference, known.ours], known.commit


def read_results(folder: Path) -> list[Result]:
    """The results that were measured before."""
    file = folder / "fidelity.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["results"] if file.exists() else []
    return [Result(**{**row, "reference": Side(**row["reference"]), "ours": Side(**row["ours"])}) for row in rows]


def train_both(folder: Path, network: str, seeds: int, train_images: int) -> list[Side]:
    """The trainings of both sides in turn; the reference first."""
    options = ("--network", network, "--epochs", EPOCHS)
    reports = in_turn(
        seeds,
        lambda seed: report_of(module("benchmarks.reference", "--images", folder / "images", *options, "--seed", seed)),
        lambda seed: report_of(module("benchmarks.training", "--split", folder / "split", *options, "--seed", seed)),
    )
    guess = Guess((train_images // 2, train_images // 2))
    return [describe_side(side, guess, plans.read(STUDY).study.failed_above) for side in reports]


def describe_side(reports: Sequence[dict[str, Any]], guess: Guess, failed_above: float) -> Side:
    """What came of trainings, by the rules of the study."""
    courses = [report["train_loss"] for report in reports]
    off = [[not guess.on_plateau(loss) for loss in course] for course in courses]
    return Side(
        converged=[course[-1] <= failed_above * guess.loss for course in courses],
        left_plateau=[course.index(True) + 1 if True in course else None for course in off],
        accuracy=[report["test_accuracy"][-1] for report in reports],
    )


def compare(network: str, commits: Commits, losses: dict[str, list[float]], theirs: Side, ours: Side) -> Result:
    """Both sides of a network, with the test of each difference; the commits of the trainings and of the steps."""
    gaps, same = (
        float(np.abs(np.array(losses[side]) - np.array(losses["ours"])).max()) for side in ("reference", "same_greys")
    )
    counts = [[sum(side.converged), len(side.converged) - sum(side.converged)] for side in (theirs, ours)]
    epochs = [[math.inf if epoch is None else epoch for epoch in side.left_plateau] for side in (theirs, ours)]
    # A training that failed is counted above; its accuracy is that of guessing.
    accuracies = [
        [value for value, good in zip(side.accuracy, side.converged, strict=True) if good] for side in (theirs, ours)
    ]
    found = {
        "converged": float(stats.fisher_exact(counts).pvalue),
        "left_plateau": rank_test(*epochs),
        "accuracy": rank_test(*accuracies),
    }
    known = [name for name, p in found.items() if p is not None]
    corrected = dict(zip(known, multipletests([found[name] for name in known], method="holm")[1].tolist(), strict=True))
    p = {name: round(corrected[name], 4) if name in corrected else None for name in found}
    return Result(network, *commits, len(losses["ours"]), gaps, same, theirs, ours, p)


def rank_test(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Mann and Whitney's test (Ann. Math. Stat. 18, 1947), two-sided; None where a side has no values."""
    if not first or not second:
        return None
    if len({*first, *second}) == 1:
        return 1.0
    # By permutations of these few values, since they tie.
    exact = stats.PermutationMethod(n_resamples=9999, rng=np.random.default_rng(0))
    return float(stats.mannwhitneyu(first, second, method=exact).pvalue)


def markdown(results: Sequence[Result]) -> str:
    """Both sides side by side, a network a row."""
    about = (
        "Steps: the largest difference between the losses of a step. The script's white is 0.9999 and ours is 1; with "
        f"the same greys, the difference is to be {TOLERANCE:g} at most. The others: what came of {EPOCHS} epochs, the "
        "reference first; p after Holm's correction over the three. Of commit: the trainings; the steps."
    )
    outcomes = ["converged", "first epoch off the plateau, median", "accuracy of those that converged"]
    header = ["network", "steps", "with the same greys", *outcomes, "a difference", "of commit"]
    lines = [
        "# Fidelity to the original script",
        "",
        about,
        "",
        f"| {' | '.join(header)} |",
        "|---" * len(header) + "|",
    ]
    for each in results:
        sides = (each.reference, each.ours)
        cells = [
            each.network,
            f"{each.largest_difference:.1e} in {each.steps}",
            f"{each.with_same_greys:.1e}",
            _pair([f"{sum(side.converged)} of {len(side.converged)}" for side in sides], each.p["converged"]),
            _pair([_median_epoch(side.left_plateau) for side in sides], each.p["left_plateau"]),
            _pair([_accuracies(side) for side in sides], each.p["accuracy"]),
            "no more than by chance" if each.alike else "yes",
            f"{each.commit}; {each.steps_commit}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _pair(cells: Sequence[str], p: float | None) -> str:
    return f"{cells[0]}; {cells[1]}{'' if p is None else f' (p = {p:.2f})'}"


def _median_epoch(epochs: Sequence[int | None]) -> str:
    median = float(np.median([math.inf if epoch is None else epoch for epoch in epochs]))
    return "never" if math.isinf(median) else f"{median:g}"


def _accuracies(side: Side) -> str:
    good = [value for value, converged in zip(side.accuracy, side.converged, strict=True) if converged]
    return f"{np.mean(good):.2%} ({min(good):.2%} to {max(good):.2%})" if good else "none"
