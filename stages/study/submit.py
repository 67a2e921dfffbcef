"""Puts what is missing of a study into the queue of a Slurm cluster, a job for each shard.

    python -m stages.study.submit --study study/variants.yaml --shards 8
    python -m stages.study.submit --study study/variants.yaml --shards 8 --cpus 4 --minutes 240

Run it on a login node, in a clone on storage that all nodes share, after `stages.study.pack`. A job does as many runs
at a time as it has cores. When its minutes are nearly over, it goes back into the queue and goes on from the runs that
have ended. The logs are in `jobs` in the study's folder. All other options of sbatch are read from its variables, such
as SBATCH_PARTITION and SBATCH_ACCOUNT. With `--local` the jobs run on this machine, to try them.
"""

import sys
from pathlib import Path

from crosscheck.core import cli
from crosscheck.core.errors import InputError
from crosscheck.study import plans, resplit, result_cache
from crosscheck.study.cluster import Queue, ShardJob
from crosscheck.study.plans import Plan
from crosscheck.study.shards import MOST, Shard


def main(study: Path, shards: int, cpus: int = 4, minutes: int = 240, local: bool = False) -> None:
    if not 1 <= shards <= MOST:
        raise InputError(f"--shards is {shards}; set it to a number from 1 to {MOST}")
    queue = Queue(cpus, minutes, local)
    queue.check()
    plan = plans.read(study)
    plan.claim()
    missing = find_missing(plan, shards)
    runs = sum(missing.values())
    if not runs:
        print(f"{plan.study.title}: all {len(plan.runs)} runs are there, so nothing was submitted")
        return
    jobs = [ShardJob(command(study, shard), Path.cwd(), cpus) for shard in missing]
    numbers = queue.submit(f"{plan.name} study", jobs, plan.jobs)
    named = numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    print(f"{plan.study.title}: {runs} of {len(plan.runs)} runs are missing; they are in the queue as {named}")
    print(f"What the jobs say is in {plan.jobs}. When they have ended, run make study STUDY={study}")


def find_missing(plan: Plan, count: int) -> dict[Shard, int]:
    """How many runs are missing of each of `count` shards, for those that miss any."""
    keys = result_cache.plan_keys(plan, resplit.read(plan.dataset))
    found = result_cache.find(plan.results, plan.runs, keys)
    absent = {(each.variant, each.seed) for each, stored in zip(plan.runs, found, strict=True) if stored is None}
    parts = [Shard(number, count) for number in range(1, count + 1)]
    amounts = {part: sum((each.variant, each.seed) in absent for each in part.select(plan.runs)) for part in parts}
    return {part: amount for part, amount in amounts.items() if amount}


def command(study: Path, shard: Shard) -> tuple[str, ...]:
    """What runs the shard."""
    part = f"{shard.number}/{shard.count}"
    return sys.executable, "-m", "stages.study.run", "--study", str(study), "--shard", part


if __name__ == "__main__":
    cli.run(main)
