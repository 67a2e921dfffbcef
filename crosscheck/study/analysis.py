"""All figures of a study in one place, for its report, its pictures and its JSON alike."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from crosscheck.study import baselines, cross_validation, findings, intervals, plateau, provenance, result_cache
from crosscheck.study.answers_table import AnswersTable
from crosscheck.study.baselines import Baseline
from crosscheck.study.findings import Answer
from crosscheck.study.intervals import Estimate, Survival
from crosscheck.study.plans import Plan
from crosscheck.study.resplit import PackedImages
from crosscheck.study.results import RunTiming, StoredResult
from crosscheck.study.runs import Run, assess_runs

MOST_HARD = 4


@dataclass(frozen=True)
class Timing:
    """Medians over the runs of one variant that this machine has done; None where it has done none."""

    seconds_per_epoch: float | None
    peak_megabytes: float | None


@dataclass(frozen=True)
class Hard:
    """A test image: its packed place, and how many of the converged runs that were tested on it erred."""

    row: int
    wrong: int
    tested: int


@dataclass(frozen=True)
class Size:
    """A variant by how many images it was trained on: mean accuracy and each run's, and that of a baseline."""

    images: int
    mean: Estimate | None
    accuracies: Sequence[float]
    neighbour: float


@dataclass(frozen=True)
class Overview:
    """What is known of each variant, by name.

    `machine` is what the runs were timed on, `provenance` what their results were computed with.
    """

    runs: dict[str, list[Run]]
    means: dict[str, Estimate | None]
    survival: dict[str, Survival]
    timings: dict[str, Timing]
    machine: str
    provenance: str
    answers: list[Answer]
    baselines: dict[str, Baseline]
    hardest: list[Hard]
    paths: list[str]


def analyse(plan: Plan, results: Mapping[str, Sequence[StoredResult]], timings: Path, packed: PackedImages) -> Overview:
    """What follows from the results of every variant, by seed."""
    runs = assess_runs(plan, results)
    times = {
        name: [result_cache.read_timing(result_cache.timing_file(timings, run.planned)) for run in each]
        for name, each in runs.items()
    }
    return Overview(
        runs=runs,
        means={name: estimate_mean(each, plan.study.confidence) for name, each in runs.items()},
        survival={
            name: intervals.survival([run.reached for run in each], [run.epochs for run in each], plan.study.confidence)
            for name, each in runs.items()
        },
        timings={
            name: Timing(_median(each, "seconds_per_epoch"), _median(each, "peak_megabytes"))
            for name, each in times.items()
        },
        machine=_machines([timing for each in times.values() for timing in each]),
        provenance=provenance.describe(results),
        answers=findings.answer_questions(plan, runs),
        baselines=baselines.find(runs, packed),
        hardest=_hardest([run for each in runs.values() for run in each if not run.failed]),
        paths=packed.paths,
    )


def estimate_mean(runs: Sequence[Run], confidence: float) -> Estimate | None:
    """The mean accuracy of the runs that converged, or None where none did."""
    kept = [run for run in runs if not run.failed]
    return intervals.accuracy([run.right for run in kept], [run.rows for run in kept], confidence) if kept else None


def sizes(plan: Plan, found: Overview) -> dict[str, list[Size]]:
    """The lines of the chart of accuracy by number of training images."""
    lines: dict[str, list[Size]] = {}
    for line, names in plan.study.learning_curves.items():
        for name in names:
            runs = found.runs[name]
            n = runs[0].result.data.train_images
            accuracies = [run.accuracy for run in runs if not run.failed]
            neighbour = found.baselines[name].neighbour
            lines.setdefault(line, []).append(Size(n, found.means[name], accuracies, neighbour))
    return {line: sorted(points, key=lambda point: point.images) for line, points in lines.items()}


