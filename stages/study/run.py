"""Runs every variant of a study with every seed. A result stays valid until something that decides it changes.

    python -m stages.study.run --study study/variants.yaml
    python -m stages.study.run --study study/variants.yaml --shard 3/8

Reads `dataset` and adds to `results` and `timings` in the study's folder, which has the name of its file. One run
goes on each core, or as many at a time as STUDY_WORKERS says. If it is stopped, it goes on from the runs that have
ended. With `--shard`, it does a part of the runs, for one machine of several. Their results go to separate files; the
command without `--shard` joins them. Commit `results`, but not `timings`, which are of this machine.
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
from crosscheck.study import executor, plans, resplit, result_cache, result_files, shards, tracking
from crosscheck.study.executor import WORKERS, Job
from crosscheck.study.plans import Plan, PlannedRun
from crosscheck.study.progress import Progress, spoken
from crosscheck.study.results import RunResult, StoredResult
from crosscheck.study.runs import right_answers
from crosscheck.study.shards import Shard
from crosscheck.tracking.nested_runs import NestedRuns


def main(study: Path, shard: str = "") -> None:
    plan = plans.read(study)
    plan.claim()
    part, count = shards.parse(shard), worker_count()
    keys = dict(zip(map(place, plan.runs), result_cache.plan_keys(plan, resplit.read(plan.dataset)), strict=True))
    chosen = part.select(plan.runs) if part else plan.runs
    with alone(plan.results, part):
        own = [keys[place(planned)] for planned in chosen]
        known = zip(chosen, result_cache.find(plan.results, chosen, own), strict=True)
        new = [build_job(plan, planned, keys[place(planned)][0], part) for planned, stored in known if stored is None]
        print(f"{title(plan, part)}: {len(chosen)} runs, {len(chosen) - len(new)} of them cached; {count} at a time")
        runs = tracking.open_runs(plan)
        if new:
            for compute in [job.planned.params.compute for job in new]:
                bits.warn(compute.portable, compute.device)
            executor.prepare()
            runs.open()
        progress = Progress([job.planned for job in new], count, known_seconds(plan))
        executor.run(new, count, teller(progress, plan, runs))
        if part is None:
            fold(plan, keys)
        for planned, stored in zip(chosen, result_cache.find(plan.results, chosen, own), strict=True):
            record(plan, planned, stored, runs)
        runs.finish()


def place(planned: PlannedRun) -> tuple[str, int]:
    return planned.variant, planned.seed


def title(plan: Plan, part: Shard | None) -> str:
    return f"{plan.study.title}, shard {part.number} of {part.count}" if part else plan.study.title


def build_job(plan: Plan, planned: PlannedRun, key: str, part: Shard | None) -> Job:
    results = result_files.file_for(plan.results, planned.variant, part)
    return Job(planned, key, plan.dataset, results, result_cache.timing_file(plan.timings, planned))


def worker_count() -> int:
    """How many runs go on at a time. Raises InputError where STUDY_WORKERS is not such a number."""
    asked = os.environ.get(WORKERS, "")
    if not asked:
        return os.cpu_count() or 1
    if not asked.isdecimal() or not 1 <= int(asked) <= 1024:
        raise InputError(f"{WORKERS} is {asked!r}; set it to a number of runs at a time, such as 2, or unset it")
    return int(asked)


def alone(results: Path, part: Shard | None) -> FileLock:
    """A lock on the folder of results, or on this shard of it. Raises InputError where that is at work already."""
    results.mkdir(parents=True, exist_ok=True)
    name = f".{results.name}.{part.name}.lock" if part else f".{results.name}.lock"
    lock = FileLock(results.with_name(name), timeout=0)
    try:
        return lock.acquire().lock
    except Timeout:
        what = f"the shard {part.number} of {part.count} of a study" if part else "a study"
        raise InputError(f"{results}: {what} is running there already; wait until it ends or stop it") from None


def known_seconds(plan: Plan) -> dict[str, list[float]]:
    """The seconds that runs took here before, by variant."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for planned in plan.runs:
        timing = result_cache.read_timing(result_cache.timing_file(plan.timings, planned))
        if timing:
            seconds[planned.variant].append(timing.seconds)
    return seconds


def teller(progress: Progress, plan: Plan, runs: NestedRuns) -> Callable[[Job], None]:
    """What to do when a run has ended: a line for the user, a run for MLflow."""

    def tell(job: Job) -> None:
        timing = result_cache.read_timing(job.timing)
        seconds = timing.seconds if timing else 0.0
        progress.ended(job.planned, seconds)
        (stored,) = result_cache.find(plan.results, [job.planned], [[job.key]])
        result = record(plan, job.planned, stored, runs)
        print(f"{job.name}: {outcome(result)}, {spoken(seconds)}; {progress.line()}", flush=True)

    return tell


def record(plan: Plan, planned: PlannedRun, stored: StoredResult | None, runs: NestedRuns) -> RunResult:
    """Tell MLflow of a run; return its result. Raises InputError where it has none."""
    if stored is None:
        name = f"{planned.variant} seed {planned.seed}"
        raise InputError(f"{plan.results}: the result of {name} was removed while the study ran; run it again")
    timing = result_cache.read_timing(result_cache.timing_file(plan.timings, planned))
    runs.record(tracking.child(plan, planned, stored, timing))
    return stored.result


def fold(plan: Plan, keys: dict[tuple[str, int], list[str]]) -> None:
    """One file of results for each variant, whatever shards and other machines have added."""
    for variant in plan.study.variants:
        wanted = {seed: own for (name, seed), own in keys.items() if name == variant}
        result_files.fold(plan.results, variant, wanted)


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
