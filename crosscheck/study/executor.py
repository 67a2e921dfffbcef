"""Runs the runs of a study side by side, each in a separate process that adds its result to a file.

The processes are forked from one that has torch loaded, so a run starts in a fraction of a second, with clean memory.
One is ended with the study, however that ends; its run then begins again next time.
"""

import multiprocessing
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from crosscheck.core import bits
from crosscheck.core.errors import InputError
from crosscheck.core.files import write_json
from crosscheck.core.processes import end_with_parent
from crosscheck.study import resplit, result_files
from crosscheck.study.plans import PlannedRun
from crosscheck.study.results import StoredResult

# The second is what counting a network's multiplications would load: it takes as long as an epoch.
PRELOAD = ["crosscheck.study.single_run", "torch._dynamo"]
# The variable that says how many runs go on at a time.
WORKERS = "STUDY_WORKERS"


@dataclass(frozen=True)
class Job:
    """A run to do: its key, the packed images, the file that its result is added to, and the one of its timing."""

    planned: PlannedRun
    key: str
    packed: Path
    results: Path
    timing: Path

    @property
    def name(self) -> str:
        return f"{self.planned.variant} seed {self.planned.seed}"


def prepare() -> None:
    """Start the process that runs are forked from, which takes seconds to load all they need; do not wait for it.

    Raises InputError where the path of the folder for temporary files is too long for a socket in it.
    """
    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOAD)
    try:
        forkserver.ensure_running()
    except OSError as error:
        # Python's own refusal of a path of over 107 bytes; the system's have a number.
        if error.errno is not None:
            raise
        raise InputError(
            f"TMPDIR: {tempfile.gettempdir()!r} is too long a path for a socket in it; set it to a shorter one"
        ) from None


def run(jobs: list[Job], count: int, on_end: Callable[[Job], None]) -> None:
    """Run every job, `count` at a time, and call `on_end` after each.

    Raises InputError for the first one that fails, after ending the others.
    """
    prepare()
    context = multiprocessing.get_context("forkserver")
    waiting = iter(jobs)
    running: dict[int, tuple[ForkServerProcess, Job]] = {}
    with _ended(running):
        while True:
            for job in _first(waiting, count - len(running)):
                process = context.Process(target=work, args=(job,), name=job.name)
                process.start()
                running[process.sentinel] = (process, job)
            if not running:
                return
            for sentinel in wait(list(running)):
                process, job = running.pop(int(str(sentinel)))
                process.join()
                if process.exitcode != 0:
                    raise InputError(_failure(job, process.exitcode or 0))
                on_end(job)


def _first(jobs: Iterator[Job], count: int) -> list[Job]:
    return [job for _, job in zip(range(count), jobs, strict=False)]


@contextmanager
def _ended(running: dict[int, tuple[ForkServerProcess, Job]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process, _ in running.values():
            # In the queue of a cluster SIGTERM is ignored.
            process.kill()
        for process, _ in running.values():
            process.join()


def _failure(job: Job, exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return f"{job.name} was killed, most likely for lack of memory; run this again with fewer workers"
    return f"{job.name} failed; the lines above say why; fix it and run this again: finished runs are kept"


def work(job: Job) -> None:
    """Do one planned run in this process, and leave its timing and its result, each whole or not at all."""
    from crosscheck.study import single_run

    # Ctrl-C is for the study, which ends its processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By the operating system, its parent is the server that forked it, which lives for as long as a run does.
    end_with_parent()
    compute = job.planned.params.compute
    try:
        result, timing = single_run.execute(job.planned.params, resplit.read(job.packed))
        stored = StoredResult(
            seed=job.planned.seed,
            key=job.key,
            bits=bits.described(bits.find_mode(compute.portable, compute.device)),
            instructions=bits.instruction_set(),
            result=result,
        )
        write_json(job.timing, timing.model_dump(), vouched=True)
        result_files.add(job.results, stored)
    except InputError as error:
        sys.exit(f"error: {job.name}: {error}")