def numbers(plan: Plan, found: Overview, table: AnswersTable) -> dict[str, Any]:
    """The figures as strict JSON, without any that depend on the clock or the machine.

    A baseline on which the variants do not agree, since their images differ, is null, and is given with each variant.
    """
    shared = baselines.shared(found.baselines.values())
    coverage = cross_validation.find(plan)
    apart = None in (shared["majority"], *shared["neighbour"].values())
    variants = {
        name: {
            "runs": len(runs),
            "failed": sum(run.failed for run in runs),
            "accuracy": _rounded(found.means[name]),
            "accuracies": {str(run.planned.seed): round(run.accuracy, 6) for run in runs},
            "reached_in_epoch": {str(run.planned.seed): run.reached for run in runs},
            "target": asdict(found.survival[name]),
            "plateau": asdict(plateau.diagnose(runs)),
            **runs[0].result.cost.model_dump(),
            "train_images": runs[0].result.data.train_images,
            **({"baselines": asdict(found.baselines[name])} if apart else {}),
        }
        for name, runs in found.runs.items()
    }
    return {
        "title": plan.study.title,
        "target": plan.study.target,
        "equivalence_margin": plan.study.equivalence_margin,
        "confidence": plan.study.confidence,
        # Only where there are folds, so that figures of other studies stay as they are.
        **({"cross_validation": [asdict(each) for each in coverage]} if coverage else {}),
        "answers_at_a_glance": table.model_dump()["rows"],
        "variants": variants,
        "answers": [_answer(answer, found.paths) for answer in found.answers],
        "baselines": shared,
        "hardest": [{**asdict(hard), "path": found.paths[hard.row]} for hard in found.hardest],
    }


def summary(found: Overview) -> dict[str, Any]:
    """A few figures of each variant, for `dvc metrics diff`."""
    lines: dict[str, Any] = {}
    for name, runs in found.runs.items():
        mean = found.means[name]
        lines[name] = {"runs": len(runs), "failed": sum(run.failed for run in runs)}
        if mean is not None:
            lines[name]["accuracy"] = round(mean.value, 6)
    return lines


def _answer(answer: Answer, paths: Sequence[str]) -> dict[str, Any]:
    return {
        "question": answer.question,
        "first": answer.first,
        "second": answer.second,
        "confounded": answer.confounded,
        "settings": [asdict(change) for change in answer.settings],
        "consequences": [asdict(change) for change in answer.consequences],
        "improvement": _rounded(answer.improvement),
        "images": {
            "gained": sorted(paths[row] for row in answer.gained),
            "lost": sorted(paths[row] for row in answer.lost),
            "p": round(answer.p_images, 6),
        },
        "measures": {
            each.contrast.measure: {
                "family": each.family,
                "verdict": each.verdict,
                "verdict_alone": each.alone,
                "n": each.contrast.n,
                "difference": _rounded(each.contrast.difference),
                "p": _six(each.contrast.p),
                "p_corrected": _six(each.p),
                "p_equivalent_corrected": _six(each.p_equivalent),
                "test": each.contrast.test,
                "runs_needed_for_margin": each.contrast.needed_for_margin(),
                "runs_needed_for_seen": each.contrast.needed_for_seen(),
                "neither_better_than_guessing": each.contrast.guessing,
            }
            for each in answer.findings
        },
    }


def _rounded(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    figures = {name: round(getattr(estimate, name), 6) for name in ("value", "low", "high")}
    return {**figures, "method": estimate.method}


def _six(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _median(timings: Sequence[RunTiming | None], name: str) -> float | None:
    known = [value for timing in timings if (value := getattr(timing, name, None)) is not None]
    return median(known) if known else None


def _machines(timings: Sequence[RunTiming | None]) -> str:
    """The processors that the runs were timed on."""
    names = {f"{timing.machine['cpu']} ({timing.machine['instructions']})" for timing in timings if timing}
    return ", ".join(sorted(names)) or "which has run none of them"


def _hardest(runs: Sequence[Run]) -> list[Hard]:
    """The images with the largest share of wrong answers; of equals, those that more runs were tested on."""
    rows = np.concatenate([run.rows for run in runs]) if runs else np.array([], dtype=np.int64)
    wrong = np.concatenate([~run.right for run in runs]) if runs else np.array([], dtype=bool)
    found = [Hard(int(row), int(wrong[rows == row].sum()), int((rows == row).sum())) for row in np.unique(rows[wrong])]
    return sorted(found, key=lambda hard: (-hard.wrong / hard.tested, -hard.tested, hard.row))[:MOST_HARD]
