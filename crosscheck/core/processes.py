"""Processes besides the first: pools of them, what each does at its start, and one that works while a block runs."""

import errno
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from crosscheck.core.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")

# Where Linux keeps semaphores.
SEMAPHORES = "/dev/shm"  # noqa: S108 - only named, not written to
# The thread of a memory allocator, which pandas' Arrow brings along: it is ready for a copy, and starts again in it.
SELF_STARTING = {"jemalloc_bg_thd"}
NEED = "processes side by side need semaphores"
MOUNT = f"mount it writable, for example with `mount -t tmpfs tmpfs {SEMAPHORES}`"


def end_with_parent() -> None:
    """End this process when its parent ends, however: a worker whose parent was killed would wait for work for ever."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def pool(
    count: int | None = None, method: str | None = None, start: Callable[[], None] = end_with_parent
) -> ProcessPoolExecutor:
    """A pool of `count` processes, or of one for each processor, that end with their parent. All pools are made here.

    `method` is how Python starts them, and `start` what each one does first.
    Raises InputError where the system gives no semaphores, which on Linux are files in /dev/shm.
    """
    try:
        return ProcessPoolExecutor(count, multiprocessing.get_context(method), start)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise
        remedy = "make room there" if error.errno == errno.ENOSPC else MOUNT
        raise InputError(f"{SEMAPHORES}: cannot be written to ({error.strerror}), but {NEED}; {remedy}") from None
    except (ImportError, NotImplementedError) as error:
        raise InputError(f"this Python has no semaphores ({error}), but {NEED}; use another Python") from None


def may_be_copied() -> bool:
    """Whether a copy of this process can work on, so that it need not load all libraries again, which takes seconds.

    In a copy the other threads are missing, those of OpenMP in torch as well: who waits for one waits for ever. A
    process that has computed nothing yet has none but those that start again in a copy.
    """
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return False
    others = [task / "comm" for task in tasks.iterdir() if task.name != str(os.getpid())]
    return all(comm.read_text(encoding="utf-8", errors="replace").strip() in SELF_STARTING for comm in others)


@contextmanager
def beside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Iterator[Future[T]]:
    """Let `work` run in a separate process meanwhile; it ends at once where the block ends in an error.

    Ctrl-C is for this process alone: one that is still loading would answer with a traceback. For the main thread.
    """
    others = multiprocessing.active_children()
    with pool(1, "fork" if may_be_copied() else "spawn") as only:
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            working = only.submit(work, *args, **kwargs)
        finally:
            signal.signal(signal.SIGINT, handler)
        (process,) = (child for child in multiprocessing.active_children() if child not in others)
        try:
            yield working
        except BaseException:
            process.terminate()
            raise
