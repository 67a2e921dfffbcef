"""Runs every variant of a study with every seed. A result stays good until what it follows from changes.

    python -m stages.study.run --study study/variants.yaml

Reads `dataset` and writes `results` and `timings` in the study's folder, which has the name of its file. As many runs
run side by side as there are cores, or as STUDY_WORKERS says. Stopped at any time, it goes on from the runs that have
ended. `timings` is left out of DVC: it tells of this machine.
"""

import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from crosscheck.core import bits, cli
from crosscheck.core.errors import InputError
from crosscheck.data.guessing import only_answer
from crosscheck.study import executor, plans, resplit, result_cache, tracking
from crosscheck.study.executor import Job
from crosscheck.study.progress import Progress, spoken
from crosscheck.study.result_cache import result_file
from crosscheck.study.results import RunResult
from crosscheck.study.runs import right_answers
from crosscheck.tracking.nested_runs import NestedRuns

WORKERS = "STUDY_WORKERS"


def main(study: Path) -> None:
    plan = plans.read(study)
    plan.claim()
    count = worker_count()
    keys = result_cache.plan_keys(plan, resplit.read(plan.dataset))
    jobs = [
        Job(
            planned,
            own,
            plan.dataset,
            result_file(plan.results, planned),
            result_file(plan.timings, planned),
        )
        for planned, own in zip(plan.runs, keys, strict=True)
    ]
    with alone(plan.results):
        new = [job for job in jobs if not is_done(job)]
        print(f"{plan.study.title}: {len(jobs)} runs, {len(jobs) - len(new)} of them cached; {count} at a time")
        runs = tracking.open_runs(plan)
        if new:
            for compute in [job.planned.params.compute for job in new]:
                bits.warn(compute.portable, compute.device)
            executor.prepare()
            runs.open()
        progress = Progress([job.planned for job in new], count, known_seconds(jobs))
        executor.run(new, count, teller(progress, runs))
        if plan.file == plan.whole:
            result_cache.remove_strangers(plan.results, plan.runs)
        for job in jobs:
            runs.record(
                tracking.child(job.planned, result_cache.read(job.result), result_cache.read_timing(job.timing))
            )
        runs.finish()


def worker_count() -> int:
    """How many runs go on at a time. Raises InputError where STUDY_WORKERS is not such a number."""
    asked = os.environ.get(WORKERS, "")
    if not asked:
        return os.cpu_count() or 1
    if not asked.isdecimal() or not 1 <= int(asked) <= 1024:
        raise InputError(f"{WORKERS} is {asked!r}; set it to a number of runs at a time, such as 2, or unset it")
    return int(asked)


def alone(results: Path) -> FileLock:
    """A lock on the folder of results. Raises InputError where another study is at work in it."""
    results.mkdir(parents=True, exist_ok=True)
    lock = FileLock(results.with_name(f".{results.name}.lock"), timeout=0)
    try:
        return lock.acquire().lock
    except Timeout:
        raise InputError(f"{results}: a study is running there already; wait until it ends or stop it") from None


def is_done(job: Job) -> bool:
    known = result_cache.known(job.result)
    return known is not None and known.key in job.keys


def known_seconds(jobs: list[Job]) -> dict[str, list[float]]:
    """The seconds that runs took here before, by variant."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        timing = result_cache.read_timing(job.timing)
        if timing:
            seconds[job.planned.variant].append(timing.seconds)
    return seconds


def teller(progress: Progress, runs: NestedRuns) -> Callable[[Job], None]:
    """What to do when a run has ended: a line for the user, a run for MLflow."""

    def tell(job: Job) -> None:
        result, timing = result_cache.read(job.result), result_cache.read_timing(job.timing)
        seconds = timing.seconds if timing else 0.0
        progress.ended(job.planned, seconds)
        print(f"{job.name}: {outcome(result)}, {spoken(seconds)}; {progress.line()}", flush=True)
        runs.record(tracking.child(job.planned, result, timing))

    return tell


def outcome(result: RunResult) -> str:
    """How a run ended, in a few words."""
    if result.diverged:
        return "the loss became no number"
    losses, right = result.curve.train_loss, right_answers(result)
    predicted = np.array(result.test.predicted, dtype=np.int64)
    alike = "" if result.data.guess.even or only_answer(predicted) is None else ", all taken for the same class"
    return f"training loss {losses[-1]:.3f}, {right.sum()} of {len(right)} test images right{alike}"


if __name__ == "__main__":
    cli.run(main)
