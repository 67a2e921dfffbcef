"""Shards of a study as jobs of a Slurm cluster, by submitit, which is an optional extra.

What submitit adds to an array of Slurm: a job whose time is nearly over goes back into the queue by itself, and then
goes on from the runs that have ended.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from crosscheck.core.errors import InputError
from crosscheck.study.executor import WORKERS

EXTRA = "make slurm"
# How often a job may go back into the queue because its time was over.
REQUEUES = 20
# Slurm sends these to all processes of a job, but only submitit's own is to answer.
ANSWERED_BY_SUBMITIT = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True)
class ShardJob:
    """A command that does one shard. submitit keeps this as a file and calls it on a node, each time from the start."""

    command: tuple[str, ...]
    folder: Path
    workers: int

    def __call__(self) -> None:
        """Run the command in its folder. It is killed with this process, and its end is this process's if it fails."""
        words = list(self.command)
        done = subprocess.run(  # noqa: S603 - the project's own command
            words,
            cwd=self.folder,
            env=os.environ | {WORKERS: str(self.workers)},
            check=False,
            preexec_fn=_leave_to_submitit,
        )
        if done.returncode != 0:
            sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)

    def checkpoint(self) -> Any:
        """What is to be done after a requeue, for submitit: the same. The runs that have ended are kept."""
        return _submitit().helpers.DelayedSubmission(self)


def _leave_to_submitit() -> None:
    for number in ANSWERED_BY_SUBMITIT:
        signal.signal(number, signal.SIG_IGN)


@dataclass(frozen=True)
class Queue:
    """Where jobs go and what each may take: processor cores, and minutes until it goes back into the queue."""

    cpus: int
    minutes: int
    local: bool

    def check(self) -> None:
        """Raise InputError where there is no such queue, or nobody can be asked for so much."""
        for name, value in (("cpus", self.cpus), ("minutes", self.minutes)):
            if value < 1:
                raise InputError(f"--{name} is {value}; set it to 1 or more")
        _submitit()
        missing = [name for name in ("sbatch", "srun") if not self.local and shutil.which(name) is None]
        if missing:
            raise InputError(
                f"{' and '.join(missing)}: not found, so this is no machine of a Slurm cluster; run this on a login "
                "node, or add --local to try the jobs on this machine"
            )

    def submit(self, name: str, jobs: Sequence[ShardJob], folder: Path) -> list[str]:
        """Put the jobs into the queue as an array of this name, with their logs in `folder`; return their ids.

        Raises InputError where Slurm refuses them.
        """
        submitit = _submitit()
        cluster = "local" if self.local else "slurm"
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster, slurm_max_num_timeout=REQUEUES)
        executor.update_parameters(name=name, cpus_per_task=self.cpus, timeout_min=self.minutes)
        try:
            # submitit prints what the error says as well.
            with redirect_stderr(StringIO()):
                return [job.job_id for job in executor.submit_array(jobs)]
        except submitit.core.utils.UncompletedJobError as error:
            raise InputError(f"sbatch refused the jobs: {' '.join(str(error).split())}") from None


def _submitit() -> Any:
    # An extra, which a cluster alone needs.
    try:
        import submitit
        import submitit.helpers
    except ModuleNotFoundError as error:
        raise InputError(
            f"the Python package {error.name} is missing, which puts jobs into a queue; install it: {EXTRA}"
        ) from None
    return submitit
